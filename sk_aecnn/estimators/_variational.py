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
from sk_aecnn.recipes._defaults import auto_encoding_dim, rows_of_a_stream
from sk_aecnn.recipes._input import measure
from sk_aecnn.recipes._parameters import is_auto
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.statistics._mixture import RandomState, check_n_samples, choose_rows, resolve_rng
from sk_aecnn.training._code_losses import DivergenceLoss
from sk_aecnn.training._inference import infer
from sk_aecnn.training._objective import Objective
from sk_aecnn.training._plan import FitPlan, TrainingData, to_rows
from sk_aecnn.training._reconstruction_losses import LikelihoodLoss
from sk_aecnn.training._stream import Seen

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
    r"""Learn codes that follow a standard normal distribution and from which samples are decoded.

    The encoder maps a sample to a normal distribution of codes, the decoder maps a code drawn from
    it back; the divergence of those distributions from the standard normal one, the prior, is kept
    small as well. So the space of codes has no holes, and decoding draws from the prior gives new
    samples.

    Parameters
    ----------
    encoding_dim : "auto" or int, default="auto"
        Size of the code. ``"auto"``: 32, and no more than there are features: units to spare are
        noise to the decoder.
    encoder : {"auto", "dense", "conv"}, class or callable, default="auto"
        Kind of encoder. ``"conv"`` convolves over the spatial axes of images, sequences and
        volumes; ``"dense"`` takes a sample as a vector; ``"auto"`` convolves where samples have a
        spatial axis, and takes ``"dense"`` elsewhere. A `torch.nn.Module` class, or a function that
        returns a module, is called with the shape of a sample, channels first, and the size of the
        code twice over: means, and what the standard deviations are the softplus of.
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
    reconstruction_loss : {"mse", "bce"}, default="mse"
        The distribution of the features given the code: normal (``"mse"``), or Bernoulli
        (``"bce"``), which needs values in [0, 1].
    clip : "auto" or bool, default="auto"
        Whether reconstructions, decoded codes and samples keep to the range that each feature had
        in the training samples. ``"auto"``: where these are integers, as pixels and counts are, or
        reach from 0 to 1, or from -1 to 1.
    noise : {"gaussian", "masking", "swap"}, callable or None, default=None
        Noise on the standardised inputs while training, for a denoising autoencoder: the
        reconstruction is compared with the clean input. Normal noise is added, values are set to
        their mean, or are taken from other samples. A function takes (inputs, level, generator),
        tensors with the samples on axis 0.
    noise_level : float, default=0.3
        Standard deviation of gaussian noise; share of the values that are masked or swapped.
    beta : float, default=1.0
        Weight of the divergence from the prior. Larger values give codes closer to the prior and
        coarser reconstructions; 1 is the evidence lower bound.
    warm_up : float in [0, 1], default=0.25
        Share of training over which that weight rises to its full size.
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
    kl_per_unit_ : ndarray of shape (encoding_dim,)
        Mean divergence of each unit of the code from the prior, in nats, over (at most 4096 of) the
        training samples: what the unit tells of a sample. Silent units have 0.
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
    _MEASURED: ClassVar[tuple[str, ...]] = ("kl_per_unit_", "noise_variance_")

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

    def _n_rows_kept(self, geometry: SampleGeometry) -> int:
        return rows_of_a_stream(geometry, _DRAWS // 2)

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

    def _warn_of_constants(self, losses: dict[str, float], data: TrainingData) -> None:
        if self.kl_per_unit_.sum() <= _LEAST_DIVERGENCE:
            warnings.warn(
                f"{type(self).__name__} ended with codes that tell nothing of a sample: they "
                "collapsed to the prior, and reconstructions are no better than a constant. Try a "
                "lower beta, a lower lr or more epochs; or there is nothing to learn in X.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _finish(self, seen: Seen) -> None:
        self._find_missing(seen.data)
        rows, weight = seen.data.rows, seen.data.weight
        chosen = RowSubset(rows, torch.from_numpy(choose_rows(len(rows), weight, None)))
        divergence = infer(self.net_, "divergence", chosen).mean(axis=0)
        self.kl_per_unit_ = seen.merge("kl_per_unit_", divergence)
        if not self.net_.module_.probabilities:
            squares = np.ascontiguousarray(self._draw_error(chosen)[:, 0])
            variance = squares.mean() / (self._count_known_numbers(chosen) or 1.0)
            variance = seen.merge("noise_variance_", variance)
            self.net_.module_.noise_variance.fill_(max(variance, _LEAST_VARIANCE))
