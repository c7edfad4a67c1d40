"""What ``precision`` promises."""

import numpy as np
import pytest
import torch

from sk_aecnn.nn import BatchNorm

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


def test_row_weights_count_in_16_bits():
    """Weighted statistics of 16-bit values are computed in 32 bits."""
    norm = BatchNorm(3)
    x = torch.randn(8, 3, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    norm.row_weight = torch.arange(1.0, 9.0)
    with torch.autocast("cpu", torch.bfloat16):
        output = norm(x)
    assert output.dtype == torch.bfloat16
    mean = np.average(x.float().mean(2).numpy(), axis=0, weights=np.arange(1.0, 9.0))
    np.testing.assert_allclose(norm.running_mean.numpy(), norm.MOMENTUM * mean, rtol=1e-5)


def test_a_weighted_fit_works_in_16_bits(classifier, images, labels):
    """Rows of different weight can be trained on in 16 bits."""
    model = classifier(precision="bfloat16")
    model.fit(images, labels, sample_weight=np.linspace(0.5, 2, len(labels)))
    assert np.isfinite(model.loss_curve_).all()
