"""Unlabeled rows train the encoder, and never count as a class."""

import numpy as np
import pandas as pd
import pytest


def assert_same(one, other, X):
    """Two estimators say the same about rows, to the last bit."""
    for method in ("transform", "predict_proba", "predict"):
        if hasattr(one, method):
            np.testing.assert_array_equal(getattr(one, method)(X), getattr(other, method)(X))


MARKS = {
    "minus one": (-1, np.array([0, 1, -1])),
    "a string": ("?", np.array(["no", "yes", "?"])),
    "an empty string": ("", np.array(["no", "yes", ""], dtype=object)),
    "NaN": (float("nan"), np.array([0.0, 1.0, np.nan])),
    "NaN among objects": (float("nan"), np.array(["no", "yes", np.nan], dtype=object)),
}


@pytest.fixture(params=MARKS.values(), ids=MARKS)
def mark(request):
    """What stands for no label, and the names of the two classes and of no class."""
    return request.param


@pytest.fixture
def some():
    """Which rows have a label: every fifth pair."""
    return np.arange(40) % 10 < 2


# -- labels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["table", "images"])
def test_no_label_is_no_class(classifier, request, labels, some, mark, kind):
    """Whatever marks them, unlabeled rows add no class, and are never predicted."""
    unlabeled, names = mark
    X = request.getfixturevalue(kind)
    estimator = classifier(unlabeled=unlabeled, max_epochs=20, lr=0.01)
    estimator.fit(X, names[np.where(some, labels, 2)])
    np.testing.assert_array_equal(estimator.classes_, names[:2])
    assert estimator.predict_proba(X).shape == (40, 2)
    assert set(estimator.predict(X)) <= set(names[:2])


def test_the_mark_does_not_matter(classifier, table, labels, some, mark):
    """Every mark leads to the same network."""
    unlabeled, names = mark
    expected = classifier(unlabeled=-1).fit(table, np.where(some, labels, -1))
    estimator = classifier(unlabeled=unlabeled).fit(table, names[np.where(some, labels, 2)])
    np.testing.assert_array_equal(estimator.predict_proba(table), expected.predict_proba(table))


def test_a_series_with_missing_values_has_unlabeled_rows(classifier, table, labels, some):
    """NaN in a series of strings marks unlabeled rows."""
    y = pd.Series(np.where(labels == 1, "yes", "no").astype(object)).where(some, np.nan)
    estimator = classifier(unlabeled=np.nan).fit(table, y)
    np.testing.assert_array_equal(estimator.classes_, ["no", "yes"])


def test_without_the_option_minus_one_is_a_class(classifier, table, labels, some):
    """unlabeled=None takes every label for what it says."""
    estimator = classifier().fit(table, np.where(some, labels, -1))
    np.testing.assert_array_equal(estimator.classes_, [-1, 0, 1])


@pytest.mark.parametrize("kind", ["table", "images"])
def test_where_all_rows_are_labeled_the_option_changes_nothing(classifier, request, labels, kind):
    """With no row unlabeled the fit is that without the option, to the last bit."""
    X = request.getfixturevalue(kind)
    expected = classifier(batch_size=16).fit(X, labels)
    estimator = classifier(batch_size=16, unlabeled=-1).fit(X, labels)
    assert_same(estimator, expected, X)
    assert estimator.loss_curve_ == expected.loss_curve_


def test_few_labels_and_many_rows_are_enough(classifier, table, labels):
    """Two labels lead to the two kinds that all rows fall into."""
    y = np.where(np.arange(40) < 2, labels, -1)
    estimator = classifier(unlabeled=-1, max_epochs=60, lr=0.01).fit(table, y)
    assert (estimator.predict(table) == labels).mean() > 0.8


