"""Labels, unlabeled samples and weights of every kind count as they should."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import BatchScoring, EpochScoring

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor

FEW = {"max_epochs": 2, "random_state": 0}


def outputs(estimator, X):
    """Everything that can be asked about samples."""
    names = ("predict", "predict_proba", "transform", "reconstruct", "score_samples")
    return {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}


def assert_same(actual, expected):
    """Outputs are alike to the last bit."""
    assert actual.keys() == expected.keys()
    for name, output in actual.items():
        np.testing.assert_array_equal(output, expected[name], err_msg=name)


def assert_finite(estimator, X):
    """All outputs are finite numbers."""
    for name, output in outputs(estimator, X).items():
        assert np.isfinite(output).all(), name


# -- scores of unlabeled samples --------------------------------------------------------------

UNLABELED = {"number": (-1, [0, 1]), "text": ("?", ["no", "yes"]), "nan": (np.nan, [0.0, 1.0])}


@pytest.fixture(params=UNLABELED)
def partly_labeled(request, labels):
    """The value of ``unlabeled``, labels of which half have it, and which samples have a label."""
    unlabeled, classes = UNLABELED[request.param]
    known = np.arange(40) % 4 < 2
    y = np.array(classes, dtype=object)[labels]
    y[~known] = unlabeled
    return unlabeled, y if request.param == "text" else y.astype(type(classes[0])), known


@pytest.mark.parametrize("weight", [None, np.linspace(1, 5, 40)], ids=["equal", "weighted"])
def test_unlabeled_samples_do_not_count_in_the_score(classifier, table, partly_labeled, weight):
    """``score`` is the accuracy, weighted where weights are given, on the labeled samples."""
    unlabeled, y, known = partly_labeled
    estimator = classifier(unlabeled=unlabeled).fit(table, y)
    expected = accuracy_score(
        y[known].tolist(),
        estimator.predict(table[known]).tolist(),
        sample_weight=None if weight is None else weight[known],
    )
    assert estimator.score(table, y, sample_weight=weight) == pytest.approx(expected)


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("weight", [None, np.linspace(1, 5, 40)], ids=["equal", "weighted"])
def test_targets_that_are_nan_do_not_count_in_the_score(
    regressor, table, targets, n_targets, weight
):
    """``score`` of a regressor is R² of the samples that have a target."""
    y = np.column_stack([targets, -(targets**2)])[:, :n_targets].squeeze()
    known = np.arange(40) % 3 > 0
    y_true = y[known]
    y[~known] = np.nan
    estimator = regressor(unlabeled=np.nan).fit(table, y)
    known_weight = None if weight is None else weight[known]
    expected = r2_score(y_true, estimator.predict(table[known]), sample_weight=known_weight)
    assert estimator.score(table, y, sample_weight=weight) == pytest.approx(expected)


def test_a_score_of_unlabeled_samples_alone_is_an_error(classifier, regressor, table, labels):
    """Where no sample has a label there is no score, and the error says so."""
    estimator = classifier(unlabeled=-1).fit(table, labels)
    with pytest.raises(ValueError, match="unlabeled"):
        estimator.score(table, np.full(40, -1))
    estimator = regressor(unlabeled=np.nan).fit(table, labels)
    with pytest.raises(ValueError, match="unlabeled"):
        estimator.score(table, np.full(40, np.nan))


def test_scores_of_labeled_samples_are_those_of_scikit_learn(joint, table, labels):
    """Where every sample has a label, ``score`` is the accuracy, or R²."""
    estimator = joint().fit(table, labels)
    score = accuracy_score if hasattr(estimator, "predict_proba") else r2_score
    assert estimator.score(table, labels) == score(labels, estimator.predict(table))


def test_cross_validation_leaves_unlabeled_samples_out(classifier, table, labels):
    """Cross-validated scores are of the labeled samples: 1 where these are told apart."""
    y = np.where(np.arange(40) % 4 < 2, labels, -1)
    model = classifier(max_epochs=20, lr=0.02, unlabeled=-1)
    np.testing.assert_array_equal(cross_val_score(model, table, y, cv=2), 1)
    pipeline, grid = make_pipeline(StandardScaler(), model), {"aecnnclassifier__lr": [0.02]}
    search = GridSearchCV(pipeline, grid, cv=2, refit=False).fit(table, y)
    assert search.best_score_ == 1


def test_cross_validation_of_regressors_leaves_unlabeled_samples_out(regressor, table, targets):
    """Cross-validated R² is a number where some targets are NaN."""
    y = np.where(np.arange(40) % 4 > 0, targets, np.nan)
    scores = cross_val_score(regressor(unlabeled=np.nan), table, y, cv=2, error_score="raise")
    assert np.isfinite(scores).all()


def test_scores_of_epochs_leave_unlabeled_samples_out(classifier, table, labels):
    """skorch's ``EpochScoring`` tells the accuracy on the validation samples with a label."""
    y = np.where(np.arange(40) % 4 < 2, labels, -1)
    scoring = EpochScoring("accuracy", lower_is_better=False, name="acc")
    model = classifier(max_epochs=1, unlabeled=-1, early_stopping=True, callbacks=[scoring])
    model.fit(table, y, X_val=table, y_val=y)
    expected = accuracy_score(y[y >= 0], model.predict(table[y >= 0]))
    assert model.history_[0]["acc"] == pytest.approx(expected)


