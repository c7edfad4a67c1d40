"""What every estimator with an autoencoder inside can do: to codes and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._compat import available_if
from sk_aecnn._torch import DTYPES, as_tensor, torch_to_numpy
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import Rows, RowSubset
from sk_aecnn.lifecycle._base import NetworkEstimator
from sk_aecnn.lifecycle._parameters import AutoencoderParameters
from sk_aecnn.recipes._architecture import reads_vectors
from sk_aecnn.recipes._autoencoder_losses import check_unit_interval
from sk_aecnn.statistics._missing import MissingPatterns
from sk_aecnn.statistics._mixture import (
    CodeMixture,
    RandomState,
    check_n_samples,
    choose_rows,
    resolve_rng,
)
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._scoring import Score
from sk_aecnn.training._stream import Seen


def trains_decoder(estimator: Any) -> bool:
    """Tell whether a fitted estimator has a trained decoder, or an unfitted one will have it."""
    if hasattr(estimator, "net_"):
        return bool(estimator.net_.module_.has_trained_decoder)
    return getattr(estimator, "reconstruction_weight", 1) > 0 or estimator.freeze_encoder


def has_trained_decoder(estimator: Any) -> bool:
    """Tell whether there is a reconstruction, or raise AttributeError with the remedy."""
    if not trains_decoder(estimator):
        raise AttributeError(
            "reconstruction_weight=0 trains no decoder, and with backend_input='features' no code; "
            "fit with a positive weight."
        )
    return True


def _inverts_transform(estimator: Any) -> bool:
    """Tell whether ``transform`` has an inverse, or raise AttributeError with the remedy."""
    if not estimator._returns_codes:
        raise AttributeError(
            f"transform of {type(estimator).__name__} returns samples, filled in, so that there is "
            "nothing to invert."
        )
    if getattr(estimator, "output", "code") != "code":
        raise AttributeError(
            "With output='reconstruction' transform returns samples, so that there is nothing to "
            "invert; use output='code'."
        )
    return has_trained_decoder(estimator)


class MissingAttributes:
    """What ``sample`` needs where values were missing in ``fit``."""

    _missing: MissingPatterns | None


@dataclass(eq=False, repr=False, kw_only=True)
class CodingEstimator(MissingAttributes, TransformerMixin, NetworkEstimator, AutoencoderParameters):
    """An estimator with an autoencoder inside: its methods, but for ``transform``."""

    _returns_codes: ClassVar[bool] = True

    def _score_in_training(self, geometry: SampleGeometry) -> Score | None:
        return None

    @available_if(_inverts_transform)
    def inverse_transform(self, X: Any) -> Any:
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, encoding_dim)
            Codes, as ``transform`` returns them.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples in the layout and the units given to ``fit``; where that was a data frame, one
            of its kind, columns, dtypes and categories.

        Raises
        ------
        ValueError
            If the codes are not of the width of the code.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer
        >>> X = load_iris().data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> model.inverse_transform([[0.0, 0.0], [1.0, 0.0]]).shape
        (2, 4)
        """
        check_is_fitted(self)
        with np.errstate(over="ignore", invalid="ignore"):  # of its sum, to see what is finite
            codes = check_array(X, dtype=[np.float32, np.float64], input_name="codes")
        encoding_dim = self.net_.module_.encoding_dim
        if codes.shape[1] != encoding_dim:
            raise ValueError(
                f"The codes have {codes.shape[1]} columns, but {type(self).__name__} was fitted "
                f"with encoding_dim={encoding_dim}. Pass codes as transform returns them."
            )
        return self._decode(codes)

    @available_if(has_trained_decoder)
    def reconstruct(self, X: Any) -> Any:
        """Encode and decode samples; what is missing in them is filled in.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples in the layout and the units given to ``fit``; where that was a data frame, one
            of its kind, columns, dtypes and categories.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer
        >>> X = load_iris(as_frame=True).data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> model.reconstruct(X).columns.equals(X.columns)
        True
        """
        return self._as_given(self._infer("reconstruct", X), like=X)

    @available_if(has_trained_decoder)
    def reconstruction_error(
        self, X: Any, *, per_feature: bool = False, scaled: bool = False
    ) -> np.ndarray:
        """Compute the squared error of the reconstruction, of categories the cross-entropy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.
        per_feature : bool, default=False
            Whether to return the error of every feature instead of the mean over the features.
        scaled : bool, default=False
            Whether errors are of standardised features, and of categories relative to that of
            their frequencies, without unit, as in training. Otherwise they are in the squared units
            of ``X``, and of categories in nats.

        Returns
        -------
        error : ndarray of float64
            Mean error of what is known of each sample, shape (n_samples,), or the error of each of
            its features, one for each column of a table, in the layout given to ``fit``: NaN where
            a value is missing.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer
        >>> X = load_iris().data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> model.reconstruction_error(X).shape
        (150,)
        >>> model.reconstruction_error(X, per_feature=True).shape
        (150, 4)
        """
        method = "squared_error" if per_feature else "mean_squared_error"
        error = self._infer(f"standardised_{method}" if scaled else method, X)
        if not per_feature:
            return error
        return self._in_layout(np.where(self._infer("known", X), error, np.nan))

    def _result_dtype(self) -> np.dtype:
        """Return the dtype of codes: that of the fitted network, or of the parameter."""
        if hasattr(self, "net_"):
            return torch_to_numpy(self.net_.module_.layout.dtype)
        precision: Any = self.precision  # which nobody has validated yet
        known = isinstance(precision, str) and precision in DTYPES
        return torch_to_numpy(DTYPES[precision] if known else torch.float32)

    def _in_layout(self, rows: np.ndarray) -> np.ndarray:
        return rows if self._geometry.given_flat else rows.reshape(len(rows), *self.sample_shape_)

    def _as_given(self, rows: np.ndarray, like: Any = None) -> Any:
        """Return samples in the layout, or as the kind of table, that were given to ``fit``."""
        return self._in_layout(rows) if self._schema is None else self._schema.decode(rows, like)

    def _decode(self, codes: np.ndarray) -> Any:
        """Return samples from codes of any precision."""
        return self._as_given(self._decode_rows(codes, "decode"))

    def _decode_rows(self, codes: np.ndarray, method: str) -> np.ndarray:
        """Return flat rows from codes of any precision."""
        with np.errstate(over="ignore"):  # what the precision does not hold is found below
            rows = as_tensor(codes.astype(self._result_dtype(), copy=False))
        return infer(self.net_, method, rows)

    def _decode_drawn(self, codes: np.ndarray, rng: np.random.RandomState) -> Any:
        """Return samples from codes, as they were given to ``fit``."""
        return self._as_given(self._decode_rows_drawn(codes, rng))

    def _decode_rows_drawn(
        self, codes: np.ndarray, rng: np.random.RandomState, classes: np.ndarray | None = None
    ) -> np.ndarray:
        """Return flat rows from codes, with what is not certain drawn by its probability.

        These are categories, booleans, and whether values are missing.
        """
        categories, method = self.net_.module_.categories, "decode"
        if categories is not None:
            uniform = rng.uniform(size=(len(codes), len(categories.columns)))
            codes, method = np.concatenate([codes, uniform], axis=1), "draw"
        rows = self._decode_rows(codes, method)
        for index, column in enumerate([] if self._schema is None else self._schema.columns):
            if column.is_boolean:
                rows[:, index] = rng.uniform(size=len(rows)) < rows[:, index]
        if self._missing is not None:
            rows[self._missing.draw(len(rows), rng, classes)] = np.nan
        return rows

    def _measures_later(self) -> bool:
        return super()._measures_later() and trains_decoder(self)

    def _find_missing(self, seen: Seen, classes: np.ndarray | None = None) -> None:
        """Take note of which values are missing in training rows."""
        self._missing, data = None, seen.data
        if not self.net_.module_.layout.has_missing:
            return
        index = choose_rows(len(data.rows), data.weight, classes)
        missing = ~infer(self.net_, "known", RowSubset(data.rows, as_tensor(index)))
        chosen = None if classes is None else classes[index]
        self._missing = MissingPatterns(missing, chosen, seen.n_rows)
        if seen.n_before > 0:
            complete = MissingPatterns(np.zeros_like(missing), chosen, seen.n_before)
            before = seen.before.get("_missing") or complete
            self._missing = before.merge(self._missing)

    @property
    def encoder_(self) -> torch.nn.Module:
        """The trained encoder, a `torch.nn.Module` on standardised samples."""
        encoder: torch.nn.Module = self.net_.module_.encoder
        return encoder

    @property
    def decoder_(self) -> torch.nn.Module:
        """The trained decoder, a `torch.nn.Module` on codes."""
        has_trained_decoder(self)
        decoder: torch.nn.Module = self.net_.module_.decoder
        return decoder

    def _check_rows(self, rows: Rows) -> None:
        check_unit_interval(self.reconstruction_loss, rows)

    def _convolves(self, geometry: SampleGeometry) -> bool:
        return not reads_vectors(self.encoder, geometry)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = [self._result_dtype().name]
        return tags


class EncoderMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """``transform`` to codes."""

    net_: TrainingNet
    _infer: Callable[[str, Any], np.ndarray]

    def transform(self, X: Any) -> np.ndarray:
        """Encode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        codes : ndarray of shape (n_samples, encoding_dim)
            Codes, in the dtype of ``precision``. A sample's code does not depend on the other
            samples passed with it.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AECNNClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = AECNNClassifier(2, max_epochs=3, random_state=0)
        >>> model.fit(X, y).transform(X).shape
        (150, 2)
        """
        if getattr(self, "backend_input", "code") == "features":
            has_trained_decoder(self)
        return self._infer("encode", X)

    @property
    def _n_features_out(self) -> int:
        return int(self.net_.module_.encoding_dim)


class MixtureAttributes:
    """What ``sample`` needs."""

    _sampler: CodeMixture
    _MEASURED: ClassVar[tuple[str, ...]] = ("_sampler", "_missing")


class SamplingMixin(MixtureAttributes):
    """``sample`` from a mixture fitted to the codes of training rows."""

    net_: TrainingNet
    _decode_drawn: Any
    _find_missing: Any

    @available_if(has_trained_decoder)
    def sample(self, n_samples: int = 1, *, random_state: RandomState = None) -> Any:
        """Generate new samples like those of ``fit``.

        Codes are drawn from a mixture of up to ten normal distributions fitted to the codes of
        (at most 4096 of) the training samples, then decoded.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw; ``None`` draws anew in each call.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples in the layout and the units given to ``fit``; where that was a data frame, one
            of its kind, columns, dtypes and categories.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sk_aecnn import AutoencoderTransformer
        >>> X = load_iris().data
        >>> model = AutoencoderTransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> model.sample(3, random_state=0).shape
        (3, 4)
        """
        check_is_fitted(self)
        n_samples, rng = check_n_samples(n_samples), resolve_rng(random_state)
        return self._decode_drawn(self._sampler.draw(n_samples, rng), rng)

    def _finish(self, seen: Seen) -> None:
        if trains_decoder(self):
            self._sampler = mixture_of_codes(self.net_, seen)
            self._find_missing(seen)


def mixture_of_codes(
    net: TrainingNet,
    seen: Seen,
    classes: np.ndarray | None = None,
    codes: np.ndarray | None = None,
) -> CodeMixture:
    """Return a sampler of codes like those of the training rows, and of those seen before.

    Parameters
    ----------
    net : TrainingNet
        The trained net.
    seen : Seen
        The rows.
    classes : ndarray of shape (n_samples,) or None
        Their class codes.
    codes : ndarray of shape (n_samples, encoding_dim) or None
        Their codes, where they are known.
    """
    data = seen.data
    index = choose_rows(len(data.rows), data.weight, classes)
    n_rows: dict[Any, int] = {None: seen.n_rows}
    if classes is not None:
        labels, counts = np.unique(classes, return_counts=True)
        n_rows = dict(zip(labels.tolist(), counts.tolist(), strict=True))
        classes = classes[index]
    chosen = (
        infer(net, "encode", RowSubset(data.rows, as_tensor(index)))
        if codes is None
        else codes[index]
    )
    present, before = CodeMixture(chosen, classes, n_rows), seen.before.get("_sampler")
    return present if before is None else before.merge(present)
