"""The networks that predict: rows in; predictions out, with or without reconstructions.

As in `_networks`, ``forward`` is what training needs and returns a dictionary of tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sk_aecnn.nn._activation_map import class_activation_map, feature_maps
from sk_aecnn.nn._augmentation import Augmentation
from sk_aecnn.nn._backend import CNNBackend
from sk_aecnn.nn._conv import ConvEncoder, coarsen
from sk_aecnn.nn._layout import InputLayout
from sk_aecnn.nn._members import (
    BackendMembers,
    MeanPrediction,
    MeanProbability,
    MemberFeatures,
    separately,
)
from sk_aecnn.nn._neighbours import NeighbourClasses
from sk_aecnn.nn._networks import AutoencoderParts, BaseAutoencoder, Outputs, weighted_batch_norm
from sk_aecnn.nn._noise import Corruption
from sk_aecnn.nn._pca import PCAEncoder
from sk_aecnn.nn._random_convolutions import RandomConvolutionModel

Averaging = MeanPrediction | MeanProbability | None


def of_members(predicted: Tensor, averaging: Averaging, fold: Tensor | None) -> Outputs:
    """Return the prediction, that of every member, and what rows weigh in its loss.

    A member learns nothing from the rows of its own fold; the others weigh as much more.

    Examples
    --------
    >>> outputs = of_members(
    ...     torch.zeros(2, 3, 1), MeanPrediction(), torch.tensor([0, 2])
    ... )
    >>> outputs["member_weight"]
    tensor([[0.0000, 1.5000, 1.5000],
            [1.5000, 1.5000, 0.0000]])
    """
    if averaging is None:
        return {"prediction": predicted}
    outputs = {"prediction": averaging(predicted), "members": predicted}
    if fold is not None:
        n_members = predicted.shape[1]
        learns = fold[:, None] != torch.arange(n_members, device=fold.device)
        outputs["member_weight"] = learns.to(predicted.dtype) * n_members / (n_members - 1)
    return outputs


def _first_rows(features: Tensor | MemberFeatures, n: int) -> Tensor | MemberFeatures:
    return features.first_rows(n) if isinstance(features, MemberFeatures) else features[:n]


def mean_over_mirror_images(
    predict: Callable[[Tensor], Tensor], augmentation: Augmentation, rows: Tensor
) -> Tensor:
    """Return the mean prediction for rows and for what the flips of training make of them.

    Shape
    -----
    rows : (batch, n_features); result : (batch, n_outputs)
    """
    predicted = [predict(image) for image in augmentation.mirror_images(rows)]
    return predicted[0] if len(predicted) == 1 else torch.stack(predicted).mean(0)


class PredictionMixin:
    """What a network with a back end is asked for."""

    # of the network that this is mixed into
    augmentation: Augmentation
    averaging: Averaging
    linear_model: RandomConvolutionModel | None
    neighbours: NeighbourClasses | None
    _predict_as_they_are: Callable[[Tensor], Tensor]

    def predict(self, rows: Tensor) -> Tensor:
        """Return what the back end says of rows, (batch, n_outputs)."""
        return mean_over_mirror_images(self._predict_as_they_are, self.augmentation, rows)

    def activation_map(self, rows: Tensor, output: int) -> Tensor:
        """Return where in rows an output is seen, (batch, *spatial)."""
        return class_activation_map(self, rows, output)

    def _average(self, predicted: Tensor) -> Tensor:
        return predicted if self.averaging is None else self.averaging(predicted)

    def _join(self, predicted: Tensor, x: Tensor, *mask: Tensor) -> Tensor:
        """Return predictions of members, or of one network, joined with what is beside these."""
        predicted = self._average(predicted)
        if self.linear_model is not None:
            predicted = self.linear_model.join(predicted, x, *mask)
        if self.neighbours is not None:
            predicted = self.neighbours(predicted, x)
        return predicted


class JointNetwork(PredictionMixin, BaseAutoencoder):
    """An autoencoder whose encoder feeds a back end.

    Parameters
    ----------
    parts, corruption
        As for `BaseAutoencoder`.
    backend : nn.Module
        Code, or features, to predictions.
    n_outputs : int
        Numbers in a prediction.
    augmentation : Augmentation
        Random transforms of the rows while training; its flips in prediction as well.
    backend_input : {"code", "features"}
        What the back end sees: the code, just as ``transform`` returns it, or the encoder's last
        hidden layer, with the bottleneck and the decoder beside the back end.
    reconstructs : bool
        Whether the forward pass computes the reconstruction.
    frozen : bool
        Whether the encoder and the decoder stay as they are.
    consistent : bool
        Whether predictions for corrupted copies of the unlabeled rows, augmented anew, are part of
        the forward pass while training. ``corruption`` corrupts these copies alone.
    averaging : MeanPrediction, MeanProbability or None
        What predicts where the back end has members.
    linear_model : RandomConvolutionModel or None
        What predictions are joined with, but not while training.

    Attributes
    ----------
    neighbours : NeighbourClasses or None
        What probabilities of classes are joined with after training.

    Shape
    -----
    rows : (batch, n_features); prediction : (batch, n_outputs)
    """

    def __init__(
        self,
        parts: AutoencoderParts,
        corruption: Corruption,
        backend: nn.Module,
        n_outputs: int,
        augmentation: Augmentation,
        backend_input: str = "features",
        reconstructs: bool = True,
        frozen: bool = False,
        consistent: bool = False,
        averaging: Averaging = None,
        linear_model: RandomConvolutionModel | None = None,
    ) -> None:
        super().__init__(parts, corruption)
        self.backend: Any = backend
        self.n_outputs = n_outputs
        self.augmentation = augmentation
        self.backend_input = backend_input
        self.reconstructs = reconstructs
        self.frozen = frozen
        self.consistent = consistent
        self.averaging: Averaging = averaging
        self.linear_model = linear_model
        self.neighbours = None
        if frozen:
            self.encoder.requires_grad_(False)
            self.decoder.requires_grad_(False)

    @property
    def has_trained_decoder(self) -> bool:
        """Whether the decoder is trained, here or before."""
        return self.reconstructs or self.frozen

    def train(self, mode: bool = True) -> JointNetwork:
        """Set the mode of all parts but the frozen ones, which do not learn statistics either."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
            self.decoder.eval()
        return self

    def forward(
        self,
        rows: Tensor,
        row_weight: Tensor | None = None,
        labeled: Tensor | None = None,
        fold: Tensor | None = None,
    ) -> Outputs:
        """Return the predictions and what the other losses ask for.

        Parameters
        ----------
        rows : Tensor of shape (batch, n_features)
            Rows.
        row_weight : Tensor of shape (batch,) or None
            Weights.
        labeled : Tensor of shape (batch,), bool, or None
            Which rows have a target; ``None`` where all have.
        fold : Tensor of shape (batch,), int64, or None
            The member that each row is held out from.
        """
        if self.training and self.consistent and labeled is not None:
            copies = self.corruption(self._augmented(rows[~labeled]))
            return self._forward_with_copies(rows, row_weight, ~labeled, copies)
        rows = self.augmentation.move(rows)
        x = self.layout(rows)
        with weighted_batch_norm(self, row_weight):
            filled, *mask = self.layout.inputs(self.augmentation.perturb(x))
            features = self.encoder.features(filled, *mask)
            if not self.reconstructs:
                return of_members(self._predict(features, *mask), self.averaging, fold)
            code = self.encoder.code(features)
            sees_code = self.backend_input == "code"
            prediction = self.backend(*((code,) if sees_code else self._seen(features, *mask)))
            output = self.decoder(code)
        outputs = of_members(prediction, self.averaging, fold)
        return outputs | self.compare(rows, x, output) | {"code": code}

    def _augmented(self, rows: Tensor) -> Tensor:
        """Return rows as the encoder sees them while training."""
        return self.augmentation.perturb(self.layout(self.augmentation.move(rows)))

    def _forward_with_copies(
        self,
        rows: Tensor,
        row_weight: Tensor | None,
        unlabeled: Tensor,
        copies: Tensor,
    ) -> Outputs:
        """Return what `forward` does for clean rows, and the predictions for corrupted copies."""
        rows = self.augmentation.move(rows)
        x = self.layout(rows)
        weight = None if row_weight is None else torch.cat([row_weight, row_weight[unlabeled]])
        with weighted_batch_norm(self, weight):
            seen = torch.cat([self.augmentation.perturb(x), copies])
            filled, *mask = self.layout.inputs(seen)
            features = self.encoder.features(filled, *mask)
            prediction = self._average(self._predict(features, *mask))
        outputs = {"prediction": prediction[: len(x)], "corrupted": prediction[len(x) :]}
        if not self.reconstructs:
            return outputs
        with weighted_batch_norm(self, row_weight):
            code = self.encoder.code(_first_rows(features, len(x)))
            output = self.decoder(code)
        return outputs | self.compare(rows, x, output) | {"code": code}

    def _predict_as_they_are(self, rows: Tensor) -> Tensor:
        x, *mask = self.layout.inputs(self.layout(rows))
        encoder = self.encoder
        if self._are_members_alone and isinstance(encoder, PCAEncoder):
            encoder = encoder.residual  # without the linear path, which the back ends leave alone
        return self._join(self._predict(encoder.features(x, *mask), *mask), x, *mask)

    @property
    def _are_members_alone(self) -> bool:
        """Whether the back ends see what the encoders of members put out, and nothing else."""
        return self.backend_input == "features" and isinstance(self.backend, BackendMembers)

    def predict_separately(self, rows: Tensor) -> Tensor:
        """Return what every member says of rows of its own.

        Shape
        -----
        rows : (members, batch, n_features); result : (members, batch, n_outputs)
        """
        features = self.encoder.separate_features(separately(self.layout.filled, rows))
        prediction: Tensor = self.backend.predict_separately(features)
        return prediction

    @property
    def has_feature_maps(self) -> bool:
        """Whether positions of samples can be told apart in the encoder's features."""
        return self.averaging is None and len(self.encoder.feature_shape) > 1

    def maps_and_prediction(self, x: Tensor, *mask: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return all feature maps that come before the prediction, and the prediction."""
        maps = feature_maps(self.encoder, x, *mask)
        if self.backend_input == "code" or not hasattr(self.backend, "feature_maps"):
            return maps, self._predict(maps[-1], *mask)
        _, *seen = self._seen(maps[-1], *mask)
        further = self.backend.feature_maps(maps[-1], *seen)
        return maps + further, self.backend.predict(further[-1], *seen)

    def _predict(self, features: Tensor | MemberFeatures, *mask: Tensor) -> Tensor:
        sees_code = self.backend_input == "code"
        seen = (self.encoder.code(features),) if sees_code else self._seen(features, *mask)
        prediction: Tensor = self.backend(*seen)
        return prediction

    def _seen(
        self, features: Tensor | MemberFeatures, *mask: Tensor
    ) -> tuple[Tensor | MemberFeatures, ...]:
        """Return features, and the mask of their positions where the back end takes one.

        There is none where encoder or back end are the user's own, and beside a linear path, which
        has no positions.
        """
        if isinstance(features, MemberFeatures):
            are_apart = isinstance(self.backend, BackendMembers)
            return (features if are_apart else features.joined(),)
        if type(self.encoder) is not ConvEncoder or type(self.backend) is not CNNBackend:
            return (features,)
        return (features, *(coarsen(one, features.shape[2:]) for one in mask))


class ConvolutionalNetwork(PredictionMixin, nn.Module):
    """A back end on the standardised rows themselves.

    Parameters
    ----------
    layout : InputLayout
        From rows to the back end's input.
    backend : nn.Module
        Input to predictions.
    n_outputs : int
        Numbers in a prediction.
    augmentation : Augmentation
        Random transforms of the rows while training; its flips in prediction as well.
    averaging : MeanPrediction, MeanProbability or None
        What predicts where the back end has members.
    linear_model : RandomConvolutionModel or None
        What predictions are joined with, but not while training.

    Attributes
    ----------
    neighbours : NeighbourClasses or None
        What probabilities of classes are joined with after training.

    Shape
    -----
    rows : (batch, n_features); prediction : (batch, n_outputs)
    """

    def __init__(
        self,
        layout: InputLayout,
        backend: nn.Module,
        n_outputs: int,
        augmentation: Augmentation,
        averaging: Averaging = None,
        linear_model: RandomConvolutionModel | None = None,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.backend: Any = backend
        self.n_outputs = n_outputs
        self.augmentation = augmentation
        self.averaging: Averaging = averaging
        self.linear_model = linear_model
        self.neighbours = None

    def forward(
        self, rows: Tensor, row_weight: Tensor | None = None, fold: Tensor | None = None
    ) -> Outputs:
        """Return the predictions."""
        with weighted_batch_norm(self, row_weight):
            x = self.augmentation.perturb(self.layout(self.augmentation.move(rows)))
            return of_members(self.backend(*self.layout.inputs(x)), self.averaging, fold)

    def _predict_as_they_are(self, rows: Tensor) -> Tensor:
        x, *mask = self.layout.inputs(self.layout(rows))
        return self._join(self.backend(x, *mask), x, *mask)

    def predict_separately(self, rows: Tensor) -> Tensor:
        """Return what every member says of rows of its own.

        Shape
        -----
        rows : (members, batch, n_features); result : (members, batch, n_outputs)
        """
        prediction: Tensor = self.backend.predict_separately(separately(self.layout.filled, rows))
        return prediction

    @property
    def has_feature_maps(self) -> bool:
        """Whether positions of samples can be told apart in the back end's features."""
        return self.averaging is None and hasattr(self.backend, "feature_maps")

    def maps_and_prediction(self, x: Tensor, *mask: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return all feature maps that come before the prediction, and the prediction."""
        maps = feature_maps(self.backend, x, *mask)
        return maps, self.backend.predict(maps[-1], *mask)