SCORED = {"cached": True, "predicted anew": False}


def accuracy_of_all(net, X, y):
    """A scoring function as skorch documents it; it fails where predictions and targets differ."""
    return accuracy_score(y, net.predict(X))


@pytest.mark.parametrize("scoring", ["accuracy", accuracy_of_all, "neg_log_loss"])
@pytest.mark.parametrize("caching", SCORED.values(), ids=SCORED)
@pytest.mark.parametrize("on_train", [True, False], ids=["training", "validation"])
def test_scores_of_epochs_count_labeled_samples_alone(
    classifier, table, partly_labeled, scoring, caching, on_train
):
    """With and without caching, on either part, a score is that of a fit without the mark's rows.

    Of one step for each epoch that learns nothing, so that both nets predict the same.
    """
    unlabeled, y, known = partly_labeled
    settings = {"max_epochs": 2, "lr": 1e-30, "batch_size": 100, "early_stopping": True}
    settings |= {"consistency_weight": 0.0, "augmentation": None, "dropout": 0.0}
    settings |= {"scaling": None, "n_estimators": 1, "linear_path": False, "n_bins": None}
    found = []
    for mark, kept in ((unlabeled, slice(None)), (None, known)):
        score = EpochScoring(scoring, name="score", on_train=on_train, use_caching=caching)
        model = classifier(**settings, unlabeled=mark, callbacks=[score])
        rest = {"X_val": table[kept], "y_val": y[kept]}
        found.append([row["score"] for row in model.fit(table[kept], y[kept], **rest).history_])
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_scores_anew_are_those_of_the_fitted_estimator(classifier, table, labels):
    """``use_caching=False`` predicts after the epoch: the last score is that of ``score``."""
    y = np.where(np.arange(40) % 4 < 2, labels, -1)
    scoring = EpochScoring("accuracy", name="acc", on_train=True, use_caching=False)
    model = classifier(unlabeled=-1, lr_schedule="constant", callbacks=[scoring], batch_size=8)
    model.fit(table, y)
    assert model.history_[-1]["acc"] == pytest.approx(model.score(table, y))


def test_scores_of_batches_count_labeled_samples_alone(classifier, table, labels):
    """skorch's ``BatchScoring`` sees the labeled samples of a batch, as ``EpochScoring`` does."""
    y = np.where(np.arange(40) % 4 < 2, labels, -1)
    callbacks = [
        kind("accuracy", name=kind.__name__, on_train=True, lower_is_better=False)
        for kind in (BatchScoring, EpochScoring)
    ]
    model = classifier(unlabeled=-1, batch_size=100, callbacks=callbacks).fit(table, y)
    for row in model.history_:
        assert row["BatchScoring"] == pytest.approx(row["EpochScoring"])


@pytest.mark.parametrize("caching", SCORED.values(), ids=SCORED)
def test_scores_of_epochs_leave_samples_without_some_target_out(regressor, table, caching):
    """R² of an epoch is that of the samples that have every target."""
    y = table[:, :2].copy()
    y[::3, 0], y[::4] = np.nan, np.nan
    seen = []

    def count(net, X, y):
        seen.append(np.isfinite(y).all(axis=1).tolist())
        return len(y)

    callbacks = [
        EpochScoring("r2", name="r2", on_train=True, use_caching=caching),
        EpochScoring(count, on_train=True, use_caching=caching),
    ]
    model = regressor(unlabeled=np.nan, callbacks=callbacks, batch_size=100).fit(table, y)
    assert seen == [[True] * np.isfinite(y).all(axis=1).sum()] * 2
    assert all(np.isfinite(row["r2"]) for row in model.history_)


