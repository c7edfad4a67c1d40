"""What members of an ensemble learn beside their weights."""

import pickle
from functools import partial

import numpy as np
import pytest


@pytest.mark.parametrize("kind", ["classifier", "cnn_classifier"])
def test_some_members_of_classifiers_learn_scales_of_inputs(request, kind, table, labels):
    """They do where held-out samples tell when to stop; files have the scales."""
    make = partial(request.getfixturevalue(kind), n_estimators=5, max_epochs=5, lr=0.05)
    model = make(early_stopping="cv").fit(table, labels)
    named = dict(model.net_.module_.named_parameters())
    (scale,) = [part for name, part in named.items() if name.endswith("scale")]
    assert scale.flatten(1).any(dim=1).tolist() == [False, False, False, True, True]
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("classifier", {"early_stopping": False}),
        ("regressor", {"early_stopping": "cv"}),
        ("classifier", {"early_stopping": "cv", "optimizer": "sgd"}),
    ],
)
def test_others_learn_none(request, kind, options, table, labels):
    """Members of regressors, without held-out samples, or with steps as large as gradients."""
    make = partial(request.getfixturevalue(kind), n_estimators=5, max_epochs=2)
    model = make(**options).fit(table, labels)
    assert not any(name.endswith("scale") for name, _ in model.net_.module_.named_parameters())