def test_unlabeled_rows_train_the_reconstruction(classifier, table, labels, some):
    """Fitted on all rows, all come back better than fitted on the labeled ones alone."""
    parameters = {"max_epochs": 60, "lr": 0.01, "encoding_dim": 5, "consistency_weight": 0}
    y = np.where(some, labels, -1)
    every = classifier(**parameters, unlabeled=-1).fit(table, y)
    alone = classifier(**parameters).fit(table[some], labels[some])
    errors = [estimator.reconstruction_error(table).mean() for estimator in (every, alone)]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("reconstruction_weight", [0.0, 0.5])
def test_the_history_shows_the_consistency_apart(
    classifier, table, labels, some, reconstruction_weight
):
    """train_loss is the weighted sum of its parts, each epoch."""
    estimator = classifier(
        unlabeled=-1, consistency_weight=2.0, reconstruction_weight=reconstruction_weight
    ).fit(table, np.where(some, labels, -1))
    for row in estimator.history_:
        total = row["train_classification_loss"] + 2.0 * row["train_consistency_loss"]
        total += reconstruction_weight * row.get("train_reconstruction_loss", 0)
        assert row["train_loss"] == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("consistency_weight", [0.0, 1.0])
def test_the_consistency_may_be_left_out(classifier, table, labels, some, consistency_weight):
    """consistency_weight=0 leaves unlabeled rows to the reconstruction."""
    estimator = classifier(unlabeled=-1, consistency_weight=consistency_weight)
    row = estimator.fit(table, np.where(some, labels, -1)).history_[-1]
    assert ("train_consistency_loss" in row) == (consistency_weight > 0)


