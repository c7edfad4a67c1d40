"""Training on sparse rows by some of their features at a time, and predictions of sparse rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from sk_aecnn.data._rows import SparseRows
from sk_aecnn.nn._dense import DenseDecoder, DenseEncoder
from sk_aecnn.nn._members import BackendMembers, EncoderMembers
from sk_aecnn.nn._networks import Autoencoder
from sk_aecnn.nn._pca import LinearPath, PCADecoder, PCAEncoder
from sk_aecnn.nn._prediction import JointNetwork
from sk_aecnn.nn._side_by_side import LinearMembers

# features from which on some of them are drawn, and the share of them from which on all are taken
_FEWEST_FEATURES = 1_000
_MOST = 0.5
# of those that are drawn, per feature that a row of the batch has, and at the least
_DRAWN = 0.5
_FEWEST_DRAWN = 256
# of an input layer, what has a number for each feature beside what is trained of the weights; of a
# layout, what standardises them
_OF_INPUTS = {"strength", "scale", "start_weight"}
_OF_LAYOUT = ("shift", "gain", "mean", "offset", "origin", "scale")


class SampledFeatures:
    """Calls a network with the features that rows of a batch have, and some that none has.

    Most rows of a sparse table lack most features. In the first layers, those that all rows of a
    batch lack add up to a constant, so that leaving them out changes nothing but the time. In the
    reconstruction, a random part of them stands for all, with as much weight: the expectation of
    the error, and of its gradient, is that of all features (Dauphin, Glorot & Bengio 2011,
    "Large-scale learning of embeddings with reconstruction sampling").

    Parameters
    ----------
    network : Autoencoder or JointNetwork
        The network.
    inputs, outputs : list of str
        Names of the layers that features go into, and come out of.
    generator : torch.Generator
        What features are drawn from.
    """

    def __init__(
        self, network: Any, inputs: list[str], outputs: list[str], generator: torch.Generator
    ) -> None:
        self.network = network
        self.inputs = inputs
        self.outputs = outputs
        self.generator = generator

    @classmethod
    def of(cls, network: Any, generator: torch.Generator) -> SampledFeatures | None:
        """Return what calls a network by some features, None where all of them have to be there."""
        if not _looks_at_layers_alone(network) or len(network.layout.mean) < _FEWEST_FEATURES:
            return None
        layers = _input_layers(network), _output_layers(network)
        if not all(layers):
            return None
        names = {layer: name for name, layer in network.named_modules()}
        inputs, outputs = ([names[layer] for layer in some] for some in layers)
        return cls(network, inputs, outputs, generator)

    def forward(self, rows: Tensor, **inputs: Any) -> dict[str, Tensor]:
        """Return what the network's does, and ``"feature_weight"``, of features in the error."""
        are_present = _are_present(rows)
        present, lacking = torch.where(are_present)[0], torch.where(~are_present)[0]
        n_drawn = max(_FEWEST_DRAWN, int(_DRAWN * len(present)))
        if len(present) + n_drawn > _MOST * rows.shape[1]:
            outputs: dict[str, Tensor] = self.network(rows, **inputs)
            return outputs
        order = torch.randperm(len(lacking), generator=self.generator).to(rows.device)
        features = torch.cat([present, lacking[order[:n_drawn]]])
        weight = torch.ones(len(features), dtype=self.network.layout.dtype, device=rows.device)
        weight[len(present) :] = len(lacking) / n_drawn
        parts = dict(self._parts(features, rows.new_zeros(1, rows.shape[1])))
        # in double precision, some of a layout's numbers are one tensor
        outputs = functional_call(
            self.network, parts, _choose(rows, features), inputs, tie_weights=False
        )
        return outputs | {"feature_weight": weight * (len(features) / rows.shape[1])}

    @torch.no_grad()
    def predict_separately(self, rows: SparseRows, index: Tensor) -> Tensor:
        """Return what every member of the network says of rows of its own, to rounding.

        The rows are not made dense: the first layers are products of a sparse matrix. Columns far
        from zero, in units of their deviation, lose digits.

        Parameters
        ----------
        rows : SparseRows
            Rows.
        index : Tensor of shape (members, batch)
            Which of them each member predicts.

        Returns
        -------
        predictions : Tensor of shape (members, batch, n_outputs)
        """
        encoder, backend = self.network.encoder, self.network.backend
        if isinstance(encoder, PCAEncoder):
            encoder = encoder.residual
        first, *further = encoder.encoders.body
        layers = [first] if backend.linear is None else [first, backend.linear]
        hidden, *linear = self._sums_of_sparse(layers, rows, index)
        for layer in further:
            hidden = layer(hidden)
        prediction: Tensor = backend.backends(hidden)
        return sum(linear, start=prediction)

    def _sums_of_sparse(
        self, layers: Sequence[LinearMembers], rows: SparseRows, index: Tensor
    ) -> list[Tensor]:
        """Return what linear layers of members, each for itself, make of sparse rows."""
        layout = self.network.layout
        empty = layout(layout.mean.new_zeros(1, len(layout.mean)))[0]
        weights, biases = zip(*((each.input_weight, each.bias) for each in layers), strict=True)
        sums = []
        for member, chosen in enumerate(index.numpy()):
            weight = torch.cat([each[member] for each in weights])
            of_values = (weight * layout.gain).T.contiguous().cpu().numpy()
            product = torch.from_numpy(rows.matrix[chosen].astype(of_values.dtype) @ of_values)
            constant = torch.cat([each[member] for each in biases]) + weight @ empty
            sums.append(product.to(constant.device) + constant)
        sizes = [each.shape[1] for each in biases]
        return list(torch.stack(sums).split_with_sizes(sizes, dim=2))

    def _parts(self, features: Tensor, empty: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield the tensors of the network that depend on features, for some of these.

        What the others add to the first layers, of a row that has none, goes into their biases.
        """
        layout = self.network.layout
        others = layout(empty)[0].index_fill(0, features, 0)
        for name in _OF_LAYOUT:
            yield f"layout.{name}", getattr(layout, name)[features]
        for name in self.inputs:
            layer = self.network.get_submodule(name)
            tensors = _tensors_of(layer)
            for part in _OF_INPUTS & tensors.keys():
                yield f"{name}.{part}", _choose(tensors[part], features)
            change = ""
            if isinstance(layer, LinearPath):
                change = "_change"
                yield f"{name}.start_bias", layer.start_bias + layer.start_weight @ others
            factor = layer.input_factor if isinstance(layer, LinearMembers) else None
            seen = others if factor is None else (factor * others)[:, 0]
            part_inputs: Any = _PartedInputs.apply  # which has no types
            weight, constant = part_inputs(tensors[f"weight{change}"], seen, features)
            yield f"{name}.weight{change}", weight
            yield f"{name}.bias{change}", tensors[f"bias{change}"] + constant
        for name in self.outputs:
            for part, tensor in _tensors_of(self.network.get_submodule(name)).items():
                yield f"{name}.{part}", tensor[features]


class _PartedInputs(torch.autograd.Function):
    """The weights of some inputs, and what the others add up to in one row.

    Autograd by itself would make several tensors of the size of all weights in a step; here their
    gradient is the only one.

    Shape
    -----
    weight : (n_outputs, n_inputs), or (members, n_outputs, n_inputs); row : (n_inputs,), or
    (members, n_inputs), zero at the inputs that are chosen; features : (n_chosen,), all different;
    result : weights of chosen inputs, and sums, (n_outputs,) or (members, n_outputs)
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, row: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(weight, row, features)
        return _choose(weight, features), (row[..., None, :] @ weight.mT)[..., 0, :]

    @staticmethod
    def backward(
        ctx: Any, of_chosen: Tensor, of_sums: Tensor
    ) -> tuple[Tensor, Tensor | None, None]:
        weight, row, features = ctx.saved_tensors
        of_sums = of_sums.to(weight.dtype)  # of a lower precision in `torch.autocast`
        of_weight = of_sums[..., None] * row[..., None, :]
        # in place of zeros, since the row is zero there
        of_weight.scatter_(-1, features.expand(of_chosen.shape), of_chosen)
        of_row = None
        if ctx.needs_input_grad[1]:
            of_row = (of_sums[..., None, :] @ weight)[..., 0, :]
        return of_weight, of_row, None


def _choose(values: Tensor, features: Tensor) -> Tensor:
    """Return those of some features, the last axis.

    Of stacks of matrices, `index_select` takes several times as long.
    """
    return values.gather(-1, features.expand(*values.shape[:-1], -1))


def _are_present(rows: Tensor) -> Tensor:
    """Tell which features are not zero in all rows."""
    return (rows != 0).view(torch.uint8).amax(0) > 0  # twice as fast as `any`


def _tensors_of(layer: nn.Module) -> dict[str, Tensor]:
    return dict(layer.named_parameters(recurse=False)) | dict(layer.named_buffers(recurse=False))


def _looks_at_layers_alone(network: Any) -> bool:
    """Tell whether nothing but layers depends on features while a network trains."""
    if type(network) not in {Autoencoder, JointNetwork}:
        return False
    layout, augmentation = network.layout, network.augmentation
    changes_rows = network.corruption.noise is not None
    if augmentation is not None:
        kinds = augmentation.paired, augmentation.geometric, augmentation.photometric
        changes_rows = changes_rows or any(len(transforms) for transforms in kinds)
    return layout.is_flat and layout.n_indicators == 0 and not changes_rows


def _input_layers(network: Any) -> list[nn.Module]:
    """Return the layers that see the features, none where others do."""
    encoder, layers = network.encoder, []
    if isinstance(encoder, PCAEncoder):
        encoder, layers = encoder.residual, [encoder.linear]
    dense = encoder
    if isinstance(encoder, EncoderMembers):
        dense = encoder.encoders if isinstance(encoder.columns, nn.Identity) else None
    if type(dense) is not DenseEncoder or len(dense.body) == 0:
        return []
    if isinstance(network, JointNetwork) and network.backend_input == "features":
        backend = network.backend
        if isinstance(backend, BackendMembers) and backend.linear is not None:
            layers.append(backend.linear)
    return [dense.body[0], *layers]


def _output_layers(network: Any) -> list[nn.Module]:
    """Return the layers that put out features, none where others do."""
    decoder, layers = network.decoder, []
    if isinstance(decoder, PCADecoder):
        decoder, layers = decoder.residual, [decoder.linear]
    return [decoder.output, *layers] if type(decoder) is DenseDecoder else []
