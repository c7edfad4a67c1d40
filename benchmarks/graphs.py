"""Graphs in onnxruntime."""

import numpy as np
import torch


def session_of(graph):
    """Return what computes a graph, with as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def call(session, X):
    """Return what a graph makes of rows, a thousand at a time."""
    chunks = [X[start : start + 1000] for start in range(0, len(X), 1000)]
    return np.concatenate([session.run(None, {"X": chunk})[0] for chunk in chunks])
