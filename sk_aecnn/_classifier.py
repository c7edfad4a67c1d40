"""The joint autoencoder and convolutional classifier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight

from sk_aecnn._aecnn import JointEstimator
from sk_aecnn._codes import check_unit_interval
from sk_aecnn._compat import StrOptions, fit_context
from sk_aecnn._targets import ClassLabels, check_labels
from sk_aecnn.losses import JointObjective


class AECNNClassifier(ClassifierMixin, JointEstimator):
    """Classify with a convolutional network that shares its encoder with an autoencoder.

    The encoder learns features that serve two tasks at once: a decoder reconstructs the sample from
    a code of them, a convolutional back end classifies it. Both losses are added and trained
    together. The fitted estimator predicts as any classifier, and encodes and reconstructs as
    `AutoencoderTransformer`.

    Parameters
    ----------
    encoding_dim : int, default=32
        Size of the code. It may exceed the number of features.
    reconstruction_weight : float, default=1.0
        Weight of the reconstruction loss beside the classification loss. 0 trains the encoder and
        the back end as a plain convolutional network; there is no reconstruction then.
    backend_input : {"code", "features"}, default="features"
        What the back end sees. ``"code"``: the code, exactly as ``transform`` returns it.
        ``"features"``: the encoder's last hidden layer or feature map, from which the code is
        computed beside the back end.
    backend_channels : sequence of int, default=(64,)
        Channels of the back end's convolutional stages. Flat features, such as a code, are first
        unfolded by a linear layer into that many channels of 16 positions.
    pooling : {"max", "average"}, default="max"
        How the back end's stages join positions.
    dense_units : int, default=128
        Size of the fully connected layer before the output.
    dropout : float, default=0.0
        Share of its values dropped while training.
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
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with ``sample_weight``. ``"balanced"``: inversely
        proportional to the number of samples of each class.
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
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    sample_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of values in one sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where ``X`` was a DataFrame with string column names.

    See Also
    --------
    AutoencoderTransformer : The autoencoder alone, trained without labels.
    sklearn.neural_network.MLPClassifier : A dense network without reconstruction.

    Notes
    -----
    The loss is the mean cross-entropy plus ``reconstruction_weight`` times :math:`R`, the
    reconstruction error over that of the training mean (see `AutoencoderTransformer`); both are
    means weighted by ``sample_weight``. ``history_`` holds each apart: ``train_loss``,
    ``train_classification_loss``, ``train_reconstruction_loss``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_aecnn import AECNNClassifier
    >>> digits = load_digits()
    >>> X, y = digits.images, digits.target
    >>> clf = AECNNClassifier(encoding_dim=16, max_epochs=5, random_state=0).fit(
    ...     X[:1500], y[:1500]
    ... )
    >>> clf.predict(X[1500:]).shape
    (297,)
    >>> clf.transform(X[1500:]).shape
    (297, 16)
    >>> sorted(name for name in clf.history_[-1] if name.endswith("loss"))
    ['train_classification_loss', 'train_loss', 'train_reconstruction_loss']
    """

    _parameter_constraints = JointEstimator._parameter_constraints | {
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        encoding_dim=32,
        *,
        reconstruction_weight=1.0,
        backend_input="features",
        backend_channels=(64,),
        pooling="max",
        dense_units=128,
        dropout=0.0,
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
        class_weight=None,
        random_state=None,
        warm_start=False,
    ):
        super().__init__(
            encoding_dim,
            reconstruction_weight=reconstruction_weight,
            backend_input=backend_input,
            backend_channels=backend_channels,
            pooling=pooling,
            dense_units=dense_units,
            dropout=dropout,
            architecture=architecture,
            hidden_layer_sizes=hidden_layer_sizes,
            conv_channels=conv_channels,
            kernel_size=kernel_size,
            activation=activation,
            code_activation=code_activation,
            reconstruction_loss=reconstruction_loss,
            scaling=scaling,
            sample_shape=sample_shape,
            channel_axis=channel_axis,
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
        self.class_weight = class_weight

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train encoder, decoder and back end together.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples.
        y : array-like of shape (n_samples,)
            Class labels of any kind.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples in both losses, 0 or more; a sample of weight 0 counts as absent.

        Returns
        -------
        self : AECNNClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used; the message says which and why.
        DivergenceError
            If the loss is no longer finite.
        """
        resume = self.warm_start and hasattr(self, "net_")
        return self._learn(
            X,
            y,
            sample_weight,
            resume=resume,
            max_epochs=self.max_epochs,
            lr_schedule=self.lr_schedule,
            classes=self.classes_ if resume else None,
        )

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on a part of the data, at a constant learning rate.

        The first call fixes the network, the scaling and the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,) or None, default=None
            Every label that any call will see. Needed in the first call; later ones may repeat it.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples, 0 or more.

        Returns
        -------
        self : AECNNClassifier
            The fitted estimator.
        """
        return self._learn(
            X,
            y,
            sample_weight,
            resume=hasattr(self, "net_"),
            max_epochs=1,
            lr_schedule="constant",
            classes=self._classes_of_all_calls(classes),
        )

    def predict(self, X):
        """Predict the class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Class labels.
        """
        logits = self._infer("logits", X)
        return self._labels.decode(logits.argmax(axis=1))

    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        return softmax(self._infer("logits", X).astype(np.float64), axis=1)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Logarithms of the probabilities, in the order of ``classes_``.
        """
        return log_softmax(self._infer("logits", X).astype(np.float64), axis=1)

    @property
    def classes_(self):
        """The class labels, sorted."""
        return self._labels.classes

    def _classes_of_all_calls(self, classes):
        fitted = hasattr(self, "net_")
        if classes is None and not fitted:
            raise ValueError(
                "classes must be passed in the first call to partial_fit: a list of every label "
                "that this and later calls will see."
            )
        if classes is None:
            return self.classes_
        classes = np.unique(check_labels(classes))
        if fitted and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} differ from those of the first call to partial_fit, "
                f"{self.classes_.tolist()}. Pass the same, or none."
            )
        return classes

    def _encode_target(self, data, classes):
        check_unit_interval(self, data.rows)
        y = check_labels(data.y)
        self._labels = ClassLabels.of(y if classes is None else classes)
        weight = data.weight
        if self.class_weight is not None:
            class_weight = compute_sample_weight(self.class_weight, y)
            if class_weight.min() < 0 or class_weight.max() == 0:
                raise ValueError(
                    f"class_weight={self.class_weight!r} must give no class a negative weight, and "
                    "some class of y a positive one."
                )
            weight = class_weight if weight is None else weight * class_weight
        return replace(data, y=self._labels.encode(y), weight=weight)

    def _n_outputs(self, data):
        return len(self._labels.classes)

    def _objective(self, reconstruction_loss):
        return JointObjective(reconstruction_loss, self.reconstruction_weight)
