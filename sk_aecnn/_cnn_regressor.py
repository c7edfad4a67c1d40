"""The convolutional regressor."""

from __future__ import annotations

from sk_aecnn._cnn import ConvolutionalEstimator
from sk_aecnn._regression import RegressionMixin


class CNNRegressor(RegressionMixin, ConvolutionalEstimator):
    """Predict numbers with a convolutional network.

    Stages of convolution and pooling over the spatial axes of images, sequences and volumes, then
    fully connected layers. The features of a table, such as the codes of a transformer, are first
    unfolded by a linear layer into channels of positions, in an order that it learns, and the
    stages run over those.

    Parameters
    ----------
    conv_channels : "auto" or sequence of int, default="auto"
        Channels of the convolutional stages, each of which halves every spatial axis. ``"auto"``
        takes as many as leave 7 positions or fewer along each axis, 30 along a single one, and one
        more. Tables are first unfolded by a linear layer into that many channels of 16 positions;
        ``"auto"`` takes one stage of 32.
    kernel_size : "auto" or int, default="auto"
        Odd size of the convolution kernels, along every spatial axis. ``"auto"``: 7 over sequences,
        3 elsewhere.
    pooling : {"max", "average"}, default="max"
        How the stages join positions.
    dense_units : int, default=128
        Size of the fully connected layer before the output.
    dropout : float, default=0.0
        Share of its values dropped while training.
    max_shift : "auto" or float, default="auto"
        How far samples are moved at random while training, along every spatial axis, as a share of
        its size; what comes in over an edge repeats the edge. ``"auto"``: 0.075 where images are
        classified, 0 elsewhere.
    jitter : "auto" or float, default="auto"
        How far the contrast and the brightness of samples are changed at random while training:
        values are multiplied by up to this much more or less than one, then up to this many
        standard deviations are added to them or taken off. ``"auto"``: 0.5 where images are
        classified and all of them have a class, 0 elsewhere.
    activation : str, class or callable, default="silu"
        Activation of the hidden layers: ``"elu"``, ``"gelu"``, ``"identity"``, ``"leaky_relu"``,
        ``"relu"``, ``"sigmoid"``, ``"silu"``, ``"tanh"``, a `torch.nn.Module` class without
        arguments, or a function of a tensor.
    normalization : {"auto", "batch"} or None, default="auto"
        Normalisation in convolutional stages, between pooling and activation. ``"auto"`` takes
        ``"batch"``, but none for tables of fewer than 2 000 rows.
    backend : "cnn", class or callable, default="cnn"
        ``"cnn"`` convolves, pools and connects fully, as the parameters above say. A
        `torch.nn.Module` class, or a function that returns a module, is called with the shape of a
        sample, channels first, and the number of outputs.
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
    random_state : int, RandomState instance or None, default=None
        Seed of the weights and of the order of the rows. ``None`` gives a different network in each
        call. The global random streams are neither read nor moved.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the last call.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net.
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
    AECNNRegressor : The same behind an encoder that it shares with an autoencoder.
    CNNClassifier : The same for classes.

    Notes
    -----
    The loss is the squared error of the standardised targets.

    Columns of tables in different units, of 200 rows and more, are seen by the network as they are
    and, beside that, by how much of each of up to eight pieces between their quantiles lies below
    them (Gorishniy et al. 2022, "On embeddings for numerical features in tabular deep learning").
    Such tables are those of up to 500 features scaled by ``"feature"``, and with
    ``scaling="auto"`` those of fewer than ten, or of equal standard deviations. With
    ``scaling="shared"``, or a back end of your own, the network sees the columns alone.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sk_aecnn import CNNRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> CNNRegressor(max_epochs=5, random_state=0).fit(X, y).predict(X).shape
    (442,)
    """
