"""What this machine can do: multiplications, convolutions, memory, and the time steps need at that.

python benchmarks/speed/limits.py
"""

from itertools import pairwise
from statistics import median
from timeit import repeat

import torch
from torch.nn import functional as F

from sk_aecnn._torch import keep_freed_memory

BATCH = 256
SIZES = (784, 64, 32, 32, 32, 64, 784)


def seconds(function, number=50):
    """Return the median time of a call."""
    repeat(function, number=5, repeat=1)
    return median(repeat(function, number=number, repeat=9)) / number


def report(name, operations, function):
    taken = seconds(function)
    print(f"{name:44s} {taken * 1e6:8.0f} µs {operations / taken / 1e9:7.0f} GFLOP/s")
    return taken


def dense():
    """Time the multiplications of a step of the dense autoencoder, nothing else."""
    total = operations = 0.0
    for n_in, n_out in pairwise(SIZES):
        x, weight = torch.randn(BATCH, n_in), torch.randn(n_out, n_in)
        grad = torch.randn(BATCH, n_out)
        products = {"forward": (x, weight.t()), "weights": (grad.t(), x)}
        if total:  # nothing wants the gradient of the rows
            products["inputs"] = (grad, weight)
        for name, (left, right) in products.items():
            count = 2 * BATCH * n_in * n_out
            title = f"{BATCH} rows, {n_in} to {n_out}, {name}"
            total += report(title, count, lambda left=left, right=right: left @ right)
            operations += count
    print(
        f"a step of the dense autoencoder: {operations / 1e6:.0f} MFLOP, {total * 1e6:.0f} µs in "
        f"multiplications alone, {operations / total / 1e9:.0f} GFLOP/s"
    )


def convolution(channels_in, channels_out, size, dtype):
    last = {"memory_format": torch.channels_last}
    x = torch.randn(128, channels_in, size, size, dtype=dtype).contiguous(**last)
    weight = torch.randn(channels_out, channels_in, 3, 3, dtype=dtype).contiguous(**last)
    count = 2 * 128 * size**2 * channels_in * channels_out * 9
    name = f"128 images, {size} x {size}, {channels_in} to {channels_out}, {str(dtype)[6:]}"
    report(name, count, lambda: F.conv2d(x, weight, padding=1))


def memory():
    source, target = torch.zeros(2**26), torch.zeros(2**26)
    taken = seconds(lambda: target.copy_(source), number=3)
    print(f"copy of 256 MiB: {2 * 2**28 / taken / 1e9:.0f} GB/s read and written")
    rows, index = torch.zeros(60_000, 784), torch.randperm(60_000)[:BATCH]
    taken = seconds(lambda: rows.index_select(0, index))
    print(f"gathering {BATCH} rows of 784 float32: {taken * 1e6:.0f} µs")


@torch.inference_mode()
def main():
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    dense()
    convolution(1, 32, 28, torch.float32)
    keep_freed_memory()
    print("the same and all others with freed memory kept:")
    for dtype in (torch.float32, torch.bfloat16):
        for sizes in ((1, 32, 28), (32, 64, 14), (64, 64, 7)):
            convolution(*sizes, dtype)
    memory()


if __name__ == "__main__":
    main()
