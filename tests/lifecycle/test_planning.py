"""Which samples a fit trains on, and which it watches."""

import numpy as np
import pytest
from skorch.callbacks import Callback

from sk_aecnn import AutoencoderTransformer
from sk_aecnn.lifecycle import _planning


class Sources(Callback):
    """Keep the rows that a training is given, and those that it watches."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        validation = net.train_split
        self.training_ = X
        self.validation_ = None if validation is None else validation(X)[1]


def indices(source):
    return set(source.indices)


@pytest.mark.parametrize("n_labeled", [10, 40])
def test_rows_with_a_target_are_held_out(classifier, table, labels, n_labeled):
    """Unlabeled rows are all trained on; every row is either trained on or watched."""
    y = np.where(np.arange(40) < n_labeled, labels, -1)
    sources = Sources()
    classifier(early_stopping=True, validation_fraction=0.2, unlabeled=-1, callbacks=[sources]).fit(
        table, y
    )
    training, validation = indices(sources.training_), indices(sources.validation_)
    assert len(validation) == n_labeled // 5
    assert max(validation) < n_labeled
    assert training | validation == set(range(40))
    assert not training & validation


def test_rows_that_are_passed_are_watched(autoencoder, table):
    """With ``X_val``, all rows of ``X`` are trained on, and those are watched as they are."""
    sources = Sources()
    autoencoder(early_stopping=True, callbacks=[sources]).fit(table, X_val=table[:7])
    assert (len(sources.training_), len(sources.validation_)) == (40, 7)
    np.testing.assert_array_equal(sources.validation_.X.numpy(), table[:7])


@pytest.mark.parametrize("changed", ["held out", "trained on"])
def test_rows_that_are_held_out_are_not_in_the_components(monkeypatch, changed):
    """The start of an autoencoder, a PCA, is that of the rows that are trained on."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 8))
    parts = trained_on, held_out = np.split(np.arange(200), [150])
    monkeypatch.setattr(_planning, "hold_out", lambda *_: parts)
    other = X.copy()
    rows = held_out if changed == "held out" else trained_on
    other[rows] = X.std(axis=0) * rng.normal(size=(len(rows), 8))
    first, second = (
        AutoencoderTransformer(3, early_stopping=True, max_epochs=1, lr=1e-30, random_state=0)
        .fit(one)
        .transform(X)
        for one in (X, other)
    )
    assert np.allclose(first, second, atol=1e-4) == (changed == "held out")


@pytest.mark.parametrize("extra", ["y_val", "sample_weight_val"])
def test_targets_of_no_rows_are_refused(classifier, table, labels, extra):
    """What belongs to ``X_val`` is not taken without it."""
    with pytest.raises(ValueError, match=rf"{extra} is passed without X_val"):
        classifier(early_stopping=True).fit(table, labels, **{extra: labels + 1})
