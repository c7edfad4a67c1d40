"""The variational autoencoder as a transformer."""

import warnings
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import Rows, RowSubset
from sk_aecnn.lifecycle._autoencoding import AutoencodingEstimator
from sk_aecnn.lifecycle._base import NetAndRecipes
from sk_aecnn.lifecycle._coding import EncoderMixin
from sk_aecnn.lifecycle._parameters import (
    POSITIVE_INT,
    Auto,
    Constraints,
    DenoisingParameters,
    Factory,
    Transforms,
)
from sk_aecnn.nn import Corruption, VariationalAutoencoder
from sk_aecnn.recipes._architecture import resolve_autoencoder
from sk_aecnn.recipes._augmentation import as_parameter, build_augmentation, resolve_augmentation
from sk_aecnn.recipes._autoencoder_parts import build_autoencoder_parts
from sk_aecnn.recipes._input import measure
from sk_aecnn.recipes._parameters import is_auto
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.recipes.defaults import auto_encoding_dim, rows_of_a_stream
from sk_aecnn.statistics._mixture import RandomState, check_n_samples, choose_rows, resolve_rng
from sk_aecnn.training._code_losses import DivergenceLoss
from sk_aecnn.training._inference import infer
from sk_aecnn.training._objective import Objective
from sk_aecnn.training._plan import FitPlan, TrainingData, to_rows
from sk_aecnn.training._reconstruction_losses import LikelihoodLoss
from sk_aecnn.training._stream import Seen
from sk_aecnn.training._train import Trained

# draws of the code of each sample, half of them mirror images of the others
_DRAWS = 16
_LEAST_VARIANCE = 1e-12
# of all units, in nats: below, codes tell nothing of samples
_LEAST_DIVERGENCE = 1e-2


