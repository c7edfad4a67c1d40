"""Networks of the user's own are exported by torch."""

from importlib import util

import numpy as np
import pytest
import torch
from torch import nn

from sk_aecnn.onnx import to_onnx

pytest.importorskip("onnxscript")

# torch warns of its own code where it copies an exported program, onnxscript of that of torch 2.6
pytestmark = [
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore:'onnxscript.values:FutureWarning"),
    pytest.mark.filterwarnings("ignore:'onnxscript.values:DeprecationWarning"),
]


class Encoder(nn.Module):
    """Flatten, normalise, encode."""

    def __init__(self, in_shape, encoding_dim):
        super().__init__()
        self.first = nn.Linear(int(np.prod(in_shape)), 8)
        self.norm = nn.LayerNorm(8)
        self.last = nn.Linear(8, encoding_dim)

    def forward(self, x):
        return self.last(torch.tanh(self.norm(self.first(x.flatten(1)))))


class OfOneBatch(Encoder):
    """An encoder whose exported graph has the size of the batch in it."""

    def forward(self, x):
        return super().forward(x.reshape(len(x), -1))


def decoder(encoding_dim, out_shape):
    return nn.Sequential(
        nn.Linear(encoding_dim, int(np.prod(out_shape))), nn.Mish(), nn.Unflatten(1, out_shape)
    )


def backend(in_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(in_shape)), n_outputs))


def test_custom_parts(classifier, images, labels, assert_exported):
    """An encoder, a decoder and a back end between what is not custom."""
    parts = {"encoder": Encoder, "decoder": decoder, "backend": backend}
    assert_exported(classifier(**parts).fit(images, labels), images)


def test_custom_activations_of_members(cnn_classifier, table, labels, assert_exported):
    """A function as the activation of the back ends of an ensemble."""
    fitted = cnn_classifier(activation=torch.sin, n_estimators=2).fit(table, labels)
    assert_exported(fitted, table)


def test_custom_activations_of_stages(autoencoder, images, assert_exported):
    """A class as the activation of convolutional stages beside a linear path."""
    assert_exported(autoencoder(activation=nn.Mish).fit(images), images)


def test_custom_activations_of_masked_stages(classifier, images, labels, assert_exported):
    """Where a part of an image is missing, encoder and back end get the mask of its positions."""
    X = images.astype(np.float32)
    X[::2, 3:] = np.nan
    assert_exported(classifier(activation=nn.Mish).fit(X, labels), X, np.float32)


def test_a_part_for_one_size_of_the_batch_is_refused(autoencoder, images):
    """It is tried with another number of rows; the error says what to write instead."""
    fitted = autoencoder(encoder=OfOneBatch).fit(images)
    with pytest.raises(ValueError, match=r"encoder.*x.shape\[0\], or -1, where it has len\(x\)"):
        to_onnx(fitted)


def test_the_missing_package_is_named(autoencoder, images, monkeypatch):
    """Without onnxscript, custom parts are refused and others are not."""
    custom, plain = autoencoder(encoder=Encoder).fit(images), autoencoder().fit(images)
    find = util.find_spec
    monkeypatch.setattr(
        "sk_aecnn.onnx._custom.find_spec", lambda name: None if name == "onnxscript" else find(name)
    )
    to_onnx(plain)
    with pytest.raises(ImportError, match="pip install onnxscript"):
        to_onnx(custom)
