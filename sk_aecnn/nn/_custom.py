r"""Networks of the user's own in place of an encoder, a decoder or a back end.

The contract: a class, or a function that returns a `torch.nn.Module`, is called with the shape of
its input and of its output, each without the batch axis (a size where there is one axis only).

===========  ======================================  ====================  ===================
part         called with                             maps                  to
===========  ======================================  ====================  ===================
encoder      ``(in_shape, encoding_dim)``            (batch, \*in_shape)    (batch, encoding_dim)
decoder      ``(encoding_dim, out_shape)``           (batch, encoding_dim)  (batch, \*out_shape)
back end     ``(in_shape, n_outputs)``               (batch, \*in_shape)    (batch, n_outputs)
===========  ======================================  ====================  ===================

Inputs and outputs of the autoencoder are standardised; the back end's are logits, or standardised
targets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sk_aecnn._torch import describe_shortage, is_out_of_memory, seeded_global_generator
from sk_aecnn.nn._conv import Dropout

Factory = Callable[..., nn.Module]


class CustomEncoder(nn.Module):
    r"""A user's encoder with the features that a back end may look at.

    Parameters
    ----------
    module : nn.Module
        Maps (batch, \*in_shape) to (batch, encoding_dim). Where it has an attribute
        ``feature_shape`` and methods ``features`` and ``code``, they are its features; otherwise
        the code itself is.
    encoding_dim : int
        Size of the code.

    Shape
    -----
    input : (batch, \*in_shape); features : (batch, \*feature_shape); code : (batch, encoding_dim)

    Examples
    --------
    >>> CustomEncoder(nn.Linear(6, 2), 2).features(torch.zeros(3, 6)).shape
    torch.Size([3, 2])
    """

    def __init__(self, module: nn.Module, encoding_dim: int) -> None:
        super().__init__()
        self.module: Any = module
        parts = ("feature_shape", "features", "code")
        self.has_features = all(hasattr(module, part) for part in parts)
        shape: Any = self.module.feature_shape if self.has_features else (encoding_dim,)
        self.feature_shape: tuple[int, ...] = tuple(shape)

    def features(self, x: Tensor) -> Tensor:
        """Return what the back end may look at."""
        features: Tensor = self.module.features(x) if self.has_features else self.module(x)
        return features

    def code(self, features: Tensor) -> Tensor:
        """Go on from the features to the code."""
        code: Tensor = self.module.code(features) if self.has_features else features
        return code

    def forward(self, x: Tensor) -> Tensor:
        return self.code(self.features(x))


def build_custom(
    name: str,
    factory: Factory,
    in_shape: Sequence[int],
    out_shape: Sequence[int],
    dtype: torch.dtype,
    generator: torch.Generator,
) -> nn.Module:
    """Build a user's module and try it on zeros.

    Its parameters are drawn by its own constructor, from torch's global generator, which is seeded
    from ``generator`` for the call and put back after it. Its dropout layers are replaced by those
    of this package, which draw from a generator of their own.

    Parameters
    ----------
    name : {"encoder", "decoder", "backend"}
        The estimator's parameter, for messages.
    factory : callable
        Called with the two shapes; a shape of one axis is passed as an int where the contract says
        a size: the code and the number of outputs.
    in_shape, out_shape : sequence of int
        Shapes without the batch axis.
    dtype : torch.dtype
        Precision of the parameters.
    generator : torch.Generator
        Stream that the seed is drawn from.

    Raises
    ------
    ValueError
        If it is no module, does not fit into memory, or returns something of another shape or not
        finite.
    """
    given = (
        in_shape[0] if name == "decoder" else tuple(in_shape),
        tuple(out_shape) if name == "decoder" else out_shape[0],
    )
    try:
        with seeded_global_generator(generator):
            module = factory(*given)
    except Exception as error:
        if is_out_of_memory(error):
            raise ValueError(
                f"{name}={factory!r} found no memory where it was called with {given} "
                f"({describe_shortage(error)}). Pass fewer features, a smaller encoding_dim, or a "
                "smaller module."
            ) from error
        raise ValueError(
            f"{name}={factory!r} failed where it was called with {given} ({error}). It must be a "
            "torch.nn.Module class, or a function that returns a module, that takes these two "
            "arguments."
        ) from error
    if not isinstance(module, nn.Module):
        raise ValueError(
            f"{name}={factory!r} returned {type(module).__name__} where it was called with {given}."
            " It must be a torch.nn.Module class, or a function that returns a module."
        )
    module = _with_own_dropout(module).to(dtype)
    _check_output(name, factory, module.eval(), tuple(in_shape), tuple(out_shape), dtype)
    return module.train()


def build_custom_encoder(
    factory: Factory,
    in_shape: Sequence[int],
    encoding_dim: int,
    dtype: torch.dtype,
    generator: torch.Generator,
) -> CustomEncoder:
    """Build a user's encoder and try it, and its features, on zeros; see `build_custom`."""
    module = build_custom("encoder", factory, in_shape, (encoding_dim,), dtype, generator)
    encoder = CustomEncoder(module, encoding_dim).eval()
    features = encoder.features
    _check_output("encoder", factory, features, tuple(in_shape), encoder.feature_shape, dtype)
    encoder.train()
    return encoder


def _with_own_dropout(module: nn.Module) -> nn.Module:
    for parent in module.modules():
        for name, child in parent._modules.items():  # not named_children: it skips repetitions
            if type(child) is nn.Dropout:
                setattr(parent, name, Dropout(child.p))
    return module


@torch.no_grad()
def _check_output(
    name: str,
    factory: Factory,
    call: Callable[[Tensor], Any],
    in_shape: tuple[int, ...],
    out_shape: tuple[int, ...],
    dtype: torch.dtype,
) -> None:
    batch = torch.zeros(2, *in_shape, dtype=dtype)
    asked = f"It must map a batch of shape {(2, *in_shape)} to one of shape {(2, *out_shape)}."
    try:
        output = call(batch)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ValueError(
            f"{name}={factory!r} fails on a batch of zeros ({error}). {asked}"
        ) from error
    shape = tuple(getattr(output, "shape", ()))
    if shape != (2, *out_shape):
        raise ValueError(f"{name}={factory!r} returned a batch of shape {shape}. {asked}")
    if not bool(output.isfinite().all()):
        raise ValueError(
            f"{name}={factory!r} returned values that are not finite for a batch of zeros, the "
            "mean of standardised inputs. Mend the module, or its initial parameters."
        )
