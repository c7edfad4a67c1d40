"""The autoencoder as a transformer."""

from dataclasses import dataclass, field
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, OneToOneFeatureMixin

from sk_aecnn._compat import Interval, RealNotInt, StrOptions, get_output_config
from sk_aecnn._torch import as_tensor
from sk_aecnn.data._rows import RowSubset
from sk_aecnn.lifecycle._autoencoder_net import build_autoencoder
from sk_aecnn.lifecycle._autoencoding import AutoencodingEstimator
from sk_aecnn.lifecycle._base import NetAndRecipes
from sk_aecnn.lifecycle._coding import SamplingMixin
from sk_aecnn.lifecycle._parameters import POSITIVE_INT, Auto, CodeParameters, Constraints
from sk_aecnn.nn import column_moments
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.statistics._mixture import choose_rows
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._plan import FitPlan
from sk_aecnn.training._stream import Seen


@dataclass(eq=False, repr=False, kw_only=True)
class TransformerParameters(CodeParameters):
    """How much of PCA an autoencoder contains, and what is returned of it."""

    linear_path: bool | Auto = "auto"
    shrinkage: float | Auto = "auto"
    nested: bool = False
    output: Literal["code", "reconstruction"] = "code"

    _parameter_constraints: ClassVar[Constraints] = {
        "linear_path": [StrOptions({"auto"}), "boolean"],
        "shrinkage": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "nested": ["boolean"],
        "output": [StrOptions({"code", "reconstruction"})],
    }


class NestedAttributes:
    """What ``fit`` measures of nested codes."""

    explained_variance_ratio_: np.ndarray


