"""The autoencoder as an imputer."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._compat import StrOptions
from sk_aecnn.data._rows import Rows, SparseRows, TableRows
from sk_aecnn.lifecycle._autoencoder_net import build_shrunk
from sk_aecnn.lifecycle._autoencoding import AutoencodingEstimator
from sk_aecnn.lifecycle._base import NetAndRecipes
from sk_aecnn.lifecycle._parameters import Auto, Constraints, Transforms
from sk_aecnn.nn import Corruption, MaskedAutoencoder
from sk_aecnn.recipes._architecture import indicate_all, resolve_autoencoder
from sk_aecnn.recipes._augmentation import as_parameter, build_augmentation, resolve_augmentation
from sk_aecnn.recipes._autoencoder_losses import code_losses, fit_reconstruction_loss
from sk_aecnn.recipes._autoencoder_parts import build_autoencoder_parts
from sk_aecnn.recipes._defaults import Task, best_shrinkage
from sk_aecnn.recipes._input import measure
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._objective import Objective
from sk_aecnn.training._plan import FitPlan, to_rows
from sk_aecnn.training._stream import Seen


class IndicatorAttributes:
    """What ``fit`` finds out of missing values."""

    _is_indicated: np.ndarray


@dataclass(eq=False, repr=False, kw_only=True)
class AutoencoderImputer(IndicatorAttributes, OneToOneFeatureMixin, AutoencodingEstimator):
    r"""Fill in missing values with what an autoencoder makes of the others.

    Of each row in training, a part of what is known is hidden, another one in every step, and the
    autoencoder learns to tell it from the rest. Tables of numbers, categories and text, images,
    sequences and volumes are returned as they came, with a value in each place; what is known stays
    as it is.

    Parameters
    ----------
    encoding_dim : int, default=32
        Units of the code between encoder and decoder.
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
        ``"translate"`` (how far, as a share of each spatial axis), ``"horizontal_flip"``
        (probability), ``"contrast"`` (factors about 1 on standardised values), ``"brightness"``
        (standard deviations that are added), ``"erase"`` (the longest side of a box set to the
        mean, as a share). A function of a batch, (batch, channels, \*spatial) in the units of
        ``X``, and of a `torch.Generator` if it takes one; `torchvision.transforms` are such
        functions. A list of these. ``"auto"``: ``{"translate": 0.075, "contrast": 0.5,
        "brightness": 0.5}`` where images are classified, but for contrast and brightness where
        these tell the class, ``{"translate": 0.075}`` where some of them are unlabeled or where
        they are encoded alone, and where sequences of more than 32 steps are classified; none
        elsewhere. An autoencoder's are applied at the beginning of training alone, and the
        reconstruction is compared with the samples as they are.
    max_epochs : "auto" or int, default="auto"
        Passes over the data. ``"auto"`` makes 200 for up to 1 280 samples, 100 for 4 000, and for
        more a number that falls with the square root.
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
    linear_path : "auto" or bool, default="auto"
        Whether encoder and decoder start as PCA of what is known, as in `AutoencoderTransformer`.
    add_indicator : bool, default=False
        Whether ``transform`` adds a column for each one in which values were missing in ``fit``: 1
        where they are.

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
    sample_shape_ : tuple of int
        Shape of one sample.
    n_features_in_ : int
        Number of values in one sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where ``X`` was a DataFrame with string column names.

    See Also
    --------
    AutoencoderTransformer : Learns a code; its ``reconstruct`` fills in what is missing as well.
    sklearn.impute.IterativeImputer : Each column by a model of the others, in turn.

    Notes
    -----
    The loss is that of `AutoencoderTransformer`, of hidden values alone. The share of the columns
    of a row that is hidden is drawn anew for each row, evenly up to 0.4. Numbers are filled in with
    their expected values, categories with the most probable ones.

    The autoencoder of a table of up to 200 features is given the conditional means of what is
    missing under a normal distribution, and starts as PCA of such rows. Samples that are held out
    say how much of what it learns beyond that is kept.

    A column of which ``fit`` has seen no value has none to learn: it is filled with zeros where it
    is of numbers, and stays as it is otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_aecnn import AutoencoderImputer
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1)) * [1.0, 2.0, -1.0]
    >>> X[0, 1] = np.nan
    >>> filled = AutoencoderImputer(2, random_state=0).fit_transform(X)
    >>> bool(abs(filled[0, 1] - 2 * X[0, 0]) < 0.5)
    True
    """

    encoding_dim: int = field(default=32, kw_only=False)
    linear_path: bool | Auto = "auto"
    add_indicator: bool = False
    augmentation: Transforms | Auto | None = None

    _parameter_constraints: ClassVar[Constraints] = {
        "linear_path": [StrOptions({"auto"}), "boolean"],
        "add_indicator": ["boolean"],
    }

    _returns_codes: ClassVar[bool] = False
    _MEASURED: ClassVar[tuple[str, ...]] = ("_is_indicated",)

    def transform(self, X: Any) -> Any:
        """Fill in what is missing.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features) or \
                array-like of shape (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        X : object
            The same with a value in each place: an array, or a data frame of the kind given to
            ``fit``. With ``add_indicator``, columns follow that tell where values were missing, one
            for each in which some were in ``fit``.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from sk_aecnn import AutoencoderImputer
        >>> X = pd.DataFrame(
        ...     {"length": [1.0, 2.0, np.nan, 1.1], "kind": ["a", "b", "b", None]}
        ... )
        >>> imputer = AutoencoderImputer(2, max_epochs=5, random_state=0).fit(X)
        >>> filled = imputer.transform(X)
        >>> int(filled.isna().sum().sum())
        0
        >>> filled.loc[1]["kind"]  # what is known stays
        'b'
        """
        check_is_fitted(self)
        rows = to_rows(self._validate_rows(X, self._geometry)[0])
        known, rebuilt = (infer(self.net_, method, rows) for method in ("known", "reconstruct"))
        if self._schema is None:
            values = rows[: len(rows)].numpy()
            filled = self._in_layout(np.where(known, values, rebuilt.astype(values.dtype)))
        else:
            matrix = (rows.matrix if isinstance(rows, TableRows) else rows[: len(rows)]).numpy()
            filled = self._schema.fill(self._read(X), np.where(known, matrix, rebuilt))
        return self._with_indicators(filled, ~known) if self.add_indicator else filled

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features; those seen in ``fit`` by default.

        Returns
        -------
        names : ndarray of str
            Those of the features, then ``missingindicator_`` and a name for each indicator.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from sk_aecnn import AutoencoderImputer
        >>> X = pd.DataFrame(
        ...     {"length": [1.0, 2.0, np.nan, 1.1], "kind": ["a", "b", "b", None]}
        ... )
        >>> imputer = AutoencoderImputer(2, max_epochs=5, random_state=0).fit(X)
        >>> imputer.get_feature_names_out()
        array(['length', 'kind'], dtype=object)
        """
        names: np.ndarray = super().get_feature_names_out(input_features)
        if not self.add_indicator:
            return names
        return np.concatenate([names, _name_indicators(names[self._is_indicated])])

    def _with_indicators(self, filled: Any, missing: np.ndarray) -> Any:
        """Put beside the columns where values were missing."""
        indicators = missing[:, self._is_indicated]
        if isinstance(filled, np.ndarray):
            if filled.ndim > 2:
                raise ValueError(
                    "add_indicator=True adds columns to a table, but samples have the shape "
                    f"{filled.shape[1:]}. Pass add_indicator=False."
                )
            return np.concatenate([filled, indicators.astype(filled.dtype)], axis=1)
        frame: Any = nw.from_native(filled, eager_only=True)
        names = _name_indicators(np.array(frame.columns, dtype=object)[self._is_indicated])
        for name, values in zip(names, indicators.T, strict=True):
            backend = frame.implementation
            series = nw.new_series(name, values.tolist(), nw.Boolean, backend=backend)
            frame = frame.with_columns(series)
        return frame.to_native()

    @property
    def _task(self) -> Task:
        return "imputer"

    def _build_net(self, plan: FitPlan, summary: DataSummary) -> NetAndRecipes:
        parameters, moments = self._parameters(), measure(plan.data, self._dtype)
        recipe = resolve_autoencoder(parameters, summary, moments, n_encoded=self.encoding_dim)
        recipe = replace(recipe, input=indicate_all(recipe.input))
        transforms = resolve_augmentation(parameters["augmentation"], summary)

        def build(plan: FitPlan) -> TrainingNet:
            parts = build_autoencoder_parts(recipe, plan, moments)
            parts.layout.has_missing = True
            network = MaskedAutoencoder(
                parts,
                Corruption(),
                augmentation=build_augmentation(transforms, plan.geometry, recipe.input.dtype),
            )
            if recipe.clip:
                network.clip_to(moments.low, moments.high)
            loss = fit_reconstruction_loss(
                recipe, plan.data, parts.layout, moments, parts.categories
            )
            loss.masked = True
            return plan.build_net(network, Objective(*code_losses(recipe, loss)))

        if recipe.linear_path:
            rule = "hidden_mean_squared_error", best_shrinkage
            net, _ = build_shrunk(build, plan, recipe, "auto", *rule)
        else:
            net = build(plan)
        return net, (recipe, {"augmentation": as_parameter(transforms)})

    def _check_rows(self, rows: Rows) -> None:
        if isinstance(rows, SparseRows):
            raise ValueError(
                "X is a sparse matrix, which has no place for a missing value. Sparse data was "
                "passed where dense data is required: use X.toarray()."
            )
        super()._check_rows(rows)

    def _finish(self, seen: Seen) -> None:
        found: np.ndarray = np.any(~infer(self.net_, "known", seen.latest), axis=0)
        self._is_indicated = found | seen.before.get("_is_indicated", False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _name_indicators(names: np.ndarray) -> np.ndarray:
    return np.array([f"missingindicator_{name}" for name in names], dtype=object)
