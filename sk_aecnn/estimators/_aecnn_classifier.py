"""The joint autoencoder and convolutional classifier."""

from dataclasses import dataclass
from datetime import date
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._compat import Interval, available_if
from sk_aecnn.lifecycle._classification import ClassificationMixin
from sk_aecnn.lifecycle._coding import (
    MixtureAttributes,
    fit_code_mixture,
    has_trained_decoder,
    trains_decoder,
)
from sk_aecnn.lifecycle._joint import JointEstimator
from sk_aecnn.lifecycle._parameters import ClassificationParameters, Constraints, JointParameters
from sk_aecnn.statistics._mixture import RandomState, check_n_samples, resolve_rng
from sk_aecnn.training._prediction_losses import ConsistencyLoss
from sk_aecnn.training._stream import Seen

# how often a sample of a class is drawn
_MOST_DRAWS = 10


@dataclass(eq=False, repr=False, kw_only=True)
class JointClassificationParameters(ClassificationParameters, JointParameters):
    """What is learned from unlabeled samples."""

    unlabeled: Any = None
    consistency_weight: float = 1.0

    _parameter_constraints: ClassVar[Constraints] = {
        "unlabeled": [None, str, Real, date, np.datetime64, "nan"],
        "consistency_weight": [Interval(Real, 0, None, closed="left")],
    }


