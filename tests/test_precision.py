"""What ``precision`` promises."""

import numpy as np
import pytest
import torch

PRECISIONS = {"float32": np.float32, "float64": np.float64, "bfloat16": np.float32}


@pytest.mark.parametrize(("precision", "dtype"), PRECISIONS.items())
def test_results_and_parameters_have_the_precision(autoencoder, table, precision, dtype):
    """Training in 16 bits leaves 32 in the parameters, the codes and the reconstructions."""
    ae = autoencoder(precision=precision).fit(table)
    assert {str(p.dtype) for p in ae.net_.module_.parameters()} == {f"torch.{np.dtype(dtype)}"}
    codes = ae.transform(table)
    assert codes.dtype == dtype
    assert ae.inverse_transform(codes).dtype == dtype


def test_only_the_steps_of_training_compute_in_16_bits(classifier, images, labels):
    """The network sees 16 bits while it trains, 32 in validation and in prediction."""
    seen = {True: set(), False: set()}

    class Watched(torch.nn.Module):
        def __init__(self, in_shape, n_outputs):
            super().__init__()
            self.output = torch.nn.Linear(int(np.prod(in_shape)), n_outputs)

        def forward(self, x):
            logits = self.output(x.flatten(1))
            seen[self.training].add(logits.dtype)
            return logits

    model = classifier(precision="bfloat16", backend=Watched, early_stopping=True)
    model.fit(images, labels).predict(images)
    assert seen == {True: {torch.bfloat16}, False: {torch.float32}}


def test_training_in_16_bits_ends_close_to_training_in_32(autoencoder, table):
    """The losses of both agree to what 16 bits resolve, and are not the same."""
    losses = {
        precision: autoencoder(precision=precision).fit(table).loss_curve_
        for precision in ("float32", "bfloat16")
    }
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.05)
    assert losses["bfloat16"] != losses["float32"]


def test_autocast_is_off_after_training(autoencoder, table):
    """The caller's own computations keep their precision."""
    autoencoder(precision="bfloat16").fit(table)
    assert not torch.is_autocast_enabled("cpu")


def test_row_weights_work_in_16_bits(classifier, images, labels):
    """The statistics of the normalisation are weighed in full precision: equal weights are none."""
    plain = classifier(precision="bfloat16").fit(images, labels)
    weights = np.linspace(1, 1.001, len(labels))
    weighted = classifier(precision="bfloat16").fit(images, labels, sample_weight=weights)
    norms = [
        [buffer.numpy() for name, buffer in model.net_.module_.named_buffers() if "running" in name]
        for model in (plain, weighted)
    ]
    assert norms[0]
    for one, other in zip(*norms, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.1, atol=0.1)