@pytest.mark.parametrize("caching", SCORED.values(), ids=SCORED)
def test_a_score_of_samples_without_any_label_is_refused_by_what_to_do(
    classifier, table, labels, caching
):
    """A chunk of a stream in which nothing is labeled has no score: the error says so."""
    scoring = EpochScoring("accuracy", name="acc", on_train=True, use_caching=caching)
    model = classifier(unlabeled=-1, callbacks=[scoring])
    model.partial_fit(table, labels, classes=[0, 1])
    with pytest.raises(ValueError, match=r"none of these has a target.*callbacks"):
        model.partial_fit(table, np.full(40, -1))
    model.set_params(callbacks=None).partial_fit(table, np.full(40, -1))


def test_a_callback_may_score_samples_of_its_own(classifier, table, labels):
    """The net that callbacks see predicts arrays and tensors, in class codes."""
    model = classifier().fit(table, labels)
    for X in (table, table.astype(np.float64), table.tolist(), torch.from_numpy(table)):
        np.testing.assert_array_equal(model.net_.predict(X), model.predict(table))


# -- kinds of values of unlabeled -------------------------------------------------------------

MISSING = {
    "None": lambda y: np.where(np.arange(len(y)) % 4 < 2, y, None),
    "nan": lambda y: np.where(np.arange(len(y)) % 4 < 2, y.astype(object), np.nan),
    "pandas.NA": lambda y: np.where(np.arange(len(y)) % 4 < 2, y.astype(object), pd.NA),
    "pandas string": lambda y: pd.Series(MISSING["None"](y), dtype="string"),
    "pandas object": lambda y: pd.Series(MISSING["None"](y), dtype=object),
    "pandas category": lambda y: pd.Series(MISSING["None"](y), dtype="category"),
    "polars": lambda y: pl.Series(MISSING["None"](y).tolist()),
    "list": lambda y: MISSING["None"](y).tolist(),
}


@pytest.mark.parametrize(
    ("kind", "classes"),
    [(kind, ["no", "yes"]) for kind in MISSING]
    + [(kind, [3, 5]) for kind in MISSING if kind != "pandas string"],
)
def test_every_kind_of_missing_label_is_unlabeled(classifier, table, labels, kind, classes):
    """With ``unlabeled=nan``, what numpy, pandas, polars and Python call missing has no label."""
    y = np.array(classes)[labels]
    partly = np.where(np.arange(40) % 4 < 2, labels, -1)
    expected = classifier(unlabeled=-1).fit(table, partly)
    estimator = classifier(unlabeled=np.nan).fit(table, MISSING[kind](y))
    assert estimator.classes_.tolist() == classes
    np.testing.assert_array_equal(estimator.predict_proba(table), expected.predict_proba(table))


@pytest.mark.parametrize("kind", [kind for kind in MISSING if kind != "pandas category"])
def test_missing_labels_are_refused_where_all_should_have_one(classifier, table, labels, kind):
    """Without ``unlabeled``, the error says that labels are missing and what allows it."""
    y = np.array(["no", "yes"])[labels]
    with pytest.raises(ValueError, match="unlabeled"):
        classifier().fit(table, MISSING[kind](y))


def test_dates_may_be_missing(classifier, table, labels):
    """NaT among dates as labels is missing as NaN is among numbers."""
    y = pd.Series(pd.to_datetime(["2020-01-01", "2021-01-01"])[labels])
    y[::4] = pd.NaT
    with pytest.raises(ValueError, match="unlabeled"):
        classifier().fit(table, y)
    estimator = classifier(unlabeled=np.nan).fit(table, y)
    np.testing.assert_array_equal(estimator.classes_, np.unique(y.dropna()))