def standard_draws(encoding_dim: int) -> np.ndarray:
    """Return the draws that scores are means over, each with its opposite; always the same.

    Examples
    --------
    >>> standard_draws(2).shape
    (16, 2)
    """
    half = np.random.RandomState(0).standard_normal((_DRAWS // 2, encoding_dim))
    return np.concatenate([half, -half])


@dataclass(eq=False, repr=False, kw_only=True)
class VariationalParameters(DenoisingParameters):
    """The prior of a variational autoencoder."""

    beta: float = 1.0
    warm_up: float = 0.25

    _parameter_constraints: ClassVar[Constraints] = {
        "beta": [Interval(Real, 0, None, closed="left")],
        "warm_up": [Interval(Real, 0, 1, closed="both")],
    }


class DivergenceAttributes:
    """What ``fit`` measures of the codes."""

    kl_per_unit_: np.ndarray


@dataclass(eq=False, repr=False, kw_only=True)
class VariationalAutoencoderTransformer(
    DivergenceAttributes, EncoderMixin, AutoencodingEstimator, VariationalParameters
):
    r"""Learn codes that follow a standard normal distribution.

    The encoder maps a sample to a normal distribution of codes, and the decoder maps a code drawn
    from it back to the sample. The divergence of these distributions from the standard normal one,
    the prior, is minimised as well, so that codes drawn from the prior can be decoded to new
    samples.

    Parameters
    ----------
    encoding_dim : "auto" or int, default="auto"
        Size of the code. ``"auto"``: 32, but at most the number of features, because unused units
        are noise for the decoder.
    encoder : {"auto", "dense", "conv"}, class or callable, default="auto"
        Kind of encoder.

        - ``"conv"``: convolutions over the spatial axes of images, sequences and volumes.
        - ``"dense"``: fully connected layers on the flattened sample.
        - ``"auto"``: ``"conv"`` if samples have a spatial axis, ``"dense"`` otherwise.
        - A `torch.nn.Module` class, or a function that returns a module: it is called with the
          shape of a sample, channels first, and twice the size of the code, for the means, and for
          the values whose softplus are the standard deviations.
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
    reconstruction_loss : {"mse", "bce"}, default="mse"
        Distribution of the features given the code: normal (``"mse"``), or Bernoulli (``"bce"``),
        which needs values in [0, 1].
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
    beta : float, default=1.0
        Weight of the divergence of the codes from their prior. Larger values give codes closer to
        the prior and coarser reconstructions; with 1, the evidence lower bound is maximised.
    warm_up : float in [0, 1], default=0.25
        Share of the training steps over which ``beta`` rises from 0 to its full value.
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
    kl_per_unit_ : ndarray of shape (encoding_dim,)
        Mean divergence of each unit of the code from the prior, in nats: the information that it
        has about a sample. It is 0 for unused units. Measured on at most 4096 of the training
        samples.
    noise_variance_ : float
        Variance of the standardised features given the code; 1 with ``reconstruction_loss="bce"``.
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
    AutoencoderTransformer : Without the prior; reconstructs better.

    Notes
    -----
    The loss is minus the evidence lower bound (Kingma & Welling 2014, "Auto-encoding variational
    Bayes"), with a weight :math:`\beta` (Higgins et al. 2017, "β-VAE"), divided by the number of
    features :math:`d`:

    .. math:: -\frac1d \Big( \operatorname{E}_{q(z \mid x)} \ln p(x \mid z)
              - \beta \operatorname{KL}\big(q(z \mid x) \,\Vert\, p(z)\big) \Big).

    :math:`p(x \mid z)` is normal with the variance that suits each batch best, its mean squared
    error (Rybkin, Daniilidis & Levine 2021, "Simple and effective VAE training with calibrated
    decoders"), so that the two terms need no balancing by hand.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sk_aecnn import VariationalAutoencoderTransformer
    >>> images = load_digits().images
    >>> vae = VariationalAutoencoderTransformer(8, max_epochs=5, random_state=0).fit(
    ...     images
    ... )
    >>> vae.transform(images).shape
    (1797, 8)
    >>> vae.sample(3, random_state=0).shape
    (3, 8, 8)
    """

    encoding_dim: int | Auto = field(default="auto", kw_only=False)  # type: ignore[assignment]
    encoder: str | Factory = "auto"
    reconstruction_loss: Literal["mse", "bce"] = "mse"
    augmentation: Transforms | Auto | None = None

    _parameter_constraints: ClassVar[Constraints] = {
        "encoding_dim": [StrOptions({"auto"}), POSITIVE_INT],
        "encoder": [StrOptions({"auto", "dense", "conv"}), callable],
        "reconstruction_loss": [StrOptions({"mse", "bce"})],
    }
    _MEASURED: ClassVar[tuple[str, ...]] = ("kl_per_unit_", "noise_variance_", "_missing")

    def sample(self, n_samples: int = 1, *, random_state: RandomState = None) -> Any:
        """Generate new samples: decode draws from the prior.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw; ``None`` draws anew in each call.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples in the layout and the units given to ``fit``: means, without the noise of
            single features.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import VariationalAutoencoderTransformer
        >>> X = load_iris().data
        >>> model = VariationalAutoencoderTransformer(2, max_epochs=5, random_state=0)
        >>> model = model.fit(X)
        >>> model.sample(3, random_state=0).shape
        (3, 4)
        """
        check_is_fitted(self)
        shape = check_n_samples(n_samples), self.net_.module_.encoding_dim
        rng = resolve_rng(random_state)
        return self._decode_drawn(rng.standard_normal(shape), rng)

    def score_samples(self, X: Any) -> np.ndarray:
        r"""Return a lower bound on the log-likelihood of each sample: higher is more usual.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows; tables may be sparse.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            The bound, in nats; of a density in the units of ``X`` for ``"mse"``, of a probability
            for ``"bce"``.

        Notes
        -----
        For standardised features :math:`(x_j - \mu_j) / s_j` with the variance :math:`\sigma^2` of
        ``noise_variance_`` and the reconstructions :math:`\hat x_j(z)`,

        .. math:: \ln p(x) \ge
                  -\operatorname{E}_{q(z \mid x)} \sum_{j=1}^d
                  \frac{(x_j - \hat x_j(z))^2}{2 s_j^2 \sigma^2}
                  - \frac d2 \ln(2 \pi \sigma^2) - \sum_{j=1}^d \ln s_j
                  - \operatorname{KL}\big(q(z \mid x) \,\Vert\, p(z)\big).

        The mean over :math:`q` is taken over 16 codes whose standardised draws are the same for
        every sample and every call, so scores repeat.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import VariationalAutoencoderTransformer
        >>> X = load_iris().data
        >>> model = VariationalAutoencoderTransformer(2, max_epochs=5, random_state=0)
        >>> model = model.fit(X)
        >>> usual, unusual = model.score_samples([X[0], X[0] + 10])
        >>> bool(usual > unusual)
        True
        """
        check_is_fitted(self)
        rows = to_rows(self._validate_rows(X, self._geometry)[0])
        network = self.net_.module_
        squares, nats = self._draw_error(rows).mean(axis=2).T
        error = nats
        if not network.probabilities:
            variance, scale = self.noise_variance_, network.layout.scale.cpu().numpy()
            known = infer(self.net_, "known", rows)
            if network.categories is not None:
                scale = scale[network.categories.number_features.cpu().numpy()]
                known = known[:, network.categories.numbers.cpu().numpy()]
            error = squares / (2 * variance) + np.log(2 * np.pi * variance) * known.sum(1) / 2
            error += np.where(known, np.log(scale), 0.0).sum(axis=1) + nats
        result: np.ndarray = -error - infer(self.net_, "divergence", rows).sum(axis=1)
        return result

    def _n_rows_kept(self, geometry: SampleGeometry, partial: bool) -> int:
        return rows_of_a_stream(geometry, _DRAWS // 2) if partial else 0

    @property
    def noise_variance_(self) -> float:
        """The variance of the standardised features given the code."""
        return float(self.net_.module_.noise_variance)

    def _draw_error(self, rows: Rows | RowSubset) -> np.ndarray:
        encoding_dim = self.net_.module_.encoding_dim
        draws = torch.from_numpy(standard_draws(encoding_dim))
        return infer(self.net_, "draw_error", rows, draws=draws)

    def _count_known_numbers(self, rows: RowSubset) -> float:
        """Return how many numbers of a row are known in the mean."""
        known, categories = infer(self.net_, "known", rows), self.net_.module_.categories
        if categories is not None:
            known = known[:, categories.numbers.cpu().numpy()]
        return float(known.sum() / len(rows))

    def _build_net(self, plan: FitPlan, summary: DataSummary) -> NetAndRecipes:
        parameters, moments = self._parameters(), measure(plan.data, self._dtype)
        if is_auto(self.encoding_dim):
            parameters["encoding_dim"] = auto_encoding_dim(plan.geometry)
        recipe = resolve_autoencoder(
            parameters, summary, moments, n_encoded=2 * parameters["encoding_dim"]
        )
        parts = build_autoencoder_parts(recipe, plan, moments)
        transforms = resolve_augmentation(parameters["augmentation"], summary)
        network = VariationalAutoencoder(
            parts,
            Corruption(*recipe.noise),
            augmentation=build_augmentation(transforms, plan.geometry, recipe.input.dtype),
        )
        if recipe.clip:
            network.clip_to(moments.low, moments.high)
        terms = {
            "likelihood_loss": LikelihoodLoss(recipe.probabilities),
            "divergence_loss": DivergenceLoss(plan.geometry.n_columns, self.warm_up),
        }
        net = plan.build_net(network, Objective(terms, {"divergence_loss": self.beta}))
        return net, (recipe, {"augmentation": as_parameter(transforms)})

    def _warn_of_constants(self, trained: Trained, data: TrainingData) -> None:
        if self.kl_per_unit_.sum() <= _LEAST_DIVERGENCE:
            warnings.warn(
                f"{type(self).__name__} ended with codes that tell nothing of a sample: they "
                "collapsed to the prior, and reconstructions are no better than a constant. Try a "
                "lower beta, a lower lr or more epochs; or there is nothing to learn in X.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _finish(self, seen: Seen) -> None:
        self._find_missing(seen)
        rows, weight = seen.data.rows, seen.data.weight
        chosen = RowSubset(rows, torch.from_numpy(choose_rows(len(rows), weight, None)))
        divergence = infer(self.net_, "divergence", chosen).mean(axis=0)
        self.kl_per_unit_ = seen.merge("kl_per_unit_", divergence)
        if not self.net_.module_.probabilities:
            squares = np.ascontiguousarray(self._draw_error(chosen)[:, 0])
            variance = squares.mean() / (self._count_known_numbers(chosen) or 1.0)
            variance = seen.merge("noise_variance_", variance)
            self.net_.module_.noise_variance.fill_(max(variance, _LEAST_VARIANCE))