@dataclass(eq=False, repr=False, kw_only=True)
class AECNNClassifier(
    ClassificationMixin, MixtureAttributes, JointEstimator, JointClassificationParameters
):
    r"""Classify with a convolutional network that shares its encoder with an autoencoder.

    The encoder learns features that serve two tasks at once: a decoder reconstructs the sample from
    a code of them, a convolutional back end classifies it. Both losses are added and trained
    together. The fitted estimator predicts as any classifier, and encodes and reconstructs as
    `AutoencoderTransformer`. Samples without a label can take part (``unlabeled``). For tables, it
    is an ensemble of dense networks, each of which starts as logistic regression.

    Parameters
    ----------
    encoding_dim : int, default=32
        Size of the code. It may exceed the number of features.
    backend : {"auto", "cnn", "dense"}, class or callable, default="auto"
        The back end, elsewhere called a head. ``"cnn"`` convolves, pools and connects fully;
        ``"dense"`` is a hidden layer of ``dense_units`` and the output, for flat input. ``"auto"``:
        ``"dense"`` where the input is flat, as of tables, codes and hidden layers, ``"cnn"``
        elsewhere. A `torch.nn.Module` class, or a function that returns a module, is called with
        the shape of its input, channels first, and the number of outputs.
    dense_units : int, default=128
        Size of the hidden layer before the output.
    dropout : "auto" or float, default="auto"
        Share of the values of that layer dropped while training, and in a dense back end of its
        inputs as well. ``"auto"``: 0.1 for tables, 0 elsewhere.
    n_bins : "auto", int or None, default="auto"
        The most bins, between quantiles, of a feature of a table. With a number, each feature is
        encoded by what it holds. Features of two values have their distance as the unit. Features
        of up to twelve whole numbers get an input for each of these. Others get a piecewise linear
        encoding of bins, and are scaled robustly and clipped smoothly where classes are predicted.
        Classes of 1 500 samples and more, with ``scaling="feature"``, part bins further: at the
        extreme 1 and 4 % of a feature and at up to seven thresholds between classes, where this
        adds up to 400 inputs. 1 stands for no bins. With ``linear_path``, every second network
        of an ensemble gets the features without any of this where, on samples held out, a linear
        model of them has less than 1.5 times the loss, or a lower one where classes are predicted.
        ``"auto"``: 8, one for every 50 of fewer than
        400 samples, and 1 of fewer than 100, for tables of up to 500 features, where this adds up
        to 1 000 inputs. ``None``: features are standardised alone.
    linear_path : "auto" or bool, default="auto"
        Whether encoder and decoder contain linear maps, which start as PCA of the training samples;
        what the networks put out is added, and starts at zero. ``"auto"``: with networks of this
        package, an identity as ``code_activation`` and no ``sparsity_weight``, up to 8 million
        weights of such a map; not of 2 000 images, sequences or volumes or more whose codes have
        less than a sixteenth of their values. In classifiers and regressors it is for tables alone,
        and the back end contains a linear map of the features as well, which starts as logistic or
        ridge regression, its regularisation chosen by cross-validation; ``"auto"``: unless the back
        end sees the code.
    n_estimators : "auto" or int, default="auto"
        Members of the ensemble that predicts tables: networks of one kind, each with an encoder and
        a back end of its own. The prediction is the mean of their probabilities or numbers, the
        code the mean of their codes. ``"auto"``: 5, and 3 for more than 1 000 features; 1 for
        samples with spatial axes, for fewer than four samples a member, where samples are
        unlabeled, in ``partial_fit`` and with networks of your own.
    scoring : str or callable, default="loss"
        What early stopping goes by. ``"loss"``: the loss of the task. Otherwise a scorer of
        scikit-learn, whose result is the higher the better: its name, or a function of estimator,
        ``X`` and ``y``. With ``early_stopping="cv"``, it is the mean of what each member has for
        the samples that are held out from it.
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
    code_activation : str, class or callable, default="identity"
        Activation of the code, of the same choices as ``activation``.
    reconstruction_weight : float, default=1.0
        Weight of the reconstruction loss beside that of the task. 0 trains the encoder and the back
        end as a plain network; there is no reconstruction then, unless the encoder is frozen.
    backend_input : {"code", "features"}, default="features"
        What the back end sees. ``"code"``: the code, exactly as ``transform`` returns it.
        ``"features"``: the encoder's last hidden layer or feature map, from which the code is
        computed beside the back end.
    backend_channels : "auto", int or sequence of int, default="auto"
        Channels of the convolutional stages of ``backend="cnn"``; ``"auto"`` takes one stage, of 64
        channels for samples with spatial axes, of 256 for colour images of up to 32 by 32, and of
        32 for tables. A linear layer first lays flat features, such as a code, out in that many
        channels of 16 positions.
    pretrain_epochs : int, default=0
        Epochs of training the autoencoder by itself, before the back end is trained with it.
    freeze_encoder : bool, default=False
        Whether the autoencoder then stays as it is and the back end alone is trained: one after the
        other instead of together.
    label_smoothing : "auto" or float, default="auto"
        Share of every label that is given to all classes in equal parts while training. It makes
        predictions right more often, above all where samples are few. ``"auto"``: 0.1, and 0 for
        tables.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply ``sample_weight``: by label, or ``"balanced"`` for
        the inverse of their frequencies.
    unlabeled : label or None, default=None
        The mark, in ``y``, of unlabeled samples, as -1 in `sklearn.semi_supervised`: they train the
        reconstruction, and the consistency of predictions. It has the type of the labels;
        ``float('nan')`` and NaT stand for NaN, None and NaT. ``None``: every sample has a label.
    consistency_weight : float, default=1.0
        Weight of the consistency loss, where samples are unlabeled: the cross-entropy of
        predictions for copies with noise against confident predictions for the samples themselves
        (pseudo-labels).
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
        and where sequences of more than 32 steps are classified; none elsewhere.
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
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
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
    validation_scores_ : ndarray of shape (n_scores,) or None
        Minus the loss of the task on held-out samples, or what ``scoring`` has for them, after each
        epoch; with ``early_stopping="cv"``, the first is that before training. None where no
        samples were held out.
    best_validation_score_ : float or None
        The highest of them.
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
    serves data of any scale. Samples without a label add ``consistency_weight`` times the
    cross-entropy of their corrupted copies against the class that the network gives them with a
    probability above 0.95
    (Sohn et al. 2020, "FixMatch").

    For tables, the probabilities are the mean of those of :math:`M` members,

    .. math:: p(x) = \frac1M \sum_{m=1}^M
              \operatorname{softmax}\big(\beta \, (U_m x + h_m(x))\big),

    where :math:`x` are the encoded features. :math:`U_m` starts as a logistic regression, and
    :math:`h_m`, a hidden layer or more, at zero; all of it is trained.

    With ``early_stopping="cv"``, :math:`U_m` starts as the logistic regression of the samples that
    member :math:`m` learns from. It predicts the others with averaged weights (polynomial decay
    averaging; Shamir & Zhang 2013, "Stochastic gradient descent for non-smooth optimization"). What
    counts is their loss at the best inverse temperature :math:`\beta`, which is kept (Guo et al.
    2017, "On calibration of modern neural networks", section 4.2): networks grow too sure before
    they begin to tell classes apart less well (Berta et al. 2025, "Rethinking early stopping:
    refine, then calibrate"). Otherwise :math:`\beta` is 1 + 5 ``label_smoothing``.

    The columns of tables are encoded as follows. Columns of two values have their distance as the
    unit. Each value of a column of up to twelve whole numbers is an input, 1 where it is the one
    and 0 elsewhere, beside the column. Other columns get a piecewise linear encoding of ``n_bins``
    (Gorishniy et al. 2022, "On embeddings for numerical features in tabular deep learning", section
    3.2), and :math:`v`, the distance from the median in robust standard deviations, is clipped
    smoothly to :math:`v / \sqrt{1 + (v / 3)^2}` (Holzmüller et al. 2024, "Better by default",
    appendix B).

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

    _MEASURED: ClassVar[tuple[str, ...]] = ("_sampler", "_usual")

    @available_if(has_trained_decoder)
    def sample(self, n_samples: int = 1, *, y: Any = None, random_state: RandomState = None) -> Any:
        """Generate new samples like those of ``fit``, of any class or of given ones.

        Codes are drawn from a mixture of up to ten normal distributions fitted to the codes of
        training samples (at most 4096), of all of them or of a class, then decoded. A sample of a
        given class is kept with the probability that ``predict_proba`` gives to its class, and
        drawn anew otherwise, up to ten times in all (rejection sampling).

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
            Samples in the layout and the units given to ``fit``; where that was a data frame, one
            of its kind, columns, dtypes and categories.

        Raises
        ------
        ValueError
            If a class is not one of ``classes_``, or had no sample to learn from.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AECNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = AECNNClassifier(2, max_epochs=3, random_state=0).fit(X, y)
        >>> model.sample(3, y=[0, 1, 2], random_state=0).shape
        (3, 4)
        """
        check_is_fitted(self)
        n_samples, rng = check_n_samples(n_samples), resolve_rng(random_state)
        if y is None:
            return self._decode_drawn(self._sampler.draw(n_samples, rng), rng)
        classes = self._encode_wanted(y, n_samples)
        for code_class in np.unique(classes):
            self._check_has_codes(code_class)
        rows = self._draw_rows(classes, rng)
        refused = np.arange(n_samples)
        for _ in range(_MOST_DRAWS - 1):
            probabilities = self.predict_proba(self._as_given(rows[refused]))
            chance = np.take_along_axis(probabilities, classes[refused, None], axis=1)[:, 0]
            refused = refused[rng.uniform(size=len(refused)) > chance]
            if len(refused) == 0:
                break
            rows[refused] = self._draw_rows(classes[refused], rng)
        return self._as_given(rows)

    def _draw_rows(self, classes: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """Return flat rows of classes, of each from its mixture."""
        codes = np.empty((len(classes), self.net_.module_.encoding_dim))
        for code_class in np.unique(classes):
            chosen = classes == code_class
            codes[chosen] = self._sampler.draw(int(chosen.sum()), rng, code_class)
        return self._decode_rows_drawn(codes, rng, classes)

    def _check_has_codes(self, code_class: int) -> None:
        if not self._sampler.has(code_class):
            label = self.classes_.tolist()[code_class]
            raise ValueError(
                f"y={label!r} had no sample in fit or partial_fit, so that there is nothing to "
                "draw others like."
            )

    def _consistency(self, label_smoothing: float) -> tuple[ConsistencyLoss, float] | None:
        if self.unlabeled is None or self.consistency_weight == 0:
            return None
        return ConsistencyLoss(label_smoothing=label_smoothing), self.consistency_weight

    def _finish(self, seen: Seen) -> None:
        if trains_decoder(self):
            self._sampler = fit_code_mixture(self.net_, seen, seen.data.y)
            self._find_missing(seen.data, seen.data.y)
        self._find_usual(seen)