@pytest.mark.parametrize("unlabeled", [np.nan, pd.NaT, np.datetime64("NaT")], ids=repr)
@pytest.mark.parametrize("kind", ["timestamps", "days", "Python dates"])
def test_no_date_is_no_class(classifier, table, labels, kind, unlabeled):
    """NaT as the mark finds NaT of numpy and pandas, and other missing values, as NaN does."""
    days = np.array(["2020-01-01", "2021-05-06"], dtype="datetime64[D]")[labels]
    days[::4] = "NaT"
    y = {"timestamps": pd.Series(days), "days": days, "Python dates": days.astype(object)}[kind]
    expected = classifier(unlabeled=-1).fit(table, np.where(np.arange(40) % 4, labels, -1))
    estimator = classifier(unlabeled=unlabeled, warm_start=True).fit(table, y)
    np.testing.assert_array_equal(np.unique(days[~np.isnat(days)]), estimator.classes_)
    np.testing.assert_array_equal(estimator.predict_proba(table), expected.predict_proba(table))
    known = np.arange(40) % 4 > 0
    assert estimator.score(table, y) == expected.score(table[known], labels[known])
    estimator.set_params(unlabeled=np.datetime64("NaT")).fit(table, y)


@pytest.mark.parametrize(
    "unlabeled",
    [np.datetime64("1900-01-01"), datetime.date(1900, 1, 1), pd.Timestamp("1900-01-01")],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["days", "Python dates", "nanoseconds"])
def test_a_date_marks_samples_without_a_label(classifier, table, labels, kind, unlabeled):
    """A date of numpy, pandas or Python finds itself among dates of each of them."""
    if kind == "Python dates" and isinstance(unlabeled, datetime.datetime):
        pytest.skip("Python tells dates from times")
    days = np.array(["2020-01-01", "2021-05-06"], dtype="datetime64[D]")[labels]
    days[::4] = "1900-01-01"
    kinds = {"days": "datetime64[D]", "Python dates": object, "nanoseconds": "datetime64[ns]"}
    estimator = classifier(unlabeled=unlabeled).fit(table, days.astype(kinds[kind]))
    np.testing.assert_array_equal(estimator.classes_, np.unique(days)[1:])


@pytest.mark.parametrize(
    ("unlabeled", "classes"),
    [
        ("-1", [-1, 0, 1]),
        (-1, ["-1", "0", "1"]),
        ("nan", [0.0, 1.0, 2.0]),
        ("", [0, 1, 2]),
        (np.datetime64("2020-01-01"), [0, 1, 2]),
        (datetime.date(2020, 1, 1), ["2020-01-01", "b", "c"]),
        ("2020-01-01", np.array(["2020-01-01", "2021", "2022"], dtype="datetime64[D]")),
        (-1, np.array(["2020-01-01", "2021", "2022"], dtype="datetime64[D]")),
    ],
)
def test_a_value_of_another_kind_than_the_labels_is_refused(classifier, table, unlabeled, classes):
    """``unlabeled="-1"`` finds no integer, so that −1 would become a class: the error says so."""
    y = np.array(classes)[np.arange(40) % 3]
    with pytest.raises(ValueError, match="unlabeled"):
        classifier(unlabeled=unlabeled).fit(table, y)


@pytest.mark.parametrize("unlabeled", [-1, -1.0, np.int8(-1), np.float32(-1), True])
def test_unlabeled_may_be_of_any_type_of_number(classifier, table, labels, unlabeled):
    """Numbers that are equal are one value, whatever their types."""
    y = np.where(np.arange(40) % 4 < 2, 2 + labels, int(unlabeled))
    estimator = classifier(unlabeled=unlabeled).fit(table, y)
    assert estimator.classes_.tolist() == [2, 3]


# -- labels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [[], [1], np.array([]), ["a"]])
def test_too_few_classes_are_refused_by_name(table, labels, classes):
    """``partial_fit(classes=[])`` says what ``classes`` should be."""
    with pytest.raises(ValueError, match="class"):
        CNNClassifier(random_state=0).partial_fit(table, labels, classes=classes)


@pytest.mark.parametrize("classes", [[None, 1], [0, "a"], [[0, 1]], [0.0, np.nan], "ab"])
def test_odd_classes_are_refused_by_name(table, labels, classes):
    """What is no list of labels of one kind is refused by the name of the parameter."""
    with pytest.raises(ValueError, match="classes"):
        CNNClassifier(random_state=0).partial_fit(table, labels, classes=classes)


def test_large_integer_classes_are_told_apart(cnn_classifier, table, labels):
    """Classes beyond 2**53 are compared exactly, and labels that cannot be are refused."""
    classes = np.array([2**53, 2**53 + 1])
    estimator = cnn_classifier().partial_fit(table, classes[labels], classes=classes)
    for dtype in (np.uint64, object):
        estimator.partial_fit(table, classes[labels].astype(dtype))
        codes = estimator._labels.encode(classes[labels].astype(dtype))
        np.testing.assert_array_equal(codes, labels)
    with pytest.raises(ValueError, match="classes"):
        estimator.partial_fit(table, classes[labels].astype(np.float64))
    np.testing.assert_array_equal(estimator.classes_, classes)