@pytest.mark.parametrize(
    "parameters",
    [
        {"batch_size": 7},
        {"early_stopping": True},
        {"backend_input": "code"},
        {"reconstruction_weight": 0},
        {"dropout": 0.5},
        {"pretrain_epochs": 2},
        {"pretrain_epochs": 2, "freeze_encoder": True},
        {"precision": "float64"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["table", "images"])
def test_a_seed_repeats_a_fit(classifier, request, labels, some, kind, parameters):
    """Every way to train takes unlabeled rows, and repeats."""
    X, y = request.getfixturevalue(kind), np.where(some, labels, -1)
    first, second = (classifier(unlabeled=-1, **parameters).fit(X, y) for _ in range(2))
    assert first.loss_curve_ == second.loss_curve_
    assert np.isfinite(first.loss_curve_).all()
    if hasattr(first, "transform") and parameters != {"reconstruction_weight": 0}:
        assert_same(first, second, X)


def test_class_weights_are_those_of_the_labeled_rows(classifier, table, some):
    """'balanced' counts rows with a label; those without weigh one."""
    labels = (np.arange(40) % 4 == 0).astype(int)
    y = np.where(some, labels, -1)
    counts = np.bincount(labels[some])
    balanced = classifier(unlabeled=-1, class_weight="balanced").fit(table, y)
    by_hand = classifier(unlabeled=-1, class_weight=dict(enumerate(some.sum() / (2 * counts))))
    assert_same(balanced, by_hand.fit(table, y), table)


def test_rows_of_zero_weight_are_no_rows(classifier, table, labels, some):
    """Rows of zero weight are left out, with a label or without."""
    y = np.where(some, labels, -1)
    weight = np.where(np.arange(40) % 3 == 0, 0.0, 1 + np.arange(40) % 2)
    kept = weight > 0
    weighted = classifier(unlabeled=-1).fit(table, y, weight)
    assert_same(weighted, classifier(unlabeled=-1).fit(table[kept], y[kept], weight[kept]), table)


def test_if_only_labeled_rows_weigh_it_is_an_ordinary_fit(classifier, table, labels, some):
    """Zero weights on all unlabeled rows give the fit on the others."""
    y = np.where(some, labels, -1)
    weighted = classifier(unlabeled=-1).fit(table, y, sample_weight=some.astype(float))
    assert_same(weighted, classifier().fit(table[some], labels[some]), table)


# -- in parts ---------------------------------------------------------------------------------


def test_parts_of_any_mixture(classifier, table, labels, some):
    """Batches with some labels, with none, and with all may follow each other."""
    estimator = classifier(unlabeled=-1, class_weight="balanced")
    for y in (np.where(some, labels, -1), np.full(40, -1), labels):
        estimator.partial_fit(table, y, classes=[0, 1])
        np.testing.assert_array_equal(estimator.classes_, [0, 1])
        assert np.isfinite(estimator.transform(table)).all()
        assert np.isfinite(estimator.sample(3, random_state=0)).all()


def test_the_first_part_may_have_no_label(classifier, table, labels):
    """Where `classes` are named, no row of the first part need have one."""
    estimator = classifier(unlabeled="?").partial_fit(table, ["?"] * 40, classes=["a", "b"])
    np.testing.assert_array_equal(estimator.classes_, ["a", "b"])
    assert estimator.partial_fit(table, np.array(["a", "b"])[labels]).n_iter_ == 2


def test_a_part_without_some_class_is_fine(classifier, table, some):
    """Not every class need have a row in every part."""
    estimator = classifier(unlabeled=-1)
    estimator.partial_fit(table, np.where(some, 0, -1), classes=[0, 1])
    assert estimator.predict_proba(table).shape == (40, 2)


def test_a_labeled_part_is_not_corrupted(classifier, table, labels, some):
    """Noise is for the copies of unlabeled rows: a labeled part is seen as it is."""
    loss = []
    for consistency_weight in (0.0, 1e-12):
        estimator = classifier(
            unlabeled=-1,
            consistency_weight=consistency_weight,
            precision="float64",
            batch_size=1000,
        )
        estimator.partial_fit(table, np.where(some, labels, -1), classes=[0, 1])
        loss.append(estimator.partial_fit(table, labels).loss_curve_[-1])
    assert loss[0] == pytest.approx(loss[1], rel=0.05)


def test_no_label_is_not_among_the_classes(classifier, table, labels, some):
    """`classes` that hold the mark are refused by its name."""
    estimator = classifier(unlabeled=-1)
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=r"classes=\[-1, 0, 1\] .*unlabeled=-1.*[Ll]eave it out"):
        estimator.partial_fit(table, np.where(some, labels, -1), classes=[-1, 0, 1])
    assert vars(estimator) == before


# -- targets ----------------------------------------------------------------------------------

NAN = float("nan")


@pytest.mark.parametrize("kind", ["table", "images"])
def test_where_no_target_is_missing_the_option_changes_nothing(regressor, request, labels, kind):
    """With no target missing the fit is that without the option, to the last bit."""
    X = request.getfixturevalue(kind)
    expected = regressor(batch_size=16).fit(X, labels)
    estimator = regressor(batch_size=16, unlabeled=NAN).fit(X, labels)
    assert_same(estimator, expected, X)
    assert estimator.loss_curve_ == expected.loss_curve_


@pytest.mark.parametrize(
    "parameters",
    [{}, {"batch_size": 7}, {"early_stopping": True}, {"pretrain_epochs": 2}],
    ids=str,
)
def test_unlabeled_rows_train_the_rest(regressor, table, targets, some, parameters):
    """NaN targets are fitted around: predictions are finite, and in the targets' units."""
    estimator = regressor(unlabeled=NAN, **parameters)
    estimator.fit(table, np.where(some, targets, np.nan))
    assert np.isfinite(estimator.predict(table)).all()
    scaler = estimator._target_scaler
    assert scaler.mean == pytest.approx(targets[some].mean())
    assert scaler.scale == pytest.approx(targets[some].std())


def test_single_targets_may_be_missing(regressor, table, targets, some):
    """A row with one of two targets teaches that one."""
    y = np.c_[targets, -targets]
    y[some, 0] = np.nan
    y[~some & (np.arange(40) % 10 > 6), 1] = np.nan
    estimator = regressor(unlabeled=NAN, max_epochs=80, lr=0.01).fit(table, y)
    predicted = estimator.predict(table)
    known = ~np.isnan(y)
    for column in (0, 1):
        kept = known[:, column]
        residual = predicted[kept, column] - y[kept, column]
        assert residual.var() < 0.3 * y[kept, column].var()


def test_the_loss_is_the_mean_over_the_targets_that_there_are(regressor, table, targets, some):
    """In one batch the loss divides by the number of targets that are not missing."""
    y = np.c_[targets, targets]
    y[some, 1] = np.nan
    estimator = regressor(unlabeled=NAN, precision="float64", reconstruction_weight=0, lr=1e-12)
    estimator.fit(table, y)
    residuals = (estimator.predict(table) - y) / estimator._target_scaler.scale
    expected = np.nanmean(residuals**2)
    assert estimator.loss_curve_[-1] == pytest.approx(expected, rel=0.05)


def test_parts_of_targets(regressor, table, targets, some):
    """partial_fit takes a part without any target once the first has fixed the units."""
    estimator = regressor(unlabeled=NAN).partial_fit(table, np.where(some, targets, np.nan))
    estimator.partial_fit(table, np.full(40, np.nan)).partial_fit(table, targets)
    assert np.isfinite(estimator.predict(table)).all()


def test_a_warm_start_may_not_be_the_first_to_miss_targets(joint, table, labels, some):
    """A network without a consistency loss does not go on with unlabeled samples."""
    estimator = joint(warm_start=True).fit(table, labels)
    mark = -1 if hasattr(estimator, "classes_") else np.nan
    with pytest.raises(ValueError, match=r"unlabeled=.* differs from unlabeled=None"):
        estimator.set_params(unlabeled=mark).fit(table, np.where(some, labels, mark))


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("unlabeled", [-1, "?", NAN])
def test_labels_for_no_row_are_refused(classifier, table, unlabeled):
    """All rows unlabeled leave nothing to learn, and the error says so."""
    estimator = classifier(unlabeled=unlabeled)
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=r"Every sample of y is unlabeled.*AutoencoderTransformer"):
        estimator.fit(table, np.full(40, unlabeled))
    assert vars(estimator) == before


