"""Fitted estimators as ONNX graphs, for programs without Python, torch or scikit-learn.

Needs the extra ``onnx``: ``pip install 'sk-aecnn[onnx]'``.
"""

from sk_aecnn.onnx._converters import register_converters
from sk_aecnn.onnx._export import to_onnx

__all__ = ["register_converters", "to_onnx"]
