"""``activation_map``: where in a sample a class is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sk_aecnn._torch import as_tensor, torch_to_numpy
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.data._rows import Rows, RowSubset
from sk_aecnn.data._targets import ClassLabels, list_some
from sk_aecnn.training._inference import infer
from sk_aecnn.training._net import TrainingNet
from sk_aecnn.training._plan import to_rows


class ActivationMapMixin:
    """``activation_map`` of a classifier."""

    # of the estimator that this is mixed into
    net_: TrainingNet
    _labels: ClassLabels
    _validate_rows: Any
    _geometry: SampleGeometry

    def activation_map(self, X: Any, y: Any = None) -> np.ndarray:
        r"""Show where in each image, sequence or volume a class is seen.

        Parameters
        ----------
        X : array-like of shape (n_samples, *sample_shape) or (n_samples, n_features)
            Samples of the shape given to ``fit``, or the same as flat rows.
        y : label, array-like of shape (n_samples,) or None, default=None
            The class to look for in all samples, or in each; ``None``: the one that is predicted.

        Returns
        -------
        activation_map : ndarray of shape (n_samples, *spatial)
            How much each position speaks for the class, 0 or more, in the spatial shape of a
            sample. Compare values within one sample alone.

        Raises
        ------
        ValueError
            If samples are rows of a table, a class is unknown, or there is no feature map: in an
            ensemble, and behind an encoder or a back end of your own that has none.

        Notes
        -----
        LayerCAM (Jiang et al. 2021, "LayerCAM: exploring hierarchical class activation maps for
        localization", eq. 6 to 8) of the last feature map that has seven positions along each axis,
        or else of the first one: the sum over its channels :math:`A_c` of
        :math:`A_c \operatorname{ReLU}(\partial s / \partial A_c)`, interpolated linearly. The score
        :math:`s` is the logit of the class minus the mean of all logits.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sk_aecnn import CNNClassifier
        >>> X, y = load_digits(return_X_y=True)
        >>> model = CNNClassifier((8, 8), sample_shape=(8, 8), max_epochs=1, random_state=0)
        >>> model.fit(X, y).activation_map(X[:2], y=3).shape
        (2, 8, 8)
        """
        rows = self._rows_of_images(X)
        network = self.net_.module_
        if y is None:
            classes = infer(self.net_, "predict", rows).argmax(axis=1)
        else:
            classes = self._encode_wanted(y, len(rows))
        result: np.ndarray = np.empty(
            (len(rows), *self._geometry.spatial), torch_to_numpy(network.layout.dtype)
        )
        for code_class in np.unique(classes):
            chosen = np.flatnonzero(classes == code_class)
            subset = RowSubset(rows, as_tensor(chosen))
            result[chosen] = infer(self.net_, "activation_map", subset, output=int(code_class))
        return result

    def _rows_of_images(self, X: Any) -> Rows:
        """Return validated rows, or raise where there is no feature map of them."""
        check_is_fitted(self)
        rows = to_rows(self._validate_rows(X, self._geometry)[0])
        name, network = type(self).__name__, self.net_.module_
        if not self._geometry.spatial:
            raise ValueError(
                f"activation_map shows where in an image or a sequence a class is seen, but {name} "
                f"was fitted on samples of shape {self._geometry.shape} without a spatial axis. "
                "Pass sample_shape or channel_axis if they are images or sequences."
            )
        if not network.has_feature_maps:
            raise ValueError(
                f"activation_map needs the feature map of a convolutional network, but this {name} "
                "has none: it is an ensemble, or its encoder or back end is dense or your own. Fit "
                "with encoder='conv', backend='cnn' and n_estimators=1."
            )
        return rows

    def _encode_wanted(self, y: Any, n_samples: int) -> np.ndarray:
        """Return the class code for each sample of labels that a user asks for."""
        y = np.atleast_1d(y)
        if y.shape not in {(1,), (n_samples,)}:
            raise ValueError(
                f"y has shape {y.shape}, but n_samples={n_samples}. Pass one label for all samples,"
                " or as many labels as samples."
            )
        classes = self._labels.classes
        unknown = np.setdiff1d(y, classes)
        if len(unknown):
            raise ValueError(
                f"y={list_some(unknown)} are none of the classes {list_some(classes)}. Pass "
                "labels that fit has seen."
            )
        codes: np.ndarray = np.broadcast_to(self._labels.encode(y), n_samples)
        return codes
