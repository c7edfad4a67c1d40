"""How networks are trained, of estimators of every kind."""

import numpy as np
import pytest

from sk_aecnn import AECNNClassifier, AutoencoderImputer, AutoencoderTransformer
from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.recipes._ensemble import resolve_ensemble
from sk_aecnn.recipes._recipe import DataSummary
from sk_aecnn.recipes._training import resolve_training

TABLE = SampleGeometry((5,), 0)


def resolve(estimator, task, n_samples, **how):
    parameters = estimator.get_params()
    summary = DataSummary(TABLE, n_samples, 0, False, task, trains_once=not how)
    ensemble = resolve_ensemble(parameters, summary)
    summary = DataSummary(TABLE, n_samples, 0, False, task, trains_once=not how, ensemble=ensemble)
    return resolve_training(parameters, summary, **({"partial": False} | how))


def test_imputers_are_trained_for_longer_than_other_autoencoders():
    """What an estimator is for decides, not the parameters that it happens to have."""
    imputer, transformer = AutoencoderImputer(), AutoencoderTransformer()
    assert resolve(imputer, "imputer", 1_000).max_epochs == 100
    assert resolve(transformer, None, 1_000).max_epochs == 45
    assert resolve(imputer, None, 1_000).max_epochs == 45


def test_members_have_rates_and_batches_of_their_own():
    """Where held-out samples say how long, rates are higher and batches larger."""
    with_folds = resolve(AECNNClassifier(), "classifier", 1_000)
    without = resolve(AECNNClassifier(early_stopping=False), "classifier", 1_000)
    assert (with_folds.n_folds, with_folds.lr, with_folds.batch_size) == (5, 0.015, 256)
    assert (without.n_folds, round(without.lr, 5), without.batch_size) == (0, 0.00224, 128)
    assert (with_folds.patience, without.patience) == (None, None)


@pytest.mark.parametrize(("n_steps", "schedule"), [(None, "constant"), (50, "cosine")])
def test_a_part_of_the_samples_is_passed_once(n_steps, schedule):
    """``partial_fit`` makes one epoch, at a constant rate unless it knows the end of the stream."""
    estimator = AutoencoderTransformer(max_epochs=7, lr_schedule="cosine", batch_size=64)
    options = resolve(estimator, None, 16, partial=True, n_steps=n_steps)
    assert (options.max_epochs, options.lr_schedule, options.lr_factor) == (1, schedule, 0.5)


def test_an_imputer_says_what_it_is_for(few_epochs):
    """A fit of an imputer asks for its own number of epochs."""
    X = np.random.default_rng(0).normal(size=(30, 3))
    assert AutoencoderImputer(2, random_state=0).fit(X).n_iter_ == 10
