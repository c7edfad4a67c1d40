"""AECNNClassifier: what it learns and what its parameters do."""

import numpy as np
import pytest
import torch
from torch import nn

from sk_aecnn.nn import Dropout


@pytest.mark.parametrize("backend_input", ["code", "features"])
@pytest.mark.parametrize("kind", ["table", "images"])
def test_two_kinds_are_told_apart(classifier, request, labels, kind, backend_input):
    """Both back ends learn a simple task on rows and on images."""
    X = request.getfixturevalue(kind)
    estimator = classifier(backend_input=backend_input, max_epochs=60, lr=0.01).fit(X, labels)
    assert estimator.score(X, labels) == 1


@pytest.mark.parametrize("weight", [0.1, 1.0, 10.0])
def test_the_history_shows_each_loss_apart(classifier, table, labels, weight):
    """train_loss is the classification loss plus the weighted reconstruction loss, each epoch."""
    estimator = classifier(reconstruction_weight=weight, early_stopping=True).fit(table, labels)
    for row in estimator.history_:
        for part in ("train", "valid"):
            total = row[f"{part}_classification_loss"] + weight * row[f"{part}_reconstruction_loss"]
            assert row[f"{part}_loss"] == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("backend_input", ["code", "features"])
def test_without_reconstruction_there_is_no_such_loss(classifier, table, labels, backend_input):
    """reconstruction_weight=0 trains a plain network and reports one loss."""
    estimator = classifier(reconstruction_weight=0, backend_input=backend_input)
    row = estimator.fit(table, labels).history_[-1]
    assert not any("reconstruction" in name for name in row)
    assert row["train_loss"] == row["train_classification_loss"]


def test_a_heavier_reconstruction_is_a_better_one(classifier, table, labels):
    """reconstruction_weight moves the compromise."""
    errors = [
        classifier(
            encoding_dim=2,
            reconstruction_weight=weight,
            max_epochs=60,
            lr=0.01,
            linear_path=False,
        )
        .fit(table, labels)
        .reconstruction_error(table)
        .mean()
        for weight in (1e-4, 100.0)
    ]
    assert errors[1] < 0.9 * errors[0]


def test_the_back_end_has_the_layers_asked_for(classifier, images, labels):
    """backend_channels, dense_units and dropout are those of the back end."""
    estimator = classifier(backend_channels=(3, 5), dense_units=7, dropout=0.25).fit(images, labels)
    backend = estimator.net_.module_.backend
    convs = [m.out_channels for m in backend.modules() if isinstance(m, nn.Conv2d)]
    assert convs == [3, 5]
    assert (backend.dense.out_features, backend.output.in_features) == (7, 7)
    assert [m.p for m in backend.modules() if isinstance(m, Dropout)] == [0.25]


def test_dropout_is_for_training_only(classifier, table, labels):
    """Predictions do not vary from call to call."""
    estimator = classifier(dropout=0.5).fit(table, labels)
    np.testing.assert_array_equal(estimator.predict_proba(table), estimator.predict_proba(table))


@pytest.mark.parametrize(("label_smoothing", "factor"), [(0.0, 1.0), (0.1, 1.5)])
def test_probabilities_make_up_for_smoothed_labels(
    classifier, table, labels, label_smoothing, factor
):
    """They are computed from logits that smoothing had held back, until the next fit."""
    model = classifier(label_smoothing=label_smoothing, n_estimators=1).fit(table, labels)
    logits = model.net_.module_.predict(torch.tensor(table, dtype=torch.float32))
    expected = (factor * logits.detach()).softmax(1)
    model.set_params(label_smoothing=0.3)
    np.testing.assert_allclose(model.predict_proba(table), expected, rtol=1e-4)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(table)), expected, rtol=1e-4)


def test_classes_are_sorted_and_columns_follow_them(classifier, table):
    """classes_ is sorted, and predict_proba has a column for each."""
    y = np.array(["pear", "apple", "fig", "apple"] * 10)
    estimator = classifier().fit(table, y)
    np.testing.assert_array_equal(estimator.classes_, ["apple", "fig", "pear"])
    assert estimator.predict_proba(table).shape == (40, 3)


def test_partial_fit_knows_classes_to_come(classifier, table, labels):
    """A class that the first part of the data does not hold is learnt from a later one."""
    estimator = classifier(lr=0.02).partial_fit(table, labels, classes=[2, 0, 1])
    np.testing.assert_array_equal(estimator.classes_, [0, 1, 2])
    for _ in range(40):
        estimator.partial_fit(table, np.where(labels == 1, 2, 0))
    assert set(estimator.predict(table)) == {0, 2}


def test_warm_start_keeps_the_classes(classifier, table, labels):
    """A warm fit may see fewer classes than the first, not others."""
    estimator = classifier(warm_start=True).fit(table, np.arange(40) % 3)
    estimator.fit(table, labels)
    np.testing.assert_array_equal(estimator.classes_, [0, 1, 2])
    with pytest.raises(ValueError, match=r"not among the classes \[0, 1, 2\]: \[9\]"):
        estimator.fit(table, labels * 9)


def test_the_code_has_names(classifier, table, labels):
    """The names of the columns of transform are made of the class's name."""
    names = classifier().fit(table, labels).get_feature_names_out()
    assert list(names) == ["aecnnclassifier0", "aecnnclassifier1", "aecnnclassifier2"]