def refusal(call, match):
    """Return the message of the error that a call raises."""
    with pytest.raises(ValueError, match=match) as caught:
        call()
    return str(caught.value)


def test_messages_about_classes_are_short():
    """With 20 000 classes, errors about labels name a few."""
    X, classes = np.zeros((4, 1)), np.arange(20_000)
    known, unknown = [1, 1, 2, 2], [30_000, 30_000, 2, 2]
    model = CNNClassifier(1, dense_units=1, **FEW)
    messages = [refusal(lambda: model.partial_fit(X, unknown, classes=classes), "class")]
    model.partial_fit(X, known, classes=classes)
    messages.append(refusal(lambda: model.partial_fit(X, known, classes=classes[1:]), "class"))
    messages.append(refusal(lambda: model.partial_fit(X, unknown), "class"))
    assert max(map(len, messages)) < 1000


def test_messages_about_classes_to_draw_and_unlabeled_are_short(classifier):
    """``sample`` and ``unlabeled`` name a few of many classes as well."""
    classes = np.arange(1000)
    X, y = np.repeat(classes, 3)[:, None], np.repeat(classes, 3)
    estimator = classifier(batch_size=3000, max_epochs=1).fit(X, y)
    messages = [refusal(lambda: estimator.sample(1, y=-7), "class")]
    model = AECNNClassifier(unlabeled=5)
    messages.append(refusal(lambda: model.partial_fit(X[:6], y[:6], classes=y), "unlabeled"))
    assert max(map(len, messages)) < 1000


@pytest.mark.parametrize("y", ["8", b"8", [None], 8.5, "other", np.nan, [["1"]]])
def test_a_class_of_another_kind_is_not_drawn(classifier, table, labels, y):
    """``sample(y="8")`` of integer classes says what the classes are."""
    estimator = classifier().fit(table, labels)
    with pytest.raises(ValueError, match=r"class|y has shape"):
        estimator.sample(1, y=y)


@pytest.mark.parametrize("y", [8, 1.0, True, ["no", 1]])
def test_a_number_in_place_of_text_is_not_drawn(classifier, table, labels, y):
    """``sample(y=8)`` of classes that are text says what the classes are."""
    estimator = classifier().fit(table, np.array(["no", "yes"])[labels])
    with pytest.raises(ValueError, match="class"):
        estimator.sample(2, y=y)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("factory", [AECNNClassifier, CNNClassifier, AECNNRegressor, CNNRegressor])
def test_a_fit_without_a_target_says_that_it_is_missing(factory, method, table):
    """``fit(X)`` without y names y and the estimator, not a class that no user has heard of."""
    with pytest.raises((TypeError, ValueError), match=r"\by\b") as caught:
        getattr(factory(), method)(table)
    assert "Mixin" not in str(caught.value)
    assert factory.__name__ in str(caught.value)


LABELS = {
    "bytes": lambda y: np.array([b"a", b"b"])[y],
    "bool": lambda y: y.astype(bool),
    "dates": lambda y: np.array(["2020", "2021"], dtype="datetime64[D]")[y],
    "timestamps": lambda y: pd.Series(pd.to_datetime(["2020", "2021"])[y]),
    "Python dates": lambda y: np.array([datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)])[y],
    "empty text": lambda y: np.array(["", "b"])[y],
    "list of text": lambda y: ["b" if k else "a" for k in y],
    "polars": lambda y: pl.Series(["b" if k else "a" for k in y]),
    "category": lambda y: pd.Series(["b" if k else "a" for k in y], dtype="category"),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind_are_learned_or_refused(classifier, table, labels, kind):
    """Labels that scikit-learn's classifiers take are learned as 0 and 1 are, others refused."""
    y = LABELS[kind](labels)
    try:
        DummyClassifier().fit(table, y).predict(table)
    except (ValueError, TypeError):
        with pytest.raises((ValueError, TypeError), match=r"\by\b|[Ll]abel"):
            classifier().fit(table, y)
        return
    expected = classifier().fit(table, labels)
    estimator = classifier().fit(table, y)
    np.testing.assert_array_equal(estimator.predict_proba(table), expected.predict_proba(table))
    np.testing.assert_array_equal(
        estimator.predict(table), estimator.classes_[expected.predict(table)]
    )


