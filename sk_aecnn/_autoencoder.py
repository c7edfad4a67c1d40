"""The autoencoder as a transformer."""

from __future__ import annotations

from sklearn.utils.validation import check_is_fitted

from sk_aecnn._base import NO_TARGET, NetworkEstimator
from sk_aecnn._codes import CODER_CONSTRAINTS, CodesMixin, check_unit_interval, plan_coder
from sk_aecnn._compat import fit_context
from sk_aecnn._torch import as_tensor
from sk_aecnn._training import infer
from sk_aecnn.losses import ReconstructionObjective
from sk_aecnn.nn import Autoencoder, build, column_moments


class AutoencoderTransformer(CodesMixin, NetworkEstimator):
    r"""Learn a code of a few numbers from which each sample can be reconstructed.

    An encoder network maps a sample to a code, a decoder maps the code back; both are trained
    together to make the reconstruction error small. Tables get dense networks, images, sequences
    and volumes convolutional ones. It is used as `sklearn.decomposition.PCA` is: ``fit``,
    ``transform``, ``inverse_transform``.

    Parameters
    ----------
    encoding_dim : int, default=32
        Size of the code. It may exceed the number of features.
    architecture : {"auto", "dense", "conv"}, default="auto"
        Kind of network. ``"auto"`` convolves over samples that have a spatial axis (images,
        sequences, volumes), and takes dense layers for tables.
    hidden_layer_sizes : sequence of int, default=(256, 128)
        Sizes of the dense encoder's hidden layers; the decoder mirrors them. Convolutional networks
        do not use it.
    conv_channels : "auto" or sequence of int, default="auto"
        Channels of the convolutional encoder's stages, each of which halves every spatial axis; the
        decoder mirrors them. ``"auto"`` takes as many stages as leave 7 positions or fewer along
        each axis. Dense networks do not use it.
    kernel_size : int, default=3
        Odd size of the convolution kernels, along every spatial axis.
    activation : str, class or callable, default="relu"
        Activation of the hidden layers: ``"elu"``, ``"gelu"``, ``"identity"``, ``"leaky_relu"``,
        ``"relu"``, ``"sigmoid"``, ``"silu"``, ``"tanh"``, a `torch.nn.Module` class without
        arguments, or a function of a tensor.
    code_activation : str, class or callable, default="identity"
        Activation of the code, of the same choices.
    reconstruction_loss : {"mse", "bce", "mae", "huber"}, class or callable, default="mse"
        Reconstruction error per element, averaged over features and divided by that of the training
        mean. ``"bce"``, the binary cross-entropy, needs values in [0, 1]. A class is called with
        ``reduction="none"``; a function takes (output, target) and returns a loss per element.
    scaling : {"auto", "feature", "shared"} or None, default="auto"
        How the network's inputs are standardised, inside the network. ``"feature"``: every feature
        by its own mean and standard deviation. ``"shared"``: every channel of an image by one mean
        and one scale, a table by its features' means and one scale. ``"auto"``: ``"shared"`` for
        images and for tables whose features' ranges are within a factor of ten of each other,
        ``"feature"`` for other tables. ``None``: not at all.
    sample_shape : tuple of int or None, default=None
        Shape of one sample, needed only where images come as flat rows.
    channel_axis : "auto", int or None, default="auto"
        The axis of the channels within one sample; ``None`` where there is none. ``"auto"``: the
        last axis of samples with one, three or four axes, ``None`` for samples with two. Rows of
        single values in time are convolved over with ``None``.
    max_epochs : "auto" or int, default="auto"
        Passes over the data. ``"auto"`` makes 100 for up to 200 rows; for more rows their number
        falls with the square root, to 6 for 60 000.
    batch_size : "auto" or int, default="auto"
        Rows in a step. ``"auto"`` takes 256 for tables and 128 for samples with spatial axes, fewer
        for samples of more than 32 768 values.
    lr : float, default=1e-2
        Learning rate, the highest one where a schedule varies it.
    optimizer : {"adam", "adamw", "sgd"} or class, default="adamw"
        Optimizer, or a `torch.optim.Optimizer` class.
    weight_decay : float, default=1e-4
        Weight decay of the optimizer.
    lr_schedule : {"one_cycle", "cosine", "constant"}, default="one_cycle"
        How the learning rate varies over the steps of ``fit``. ``"constant"`` leaves it to the
        callbacks.
    early_stopping : bool, default=False
        Whether to set rows aside, stop when their loss no longer improves and keep the best
        weights.
    validation_fraction : float, default=0.1
        Share of the rows set aside where ``early_stopping=True``.
    n_iter_no_change : int, default=10
        Epochs without improvement to wait for where ``early_stopping=True``.
    callbacks : list or None, default=None
        skorch callbacks, called while training.
    verbose : int, default=0
        1 shows a progress bar with the losses.
    device : str, default="auto"
        Where to train and predict: ``"cpu"``, ``"cuda"``, ``"mps"``; ``"auto"`` takes a CUDA GPU
        where there is one.
    precision : {"float32", "float64"}, default="float32"
        Precision of the network and of what it returns.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights and of the order of the rows. ``None`` gives a different network in each
        call. The global random streams are neither read nor moved.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last call.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net.
    encoder_, decoder_ : torch.nn.Module
        Its parts, on standardised samples and on codes.
    history_ : list of dict
        Losses and duration (``"dur"``, seconds) of each epoch.
    loss_curve_ : list of float
        Training loss of each epoch.
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
    AECNNClassifier : The same encoder, trained together with a classifier.
    sklearn.decomposition.PCA : The linear counterpart.

    Notes
    -----
    The loss of standardised samples :math:`x_i` with weights :math:`w_i` and mean :math:`\bar x` is

    .. math:: R = \frac{\sum_i w_i \, \ell(x_i, \hat x_i)}{\sum_i w_i \, \ell(x_i, \bar x)},

    0 for a perfect reconstruction, 1 for one as bad as the mean.

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
    """

    _parameter_constraints = NetworkEstimator._parameter_constraints | CODER_CONSTRAINTS

    def __init__(
        self,
        encoding_dim=32,
        *,
        architecture="auto",
        hidden_layer_sizes=(256, 128),
        conv_channels="auto",
        kernel_size=3,
        activation="relu",
        code_activation="identity",
        reconstruction_loss="mse",
        scaling="auto",
        sample_shape=None,
        channel_axis="auto",
        max_epochs="auto",
        batch_size="auto",
        lr=1e-2,
        optimizer="adamw",
        weight_decay=1e-4,
        lr_schedule="one_cycle",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        callbacks=None,
        verbose=0,
        device="auto",
        precision="float32",
        random_state=None,
        warm_start=False,
    ):
        self.encoding_dim = encoding_dim
        self.architecture = architecture
        self.hidden_layer_sizes = hidden_layer_sizes
        self.conv_channels = conv_channels
        self.kernel_size = kernel_size
        self.activation = activation
        self.code_activation = code_activation
        self.reconstruction_loss = reconstruction_loss
        self.scaling = scaling
        self.sample_shape = sample_shape
        self.channel_axis = channel_axis
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.verbose = verbose
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.warm_start = warm_start

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Train the autoencoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples.
        y : object, default=None
            Ignored; present for pipelines.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples, 0 or more; a sample of weight 0 counts as absent.

        Returns
        -------
        self : AutoencoderTransformer
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used; the message says which and why.
        DivergenceError
            If the loss is no longer finite.
        """
        return self._learn(
            X,
            NO_TARGET,
            sample_weight,
            resume=self.warm_start and hasattr(self, "net_"),
            max_epochs=self.max_epochs,
            lr_schedule=self.lr_schedule,
        )

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train for one epoch on a part of the data, at a constant learning rate.

        The first call fixes the network and the scaling; pass it rows that resemble those to come.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples.
        y : object, default=None
            Ignored; present for pipelines.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples, 0 or more.

        Returns
        -------
        self : AutoencoderTransformer
            The fitted estimator.
        """
        return self._learn(
            X,
            NO_TARGET,
            sample_weight,
            resume=hasattr(self, "net_"),
            max_epochs=1,
            lr_schedule="constant",
        )

    def score(self, X, y=None):
        """Return the share of the variance that the reconstruction keeps, R².

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.
        y : object, default=None
            Ignored; present for model selection.

        Returns
        -------
        score : float
            One minus the squared error over the variance of ``X``, both summed over the features in
            standardised units: 1 is perfect, 0 as bad as the mean of ``X``. Where ``X`` does not
            vary, 1 for a perfect reconstruction and 0 otherwise.
        """
        check_is_fitted(self)
        rows = as_tensor(self._validate_rows(X, reset=False)[0])
        error = infer(self.net_, "standardised_error", rows).mean()
        moments = column_moments(rows)
        variance = float((moments.var / self.net_.module_.layout.scale.cpu().square()).mean())
        if variance == 0:
            return float(error == 0)
        return float(1 - error / variance)

    def score_samples(self, X):
        """Return minus the reconstruction error of each sample: higher is more usual.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Minus the mean squared error, in the squared units of ``X``.
        """
        return -self.reconstruction_error(X)

    def _encode_target(self, data, classes):
        check_unit_interval(self, data.rows)
        return data

    def _build_network(self, data, geometry, generator):
        coder = plan_coder(self, data, geometry)
        network = Autoencoder(
            coder.layout,
            build(coder.encoder, self._dtype, generator),
            build(coder.decoder, self._dtype, generator),
            coder.probabilities,
        )
        return network, ReconstructionObjective(coder.loss)
