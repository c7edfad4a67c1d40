"""The whole networks: rows in, reconstructions and class scores out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sk_aecnn.nn._backend import CNNBackend
from sk_aecnn.nn._conv import ConvDecoder, ConvEncoder
from sk_aecnn.nn._dense import DenseDecoder, DenseEncoder
from sk_aecnn.nn._layout import InputLayout
from sk_aecnn.nn._norm import BatchNorm

Encoder = DenseEncoder | ConvEncoder
Decoder = DenseDecoder | ConvDecoder


@contextmanager
def weighing(network: nn.Module, row_weight: Tensor | None) -> Iterator[None]:
    """Let the normalisation layers of a network weigh the rows of the batch in hand."""
    if row_weight is None:
        yield
        return
    norms = [module for module in network.modules() if isinstance(module, BatchNorm)]
    for norm in norms:
        norm.row_weight = row_weight
    try:
        yield
    finally:
        for norm in norms:
            norm.row_weight = None


class CodingNetwork(nn.Module):
    """Layout, encoder and decoder: what every network here shares. Abstract: add a ``forward``.

    Parameters
    ----------
    layout : InputLayout
        From rows to the encoder's input.
    encoder, decoder : nn.Module
        Input to code, code to input.
    probabilities : bool
        Whether the decoder's outputs are the logits of inputs in [0, 1] (binary cross-entropy);
        otherwise they are standardised inputs.

    Shape
    -----
    rows : (batch, n_features); code : (batch, encoding_dim)
    """

    def __init__(
        self, layout: InputLayout, encoder: Encoder, decoder: Decoder, probabilities: bool
    ) -> None:
        super().__init__()
        self.layout = layout
        self.encoder = encoder
        self.decoder = decoder
        self.probabilities = probabilities

    def target(self, rows: Tensor, x: Tensor) -> Tensor:
        """Return what the decoder's output for the laid out rows ``x`` is compared with."""
        if self.probabilities:
            return self.layout.arrange(rows.to(x.dtype))
        return x

    def encode(self, rows: Tensor) -> Tensor:
        """Return the codes of rows."""
        code: Tensor = self.encoder(self.layout(rows))
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Return rows in the units of the input, (batch, n_features)."""
        output = self.layout.flatten(self.decoder(code))
        return output.sigmoid() if self.probabilities else self.layout.restore(output)

    def reconstruct(self, rows: Tensor) -> Tensor:
        """Return rows after encoding and decoding."""
        return self.decode(self.encode(rows))

    def standardised_error(self, rows: Tensor) -> Tensor:
        """Return the mean squared error of each row in standardised units, float64 (batch,)."""
        return self._residuals(rows).square().mean(1)

    def mean_squared_error(self, rows: Tensor) -> Tensor:
        """Return the mean squared error of each row in the units of the input, float64 (batch,)."""
        return self.squared_error(rows).mean(1)

    def squared_error(self, rows: Tensor) -> Tensor:
        """Return the squared error of each feature, float64 (batch, n_features)."""
        return (self._residuals(rows) * self.layout.scale).square()

    def _residuals(self, rows: Tensor) -> Tensor:
        """Return rows minus their reconstructions, standardised: no digits are lost to offsets."""
        output = self.layout.flatten(self.decoder(self.encode(rows)))
        if self.probabilities:
            output = self.layout.standardise(output.sigmoid())
        return (self.layout.standardise(rows) - output).to(torch.float64)


class Autoencoder(CodingNetwork):
    """Encoder and decoder, one after the other.

    Parameters
    ----------
    layout, encoder, decoder, probabilities
        As for `CodingNetwork`.

    Shape
    -----
    rows : (batch, n_features); output, target : as the decoder's output
    """

    def forward(self, rows: Tensor, row_weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the decoder's output and what it should have been."""
        x = self.layout(rows)
        with weighing(self, row_weight):
            output = self.decoder(self.encoder(x))
        return output, self.target(rows, x)


class JointNetwork(CodingNetwork):
    """An autoencoder whose encoder feeds a back end.

    Parameters
    ----------
    layout, encoder, decoder, probabilities
        As for `CodingNetwork`.
    backend : nn.Module
        Code, or features, to logits.
    backend_input : {"code", "features"}
        What the back end sees: the code, just as ``transform`` returns it, or the encoder's last
        hidden layer, with the bottleneck and the decoder beside the back end.
    reconstructs : bool
        Whether the forward pass computes the reconstruction.

    Shape
    -----
    rows : (batch, n_features); logits : (batch, classes)
    """

    def __init__(
        self,
        layout: InputLayout,
        encoder: Encoder,
        decoder: Decoder,
        backend: CNNBackend,
        backend_input: str = "code",
        probabilities: bool = False,
        reconstructs: bool = True,
    ) -> None:
        super().__init__(layout, encoder, decoder, probabilities)
        self.backend = backend
        self.backend_input = backend_input
        self.reconstructs = reconstructs

    def forward(self, rows: Tensor, row_weight: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the logits and, where the network reconstructs, the output and its target."""
        x = self.layout(rows)
        with weighing(self, row_weight):
            features = self.encoder.features(x)
            if not self.reconstructs:
                return (self._classify(features),)
            code = self.encoder.code(features)
            logits = self.backend(code if self.backend_input == "code" else features)
            return logits, self.decoder(code), self.target(rows, x)

    def logits(self, rows: Tensor) -> Tensor:
        """Return one score per class, (batch, classes)."""
        return self._classify(self.encoder.features(self.layout(rows)))

    def _classify(self, features: Tensor) -> Tensor:
        seen = self.encoder.code(features) if self.backend_input == "code" else features
        logits: Tensor = self.backend(seen)
        return logits