@pytest.mark.parametrize(
    "y",
    [
        ["a", 1] * 20,
        [1j, 2j] * 20,
        [{}, {1: 2}] * 20,
        pytest.param(
            [[1, 2], [3]] * 20,
            marks=pytest.mark.xfail(
                strict=True,
                reason="lists of labels, as of scikit-learn's former multilabel format, are taken "
                "for classes",
            ),
        ),
    ],
    ids=["mixed", "complex", "dicts", "lists"],
)
def test_labels_of_no_kind_are_refused_by_name(classifier, table, y):
    """Labels that are of two kinds, or of none, are refused by the name of y."""
    with pytest.raises(ValueError, match=r"\by\b|[Ll]abel"):
        classifier().fit(table, np.array([*y, None], dtype=object)[:-1])


def test_many_classes_may_be_announced(table):
    """``classes`` lists each class once, which is no sign of a regression target."""
    CNNClassifier((1,), dense_units=1, random_state=0).partial_fit(
        table, np.zeros(40, dtype=int), classes=np.arange(100)
    )


DAYS = [datetime.date(2020, 1, 1), datetime.date(2021, 5, 6)]
TIMES = [datetime.datetime(2020, 1, 1), datetime.datetime(2021, 5, 6)]
DATES = {
    "date": lambda y: np.array(DAYS, dtype=object)[y],
    "datetime": lambda y: np.array(TIMES, dtype=object)[y],
    "days": lambda y: np.array(DAYS, dtype="datetime64[D]")[y],
    "nanoseconds": lambda y: np.array(DAYS, dtype="datetime64[ns]")[y],
    "pandas": lambda y: pd.Series(pd.to_datetime(DAYS))[y],
    "Timestamp": lambda y: np.array([pd.Timestamp(day) for day in DAYS], dtype=object)[y],
}
# Python does not compare a day with a time
UNLIKE = [{"date", "datetime"}, {"date", "Timestamp"}]


# each kind first, with the two that follow it in a circle of all kinds
@pytest.mark.parametrize(
    ("first", "later"),
    [(one, [*DATES][(i + k) % 6]) for i, one in enumerate(DATES) for k in (1, 2)],
)
def test_dates_of_python_and_numpy_are_the_same_labels(classifier, table, labels, first, later):
    """Fitted on some dates, a classifier takes others in calls, scores and validation."""
    given, other = DATES[first](labels), DATES[later](labels)
    model = classifier(early_stopping=True).fit(table, given)
    if {first, later} in UNLIKE:
        for call in (model.score, model.partial_fit):
            with pytest.raises(ValueError, match=r"y holds labels such as .* cannot be told apart"):
                call(table, other)
        return
    assert model.score(table, other) == model.score(table, given)
    assert model.partial_fit(table, other).classes_.dtype == model.classes_.dtype
    classifier(early_stopping=True).fit(table, given, X_val=table, y_val=other)


def test_times_of_day_are_no_dates(classifier, table, labels):
    """Labels of kinds that have nothing in common are no wrong predictions, but an error."""
    model = classifier().fit(table, DATES["date"](labels))
    for other in (labels, np.array([datetime.time(1), datetime.time(2)])[labels]):
        with pytest.raises(ValueError, match="y holds labels such as"):
            model.score(table, other)
    afternoon = DATES["nanoseconds"](labels) + np.timedelta64(15, "h")
    with pytest.raises(ValueError, match="y holds labels such as"):
        model.score(table, afternoon)


# -- weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [16, 40])
@pytest.mark.parametrize("factory", [AECNNClassifier, CNNClassifier])
def test_a_batch_without_weight_is_no_trouble(factory, batch_size):
    """A class of weight zero may fill batches: the fit stays finite."""
    X = np.random.default_rng(0).normal(size=(400, 5))
    y = np.zeros(400, dtype=int)
    y[[3, 100, 300]] = 1
    model = factory(class_weight={0: 0, 1: 1}, normalization="batch", batch_size=batch_size, **FEW)
    assert_finite(model.fit(X, y), X)
    assert np.isfinite(model.loss_curve_).all()


def test_validation_samples_without_weight_are_refused(cnn_classifier, table, labels):
    """Where ``class_weight`` leaves validation no sample of positive weight, the error names it."""
    model = cnn_classifier(class_weight={0: 0, 1: 1}, early_stopping=True)
    with pytest.raises(ValueError, match="class_weight"):
        model.fit(table, labels, X_val=table[::2], y_val=labels[::2])


