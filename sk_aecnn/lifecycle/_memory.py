"""What to do where memory does not suffice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sk_aecnn._torch import describe_shortage, is_out_of_memory

# what the memory of a fit depends on, if the estimator has it
_SIZES = (
    "batch_size",
    "encoding_dim",
    "hidden_layer_sizes",
    "conv_channels",
    "backend_channels",
    "dense_units",
    "n_bins",
)


@contextmanager
def memory_explained(parameters: Mapping[str, Any]) -> Iterator[None]:
    """Let an error that there is no memory name the parameters that decide on how much is needed.

    Examples
    --------
    >>> with memory_explained({"batch_size": 10**9, "lr": 0.1}):
    ...     raise MemoryError("4 TB are too many")
    Traceback (most recent call last):
        ...
    MemoryError: Training does not fit into memory (4 TB are too many). Pass fewer features, or \
    smaller values of batch_size=1000000000.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        sizes = ", ".join(f"{name}={parameters[name]!r}" for name in _SIZES if name in parameters)
        raise MemoryError(
            f"Training does not fit into memory ({describe_shortage(error)}). Pass fewer features, "
            f"or smaller values of {sizes}."
        ) from error
