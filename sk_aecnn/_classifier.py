"""The joint autoencoder and convolutional classifier."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._aecnn import JointEstimator
from sk_aecnn._classification import ClassificationMixin
from sk_aecnn._coder import trains_decoder
from sk_aecnn._codes import has_trained_decoder, keep_codes
from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn._sampling import check_n_samples, resolve_rng
from sk_aecnn.losses import AgreementLoss


class AECNNClassifier(ClassificationMixin, JointEstimator):
    """Classify with a convolutional network that shares its encoder with an autoencoder.

    The encoder learns features that serve two tasks at once: a decoder reconstructs the sample from
    a code of them, a convolutional back end classifies it. Both losses are added and trained
    together. The fitted estimator predicts as any classifier, and encodes and reconstructs as
    `AutoencoderTransformer`. Samples without a label can take part (``unlabeled``).

    Parameters
    ----------
    encoding_dim : int, default=32
        Size of the code. It may exceed the number of features.
    reconstruction_weight : float, default=1.0
        Weight of the reconstruction loss beside that of the task. 0 trains the encoder and the back
        end as a plain convolutional network; there is no reconstruction then, unless the encoder is
        frozen.
    backend_input : {"code", "features"}, default="features"
        What the back end sees. ``"code"``: the code, exactly as ``transform`` returns it.
        ``"features"``: the encoder's last hidden layer or feature map, from which the code is
        computed beside the back end.
    backend : "cnn", class or callable, default="cnn"
        ``"cnn"`` convolves, pools and connects fully, as the next parameters say. A
        `torch.nn.Module` class, or a function that returns a module, is called with the shape of
        its input, channels first, and the number of outputs.
    backend_channels : "auto" or sequence of int, default="auto"
        Channels of the back end's convolutional stages; ``"auto"`` takes one stage, of 64 channels
        for samples with spatial axes and of 32 for tables. Flat features, such as a code, are first
        unfolded by a linear layer into that many channels of 16 positions.
    pooling : {"max", "average"}, default="max"
        How the back end's stages join positions.
    dense_units : int, default=128
        Size of the fully connected layer before the output.
    dropout : float, default=0.0
        Share of its values dropped while training.
    encoder : {"auto", "dense", "conv"}, class, callable or FrozenEstimator, default="auto"
        Kind of network. ``"auto"`` convolves over samples that have a spatial axis (images,
        sequences, volumes), and takes dense layers for tables. A `torch.nn.Module` class, or a
        function that returns a module, is called with the shape of a sample, channels first, and
        the size of the code. A `~sklearn.frozen.FrozenEstimator` of a fitted
        `AutoencoderTransformer` is where to start from: its scaling, encoder and decoder are
        copied.
    decoder : "auto", class or callable, default="auto"
        ``"auto"`` mirrors the encoder. A `torch.nn.Module` class, or a function that returns a
        module, is called with the size of the code and the shape of a sample, channels first.
    hidden_layer_sizes : sequence of int, default=(256, 128)
        Sizes of the dense encoder's hidden layers; the decoder mirrors them. Convolutional networks
        do not use it.
    conv_channels : "auto" or sequence of int, default="auto"
        Channels of the convolutional encoder's stages, each of which halves every spatial axis; the
        decoder mirrors them. ``"auto"`` takes as many stages as leave 7 positions or fewer along
        each axis, 30 along a single one. Dense networks do not use it.
    kernel_size : "auto" or int, default="auto"
        Odd size of the convolution kernels, along every spatial axis. ``"auto"``: 7 over sequences,
        3 elsewhere.
    activation : str, class or callable, default="relu"
        Activation of the hidden layers: ``"elu"``, ``"gelu"``, ``"identity"``, ``"leaky_relu"``,
        ``"relu"``, ``"sigmoid"``, ``"silu"``, ``"tanh"``, a `torch.nn.Module` class without
        arguments, or a function of a tensor.
    code_activation : str, class or callable, default="identity"
        Activation of the code, of the same choices.
    normalization : {"auto", "batch"} or None, default="auto"
        Normalisation in convolutional stages, between pooling and activation. ``"auto"`` takes
        ``"batch"``, but none for tables of fewer than 2 000 rows.
    reconstruction_loss : {"mse", "bce", "mae", "huber"}, class or callable, default="mse"
        Reconstruction error per element, averaged over features and divided by that of the training
        mean. ``"bce"``, the binary cross-entropy, needs values in [0, 1]. A class is called with
        ``reduction="none"``; a function takes (output, target) and returns a loss per element.
    noise : {"gaussian", "masking", "swap"}, callable or None, default=None
        Noise on the standardised inputs while training, for a denoising autoencoder: the
        reconstruction is compared with the clean input. Normal noise is added, values are set to
        their mean, or are taken from other samples. A function takes (inputs, level, generator),
        tensors with the samples on axis 0.
    noise_level : float, default=0.3
        Standard deviation of gaussian noise; share of the values that are masked or swapped.
    max_shift : "auto" or float, default="auto"
        How far samples are moved at random while training, along every spatial axis, as a share of
        its size; what comes in over an edge repeats the edge. ``"auto"``: 0.075 where images are
        classified, 0 elsewhere.
    jitter : "auto" or float, default="auto"
        How far the contrast and the brightness of samples are changed at random while training:
        values are multiplied by up to this much more or less than one, then up to this many
        standard deviations are added to them or taken off. ``"auto"``: 0.5 where images are
        classified and all of them have a class, 0 elsewhere.
    sparsity_weight : float, default=0.0
        Weight of a penalty on codes in which many units are active at once: 0 where one unit alone
        is, 1 where all are alike.
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
    pretrain_epochs : int, default=0
        Epochs in which the autoencoder is trained by itself, before ``max_epochs`` of both
        together.
    freeze_encoder : bool, default=False
        Whether the autoencoder then stays as it is and the back end alone is trained: one after the
        other instead of together.
    unlabeled : scalar or None, default=None
        Label of the samples in ``y`` that have none, such as -1. They train the reconstruction and
        the agreement, and never count as a class. ``None``: every sample has a label.
    agreement_weight : float, default=1.0
        Weight of the agreement between the class of a sample without a label and that of its
        corrupted copy. The corruption is that of ``noise``; where that is None, gaussian noise of
        level 1.5.
    max_epochs : "auto" or int, default="auto"
        Passes over the data. ``"auto"`` makes 100 for up to 200 rows; for more rows their number
        falls with the square root, to 6 for 60 000.
    batch_size : "auto" or int, default="auto"
        Rows in a step. ``"auto"`` takes 128, and fewer of samples of more than 32 768 values. Where
        no classes are learned, it takes 256 of tables of less than 20 000 rows.
    lr : "auto" or float, default="auto"
        Learning rate, the highest one where a schedule varies it. ``"auto"`` takes 0.01, and less
        for tables of fewer than 2 000 rows: 0.001 for up to 200, rising with the square root.
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
        Share of the rows set aside where ``early_stopping=True`` and ``fit`` got no ``X_val``.
    n_iter_no_change : int, default=10
        Epochs without improvement to wait for where ``early_stopping=True``.
    callbacks : list or None, default=None
        skorch callbacks, called while training.
    verbose : int, default=0
        1 shows a progress bar with the losses.
    device : str, default="auto"
        Where to train and predict: ``"cpu"``, ``"cuda"``, ``"mps"``; ``"auto"`` takes a CUDA GPU
        where there is one.
    precision : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network and of what it returns. ``"bfloat16"`` is ``"float32"`` but for the
        steps of training, which compute with 16 bits: faster for convolutions on processors made
        for it.
    label_smoothing : float, default=0.1
        Share of every label that is given to all classes in equal parts while training. It makes
        predictions right more often, above all where there are few rows.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply ``sample_weight``: by label, or ``"balanced"`` for
        the inverse of their frequencies.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights and of the order of the rows. ``None`` gives a different network in each
        call. The global random streams are neither read nor moved.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last call.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    net_ : skorch.NeuralNet
        The trained net.
    encoder_, decoder_ : torch.nn.Module
        Its parts, on standardised samples and on codes.
    history_ : list of dict
        Losses and duration (``"dur"``, seconds) of each epoch.
    loss_curve_ : list of float
        Training loss of each epoch.
    pretrain_loss_curve_ : list of float
        Training loss of each epoch of pretraining; empty without it.
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
    AutoencoderTransformer : The autoencoder alone.
    CNNClassifier : The back end alone.
    AECNNRegressor : The same for numbers.

    Notes
    -----
    The objective is the cross-entropy of smoothed labels plus ``reconstruction_weight`` times
    :math:`R`, the reconstruction error relative to that of the training mean, so that one weight
    serves data of any scale. Samples without a label add ``agreement_weight`` times the
    cross-entropy of their corrupted copies against the class that the network gives them with a
    probability above 0.95
    (Sohn et al. 2020, "FixMatch").

    Columns of tables in different units, of 200 rows and more, are seen by the network as they are
    and, beside that, by how much of each of up to eight pieces between their quantiles lies below
    them (Gorishniy et al. 2022, "On embeddings for numerical features in tabular deep learning").
    Such tables are those of up to 500 features scaled by ``"feature"``, and with
    ``scaling="auto"`` those of fewer than ten, or of equal standard deviations. With
    ``encoder="dense"``, or an encoder of your own, the network sees the columns alone.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_aecnn import AECNNClassifier
    >>> digits = load_digits()
    >>> model = AECNNClassifier(encoding_dim=8, max_epochs=10, random_state=0)
    >>> model = model.fit(digits.images, digits.target)
    >>> model.predict(digits.images[:3])
    array([0, 1, 2])
    >>> model.transform(digits.images).shape
    (1797, 8)
    >>> model.sample(5, y=3, random_state=0).shape
    (5, 8, 8)
    """

    _parameter_constraints = JointEstimator._parameter_constraints | {
        "unlabeled": [None, str, Real, "nan"],
        "agreement_weight": [Interval(Real, 0, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        encoding_dim=32,
        *,
        reconstruction_weight=1.0,
        backend_input="features",
        backend="cnn",
        backend_channels="auto",
        pooling="max",
        dense_units=128,
        dropout=0.0,
        encoder="auto",
        decoder="auto",
        hidden_layer_sizes=(256, 128),
        conv_channels="auto",
        kernel_size="auto",
        activation="relu",
        code_activation="identity",
        normalization="auto",
        reconstruction_loss="mse",
        noise=None,
        noise_level=0.3,
        max_shift="auto",
        jitter="auto",
        sparsity_weight=0.0,
        scaling="auto",
        sample_shape=None,
        channel_axis="auto",
        pretrain_epochs=0,
        freeze_encoder=False,
        unlabeled=None,
        agreement_weight=1.0,
        max_epochs="auto",
        batch_size="auto",
        lr="auto",
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
        label_smoothing=0.1,
        class_weight=None,
        random_state=None,
        warm_start=False,
    ):
        super().__init__(
            encoding_dim,
            reconstruction_weight=reconstruction_weight,
            backend_input=backend_input,
            backend=backend,
            backend_channels=backend_channels,
            pooling=pooling,
            dense_units=dense_units,
            dropout=dropout,
            encoder=encoder,
            decoder=decoder,
            hidden_layer_sizes=hidden_layer_sizes,
            conv_channels=conv_channels,
            kernel_size=kernel_size,
            activation=activation,
            code_activation=code_activation,
            normalization=normalization,
            reconstruction_loss=reconstruction_loss,
            noise=noise,
            noise_level=noise_level,
            max_shift=max_shift,
            jitter=jitter,
            sparsity_weight=sparsity_weight,
            scaling=scaling,
            sample_shape=sample_shape,
            channel_axis=channel_axis,
            pretrain_epochs=pretrain_epochs,
            freeze_encoder=freeze_encoder,
            unlabeled=unlabeled,
            max_epochs=max_epochs,
            batch_size=batch_size,
            lr=lr,
            optimizer=optimizer,
            weight_decay=weight_decay,
            lr_schedule=lr_schedule,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            callbacks=callbacks,
            verbose=verbose,
            device=device,
            precision=precision,
            random_state=random_state,
            warm_start=warm_start,
        )
        self.agreement_weight = agreement_weight
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    @available_if(has_trained_decoder)
    def sample(self, n_samples=1, *, y=None, random_state=None):
        """Generate new samples like those of ``fit``, of any class or of given ones.

        Codes are drawn from a mixture of up to ten normal distributions fitted to the codes of
        training samples (at most 4096), of all of them or of a class, then decoded.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.
        y : label, array-like of shape (n_samples,) or None, default=None
            The class of all samples, or of each; ``None`` leaves it to chance.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw; ``None`` draws anew in each call.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples in the layout and the units given to ``fit``.

        Raises
        ------
        ValueError
            If a class is not one of ``classes_``, or had no sample to learn from.
        """
        check_is_fitted(self)
        n_samples, rng = check_n_samples(n_samples), resolve_rng(random_state)
        if y is None:
            return self._decode(self._sampler.draw(n_samples, rng))
        y = np.atleast_1d(y)
        if y.shape not in {(1,), (n_samples,)}:
            raise ValueError(
                f"y has shape {y.shape}, but n_samples={n_samples}. Pass one label for all samples,"
                " or as many labels as samples."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y={unknown[:5].tolist()} are none of the classes {self.classes_.tolist()}. Pass "
                "labels that fit has seen."
            )
        codes = np.empty((n_samples, self.net_.module_.encoding_dim))
        classes = np.broadcast_to(self._labels.encode(y), n_samples)
        for code_class in np.unique(classes):
            chosen = classes == code_class
            self._check_has_codes(code_class)
            codes[chosen] = self._sampler.draw(int(chosen.sum()), rng, code_class)
        return self._decode(codes)

    def _check_has_codes(self, code_class):
        if not (self._sampler.classes == code_class).any():
            label = self.classes_.tolist()[code_class]
            raise ValueError(
                f"y={label!r} had no sample in the last call to fit or partial_fit, so that there "
                "is nothing to draw others like."
            )

    def _agreement_losses(self):
        if self.agreement_weight == 0:
            return {}
        return {"agreement_loss": AgreementLoss(label_smoothing=self.label_smoothing)}

    def _conclude(self, data):
        if trains_decoder(self):
            self._sampler = keep_codes(self.net_, data, data.y)
