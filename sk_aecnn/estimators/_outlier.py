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
from sk_aecnn.lifecycle._call import FitCall
from sk_aecnn.lifecycle._coding import EncoderMixin, SamplingMixin
from sk_aecnn.lifecycle._constant_features import ConstantFeatures
from sk_aecnn.lifecycle._deviations import Deviations
from sk_aecnn.lifecycle._parameters import Auto, CodeParameters, Constraints, Sizes, Transforms
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.recipes.defaults import ROWS_OF_A_FIT, Task, rows_of_a_stream
from sk_aecnn.statistics._quantiles import upper_fence, weighted_quantile
from sk_aecnn.training._plan import FitPlan, TrainingData, to_rows
from sk_aecnn.training._stream import Seen


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
    _constants: ConstantFeatures


@dataclass(eq=False, repr=False, kw_only=True)
class AutoencoderOutlierDetector(
    DeviationAttributes,
    OutlierMixin,
    SamplingMixin,
    EncoderMixin,
    AutoencodingEstimator,
    OutlierParameters,
):
    r"""Detect outliers by their reconstructions and codes from an autoencoder.

    A sample is unusual if it is reconstructed with a large error, because its features do not fit
    together, if its code is far from the other codes, if few usual samples are similar to it, or if
    many of its values are rare. The score combines these, relative to what is usual. New samples
    are scored in the same way as the training samples.

    Parameters
    ----------
    encoding_dim : int, default=8
        Size of the code, which may exceed the number of features.
    encoder : {"auto", "dense", "conv"}, class, callable or FrozenEstimator, default="auto"
        Kind of encoder.

        - ``"conv"``: convolutions over the spatial axes of images, sequences and volumes.
        - ``"dense"``: fully connected layers on the flattened sample.
        - ``"auto"``: ``"conv"`` if samples have a spatial axis, ``"dense"`` otherwise.
        - A `torch.nn.Module` class, or a function that returns a module: it is called with the
          shape of a sample, channels first, and the size of the code. See :ref:`custom networks
          <guide-custom-networks>`.
        - A `~sklearn.frozen.FrozenEstimator` of a fitted `AutoencoderTransformer`: training starts
          from copies of its scaling, encoder and decoder.
    decoder : "auto", class or callable, default="auto"
        The decoder. ``"auto"`` mirrors the encoder. A `torch.nn.Module` class, or a function that
        returns a module, is called with the size of the code and the shape of a sample, channels
        first.
    hidden_layer_sizes : "auto", int or sequence of int, default=(64, 32)
        Sizes of the hidden layers of a dense encoder, mirrored by the decoder. Convolutional
        networks do not use it. ``"auto"``: (256, 128), and (128,) in classifiers and regressors of
        tables.
    conv_channels : "auto", int or sequence of int, default="auto"
        Channels of the convolutional stages of the encoder, mirrored by the decoder. Each stage
        halves every spatial axis. Dense networks do not use it. ``"auto"`` adds stages until at
        most 7 positions are left along each axis, or 30 along the axis of a sequence.
    kernel_size : "auto" or int, default="auto"
        Size of the convolution kernels along every spatial axis, an odd number. ``"auto"``: 7 for
        sequences, 3 otherwise.
    activation : str, class or callable, default="relu"
        Activation of the hidden layers: ``"elu"``, ``"gelu"``, ``"identity"``, ``"leaky_relu"``,
        ``"relu"``, ``"sigmoid"``, ``"silu"``, ``"tanh"``, a `torch.nn.Module` class that is called
        without arguments, or a function of a tensor.
    normalization : {"auto", "batch"} or None, default="auto"
        Batch normalization in the convolutional stages, or ``None`` for no normalization.
        ``"auto"``: ``"batch"``, but ``None`` in classifiers and regressors of tables.
    reconstruction_loss : {"mse", "bce", "mae", "huber"}, class or callable, default="mse"
        Error of the reconstruction, for each value: squared (``"mse"``), absolute (``"mae"``),
        Huber's (``"huber"``), or the binary cross-entropy (``"bce"``), which needs values in [0,
        1]. A loss class of `torch.nn` is called with ``reduction="none"``; a function takes
        (output, target) and returns a loss per element. The mean over features is divided by the
        error of the training mean.
    clip : "auto" or bool, default="auto"
        Whether to limit reconstructions, decoded codes and generated samples to the range that each
        feature has in the training samples. ``"auto"``: if these are integers, such as pixels and
        counts, or run from 0 to 1 or from -1 to 1.
    noise : {"gaussian", "masking", "swap"}, callable or None, default="swap"
        Noise on the standardised inputs while training. The reconstruction is compared with the
        clean input, as in a denoising autoencoder.

        - ``"gaussian"``: normal noise is added.
        - ``"masking"``: values are set to 0, their mean.
        - ``"swap"``: values are replaced by those of other samples.
        - A function of (inputs, level, generator), tensors with the samples on axis 0.
        - ``None``: none.
    noise_level : float, default=0.5
        Strength of the noise: the standard deviation of gaussian noise, or the share of the values
        that are masked or swapped.
    code_activation : str, class or callable, default="identity"
        Activation of the code, with the same choices as ``activation``.
    sparsity_weight : float, default=0.0
        Weight of a penalty on codes in which many units are active at once: 0 if a single unit is
        active, 1 if all have the same absolute value.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of outliers among the training samples, which sets the threshold of ``predict``.
        ``"auto"``: the threshold is the upper fence of a box plot of the root mean squared
        deviations, 1.5 interquartile ranges above the third quartile.
    support_fraction : float in (0, 1], default=0.75
        Share of the samples of each batch that are used for training: those with the smallest
        errors, so that outliers among the training samples are not learned. Pass 1 if all training
        samples are known to be inliers.
    sample_shape : tuple of int or None, default=None
        Shape of one sample, needed only if images, sequences or volumes are passed as flat rows.
        ``None``: ``X.shape[1:]``.
    channel_axis : "auto", int or None, default="auto"
        Axis of the channels within one sample: -1 is the last one, 0 the first, and ``None`` means
        that there is none. ``"auto"``: the last axis of samples with one, three or four axes,
        ``None`` for samples with two. Pass ``None`` for sequences of single values, of shape
        (n_samples, n_steps). See :ref:`the shape of a sample <guide-channel-axis>`.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns of a table to treat as categories: names, numbers from 0 on, or a mask.
        ``"from_dtype"``: columns of text and of categorical dtypes in data frames, and of text in
        arrays of objects. ``None``: no columns. Each category has an input of its own, and a
        probability in the reconstruction.
    max_categories : int, default=255
        Largest number of categories of a column. If there are more, the rarest ones share one
        input, and so do values of one row each where two thirds are such.
    scaling : {"auto", "feature", "shared"} or None, default="auto"
        How the inputs are standardised inside the network.

        - ``"feature"``: each feature by its own mean and standard deviation.
        - ``"shared"``: each channel of images, sequences and volumes by one mean and one scale; the
          features of a table by their own means and one common scale.
        - ``None``: not at all.
        - ``"auto"``: ``"shared"`` for samples with spatial axes, and for tables whose features have
          ranges within a factor of ten of each other; ``"feature"`` for other tables. See
          :ref:`scaling <guide-scaling>`.
    augmentation : "auto", dict, callable, list or None, default=None
        Random changes of the samples while training.

        - A dict of transforms and their strengths from 0 to 1: ``"translate"`` (longest distance,
          as a share of each spatial axis), ``"horizontal_flip"`` and ``"vertical_flip"``
          (probability), ``"contrast"`` (largest difference of a factor from 1), ``"brightness"``
          (largest added constant, in standard deviations), ``"erase"`` (longest side of a box that
          is set to the mean, as a share).
        - A function of a batch, of shape (batch, channels, \*spatial) in the units of ``X``, and of
          a `torch.Generator` if it takes a second argument. `torchvision.transforms` are such
          functions. With a parameter ``y``, it takes and returns the targets of a regressor as
          well.
        - A list of dicts and functions.
        - ``None``: none.
        - ``"auto"``: translation, contrast and brightness for images that are classified, with
          flips if the classes do not depend on them; translation for images of which some are
          unlabeled or that are encoded only, and for sequences of more than 32 steps that are
          classified; none otherwise. See :ref:`data augmentation <guide-augmentation>`.

        It is used only at the beginning of training, and the reconstruction is compared with the
        sample before augmentation.
    max_epochs : "auto" or int, default="auto"
        Passes over the training samples; with early stopping, the largest number of them.
        ``"auto"``: 100 for up to 200 samples, and fewer for more samples, in inverse proportion to
        the square root of their number (6 for 60 000). With ``early_stopping="cv"``, it is 30 to
        100. See :ref:`number of epochs <guide-epochs>`.
    batch_size : "auto" or int, default="auto"
        Samples in a training step. ``"auto"``: 128, and 256 for tables of fewer than 20 000 samples
        if no classes are predicted; with ``early_stopping="cv"``, 128 for fewer than 768 samples
        and 256 for more; in any case fewer if a sample has more than 32 768 values.
    lr : "auto" or float, default="auto"
        Learning rate, the highest one if a schedule changes it. ``"auto"``: 0.01. In classifiers
        and regressors of tables with fewer than 2 000 samples, it is 0.001 for up to 200 samples,
        and rises with the square root of their number; with ``early_stopping="cv"``, it is 0.015
        for up to 3 000 samples, and 0.008 for more.
    optimizer : {"adam", "adamw", "sgd"} or class, default="adamw"
        The optimizer, by name or as a `torch.optim.Optimizer` class.
    weight_decay : float, default=0.0001
        Weight decay of the optimizer.
    lr_schedule : {"auto", "one_cycle", "cosine", "constant"}, default="auto"
        How the learning rate changes over the steps of ``fit``.

        - ``"one_cycle"``: it rises to ``lr``, then falls towards zero.
        - ``"cosine"``: it falls from ``lr`` towards zero.
        - ``"constant"``: it stays at ``lr``, or where callbacks set it.
        - ``"auto"``: ``"one_cycle"``; with ``early_stopping="cv"``, ``"cosine"`` for up to 3 000
          samples and ``"constant"`` for more, both after a rise over 20 steps.
    early_stopping : {"auto", "cv"} or bool, default="auto"
        Whether held-out samples decide when training ends, and which weights are kept.

        - ``True``: training ends when the loss of the task has not improved for
          ``n_iter_no_change`` epochs, and the best weights are kept. Held out are ``X_val``, or a
          share ``validation_fraction`` of the samples. Without targets, the loss is that of the
          reconstruction.
        - ``"cv"``: in ensembles, every sample is held out from one member. Training ends when the
          loss has not improved for half as many epochs as the best one took, and for at least 6
          epochs (classifiers) or 8 (regressors). Kept are averaged weights, the last ones within a
          standard error of the best.
        - ``False``: all samples are used for training, but for those that weigh :ref:`random
          convolutions <guide-random-convolutions>`, and ``max_epochs`` are made.
        - ``"auto"``: ``True`` if ``fit`` got ``X_val``, ``"cv"`` for ensembles on tables with
          ``max_epochs="auto"``, ``False`` otherwise. See :ref:`number of epochs <guide-epochs>`.
    validation_fraction : float, default=0.1
        Share of the samples that are held out with ``early_stopping=True``, if ``fit`` got no
        ``X_val``, or by a classifier of 1 000 sequences or more.
    n_iter_no_change : int, default=10
        Epochs to wait for an improvement with ``early_stopping=True``.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last call.
    callbacks : list or None, default=None
        Callbacks of skorch, called while training.
    device : str, default="auto"
        Where to train and predict: ``"cpu"``, ``"cuda"``, ``"mps"``. ``"auto"``: a CUDA GPU if
        there is one, the CPU otherwise.
    precision : {"float32", "float64", "bfloat16"}, default="float32"
        Floating-point type of the network and of its results. ``"bfloat16"`` computes training
        steps with 16 bits and everything else as ``"float32"``, which is faster for convolutions on
        processors with 16-bit instructions.
    verbose : int, default=0
        Amount of output. 1 prints the network and the settings of the training in a line, and shows
        a progress bar with losses and scores; outside of terminals and notebooks, a line for each
        epoch.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the samples and all other random numbers of
        ``fit``. ``None``: each call draws other ones. Global random generators are neither read nor
        changed.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net.
    encoder_, decoder_ : torch.nn.Module
        Encoder and decoder, which take standardised samples and codes.
    resolved_params_ : dict
        Values of this fit for the parameters that can be ``"auto"``, by name. They can be written
        as JSON, and passed to ``set_params``.
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
    The score of a sample is minus the largest of three deviations, all about 1 for usual samples.
    With standardised features :math:`x_j`, reconstructions :math:`\hat x_j` and the code :math:`z`,
    the first is

    .. math:: \frac{1}{d + k} \bigg( \sum_{j=1}^d \frac{(x_j - \hat x_j)^2}{\sigma_j^2} +
              (z - \mu)^\top \Sigma^{-1} (z - \mu) \bigg):

    up to constants, this is minus the logarithm of a density under which residuals and codes are
    normally distributed. The variances :math:`\sigma_j^2` of the residuals, the mean :math:`\mu`
    and the covariance :math:`\Sigma` of the codes are those of the training samples, where a sample
    at :math:`q` times the average squared distance has the weight :math:`1 / (1 + q)`. A feature
    that is constant in the training samples has no unit: another value of it counts as the largest
    deviation among the training samples.

    The second deviation detects a small group of samples that is simpler than the others, so that
    the autoencoder learns it as well. It is :math:`a ((r + c) / (m + c))^b`, where :math:`r` is the
    squared distance, over standardised features, to the farthest of the nearest 2 % (at least five)
    of the usual training samples (Ramaswamy et al. 2000, "Efficient algorithms for mining outliers
    from large data sets", with more neighbours than a small group has). The usual ones are a share
    ``support_fraction`` of up to 1024 training samples, those with the smallest first deviation;
    they are stored in the estimator. Over all 1024, :math:`m` is the median of the distances and
    :math:`a` that of the first deviations, :math:`b \le 1` makes the ratio of ninth decile and
    median equal for both deviations, and :math:`c` is a hundredth of :math:`m`. Missing values are
    filled in first.

    The third detects values that are rare by themselves. It is the same function of the mean, over
    the features that are known, of :math:`\log(\max_x p_j(x) / p_j(x_j))`, with :math:`c` at least
    0.01, where :math:`p_j` is a frequency polygon of the usual samples, :math:`n` of which are
    different (Scott 1985, "Frequency polygons: theory and application"): up to 20 knots, about
    :math:`\sqrt n`, from the least to the largest value and one beyond either; linear between them;
    each value counted at the two knots beside it, the more the nearer it is; at every knot a share
    of :math:`1 / n` more, and 0.1 % at the least. Levels at equal distances have a knot each. The
    mean of such logarithms is the score of Goldstein & Dengel 2012, "Histogram-based outlier score
    (HBOS)".

    Outliers among the training samples have little influence: the rows with the largest errors are
    left out of every batch, half of the inputs are swapped between rows, so that a value has to be
    predicted from the other features, and unusual rows have the small weights given above. The
    hidden layers are smaller than those of the other estimators, because larger ones were no
    better.

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

    _task: ClassVar[Task] = "outlier_detector"
    _ON_DEMAND: ClassVar[tuple[str, ...]] = ("_sampler", "_deviations", "_missing", "offset_")

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
            Minus the squared deviation in units of what is usual, of features and code, from the
            neighbours, or of single values: about -1 for usual samples.

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
        fitted = self._shallow_copy()  # of one call, whatever another thread fits meanwhile
        return -fitted._deviations.measure(fitted.net_, rows)

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
        differences of features to the neighbour, and where rare values make it, minus the
        logarithms of their frequencies, each multiplied by a factor. Elsewhere, the squared
        residual of a feature is that feature's own, and so is the change of one that never changed
        in ``fit``. The distance of the code,
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
        fitted = self._shallow_copy()
        return in_container_of(X, -fitted._deviations.measure_by_column(fitted.net_, rows))

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
        fitted = self._shallow_copy()
        return fitted.score_samples(X) - fitted.offset_

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

    def _n_rows_kept(self, geometry: SampleGeometry, partial: bool) -> int:
        return rows_of_a_stream(geometry) if partial else ROWS_OF_A_FIT

    def _see(self, call: FitCall, data: TrainingData, geometry: SampleGeometry) -> Seen:
        seen = super()._see(call, data, geometry)
        constants = ConstantFeatures.of(data.rows)
        self._constants = constants.common(self._constants) if seen.goes_on else constants
        return seen

    def _finish(self, seen: Seen) -> None:
        super()._finish(seen)
        rows, weight = seen.data.rows, seen.data.weight
        weight = np.ones(len(rows)) if weight is None else weight
        deviations = Deviations.fit(self.net_, rows, weight, self.support_fraction, self._constants)
        deviation = deviations.measure(self.net_, rows)
        self._deviations = replace(deviations, largest=float(deviation.max()))
        self.offset_ = -_threshold(deviation, weight, self.contamination)


def _threshold(
    deviation: np.ndarray, weight: np.ndarray, contamination: float | Literal["auto"]
) -> float:
    """Return the largest deviation of an inlier."""
    if contamination != "auto":
        return weighted_quantile(deviation, weight, 1 - contamination)
    return upper_fence(deviation, weight)