def test_samples_of_a_class_without_weight_do_not_count(classifier, table, labels):
    """A class of weight zero moves no batch statistics: other classes are learned as without it."""
    y = np.where(np.arange(40) < 10, 2, labels)
    other = table.copy()
    other[y == 2] *= 3
    model = classifier(
        class_weight={0: 1, 1: 1, 2: 0}, normalization="batch", scaling=None, encoder="dense"
    )
    expected = model.fit(table, y).predict_proba(table[10:])
    np.testing.assert_allclose(model.fit(other, y).predict_proba(table[10:]), expected, rtol=1e-5)


@pytest.mark.parametrize("weight", [np.nan, np.inf, -np.inf, None, "1", -1, [1], 1j])
def test_odd_class_weights_are_refused_by_name(classifier, weight, table, labels):
    """What is no weight is refused by the name of ``class_weight``."""
    with pytest.raises(ValueError, match="class_weight"):
        classifier(class_weight={0: 1, 1: weight}).fit(table, labels)


@pytest.mark.parametrize("weight", [np.nan, np.inf, -1.0])
def test_odd_sample_weights_are_refused_by_name(every, weight, table, labels):
    """What is no weight is refused by the name of ``sample_weight``."""
    with pytest.raises(ValueError, match=r"sample_weight|[Ss]ample weights"):
        every().fit(table, labels, sample_weight=np.where(np.arange(40) == 3, weight, 1.0))


def class_weighted(factory, class_weight, *data, **kwargs):
    """Outputs of a classifier with class weights."""
    return outputs(factory(class_weight=class_weight).fit(*data, **kwargs), data[0])


def test_class_weights_of_classes_that_are_not_there_are_ignored(cnn_classifier, table, labels):
    """A weight of a class that y lacks is no error, as in scikit-learn."""
    expected = class_weighted(cnn_classifier, {0: 1, 1: 3}, table, labels)
    assert_same(class_weighted(cnn_classifier, {0: 1, 1: 3, 7: 2}, table, labels), expected)


def test_only_the_ratios_of_class_weights_count(cnn_classifier, table, labels):
    """Class weights near the largest number, and products beyond it, give what small ones give."""
    expected = class_weighted(cnn_classifier, {0: 1, 1: 1.5}, table, labels)
    for size, weight in ((2.0**1022, 1), (2.0**-1020, 1), (2.0**600, 2.0**600)):
        class_weight, weight = {0: size, 1: 1.5 * size}, np.full(40, weight)
        actual = class_weighted(cnn_classifier, class_weight, table, labels, sample_weight=weight)
        assert_same(actual, expected)


@pytest.mark.parametrize("exponent", [-1060, 1022])
def test_only_the_ratios_of_weights_count(every, table, labels, exponent):
    """Weights times a power of two give the same, also where their sum is beyond float64."""
    for weight in (np.ones(40), 1 + np.arange(40) % 2 / 2):
        expected = every().fit(table, labels, sample_weight=weight)
        estimator = every().fit(table, labels, sample_weight=weight * 2.0**exponent)
        assert_same(outputs(estimator, table), outputs(expected, table))
        assert getattr(estimator, "offset_", None) == getattr(expected, "offset_", None)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("lightest", [1e-40, 1e-60, 1e-300])
def test_what_weighs_next_to_nothing_is_absent(every, table, labels, lightest, precision):
    """Weights that steps count as zero leave no trace in scales, columns and folds either."""
    weight, few = np.where(np.arange(40) < 2, 1.0, lightest), every(precision=precision)
    few.fit(table, labels, sample_weight=weight)
    expected = every(precision=precision).fit(table[:2], labels[:2])
    assert_same(outputs(few, table[:2]), outputs(expected, table[:2]))


@pytest.mark.parametrize("lightest", [1e-300])
def test_weights_of_all_sizes_are_no_trouble(every, table, labels, lightest):
    """Samples that weigh next to nothing beside others are as absent ones, nothing diverges."""
    estimator = every(normalization="batch", batch_size=8)
    for weight in (
        np.where(np.arange(40) < 30, 1.0, lightest),
        np.logspace(np.log10(lightest), 0, 40),
    ):
        assert_finite(estimator.fit(table, labels, sample_weight=weight), table)
