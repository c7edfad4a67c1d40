"""The convolutional classifier."""

from dataclasses import dataclass

from sk_aecnn.lifecycle._classification import ClassificationMixin
from sk_aecnn.lifecycle._convolutional import ConvolutionalEstimator
from sk_aecnn.lifecycle._parameters import ClassificationParameters, ConvolutionalParameters


@dataclass(eq=False, repr=False, kw_only=True)
class ConvolutionalClassificationParameters(ClassificationParameters, ConvolutionalParameters):
    """The network and the loss of a convolutional classifier."""


@dataclass(eq=False, repr=False, kw_only=True)
class CNNClassifier(
    ClassificationMixin, ConvolutionalEstimator, ConvolutionalClassificationParameters
):
    r"""Classify with a convolutional network.

    For images, sequences and volumes, the network consists of stages of convolution and pooling
    over the spatial axes, followed by fully connected layers. Tables, such as the codes of a
    transformer, are predicted by an ensemble of dense networks, each of which starts as logistic
    regression. With ``backend="cnn"``, a linear layer maps their features to channels and
    positions, and the stages convolve over these positions.

    Parameters
    ----------
    conv_channels : "auto", int or sequence of int, default="auto"
        Channels of the convolutional stages, each of which halves every spatial axis. With
        ``backend="cnn"``, features of tables are first mapped to these channels and 16 positions.
        Dense networks do not use it. ``"auto"`` adds stages until at most 7 positions are left
        along each axis, or 30 along the axis of a sequence, and one more; for tables, it is one
        stage of 32.
    backend : {"auto", "cnn", "dense"}, class or callable, default="auto"
        The back end, elsewhere called a head, which predicts.

        - ``"cnn"``: convolutional stages and a hidden layer of ``dense_units``.
        - ``"dense"``: a hidden layer of ``dense_units``, for flat input.
        - ``"auto"``: ``"dense"`` for flat input, such as tables, codes and hidden layers, ``"cnn"``
          otherwise.
        - A `torch.nn.Module` class, or a function that returns a module: it is called with the
          shape of its input, channels first, and the number of outputs. See :ref:`custom networks
          <guide-custom-networks>`.
    dense_units : int, default=128
        Size of the hidden layer of the back end.
    dropout : "auto" or float, default="auto"
        Share of the values of this hidden layer that are dropped while training; in a dense back
        end, of its inputs as well. ``"auto"``: 0.1 for tables, 0 otherwise.
    n_bins : "auto", int or None, default="auto"
        Largest number of bins of a numerical feature of a table, in its piecewise linear encoding.
        With any number, features are encoded by the kind of their values: those of up to twelve
        whole numbers one-hot, others by bins between their quantiles. From 400 samples on, these
        bins may be parted further, at thresholds where the target changes. Whole numbers that are
        names, whose values explain more of the target than their order, are encoded one-hot as
        well. 1 stands for all of this without bins. ``None``: features are only standardised.

        ``"auto"``: 8, or 32 if a linear model predicts held-out samples clearly better with these,
        which is tried for up to twelve features with bins and at least 3 000 labeled training
        samples, 5 000 in regression; for fewer than 400 samples, one for every 50; ``None`` for
        more than 500 features, or if there were more than 1 000 bins in all. See :ref:`columns of
        tables <guide-columns>`.
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
    n_estimators : "auto" or int, default="auto"
        Number of networks in the ensemble that predicts tables. Prediction and code are the means
        of those of its members. ``"auto"``: 5, or 3 for more than 1 000 features; 1 for samples
        with spatial axes, for fewer than four samples per member, with unlabeled samples or custom
        networks, and in ``partial_fit``. See :ref:`members <guide-members>`.
    scoring : str or callable, default="loss"
        What early stopping watches. ``"loss"``: the loss of the task. Otherwise a scorer of
        scikit-learn, by name or as a function of estimator, ``X`` and ``y``; the higher the better.
        With ``early_stopping="cv"``, it is the mean over members of the score on the samples held
        out from each.
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
    neighbors : bool, default=True
        Whether the classes of similar training samples join in the predictions of tables, if
        held-out samples are clearly better predicted with them. The estimator then contains its
        training samples; ``partial_fit`` and ``warm_start`` leave them out again. It applies with
        ``early_stopping="cv"``, the default for tables, to dense tables of 200 to 20 000 samples
        and up to 4 million values. See :ref:`neighbours <guide-neighbors>`.
    label_smoothing : "auto" or float, default="auto"
        Share of each label that is distributed over all classes while training. It raises the
        accuracy, above all with few samples. ``"auto"``: 0.1, and 0 for tables.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply ``sample_weight``: a dict by label, or ``"balanced"``
        for weights inversely proportional to class frequencies.
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
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    n_samples_fit_ : int
        Number of training samples that the estimator contains, whose classes join in predictions; 0
        if they did not help. See ``neighbors``.
    net_ : skorch.NeuralNet
        The trained net.
    resolved_params_ : dict
        Values of this fit for the parameters that can be ``"auto"``, by name. They can be written
        as JSON, and passed to ``set_params``.
    history_ : list of dict
        Losses and duration (``"dur"``, seconds) of each epoch.
    loss_curve_ : list of float
        Training loss of each epoch.
    validation_scores_ : ndarray of shape (n_scores,) or None
        Score of the held-out samples after each epoch: minus the loss of the task, or what
        ``scoring`` returns. With ``early_stopping="cv"``, the first score is that before training.
        ``None`` if no samples were held out.
    best_validation_score_ : float or None
        Highest of the validation scores.
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
    AECNNClassifier : The same behind an encoder that it shares with an autoencoder.
    CNNRegressor : The same for numbers.

    Notes
    -----
    The loss is the cross-entropy of smoothed labels.

    For tables, the probabilities are the mean of those of :math:`M` members,

    .. math:: p(x) = \frac1M \sum_{m=1}^M
              \operatorname{softmax}\big(\beta \, (U_m x + h_m(x))\big),

    where :math:`x` are the encoded features. :math:`U_m` starts as a logistic regression, whose
    penalty may be on absolute values with up to four classes and fewer than five samples for each
    input, and :math:`h_m`, a hidden layer or more, at zero; all of it is trained. In three of five
    members, :math:`h_m` sees each column as strongly as its part of :math:`U_m x` varies.

    With ``early_stopping="cv"``, :math:`U_m` starts as the linear model of the samples that
    member :math:`m` is trained on. The samples held out from it are predicted with averaged weights
    (polynomial decay averaging; Shamir & Zhang 2013, "Stochastic gradient descent for non-smooth
    optimization"). Their loss is measured at the best inverse temperature :math:`\beta`, which is
    kept (Guo et al. 2017, "On calibration of modern neural networks", section 4.2), because
    networks become overconfident before their accuracy begins to fall (Berta et al. 2025,
    "Rethinking early stopping: refine, then calibrate"). Otherwise :math:`\beta` is 1 + 5
    ``label_smoothing``.

    Columns of tables are encoded by the kind of their values. A column of two values has their
    distance as the unit. A column of up to twelve whole numbers has additional inputs, its one-hot
    encoding, and so has one of whole numbers that are names: whose values explain more of the
    target than a function of their order, by an F-test (Fisher 1925, "Statistical methods for
    research workers", chapter 7). Any other column has those of a piecewise linear encoding with
    ``n_bins`` (Gorishniy et al. 2022, "On embeddings for numerical features in tabular deep
    learning", section 3.2), and :math:`v`, its distance from the median in robust standard
    deviations, is clipped smoothly to :math:`v / \sqrt{1 + (v / 3)^2}` (Holzmüller et al. 2024,
    "Better by default", appendix B).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_aecnn import CNNClassifier
    >>> digits = load_digits()
    >>> model = CNNClassifier(max_epochs=5, random_state=0)
    >>> model.fit(digits.images, digits.target).predict(digits.images[:3])
    array([0, 1, 2])

    Behind a transformer, on codes of 16 numbers:

    >>> from sklearn.pipeline import make_pipeline
    >>> from sk_aecnn import AutoencoderTransformer
    >>> pipe = make_pipeline(
    ...     AutoencoderTransformer(16, max_epochs=5, random_state=0),
    ...     CNNClassifier(max_epochs=5, random_state=0),
    ... )
    >>> pipe.fit(digits.images, digits.target).predict_proba(digits.images).shape
    (1797, 10)
    """
