"""Whether a step of training fits into memory, told before its first one."""

from __future__ import annotations

import torch
from skorch import NeuralNet

from sk_aecnn._torch import physical_memory
from sk_aecnn.data._batches import BatchSource, resolve


def check_step_memory(net: NeuralNet, data: BatchSource, batch_size: int) -> None:
    """Raise where what a step keeps of a batch for its gradients would not fit into memory.

    The system would hand out the memory, and end the process when it is written to. What is kept
    is measured, on one and on two samples; it is about 0.7 of what a step needs at its height.

    Parameters
    ----------
    net : NeuralNet
        The net to train.
    data : RowDataset or Subset
        Training rows.
    batch_size : int
        The most rows of a step.

    Raises
    ------
    MemoryError
        If it would not; the message has both sizes.
    """
    if torch.device(net.device).type != "cpu":  # other devices say so themselves
        return
    n_rows = min(batch_size, len(data))
    if len(net.module_.layout.shape) == 1 and n_rows * _most_of_a_table(net) < physical_memory():
        return
    source, indices = resolve(data)
    one, two = (source.X.index_select(0, indices[:1].repeat(n)) for n in (1, 2))
    needed = n_rows * (_bytes_kept(net, two) - _bytes_kept(net, one))
    if net.autocast is not None:
        needed = needed * net.autocast.itemsize // net.module_.layout.dtype.itemsize
    if needed > physical_memory():
        raise MemoryError(
            f"the layers' results for a batch of {n_rows} samples take {needed / 2**30:,.1f} GiB "
            f"of {physical_memory() / 2**30:,.1f} GiB"
        )


def _most_of_a_table(net: NeuralNet) -> int:
    """Return more bytes than dense layers keep of a row: a result has a parameter at the least."""
    n_parameters = sum(parameter.numel() for parameter in net.module_.parameters())
    n_values: int = n_parameters + net.module_.layout.shape[0]
    return 64 * n_values


def _bytes_kept(net: NeuralNet, rows: torch.Tensor) -> int:
    """Return the size of the results that the network would keep of rows for its gradients."""
    sizes: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    generator = net.iterator_train__generator
    state = generator.get_state()
    net._set_training(False)  # statistics of batches are not to change
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept):
        net.infer(rows)
    generator.set_state(state)
    return sum(sizes.values())