@dataclass(eq=False, repr=False, kw_only=True)
class AutoencoderTransformer(
    NestedAttributes,
    SamplingMixin,
    ClassNamePrefixFeaturesOutMixin,
    AutoencodingEstimator,
    TransformerParameters,
):
    r"""Learn a code of a few numbers from which each sample can be reconstructed.

    An encoder network maps a sample to a code, a decoder maps the code back; both are trained
    together to make the reconstruction error small. Tables get dense networks, images, sequences
    and volumes convolutional ones. It is used as `sklearn.decomposition.PCA` is: ``fit``,
    ``transform``, ``inverse_transform``.

    Parameters
    ----------
    encoding_dim : int or float in (0, 1), default=32
        Size of the code. It may exceed the number of features. A float is the share of the variance
        to keep: as many numbers as PCA needs for it, at most 1 000; the reconstruction keeps more.
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
    hidden_layer_sizes : "auto", int or sequence of int, default="auto"
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
    noise : {"gaussian", "masking", "swap"}, callable or None, default=None
        Noise on the standardised inputs while training, for a denoising autoencoder: the
        reconstruction is compared with the clean input. Normal noise is added, values are set to
        their mean, or are taken from other samples. A function takes (inputs, level, generator),
        tensors with the samples on axis 0.
    noise_level : float, default=0.3
        Standard deviation of gaussian noise; share of the values that are masked or swapped.
    code_activation : str, class or callable, default="identity"
        Activation of the code, of the same choices as ``activation``.
    sparsity_weight : float, default=0.0
        Weight of a penalty on codes in which many units are active at once: 0 where one unit alone
        is, 1 where all are alike.
    linear_path : "auto" or bool, default="auto"
        Whether encoder and decoder contain linear maps, which start as PCA of the training samples;
        what the networks put out is added, and starts at zero. ``"auto"``: with networks of this
        package, an identity as ``code_activation`` and no ``sparsity_weight``, up to 8 million
        weights of such a map; not of 2 000 images, sequences or volumes or more whose codes have
        less than a sixteenth of their values. In classifiers and regressors it is for tables alone,
        and the back end contains a linear map of the features as well, which starts as logistic or
        ridge regression, its regularisation chosen by cross-validation; ``"auto"``: unless the back
        end sees the code.
    shrinkage : "auto" or float in [0, 1], default="auto"
        The share that is taken back, in the end, of what was learned beyond PCA: 0 keeps all, 1
        leaves PCA. ``"auto"`` trains on 80 % of the samples first, and takes back what the others
        want, as much as serves them as well. It takes back nothing from fewer than 10 samples, from
        20 000 of a table or 2 000 of other kinds on, with ``early_stopping``, in ``partial_fit``.
    nested : bool, default=False
        Whether the first numbers of a code should tell the most: the first ``k`` are nearly as good
        as a code of ``k`` numbers then, which ``explained_variance_ratio_`` counts, at some cost to
        the whole.
    output : {"code", "reconstruction"}, default="code"
        What ``transform`` returns: the code, or the reconstruction, in the layout given to ``fit``,
        so that the autoencoder stands as a denoiser ahead of another estimator.
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
    augmentation : "auto", dict, callable, list or None, default="auto"
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
    n_iter_ : int
        Number of epochs trained.
    explained_variance_ratio_ : ndarray of shape (encoding_dim,)
        What each number of the code adds to the share of the variance that the reconstruction
        keeps, of (at most 4096 of) the training samples, where the numbers after it are set to
        zero; the cumulative sum is R² by the size of the code. With ``nested=True``.
    sample_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of values in one sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where ``X`` was a DataFrame with string column names.

    See Also
    --------
    VariationalAutoencoderTransformer : Codes that follow a normal distribution.
    AECNNClassifier, AECNNRegressor : The same encoder, trained together with a back end.
    AutoencoderOutlierDetector : Samples that reconstruct badly.
    sklearn.decomposition.PCA : The linear counterpart.

    Notes
    -----
    The loss of standardised samples :math:`x_i` with weights :math:`w_i` and mean :math:`\bar x` is

    .. math:: R = \frac{\sum_i w_i \, \ell(x_i, \hat x_i)}{\sum_i w_i \, \ell(x_i, \bar x)},

    0 for a perfect reconstruction, 1 for one as bad as the mean.

    With ``linear_path``, a standardised sample :math:`x` has the code and the reconstruction

    .. math:: z = W x + f(x), \qquad \hat x = V z + g(z),

    where :math:`f` and :math:`g` are the hidden layers or convolutional stages, and :math:`W` and
    :math:`V` start as PCA, with components of variance one. As :math:`f` and :math:`g` start at
    zero, the autoencoder starts as PCA, and all of it is trained.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_aecnn import AutoencoderTransformer
    >>> images = load_digits().images
    >>> ae = AutoencoderTransformer(encoding_dim=8, max_epochs=5, random_state=0).fit(
    ...     images
    ... )
    >>> ae.transform(images).shape
    (1797, 8)
    >>> ae.reconstruct(images[:2]).shape
    (2, 8, 8)
    >>> ae.sample(3, random_state=0).shape
    (3, 8, 8)
    """

    encoding_dim: float = field(default=32, kw_only=False)  # type: ignore[assignment]

    _parameter_constraints: ClassVar[Constraints] = {
        "encoding_dim": [POSITIVE_INT, Interval(RealNotInt, 0, 1, closed="neither")],
    }
    _MEASURED: ClassVar[tuple[str, ...]] = ("_sampler", "explained_variance_ratio_")

    def transform(self, X: Any) -> Any:
        """Encode samples, or reconstruct them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        codes : ndarray of shape (n_samples, encoding_dim)
            Codes, in the dtype of ``precision``. A sample's code does not depend on the other
            samples passed with it. With ``output="reconstruction"``, what ``reconstruct`` returns.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer
        >>> X = load_iris().data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> model.transform(X).shape
        (150, 2)
        >>> model.set_params(output="reconstruction").transform(X).shape
        (150, 4)
        """
        if self.output == "code":
            return self._infer("encode", X)
        container = get_output_config("transform", self)["dense"]
        samples = self.reconstruct(X)
        if getattr(samples, "ndim", 2) > 2 and container != "default":
            raise ValueError(
                f"transform returns samples of shape {samples.shape[1:]}, which a {container} data "
                "frame does not hold. Use set_output(transform='default'), or flat rows and "
                "sample_shape."
            )
        return samples

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features; those seen in ``fit`` by default.

        Returns
        -------
        names : ndarray of str
            ``autoencodertransformer0`` and so on for codes, those of the features themselves with
            ``output="reconstruction"``.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer
        >>> X = load_iris(as_frame=True).data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> model.get_feature_names_out()
        array(['autoencodertransformer0', 'autoencodertransformer1'], dtype=object)
        """
        naming = ClassNamePrefixFeaturesOutMixin if self.output == "code" else OneToOneFeatureMixin
        names: np.ndarray = naming.get_feature_names_out(self, input_features)
        return names

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the reconstruction error of each sample: higher is more usual.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Minus the mean squared error, in the squared units of ``X``.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer
        >>> X = load_iris().data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> np.array_equal(model.score_samples(X), -model.reconstruction_error(X))
        True
        """
        return -self.reconstruction_error(X)

    @property
    def _n_features_out(self) -> int:
        return int(self.net_.module_.encoding_dim)

    def _build_net(self, plan: FitPlan, summary: DataSummary) -> NetAndRecipes:
        return build_autoencoder(self._parameters(), plan, summary)

    def _finish(self, seen: Seen) -> None:
        super()._finish(seen)
        if not self.nested:
            return
        rows, weight = seen.data.rows, seen.data.weight
        index = choose_rows(len(rows), weight, None)
        ratio = _explained_variance_ratio(self.net_, RowSubset(rows, as_tensor(index)))
        self.explained_variance_ratio_ = seen.merge("explained_variance_ratio_", ratio)


def _explained_variance_ratio(net: TrainingNet, rows: RowSubset) -> np.ndarray:
    """Return what each unit of the code adds to the share of the variance that is kept."""
    n_rows, chosen = len(rows), rows[: len(rows)]
    variance = net.module_.error_of_means(column_moments(chosen))
    kept = [
        1 - infer(net, "truncated_squared_error", rows, n_units=n_units).sum() / n_rows / variance
        for n_units in range(1, net.module_.encoding_dim + 1)
        if variance > 0
    ]
    return np.diff(kept, prepend=0.0) if kept else np.zeros(net.module_.encoding_dim)
