"""What every estimator with an autoencoder inside can do: to codes and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._base import NetworkEstimator
from sk_aecnn._batches import ChosenRows
from sk_aecnn._coder import check_unit_interval, reads_vectors, trains_decoder
from sk_aecnn._sampling import CodeSampler, check_n_samples, choose_rows, resolve_rng
from sk_aecnn._torch import as_tensor, result_dtype
from sk_aecnn._training import infer


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
    if getattr(estimator, "output", "code") != "code":
        raise AttributeError(
            "With output='reconstruction' transform returns samples, so that there is nothing to "
            "invert; use output='code'."
        )
    return has_trained_decoder(estimator)


class CodingEstimator(TransformerMixin, NetworkEstimator):
    """An estimator with an autoencoder inside: its methods, but for ``transform``."""

    # what encodes a table in different units by default: hidden layers alone ("plain"), principal
    # components ("principal"), hidden layers on features in pieces ("pieces")
    _table_encoder = "plain"

    @available_if(_inverts_transform)
    def inverse_transform(self, X):
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, encoding_dim)
            Codes, as ``transform`` returns them.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples in the layout and the units given to ``fit``.

        Raises
        ------
        ValueError
            If the codes are not of the width of the code.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float32, np.float64], input_name="codes")
        encoding_dim = self.net_.module_.encoding_dim
        if codes.shape[1] != encoding_dim:
            raise ValueError(
                f"The codes have {codes.shape[1]} columns, but {type(self).__name__} was fitted "
                f"with encoding_dim={encoding_dim}. Pass codes as transform returns them."
            )
        return self._decode(codes)

    @available_if(has_trained_decoder)
    def reconstruct(self, X):
        """Encode and decode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples in the layout and the units given to ``fit``.
        """
        return self._in_layout(self._infer("reconstruct", X))

    @available_if(has_trained_decoder)
    def reconstruction_error(self, X, *, per_feature=False, scaled=False):
        """Compute the squared error of the reconstruction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *sample_shape)
            Samples of the shape given to ``fit``, or the same as flat rows.
        per_feature : bool, default=False
            Whether to return the error of every feature instead of the mean over the features.
        scaled : bool, default=False
            Whether errors are of standardised features, without unit, as in training. Otherwise
            they are in the squared units of ``X``.

        Returns
        -------
        error : ndarray of float64
            Mean squared error of each sample, shape (n_samples,), or squared error of each of its
            features, in the layout given to ``fit``.
        """
        method = "squared_error" if per_feature else "mean_squared_error"
        error = self._infer(f"standardised_{method}" if scaled else method, X)
        return self._in_layout(error) if per_feature else error

    def _in_layout(self, rows):
        return rows if self._geometry.given_flat else rows.reshape(len(rows), *self.sample_shape_)

    def _decode(self, codes):
        """Return samples from codes of any precision."""
        codes = as_tensor(codes.astype(result_dtype(self.precision), copy=False))
        return self._in_layout(infer(self.net_, "decode", codes))

    @property
    def encoder_(self):
        """The trained encoder, a `torch.nn.Module` on standardised samples."""
        return self.net_.module_.encoder

    @property
    def decoder_(self):
        """The trained decoder, a `torch.nn.Module` on codes."""
        has_trained_decoder(self)
        return self.net_.module_.decoder

    def _check_rows(self, rows):
        check_unit_interval(self, rows)

    def _convolves(self, geometry):
        return not reads_vectors(self.encoder, geometry)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = [result_dtype(self.precision).name]
        return tags


class EncoderMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """``transform`` to codes."""

    def transform(self, X):
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
        """
        if getattr(self, "backend_input", "code") == "features":
            has_trained_decoder(self)
        return self._infer("encode", X)

    @property
    def _n_features_out(self):
        return self.net_.module_.encoding_dim


class SamplingMixin:
    """``sample`` from a mixture fitted to the codes of training rows."""

    net_: Any
    _decode: Any

    @available_if(has_trained_decoder)
    def sample(self, n_samples=1, *, random_state=None):
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
            Samples in the layout and the units given to ``fit``.
        """
        check_is_fitted(self)
        n_samples = check_n_samples(n_samples)
        return self._decode(self._sampler.draw(n_samples, resolve_rng(random_state)))

    def _conclude(self, data):
        if trains_decoder(self):
            self._sampler = keep_codes(self.net_, data)


def keep_codes(net: Any, data: Any, classes: Any = None) -> CodeSampler:
    """Return a sampler of codes like those of the training rows."""
    index = choose_rows(len(data.rows), data.weight, classes)
    rows = ChosenRows(data.rows, as_tensor(index))
    return CodeSampler(infer(net, "encode", rows), None if classes is None else classes[index])