def test_one_class_beside_unlabeled_rows_is_refused(classifier, table, some):
    """No label is no second class."""
    with pytest.raises(ValueError, match="only 1 class"):
        classifier(unlabeled=-1).fit(table, np.where(some, 0, -1))


def test_targets_for_no_row_are_refused(regressor, table):
    """All targets missing, or all of one column, leave nothing to learn."""
    with pytest.raises(ValueError, match="Every sample of y is unlabeled"):
        regressor(unlabeled=NAN).fit(table, np.full(40, np.nan))
    y = np.c_[np.arange(40.0), np.full(40, np.nan)]
    with pytest.raises(ValueError, match="Target 1 of y is NaN in every sample"):
        regressor(unlabeled=NAN).fit(table, y)


def test_missing_labels_need_the_option(classifier, regressor, table, labels, some):
    """NaN without unlabeled=NaN is refused, in labels and in targets."""
    y = np.where(some, labels, np.nan)
    with pytest.raises(ValueError, match="y contains NaN"):
        classifier().fit(table, y)
    with pytest.raises(ValueError, match="y contains NaN"):
        classifier(unlabeled=-1).fit(table, y)
    with pytest.raises(ValueError, match=r"y contains NaN.*unlabeled=float\('nan'\)"):
        regressor().fit(table, y)


def test_a_regressor_marks_with_nan_only(regressor, table, targets):
    """Any other number is a number: unlabeled=-1 is refused."""
    with pytest.raises(ValueError, match="'unlabeled' parameter of"):
        regressor(unlabeled=-1).fit(table, targets)


@pytest.mark.parametrize("value", [-0.5, "much", None])
def test_consistency_weights_out_of_range_are_refused(classifier, table, labels, value):
    """consistency_weight is a number of 0 or more."""
    with pytest.raises(ValueError, match="'consistency_weight' parameter of"):
        classifier(consistency_weight=value).fit(table, labels)
