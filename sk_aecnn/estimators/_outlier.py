"""The autoencoder as an outlier detector."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn.data._containers import in_container_of
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.lifecycle._autoencoder_net import build_autoencoder
from sk_aecnn.lifecycle._autoencoding import AutoencodingEstimator
from sk_aecnn.lifecycle._base import NetAndRecipes
from sk_aecnn.lifecycle._coding import EncoderMixin, SamplingMixin
from sk_aecnn.lifecycle._deviations import Deviations
from sk_aecnn.lifecycle._parameters import Auto, CodeParameters, Constraints, Sizes, Transforms
from sk_aecnn.recipes._defaults import rows_of_a_stream
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.statistics._quantiles import choose_quantiles, upper_fence, weighted_quantile
from sk_aecnn.training._plan import FitPlan, to_rows
from sk_aecnn.training._stream import Seen

# samples of a fit that count at the most in calls of partial_fit after it: what the network did
# with them before it learned more is forgotten
_MOST_BEFORE = 5000


@dataclass(eq=False, repr=False, kw_only=True)
class OutlierParameters(CodeParameters):
    """Which samples are outliers, and which are left out of training."""

    contamination: float | Literal["auto"] = "auto"
    support_fraction: float = 0.75

    _parameter_constraints: ClassVar[Constraints] = {
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "support_fraction": [Interval(Real, 0, 1, closed="right")],
    }


class DeviationAttributes:
    """What ``fit`` measures of usual samples."""

    offset_: float
    _deviations: Deviations
    _quantiles: np.ndarray


@dataclass(eq=False, repr=False, kw_only=True)
class AutoencoderOutlierDetector(
    DeviationAttributes,
    OutlierMixin,
    SamplingMixin,
    EncoderMixin,
    AutoencodingEstimator,
    OutlierParameters,
):
    r"""Detect samples that differ from what an autoencoder learns most of them to be like.

    Samples are unusual where features contradict the others, and come back with a large error,
    where their code lies far from the other codes, or where few usual samples are like them. The
    score counts these, in units of what is usual. New samples are judged as the training samples
    are.

    Parameters
    ----------
    encoding_dim : int, default=8
        Size of the code. It may exceed the number of features.
    encoder : {"auto", "dense", "conv"}, class, callable or FrozenEstimator, default="auto"
        Kind of encoder. ``"conv"`` convolves over the spatial axes of images, sequences and
        volumes; ``"dense"`` takes a sample as a vector; ``"auto"`` convolves where samples have a
        spatial axis, and takes ``"dense"`` elsewhere. A `torch.nn.Module` class, or a function that
        returns a module, is called with the shape of a sample, channels first, and the size of the
        code. A `~sklearn.frozen.FrozenEstimator` of a fitted `AutoencoderTransformer` is where to
        start from: its scaling, encoder and decoder are copied.
    decoder : "auto", class or callable, default="auto"
        ``"auto"`` mirrors the encoder. A `torch.nn.Module` class, or a function that returns a
        module, is called with the size of the code and the shape of a sample, channels first.
    hidden_layer_sizes : "auto", int or sequence of int, default=(64, 32)
        Sizes of the hidden layers of a dense encoder; the decoder mirrors them. ``"auto"``: (256,
        128), and (128,) where classes or numbers are predicted from tables. Convolutional networks
        do not use it.
    conv_channels : "auto", int or sequence of int, default="auto"
        Channels of the convolutional stages of the encoder, each of which halves every spatial
        axis; the decoder mirrors them. ``"auto"`` takes as many stages as leave 7 positions or
        fewer along each axis, 30 along a single one. Dense networks do not use it.
    kernel_size : "auto" or int, default="auto"
        Odd size of the convolution kernels, along every spatial axis. ``"auto"``: 7 over sequences,
        3 elsewhere.
    activation : str, class or callable, default="relu"
        Activation of the hidden layers: ``"elu"``, ``"gelu"``, ``"identity"``, ``"leaky_relu"``,
        ``"relu"``, ``"sigmoid"``, ``"silu"``, ``"tanh"``, a `torch.nn.Module` class without
        arguments, or a function of a tensor.
    normalization : {"auto", "batch"} or None, default="auto"
        Normalisation in convolutional stages, between pooling and activation. ``"auto"`` takes
        ``"batch"``, but none where classes or numbers are predicted from tables.
    reconstruction_loss : {"mse", "bce", "mae", "huber"}, class or callable, default="mse"
        Reconstruction error per element, averaged over features and divided by that of the training
        mean. ``"bce"``, the binary cross-entropy, needs values in [0, 1]. A class is called with
        ``reduction="none"``; a function takes (output, target) and returns a loss per element.
    clip : "auto" or bool, default="auto"
        Whether reconstructions, decoded codes and samples keep to the range that each feature had
        in the training samples. ``"auto"``: where these are integers, as pixels and counts are, or
        reach from 0 to 1, or from -1 to 1.
    noise : {"gaussian", "masking", "swap"}, callable or None, default="swap"
        Noise on the standardised inputs while training, for a denoising autoencoder: the
        reconstruction is compared with the clean input. Normal noise is added, values are set to
        their mean, or are taken from other samples. A function takes (inputs, level, generator),
        tensors with the samples on axis 0.
    noise_level : float, default=0.5
        Standard deviation of gaussian noise; share of the values that are masked or swapped.
    code_activation : str, class or callable, default="identity"
        Activation of the code, of the same choices as ``activation``.
    sparsity_weight : float, default=0.0
        Weight of a penalty on codes in which many units are active at once: 0 where one unit alone
        is, 1 where all are alike.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the training samples that ``predict`` calls outliers. ``"auto"`` calls those whose
        root mean squared deviation is beyond the upper fence of a box plot: 1.5 interquartile
        ranges above the third quartile.
    support_fraction : float in (0, 1], default=0.75
        Share of the samples of every batch that training learns from, those with the smallest
        errors, so that outliers among the training samples are not learned. 1 learns from all: for
        samples that are known to be inliers.
    sample_shape : tuple of int or None, default=None
        Shape of one sample, needed only where images come as flat rows.
    channel_axis : "auto", int or None, default="auto"
        The axis of the channels within one sample; ``None`` where there is none. ``"auto"``: the
        last axis of samples with one, three or four axes, ``None`` for samples with two. Rows of
        single values in time are convolved over with ``None``.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns of a table are categories: names, numbers from 0 on, or a mask.
        ``"from_dtype"``: those of text and of categorical dtypes in data frames and arrays of
        objects. None: none of them. A category has an input for each of its values, so that the
        first layer learns an embedding of them, and the reconstruction has a probability for each.
    max_categories : int, default=100
        The most values of a category that are told apart; beyond, the rare ones share one.
    scaling : {"auto", "feature", "shared"} or None, default="auto"
        How the network's inputs are standardised, inside the network. ``"feature"``: every feature
        by its own mean and standard deviation. ``"shared"``: every channel of an image by one mean
        and one scale, a table by its features' means and one scale. ``"auto"``: ``"shared"`` for
        images and for tables whose features' ranges are within a factor of ten of each other,
        ``"feature"`` for other tables. ``None``: not at all.
    augmentation : "auto", dict, callable, list or None, default=None
        Data augmentation while training. A dict of transforms and their strengths, from 0 to 1:
        ``"translate"`` (how far, as a share of each spatial axis), ``"horizontal_flip"`` and
        ``"vertical_flip"`` (probability), ``"contrast"`` (factors about 1 on standardised values),
        ``"brightness"`` (standard deviations that are added), ``"erase"`` (the longest side of a
        box set to the mean, as a share). A function of a batch, (batch, channels, \*spatial) in the
        units of ``X``, and of a `torch.Generator` if it takes one; `torchvision.transforms` are
        such functions. With a parameter ``y``, it takes and returns the targets of a regressor too.
        A list of these. ``"auto"``: ``{"translate": 0.075, "contrast": 0.5, "brightness": 0.5}``
        where images are classified, but for contrast and brightness where these tell the class, and
        with flips of probability 0.5 where a simple classifier is as good on mirrored images;
        ``{"translate": 0.075}`` where some of them are unlabeled or where they are encoded alone,
        and where sequences of more than 32 steps are classified; none elsewhere. An autoencoder's
        are applied at the beginning of training alone, and the reconstruction is compared with the
        samples as they are.
    max_epochs : "auto" or int, default="auto"
        Passes over the data. ``"auto"`` makes 100 for up to 200 samples; for more their number
        falls with the square root, to 6 for 60 000. With ``early_stopping="cv"`` it makes at most
        100 for up to 90 samples, and for more as many as fall with the square root, to 30 for 1 000
        and more; where numbers are predicted, 100 for up to 360 and 35 for 3 000. For more than
        3 000 samples, it makes at most 100, and 50 for 16 000.
    batch_size : "auto" or int, default="auto"
        Samples in a step. ``"auto"`` takes 128, and fewer of samples of more than 32 768 values.
        Where no classes are learned, it takes 256 of tables of less than 20 000 samples. With
        ``early_stopping="cv"`` it takes 128 of fewer than 768 samples, and 256 of more.
    lr : "auto" or float, default="auto"
        Learning rate, the highest one where a schedule varies it. ``"auto"`` takes 0.01, and less
        where classes or numbers are predicted from tables of fewer than 2 000 samples: 0.001 for up
        to 200, rising with the square root. With ``early_stopping="cv"`` it takes 0.015, and
        0.008 of more than 3 000 samples.
    optimizer : {"adam", "adamw", "sgd"} or class, default="adamw"
        Optimizer, or a `torch.optim.Optimizer` class.
    weight_decay : float, default=0.0001
        Weight decay of the optimizer.
    lr_schedule : {"auto", "one_cycle", "cosine", "constant"}, default="auto"
        How the learning rate varies over the steps of ``fit``. ``"constant"`` leaves it to the
        callbacks. ``"auto"``: ``"one_cycle"``, and with ``early_stopping="cv"``, which itself lets
        the rate rise over the first 20 steps, ``"cosine"``, or ``"constant"`` of more than 3 000
        samples.
    early_stopping : {"auto", "cv"} or bool, default="auto"
        Whether samples that are held out say when to stop, and which weights to keep: those with
        the lowest loss of the task, which is that of labels or targets where there are some, else
        of the reconstruction. ``True``: a part of the samples, or ``X_val``. ``"cv"``, for
        ensembles: every sample is held out from one member, which predicts it after each epoch,
        with an average of its weights; training ends where the loss has not fallen for half as many
        epochs as led to the lowest one, and for 8 at least, and the last weights are kept whose
        loss is within a standard error of it. ``False``: none, ``max_epochs`` are trained.
        ``"auto"``: ``True`` where ``fit`` got ``X_val``; ``"cv"`` for tables with
        ``max_epochs="auto"`` and more than one member; ``False`` elsewhere.
    validation_fraction : float, default=0.1
        Share of the samples set aside where ``early_stopping=True`` and ``fit`` got no ``X_val``.
    n_iter_no_change : int, default=10
        Epochs without improvement to wait for where ``early_stopping=True``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last call.
    callbacks : list or None, default=None
        skorch callbacks, called while training.
    device : str, default="auto"
        Where to train and predict: ``"cpu"``, ``"cuda"``, ``"mps"``; ``"auto"`` takes a CUDA GPU
        where there is one.
    precision : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network and of what it returns. ``"bfloat16"`` is ``"float32"`` but for the
        steps of training, which compute with 16 bits: faster for convolutions on processors made
        for it.
    verbose : int, default=0
        1 shows what was decided in a line, then a progress bar with losses and scores, or a line an
        epoch where there is neither a terminal nor a notebook.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights and of the order of the samples. ``None`` gives a different network in
        each call. The global random generators are neither read nor changed.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net.
    encoder_, decoder_ : torch.nn.Module
        Its parts, on standardised samples and on codes.
    resolved_params_ : dict
        The value that each parameter took that may be left to the data, by name; it can be written
        as JSON and passed to ``set_params``.
    history_ : list of dict
        Losses and duration (``"dur"``, seconds) of each epoch.
    loss_curve_ : list of float
        Training loss of each epoch.
    offset_ : float
        Score below which a sample is an outlier.
    residual_variance_ : ndarray of shape (n_features,) or sample_shape
        Usual squared error of every feature, standardised, in the layout given to ``fit``.
    code_mean_ : ndarray of shape (encoding_dim,)
        Mean of usual codes.
    code_covariance_ : ndarray of shape (encoding_dim, encoding_dim)
        Their covariance.
    n_iter_ : int
        Number of epochs trained.
    sample_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of values in one sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where ``X`` was a DataFrame with string column names.

    See Also
    --------
    AutoencoderTransformer : The autoencoder by itself.
    sklearn.ensemble.IsolationForest : Detects values that are rare, feature by feature.

    Notes
    -----
    The score of a sample is minus the larger one of two deviations, both about 1 for usual samples.
    With standardised features :math:`x_j`, reconstructions :math:`\hat x_j` and the code :math:`z`,
    the first is

    .. math:: \frac{1}{d + k} \bigg( \sum_{j=1}^d \frac{(x_j - \hat x_j)^2}{\sigma_j^2} +
              (z - \mu)^\top \Sigma^{-1} (z - \mu) \bigg):

    but for constants, minus the logarithm of a density under which residuals and codes are normal.
    The variances :math:`\sigma_j^2` of the residuals, the mean :math:`\mu` and the covariance
    :math:`\Sigma` of the codes are those of the training samples, of which unusual ones weigh
    less: :math:`1 / (1 + q)` at :math:`q` times the average squared distance. A feature that had
    one value in all training samples has no unit: another value counts as the largest deviation
    among the training samples.

    The second tells samples of a small group that is simpler than the others, so that the
    autoencoder learns it, too. It is :math:`a ((r + c) / (m + c))^b` of the squared distance
    :math:`r`, over standardised features, to the farthest of the nearest 2 % of usual training
    samples, five at the least (Ramaswamy et al. 2000, "Efficient algorithms for mining outliers
    from large data sets", with more neighbours than a small group has). Usual are, of up to 1024
    training samples, the share ``support_fraction`` whose first deviation is least; they are kept
    with the estimator. Of all 1024, :math:`m` is the median of the distances, :math:`a` that of the
    first deviations, :math:`b \le 1` brings the ninth deciles of both as far above it, and
    :math:`c` is a hundredth of :math:`m`. Missing values are filled in here.

    More keeps the outliers among the training samples from being learned: the rows with the largest
    errors are left out of every batch, half of the inputs are swapped between rows, so that a
    reconstruction has to follow from the other features, and the weights just named. A dense
    network has smaller layers than those of the other estimators: larger ones learned no better.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_aecnn import AutoencoderOutlierDetector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))  # on a plane
    >>> X[0] = 3.0
    >>> detector = AutoencoderOutlierDetector(2, contamination=0.01, random_state=0)
    >>> detector.fit_predict(X)[:4]
    array([-1,  1,  1,  1])
    """

    encoding_dim: int = field(default=8, kw_only=False)
    hidden_layer_sizes: Sizes = (64, 32)
    noise: str | Callable[..., Any] | None = "swap"
    noise_level: float = 0.5
    augmentation: Transforms | Auto | None = None

    _MEASURED: ClassVar[tuple[str, ...]] = ("_sampler", "_deviations", "_quantiles")

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the squared deviation of each sample: higher is more usual.

        `explain` says which features it comes from.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Minus the squared deviation in units of what is usual, of features and code, or from the
            neighbours: about -1 for usual samples.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderOutlierDetector
        >>> X = load_iris().data
        >>> model = AutoencoderOutlierDetector(2, max_epochs=5, random_state=0).fit(X)
        >>> usual, unusual = model.score_samples([X[0], X[0] + 10])
        >>> bool(usual > unusual)
        True
        """
        check_is_fitted(self)
        rows = to_rows(self._validate_rows(X, self._geometry)[0])
        return -self._deviations.measure(self.net_, rows)

    def explain(self, X: Any) -> Any:
        r"""Distribute the score of each sample over its features.

        The contributions of a sample sum to its ``score_samples``, to rounding. The most negative
        ones make it unusual.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        contributions : ndarray of the shape of ``X``, or DataFrame, float64
            What each feature contributes to the score; a DataFrame with the columns of ``X`` where
            ``X`` is one.

        Notes
        -----
        The score is a sum of terms. Where the neighbours make the score, these are the squared
        differences of features to the neighbour. Elsewhere, the squared residual of a feature is
        that feature's own, and so is the change of one that never changed in ``fit``. The distance
        of the code,
        :math:`D = (z - \mu)^\top \Sigma^{-1} (z - \mu)`, is distributed by integrated gradients,
        :math:`(x_j - x'_j) \int_0^1 \partial_j D(x' + \alpha (x - x')) \, d\alpha` (Sundararajan,
        Taly & Yan 2017, "Axiomatic attribution for deep networks", eq. 1), where :math:`x'` is a
        sample whose code is near the mean :math:`\mu`, found by L-BFGS from the reconstruction of
        :math:`\mu` on. They sum to :math:`D(x) - D(x')`; the rest, close to 0 where the code is
        much smaller than the sample, is shared out equally.

        A residual shows where a sample differs from its reconstruction. The cause may be another
        feature, since one unusual value changes the code, and so all reconstructions.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_aecnn import AutoencoderOutlierDetector
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
        >>> detector = AutoencoderOutlierDetector(2, random_state=0).fit(X)
        >>> X[0, 4] += 10
        >>> contributions = detector.explain(X)
        >>> int(contributions[0].argmin())
        4
        >>> np.allclose(contributions.sum(axis=1), detector.score_samples(X))
        True
        """
        check_is_fitted(self)
        rows = to_rows(self._validate_rows(X, self._geometry)[0])
        return in_container_of(X, -self._deviations.measure_by_column(self.net_, rows))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return how far the score of each sample is above that of the least usual inliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            ``score_samples(X) - offset_``: negative for outliers.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderOutlierDetector
        >>> X = load_iris().data
        >>> model = AutoencoderOutlierDetector(2, max_epochs=5, random_state=0).fit(X)
        >>> scores = model.score_samples(X)
        >>> np.allclose(model.decision_function(X), scores - model.offset_)
        True
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Tell inliers from outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int64
            1 for inliers, -1 for outliers.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderOutlierDetector
        >>> X = load_iris().data
        >>> model = AutoencoderOutlierDetector(2, max_epochs=5, random_state=0).fit(X)
        >>> model.predict([X[0], X[0] + 10])
        array([ 1, -1])
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    @property
    def residual_variance_(self) -> np.ndarray:
        """Usual squared errors of the features, standardised, in the layout of a sample."""
        variance: np.ndarray = self._in_layout(self._deviations.usual.variances[None])[0]
        return variance

    @property
    def code_mean_(self) -> np.ndarray:
        """The mean of usual codes."""
        return self._deviations.usual.mean

    @property
    def code_covariance_(self) -> np.ndarray:
        """The covariance of usual codes."""
        return self._deviations.usual.covariance

    def _build_net(self, plan: FitPlan, summary: DataSummary) -> NetAndRecipes:
        trimmed = 1 - self.support_fraction
        return build_autoencoder(self._parameters(), plan, summary, trimmed=trimmed)

    def _n_rows_kept(self, geometry: SampleGeometry) -> int:
        return rows_of_a_stream(geometry)

    def _finish(self, seen: Seen) -> None:
        super()._finish(seen)
        seen = replace(seen, n_before=min(seen.n_before, _MOST_BEFORE))
        rows, weight = seen.data.rows, seen.data.weight
        weight = np.ones(len(rows)) if weight is None else weight
        last = getattr(self, "_deviations", None)
        deviations = Deviations.fit(self.net_, seen, weight, self.support_fraction, last)
        deviation = deviations.measure(self.net_, rows)
        if seen.n_before > 0:
            deviation, weight = _merge_with_earlier(deviation, weight, seen)
        self._quantiles = choose_quantiles(deviation, weight)
        self._deviations = replace(deviations, largest=float(deviation.max()))
        self.offset_ = -_threshold(deviation, weight, self.contamination)


def _merge_with_earlier(
    deviation: np.ndarray, weight: np.ndarray, seen: Seen
) -> tuple[np.ndarray, np.ndarray]:
    """Return the deviations of rows and of those seen before them, with their weights."""
    before = seen.before["_quantiles"]
    weight = weight * (seen.n_rows / weight.sum())
    weight_before = np.full(len(before), seen.n_before / len(before))
    return np.concatenate([before, deviation]), np.concatenate([weight_before, weight])


def _threshold(
    deviation: np.ndarray, weight: np.ndarray, contamination: float | Literal["auto"]
) -> float:
    """Return the largest deviation of an inlier."""
    if contamination != "auto":
        return weighted_quantile(deviation, weight, 1 - contamination)
    return upper_fence(deviation, weight)
