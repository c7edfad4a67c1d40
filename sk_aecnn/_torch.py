"""Devices, precisions and random generators: what every torch side module needs and none owns."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

# precision -> dtype of the parameters, and what the network computes in while it trains, if other
DTYPES = {"bfloat16": torch.float32, "float32": torch.float32, "float64": torch.float64}
AUTOCASTS = {"bfloat16": torch.bfloat16}

# a little less than glibc's limit, for what it adds
_LARGEST_KEPT_BYTES = 2**25 - 2**13


def torch_to_numpy(dtype: torch.dtype) -> np.dtype:
    """Return the numpy dtype of a torch dtype."""
    return np.dtype(str(dtype).removeprefix("torch."))


def resolve_device(device: str) -> torch.device:
    """Turn the name of a device into a device that is present on this machine."""
    if device == "meta":
        raise ValueError(
            "device='meta' has no memory to compute in. Pass device='auto', 'cpu' or 'cuda'."
        )
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={device!r} cannot be used here ({str(error).splitlines()[0]}). Pass "
            "device='auto' to take a GPU where there is one and the CPU elsewhere."
        ) from error
    return resolved


def new_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator of its own: the global one is neither read nor changed."""
    return torch.Generator(device=device).manual_seed(seed)


def generator_on(device: torch.device, generator: torch.Generator) -> torch.Generator:
    """Return a generator for a device: the given one on the CPU, else one seeded from it."""
    if device.type == "cpu":
        return generator
    return new_generator(int(torch.randint(2**62, (), generator=generator)), device)


_GLOBAL_GENERATOR = Lock()


@contextmanager
def seeded_global_generator(generator: torch.Generator) -> Iterator[None]:
    """Seed torch's global generator from another one, and put it back at the end.

    For calls of a user's code, which draws from the global generator. One thread at a time.
    """
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with _GLOBAL_GENERATOR:
        state = torch.default_generator.get_state()
        try:
            torch.default_generator.manual_seed(seed)
            yield
        finally:
            torch.default_generator.set_state(
                state
            )  # one call of C, which no interrupt cuts in two


def physical_memory() -> float:
    """Return the memory of the machine in bytes, infinite where it cannot be told."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # as on Windows
        return float("inf")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether numpy or torch found no memory for an array, or no number for its size."""
    if isinstance(error, MemoryError):
        return True
    words = ("out of memory", "allocate memory", "size calculation overflowed", "multiplication ov")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def describe_shortage(error: BaseException) -> str:
    """Return how much memory was asked for, as far as an error says."""
    asked = re.search(r"allocate ([\d.]+ \w+)", str(error))
    return f"{asked[1]} were asked for" if asked else str(error).split("\n")[0]


def keep_freed_memory() -> None:
    """Let the C library keep freed blocks of up to 32 MiB, and 64 MiB in all, for the next step.

    glibc hands large freed blocks back to the system, which has to find and clear every page anew
    when they are asked for again: up to a third of the time of a convolution. It keeps blocks of a
    size that it has seen freed, so one such block, never touched, is all it takes. Under other C
    libraries this does nothing.
    """
    torch.empty(_LARGEST_KEPT_BYTES, dtype=torch.uint8)


def is_undisturbed(device: torch.device) -> bool:
    """Tell whether nobody has set a default device, autocast or inference mode in this process."""
    return (
        torch.empty(0).device.type == "cpu"
        and not torch.is_inference_mode_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not (device.type != "cpu" and torch.is_autocast_enabled(device.type))
    )


@contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """Compute as if nobody had set a default device, autocast, or a gradient mode in this process.

    All of them are as before at the end, also after an interrupt.
    """
    with ExitStack() as stack:
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        for kind in {"cpu", device.type}:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        gradients = torch.is_grad_enabled()
        torch._C._set_grad_enabled(True)
        try:
            yield
        finally:
            torch._C._set_grad_enabled(gradients)


def detach_tensor(X: Any) -> Any:
    """Return a torch tensor as a numpy array, without a copy where it can; others as they are."""
    if not isinstance(X, Tensor):
        return X
    X = X.detach().cpu()
    return (X.float() if X.dtype == torch.bfloat16 else X).numpy()


class _Writable:
    """A view of an array's memory that does not say it is read-only."""

    def __init__(self, array: np.ndarray) -> None:
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
        self.array = array


def as_tensor(array: np.ndarray) -> Tensor:
    """Share an array's memory with a tensor that is only ever read.

    torch warns of read-only memory (memory-mapped files, joblib's arguments), because it could be
    written through the tensor. Nothing here writes to its input, so the flag is left behind.
    """
    array = np.asarray(array)
    if array.dtype == np.longdouble and array.dtype != np.float64:
        array = array.astype(np.float64)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    array = np.ascontiguousarray(array)
    odd = any(stride < 0 or stride % array.itemsize for stride in array.strides)
    if odd or not array.flags.aligned:  # as along an axis of one value, or in a record
        array = array.copy()
    if not array.flags.writeable:
        array = np.asarray(_Writable(array))
    return torch.from_numpy(array)
