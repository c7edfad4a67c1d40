"""Samples as users pass them, tables, arrays and sparse matrices, read as flat rows."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from math import isfinite
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import validate_data

from sk_aecnn._torch import as_tensor, detach_tensor
from sk_aecnn.data._arrays import (
    as_objects,
    check_columns,
    check_is_array_like,
    check_sparse_structure,
    describe_unreadable,
    read_by_length,
)
from sk_aecnn.data._geometry import SampleGeometry, as_rows, check_same_shape, resolve_geometry
from sk_aecnn.data._rows import TableRows
from sk_aecnn.data._tables import TableSchema, learn_schema
from sk_aecnn.lifecycle._parameters import InputParameters


class ReadingEstimator(InputParameters, metaclass=ABCMeta):
    """An estimator that reads samples. Subclasses say whether their network convolves."""

    n_features_in_: int
    _schema: TableSchema | None

    @abstractmethod
    def _convolves(self, geometry: SampleGeometry) -> bool:
        """Tell whether the network convolves over samples of a geometry."""

    def _validate_rows(self, X: Any, fitted: SampleGeometry | None) -> tuple[Any, SampleGeometry]:
        """Return X as validated flat rows and the geometry, the one fitted on where there is."""
        if fitted is not None and self._are_as_fitted(X):
            return X, fitted
        X = self._read(X)
        if issparse(X):
            check_sparse_structure(X)
        elif hasattr(X, "columns"):
            check_columns(X)
        rows, data_shape = as_rows(X)
        if fitted is not None:
            shape = getattr(X, "shape", None)
            check_same_shape(shape, data_shape, fitted, type(self).__name__)
        if self._schema is None or self._schema.is_numeric:
            rows = self._validate_numbers(rows, reset=fitted is None)
        else:
            rows = self._encode(rows, reset=fitted is None)
        geometry = fitted
        if geometry is None:
            n_features = rows.shape[1] if self._schema is None else len(self._schema.columns)
            shape = n_features, data_shape
            geometry = resolve_geometry(*shape, self.sample_shape, self.channel_axis)
            self._check_is_table(geometry)
        if issparse(rows) and self._convolves(geometry):
            raise ValueError(
                f"X is a sparse matrix, but {type(self).__name__} convolves over samples of shape "
                f"{geometry.shape}. Sparse data was passed where dense data is required: use "
                "X.toarray(), or let the rows be a table (channel_axis='auto', sample_shape=None)."
            )
        return rows, geometry

    def _read(self, X: Any) -> Any:
        """Return X as an array, a data frame or a sparse matrix, or raise where it is none."""
        check_is_array_like(X)
        X = read_by_length(detach_tensor(X))
        return as_objects(X) if isinstance(X, list | tuple) else X

    def _learn_schema(self, X: Any, *, is_stream: bool) -> TableSchema | None:
        """Return the columns of a table; those of the fitted encoder where there is one."""
        encoder = getattr(self, "encoder", None)
        if isinstance(encoder, FrozenEstimator):
            fitted: TableSchema | None = getattr(encoder.estimator, "_schema", None)
            if fitted is not None:
                return fitted
        X = self._read(X)
        if hasattr(X, "columns") and not issparse(X):
            check_columns(X)
        return learn_schema(
            X, self.categorical_features, self.max_categories, groups_names=not is_stream
        )

    def _expand(self, geometry: SampleGeometry) -> SampleGeometry:
        """Return the geometry of rows as the network gets them."""
        return geometry.expand(() if self._schema is None else self._schema.n_categories)

    def _check_is_table(self, geometry: SampleGeometry) -> None:
        """Raise where there are categories, but samples are no rows of a table."""
        schema = self._schema
        if schema is None or not schema.n_categories or not geometry.spatial:
            return
        name = next(column.name for column in schema.columns if column.categories)
        raise ValueError(
            f"Column {name!r} of X holds categories, but samples of shape {geometry.shape} with "
            f"channel_axis={self.channel_axis!r} are no rows of a table. Pass sample_shape=None "
            "and channel_axis='auto'."
        )

    def _encode(self, X: Any, *, reset: bool) -> Any:
        """Return the numbers and codes of a table, of which scikit-learn checks the names."""
        schema = self._schema
        assert schema is not None, "there are columns of several kinds"
        validate_data(self, X, reset=reset, skip_check_array=True)
        if len(X) == 0:
            raise ValueError("Found array with 0 sample(s), while a minimum of 1 is required.")
        matrix = schema.encode(X if schema.library or len(np.shape(X)) < 2 else np.asarray(X))
        if not schema.n_categories:
            return matrix
        return TableRows(as_tensor(matrix), schema.n_categories)

    def _validate_numbers(self, rows: Any, *, reset: bool) -> Any:
        """Return what scikit-learn makes of rows, or name what is no number among them."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # of its sum, to see what is finite
                finite = issparse(rows) or "allow-nan"
                validated = validate_data(
                    self, rows, reset=reset, accept_sparse="csr", ensure_all_finite=finite
                )
        except (TypeError, ValueError) as error:
            unreadable = describe_unreadable(rows)
            if unreadable is None:
                raise
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{unreadable} ({error})") from error
        if validated.dtype.kind not in "biuf":
            raise ValueError(describe_unreadable(rows))
        return validated

    def _are_as_fitted(self, X: Any) -> bool:
        """Tell whether X is an array of finite numbers, as wide as in ``fit``, without names there.

        scikit-learn would pass it on as it is, after a time in which a small network predicts a
        row. What is anything else is left to scikit-learn, and so are the errors.
        """
        if (
            type(X) is not np.ndarray
            or X.dtype.kind not in "buif"
            or X.shape[1:] != (self.n_features_in_,)
            or len(X) == 0
            or "feature_names_in_" in vars(self)
            or not (self._schema is None or self._schema.is_numeric)
        ):
            return False
        with np.errstate(all="ignore"):
            return X.dtype.kind != "f" or isfinite(X.sum())

    def _reads_tables(self) -> bool:
        """Tell whether flat rows are tables, as far as the parameters say."""
        one_axis = self.sample_shape is None or np.size(self.sample_shape) == 1
        return one_axis and self.channel_axis is not None
