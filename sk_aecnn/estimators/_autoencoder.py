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
from sk_aecnn.statistics._mixture import choose_whole_rows
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

    An encoder network maps a sample to a code, and a decoder maps the code back to the sample; both
    are trained together to minimise the reconstruction error. The networks are dense for tables,
    and convolutional for images, sequences and volumes. The transformer is used like
    `sklearn.decomposition.PCA`: ``fit``, ``transform``, ``inverse_transform``.

    Parameters
    ----------
    encoding_dim : int or float in (0, 1), default=32
        Size of the code, which may exceed the number of features. A float is the share of the
        variance to keep: the code has as many units as PCA needs for it, at most 1 000, and keeps
        more.
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
    hidden_layer_sizes : "auto", int or sequence of int, default="auto"
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
    noise : {"gaussian", "masking", "swap"}, callable or None, default=None
        Noise on the standardised inputs while training. The reconstruction is compared with the
        clean input, as in a denoising autoencoder.

        - ``"gaussian"``: normal noise is added.
        - ``"masking"``: values are set to 0, their mean.
        - ``"swap"``: values are replaced by those of other samples.
        - A function of (inputs, level, generator), tensors with the samples on axis 0.
        - ``None``: none.
    noise_level : float, default=0.3
        Strength of the noise: the standard deviation of gaussian noise, or the share of the values
        that are masked or swapped.
    code_activation : str, class or callable, default="identity"
        Activation of the code, with the same choices as ``activation``.
    sparsity_weight : float, default=0.0
        Weight of a penalty on codes in which many units are active at once: 0 if a single unit is
        active, 1 if all have the same absolute value.
    linear_path : "auto" or bool, default="auto"
        Whether the network contains a linear model, from which training starts. Encoder and decoder
        then contain linear maps that start as PCA. In classifiers and regressors of tables, the
        back end contains a linear map of the features that starts as logistic or ridge regression,
        with the regularisation chosen by cross-validation. What the hidden layers add starts at
        zero. A network that classifies sequences predicts together with a logistic regression on
        random convolutions; see :ref:`random convolutions <guide-random-convolutions>`.

        ``"auto"``: ``False`` with custom networks, a ``code_activation``, a ``sparsity_weight`` or
        maps of more than 8 million weights, for 2 000 or more images, sequences or volumes with
        codes of less than a sixteenth of their values, and in classifiers and regressors with
        ``backend_input="code"``, of images or volumes, or of sequences that have numbers as targets
        or are unlabeled in part; ``True`` otherwise. See :ref:`PCA inside <guide-linear-path>`.
    shrinkage : "auto" or float in [0, 1], default="auto"
        How far the trained network is shrunk towards PCA: 0 not at all, 1 to PCA itself. ``"auto"``
        trains on 80 % of the samples first, and takes the largest value that is as good as the best
        one on the other 20 %. It is 0 for fewer than 10 samples, from 20 000 samples of a table and
        2 000 images, sequences or volumes on, with ``early_stopping``, and in ``partial_fit``.
    nested : bool, default=False
        Whether the units of the code are ordered by importance, as the components of PCA are. The
        first ``k`` units are then nearly as good as a code of ``k`` units, at some cost to the
        whole code. ``explained_variance_ratio_`` has the share of the variance that each one adds.
    output : {"code", "reconstruction"}, default="code"
        What ``transform`` returns: the code, or the reconstruction in the layout given to ``fit``,
        for denoising in front of another estimator.
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
    augmentation : "auto", dict, callable, list or None, default="auto"
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
    n_iter_ : int
        Number of epochs trained.
    explained_variance_ratio_ : ndarray of shape (encoding_dim,)
        Share of the variance that each unit of the code adds to the reconstruction, with the units
        after it set to zero; the cumulative sum is R² by the size of the code. Measured on at most
        4096 of the training samples, and at most 16 million values of them. Only with
        ``nested=True``.
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
    _MEASURED: ClassVar[tuple[str, ...]] = ("_sampler", "explained_variance_ratio_", "_missing")
    _ON_DEMAND: ClassVar[tuple[str, ...]] = _MEASURED

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
        index = choose_whole_rows(len(rows), rows.shape[1], weight)
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
