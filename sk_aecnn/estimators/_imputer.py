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
from sk_aecnn.recipes._input import measure
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.recipes.defaults import TRIAL_OF_IMPUTER, Task, best_shrinkage
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
    r"""Impute missing values with an autoencoder.

    In each training step, a random part of the known values of each sample is hidden, and the
    autoencoder learns to predict it from the others. Tables of numbers, categories and text,
    images, sequences and volumes are returned in their own form, with a value in each place; known
    values are not changed.

    Parameters
    ----------
    encoding_dim : int, default=32
        Size of the code.
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
        ``"auto"``: 100 for up to 4 000 samples, and fewer for more, in inverse proportion to the
        square root of their number.
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
    linear_path : "auto" or bool, default="auto"
        Whether encoder and decoder contain linear maps that start as PCA of the known values, as in
        `AutoencoderTransformer`.
    add_indicator : bool, default=False
        Whether ``transform`` adds a column for each feature that had missing values in ``fit``: 1
        where the value is missing, 0 elsewhere.

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
    The loss is that of `AutoencoderTransformer`, for the hidden values only. The share of the
    columns that is hidden is drawn for each row, uniformly up to 0.4. Numbers are imputed by their
    expected values, categories by the most probable ones.

    For a table of up to 1,000 features, the autoencoder gets the conditional means of the missing
    values under a normal distribution as its input, and starts as PCA of such rows. Held-out
    samples decide how far the result is shrunk towards that.

    A column without any value in ``fit`` cannot be learned: it is filled with zeros if it is
    numeric, and left as it is otherwise.

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

    _task: ClassVar[Task] = "imputer"
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
            rule = "hidden_mean_squared_error", best_shrinkage, TRIAL_OF_IMPUTER
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
