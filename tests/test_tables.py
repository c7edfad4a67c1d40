"""Tables as people have them: categories, missing values, data frames in and out."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import make_friedman1

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
)
from sk_aecnn.data._tables import learn_schema

SIZES = ["small", "medium", "large"]


@pytest.fixture
def frame():
    """60 rows of text, categories, numbers and booleans; sizes tell the lengths."""
    rng = np.random.default_rng(0)
    size = rng.integers(0, 3, 60)
    length = 10.0 * size + rng.normal(size=60)
    frame = pd.DataFrame(
        {
            "size": pd.Categorical.from_codes(size, SIZES, ordered=True),
            "length": length,
            "colour": rng.choice(["red", "blue"], 60),
            "count": pd.array(rng.integers(0, 9, 60), dtype="Int64"),
            "is_new": pd.array(length > 9, dtype="boolean"),
        }
    )
    frame.loc[::7, "size"] = None
    frame.loc[1::7, "length"] = np.nan
    frame.loc[2::7, "colour"] = None
    frame.loc[3::7, ["count", "is_new"]] = pd.NA
    frame.index = np.arange(60) // 2  # each label twice
    return frame


@pytest.fixture
def kinds():
    """The class of each row of `frame`."""
    return np.arange(60) % 2


@pytest.fixture(scope="module")
def longer():
    """300 rows: a number with holes, text, booleans and a categorical column that agree."""
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b", "c"], 300)
    number = rng.normal(size=300) + (kind == "a")
    number[::7] = np.nan
    columns = {"number": number, "kind": kind, "is_a": kind == "a", "size": pd.Categorical(kind)}
    return pd.DataFrame(columns)


def results(estimator, X):
    """All that is asked of samples, by name."""
    names = ("predict", "predict_proba", "transform", "reconstruct", "score_samples")
    return {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}


# -- in and out -------------------------------------------------------------------------------


def test_every_estimator_takes_the_frame_as_it_is(every, frame, kinds):
    """Answers are finite, and one for each row; unfitted clones and pickles take it as well."""
    estimator = every().fit(frame, kinds)
    assert estimator.n_features_in_ == 5
    assert list(estimator.feature_names_in_) == list(frame.columns)
    answers = results(estimator, frame)
    assert all(len(answer) == 60 for answer in answers.values())
    again = results(pickle.loads(pickle.dumps(clone(estimator).fit(frame, kinds))), frame)
    for name, answer in answers.items():
        if name == "reconstruct":
            pd.testing.assert_frame_equal(again[name], answer)
        else:
            assert np.isfinite(answer).all()
            np.testing.assert_array_equal(again[name], answer)


def test_reconstructions_are_frames_like_the_one_given(coder, frame, kinds):
    """Names, dtypes, categories and the index are those of X, and nothing is missing."""
    estimator = coder().fit(frame, kinds)
    rebuilt = estimator.reconstruct(frame)
    assert (rebuilt.dtypes == frame.dtypes).all()
    assert rebuilt.index.equals(frame.index)
    assert not rebuilt.isna().any(axis=None)
    decoded = estimator.inverse_transform(estimator.transform(frame))
    pd.testing.assert_frame_equal(decoded.set_axis(frame.index), rebuilt)
    errors = estimator.reconstruction_error(frame, per_feature=True)
    np.testing.assert_array_equal(np.isnan(errors), frame.isna())
    np.testing.assert_allclose(estimator.reconstruction_error(frame), np.nanmean(errors, axis=1))


def test_polars_frames_give_the_same(coder, frame, kinds):
    """The same columns in another library: equal codes, and a frame of that library back."""
    other = pl.DataFrame(
        {
            "size": pl.Series(
                [None if value != value else value for value in frame["size"]], dtype=pl.Enum(SIZES)
            ),
            "length": pl.Series(frame["length"].to_numpy(), nan_to_null=True),
            "colour": [value if isinstance(value, str) else None for value in frame["colour"]],
            "count": pl.Series(
                [None if value is pd.NA else int(value) for value in frame["count"]],
                dtype=pl.Int64,
            ),
            "is_new": [None if value is pd.NA else bool(value) for value in frame["is_new"]],
        }
    )
    one, two = coder().fit(frame, kinds), coder().fit(other, kinds)
    np.testing.assert_array_equal(two.transform(other), one.transform(frame))
    rebuilt = two.reconstruct(other)
    assert rebuilt.schema == other.schema
    assert rebuilt["size"].to_list() == one.reconstruct(frame)["size"].tolist()


def test_frames_of_numbers_give_what_arrays_give(coder, table, labels):
    """To the last bit, in both libraries; reconstructions are frames of that library."""
    expected = coder().fit(table, labels)
    names = [f"x{index}" for index in range(5)]
    for library in (pd, pl):
        X = library.DataFrame(dict(zip(names, table.T, strict=True)))
        estimator = coder().fit(X, labels)
        np.testing.assert_array_equal(estimator.transform(X), expected.transform(table))
        rebuilt = estimator.reconstruct(X)
        assert type(rebuilt) is type(X)
        np.testing.assert_array_equal(
            rebuilt.to_numpy().astype(np.float32), expected.reconstruct(table)
        )


def test_arrays_of_objects_come_back_as_arrays(coder, frame, kinds):
    """Text in an array is a category; None and NaN are missing."""
    X = frame[["colour", "length"]].to_numpy(dtype=object)
    rebuilt = coder().fit(X, kinds).reconstruct(X)
    assert rebuilt.dtype == object
    assert set(rebuilt[:, 0]) <= {"red", "blue"}


@pytest.mark.parametrize(
    "chosen", [["count"], [3], [False, False, False, True, False]], ids=["name", "index", "mask"]
)
def test_numbers_are_categories_where_they_are_named(autoencoder, frame, chosen):
    """By names, by indices or by a mask; then text has to be named as well."""
    numbers = frame[["length", "length", "length", "count", "is_new"]].set_axis(
        list(frame.columns), axis=1
    )
    estimator = autoencoder(categorical_features=chosen).fit(numbers)
    n_counts = numbers["count"].nunique()
    assert estimator.net_.module_.layout.shape == (4 + n_counts,)
    with pytest.raises(ValueError, match=r"'size' of X holds str.*categorical_features"):
        autoencoder(categorical_features=["count"]).fit(frame.astype({"size": "str"}))


@pytest.mark.parametrize("chosen", [["depth"], [7], [True, False], [[0]]])
def test_columns_that_do_not_exist_are_refused(autoencoder, frame, chosen):
    """The error names the entry and the columns, or the shape."""
    with pytest.raises(ValueError, match=r"categorical_features has (an entry|the shape)"):
        autoencoder(categorical_features=chosen).fit(frame)


# -- missing values ---------------------------------------------------------------------------


def test_a_value_may_be_missing_that_never_was_in_fit(every, table, labels):
    """What is taken for it the others let expect; the other rows are answered as before."""
    estimator = every().fit(table, labels)
    holes, filled = table.copy(), table.copy()
    mean, deviation = table.mean(axis=0), table.std(axis=0)
    scaled, others = (table - mean) / deviation, [0, 1, 3, 4]
    covariance = 0.98 * scaled.T @ scaled / 40 + 0.02 * np.eye(5)
    slopes = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, 2])
    expected = scaled[3, others] @ slopes
    holes[3, 2], filled[3, 2] = np.nan, mean[2] + deviation[2] * expected
    name = "transform" if hasattr(estimator, "transform") else "predict"
    answer, expected = (getattr(estimator, name)(X) for X in (holes, filled))
    rest = np.arange(40) != 3
    np.testing.assert_array_equal(answer[rest], expected[rest])
    np.testing.assert_allclose(answer[3], expected[3], rtol=1e-3, atol=1e-4)


def test_the_network_is_told_what_is_missing():
    """Where values are missing just in one class, that alone tells it."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), np.arange(200) % 2
    X[y == 1, 0] = np.nan
    classifier = AECNNClassifier(max_epochs=30, random_state=0).fit(X, y)
    assert classifier.score(X, y) == 1.0


def test_it_is_told_only_what_the_target_depends_on():
    """Columns that miss values by chance get no indicator where something is predicted."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), np.arange(200) % 2
    X[rng.random(200) < 0.3 + 0.4 * y, 0] = np.nan
    X[::3, 2] = np.nan
    classifier = AECNNClassifier(max_epochs=1).fit(X, y)
    assert classifier.net_.module_.layout.indicated.tolist() == [0]
    transformer = AutoencoderTransformer(max_epochs=1).fit(X)
    assert transformer.net_.module_.layout.indicated.tolist() == [0, 2]


def test_the_other_values_of_a_row_tell_what_is_missing():
    """Of two columns that say the same, either is enough, in fit and in prediction."""
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 400))
    X, y = np.column_stack([x, x, noise]), x > 0
    which = rng.integers(3, size=400)
    X[which == 0, 0] = X[which == 1, 1] = np.nan
    classifier = AECNNClassifier(random_state=0).fit(X[:200], y[:200])
    assert classifier.score(X[200:], y[200:]) > 0.95
    rebuilt = classifier.reconstruct(X[200:])
    assert np.abs(rebuilt[:, :2] - x[200:, None]).mean() < 0.2


def test_one_column_is_never_known_and_no_other_is_missing(every, table, labels):
    """It tells nothing, and disturbs nothing."""
    X = table.copy()
    X[:, 1] = np.nan
    estimator = every().fit(X, labels)
    name = "transform" if hasattr(estimator, "transform") else "predict"
    assert np.isfinite(getattr(estimator, name)(X)).all()


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_a_row_with_a_hole_alone_is_that_row_among_others(every, table, labels, kind):
    """To the last bit, as rows without any."""
    holes = table.copy()
    holes[np.random.default_rng(0).random(table.shape) < 0.2] = np.nan
    X = holes if kind == "array" else pd.DataFrame(holes, columns=list("abcde"))
    estimator = every().fit(X, labels)
    name = "transform" if hasattr(estimator, "transform") else "predict"
    answer = getattr(estimator, name)
    alone = np.concatenate([answer(X[row : row + 1]) for row in range(8)])
    np.testing.assert_array_equal(alone, answer(X)[:8])


def test_what_is_missing_is_no_target(autoencoder, table):
    """The errors of training are those of what is known: a hole of any value gives the same."""
    holes = table.copy()
    holes[::3, 1] = np.nan
    estimator = autoencoder(max_epochs=5).fit(holes)
    known = ~np.isnan(holes)
    errors = estimator.reconstruction_error(holes, per_feature=True, scaled=True)
    np.testing.assert_allclose(
        estimator.reconstruction_error(holes, scaled=True), np.nanmean(errors, axis=1)
    )
    scale = estimator.net_.module_.layout.scale.numpy()
    assert abs(scale[1] - table[1::3, 1].std()) < abs(scale[1] - np.nan_to_num(holes)[:, 1].std())
    assert np.isfinite(errors[known]).all()


def test_missing_values_in_validation_samples_alone(autoencoder, table):
    """X_val may have holes where X has none, and the other way round."""
    holes = table.copy()
    holes[:20, 1] = np.nan
    for X, X_val in ((table, holes), (holes, table)):
        estimator = autoencoder(early_stopping=True).fit(X, X_val=X_val)
        assert np.isfinite(estimator.loss_curve_).all()
        assert np.isfinite(estimator.history_[-1]["valid_loss"])


def test_further_calls_may_bring_missing_values_first(small, table, labels):
    """partial_fit and warm starts learn from rows with holes after rows without."""
    holes = table.copy()
    holes[::2, 1] = np.nan
    estimator = small()
    arguments = {"classes": [0, 1]} if hasattr(estimator, "predict") else {}
    estimator.partial_fit(table, labels, **arguments).partial_fit(holes, labels)
    assert np.isfinite(estimator.transform(holes)).all()


# -- odd tables -------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=repr)
def test_a_column_or_a_row_without_a_value(coder, frame, kinds, missing):
    """They are learned around: the column comes back without a value, the row with some."""
    X = frame.reset_index(drop=True).assign(nothing=pd.Series([missing] * 60, dtype=object))
    X.loc[5] = missing if missing is not np.nan else None
    rebuilt = coder().fit(X, kinds).reconstruct(X)
    assert rebuilt["nothing"].isna().all()
    assert not rebuilt.drop(columns="nothing").isna().any(axis=None)


def test_a_category_of_one_value(coder, frame, kinds):
    """It comes back as it was, and costs no error."""
    X = frame.assign(colour="red")
    estimator = coder().fit(X, kinds)
    assert (estimator.reconstruct(X)["colour"] == "red").all()
    assert (estimator.reconstruction_error(X, per_feature=True)[:, 2] == 0).all()


def test_a_value_never_seen_is_missing(every, frame, kinds):
    """Answers are those for None, whatever the new value."""
    estimator = every().fit(frame, kinds)
    name = "transform" if hasattr(estimator, "transform") else "predict"
    new, missing = (frame.assign(colour=value) for value in ("green", None))
    missing["colour"] = missing["colour"].astype(object)
    np.testing.assert_array_equal(getattr(estimator, name)(new), getattr(estimator, name)(missing))


@pytest.mark.parametrize("text", [True, False])
def test_a_value_never_seen_is_rare_where_others_are(text):
    """It has their code; what is missing stays missing."""
    often, rare, new, missing = ("a", "z", "new", None) if text else (1, 26, 99, np.nan)
    others = [chr(98 + index) if text else 2 + index for index in range(20)]
    X = pd.DataFrame({"id": pd.Series([*[often] * 5, *others, *others, rare, missing])})
    schema = learn_schema(X, ["id"], 10)
    codes = schema.encode(pd.DataFrame({"id": pd.Series([often, rare, new, missing])}))
    np.testing.assert_array_equal(codes[:, 0], [0, 9, 9, np.nan])


def test_names_of_single_rows_share_a_category():
    """With names that were never seen; not where many of the values come back."""
    names = [f"name {index}" for index in range(40)]
    X = pd.DataFrame({"name": [*names, "often", "often"], "pair": [*names[:21], *names[:21]]})
    schema = learn_schema(X, "from_dtype", 255)
    assert schema.n_categories == (2, 21)
    new = pd.DataFrame({"name": ["name 3", "name 39", "often", "new"], "pair": names[:4]})
    codes = schema.encode(new)
    np.testing.assert_array_equal(codes[:, 0], [1, 1, 0, 1])
    assert len(set(codes[:, 1])) == 4


@pytest.mark.parametrize("ids", [np.arange(60), np.arange(60) % 5])
def test_arrays_of_numbers_have_categories_in_prediction_as_well(every, ids):
    """As the same numbers among objects."""
    X = np.stack([3.0 * ids, np.random.default_rng(0).normal(size=60)], axis=1)
    estimator = every(categorical_features=[0]).fit(X, ids > 2)
    for name in ("transform", "predict", "score_samples", "reconstruct"):
        if hasattr(estimator, name):
            method = getattr(estimator, name)
            np.testing.assert_array_equal(method(X), method(X.astype(object)))


def test_the_first_rows_of_a_stream_are_not_taken_for_names():
    """Most values of the first part are in one row of it, but come back later."""
    rng = np.random.default_rng(0)
    city = rng.choice(30, 400)
    X, y = pd.DataFrame({"city": [f"city {one}" for one in city]}), rng.normal(size=30)[city]
    model = AECNNRegressor(random_state=0)
    for start in range(0, 400, 20):
        model.partial_fit(X[start : start + 20], y[start : start + 20])
    assert model.net_.module_.layout.shape == (X["city"][:20].nunique(),)


def test_names_of_rows_cost_nothing():
    """With a name for each row, numbers are predicted about as without."""
    numbers, y = make_friedman1(600, n_features=5, noise=1.0, random_state=0)
    X = pd.DataFrame(numbers).rename(columns=str)
    named = X.assign(name=[f"name {index}" for index in range(600)])
    plain, other = (
        AECNNRegressor(random_state=0).fit(some[:100], y[:100]).score(some[100:], y[100:])
        for some in (X, named)
    )
    assert other > plain - 0.01


def test_rare_values_share_a_category(autoencoder):
    """The most frequent have their own input, all others share one."""
    X = pd.DataFrame({"id": [f"n{index}" for index in range(150)] * 2 + ["often"] * 20})
    estimator = autoencoder(max_categories=5).fit(X)
    assert estimator.net_.module_.layout.shape == (5,)
    assert set(estimator.reconstruct(X)["id"]) <= set(X["id"])


def test_two_columns_of_a_name_are_refused(autoencoder, frame):
    """The name is in the error."""
    twice = frame.set_axis(["size", "length", "length", "count", "is_new"], axis=1)
    with pytest.raises(ValueError, match=r"several columns of the name 'length'.*Rename"):
        autoencoder().fit(twice)


def test_text_and_numbers_in_one_column_are_refused(every, frame, kinds):
    """The error names the column, both values and the remedy."""
    X = frame.astype({"colour": object}).reset_index(drop=True)
    X.loc[0, "colour"] = 3
    with pytest.raises(ValueError, match=r"'colour' of X holds text .* numbers .*astype\(str\)"):
        every().fit(X, kinds)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.drop(columns="count"), "feature names should match"),
        (lambda X: X[X.columns[::-1]], "feature names should match"),
        (lambda X: X.rename(columns={"count": "counts"}), "feature names should match"),
        (lambda X: X.assign(colour=1), "'colour' of X holds int values.*fit has seen categories"),
        (lambda X: X.assign(length="long"), "'length' of X holds str values.*fit has seen numbers"),
        (lambda X: X.assign(length=np.inf), "'length' of X contains infinity"),
        (lambda X: X.iloc[:0], r"0 sample\(s\)"),
    ],
)
def test_other_columns_than_in_fit_are_refused(autoencoder, frame, change, message):
    """By name, with what was expected."""
    estimator = autoencoder().fit(frame)
    with pytest.raises(ValueError, match=message):
        estimator.transform(change(frame.reset_index(drop=True)))


def test_other_dtypes_of_the_same_values_give_the_same(autoencoder, frame):
    """Categories as text, whole numbers as floats."""
    estimator = autoencoder().fit(frame)
    other = frame.astype({"size": object, "count": "Float64", "colour": "category"})
    np.testing.assert_array_equal(estimator.transform(other), estimator.transform(frame))


def test_a_very_wide_frame(autoencoder):
    """2000 columns of text and numbers."""
    rng = np.random.default_rng(0)
    text = {f"t{index}": rng.choice(["a", "b"], 30) for index in range(1000)}
    X = pd.DataFrame(text | {f"n{index}": rng.normal(size=30) for index in range(1000)})
    assert autoencoder(max_epochs=1).fit(X).reconstruct(X).shape == (30, 2000)


def test_categories_are_no_pixels(autoencoder, frame):
    """Text is refused where rows are sequences or images."""
    with pytest.raises(ValueError, match=r"'size' of X holds categories.*channel_axis"):
        autoencoder(channel_axis=None).fit(frame)


# -- one fit, many answers --------------------------------------------------------------------


def test_one_fit_answers_all(frame, kinds):
    """Predicts, encodes, rebuilds, fills holes, generates and warns, on one raw frame."""
    model = AECNNClassifier(4, max_epochs=40, random_state=0).fit(frame, frame["size"].isna())
    assert model.predict(frame).shape == (60,)
    codes = model.transform(frame)
    assert codes.shape == (60, 4)
    assert list(model.inverse_transform(codes).columns) == list(frame.columns)
    assert not model.reconstruct(frame).isna().any(axis=None)
    drawn = model.sample(50, y=True, random_state=0)
    assert (drawn.dtypes == frame.dtypes).all()
    assert drawn["size"].isna().all()
    assert not model.sample(50, y=False, random_state=0)["size"].isna().any()
    odd = frame.iloc[[1]].assign(length=1e3)
    assert model.score_samples(odd)[0] < model.score_samples(frame).min()


def test_samples_have_categories_and_holes_as_often(frame):
    """Shares of values and of what is missing are those of the rows, within four deviations."""
    model = AutoencoderTransformer(4, max_epochs=60, random_state=0).fit(frame)
    drawn = model.sample(2000, random_state=0)
    for column in ("colour", "is_new"):
        expected = frame[column].value_counts(normalize=True)
        found = drawn[column].value_counts(normalize=True)
        np.testing.assert_allclose(found.reindex(expected.index), expected, atol=0.15)
    np.testing.assert_allclose(drawn.isna().mean(), frame.isna().mean(), atol=0.04)


# -- outliers, streams, scorers ---------------------------------------------------------------


def test_contributions_of_columns_sum_to_the_score(longer):
    """A category has one contribution, and what is missing changes nothing of the sum."""
    detector = AutoencoderOutlierDetector(2, max_epochs=5, random_state=0).fit(longer)
    contributions = detector.explain(longer)
    assert list(contributions.columns) == list(longer.columns)
    sums = contributions.to_numpy().sum(axis=1)
    np.testing.assert_allclose(sums, detector.score_samples(longer), rtol=1e-6)


def test_a_category_that_fits_no_other_is_to_blame(longer):
    """Of a row whose text contradicts its other columns, these columns contribute most."""
    detector = AutoencoderOutlierDetector(2, random_state=0).fit(longer)
    odd = longer[longer.kind == "a"].head(20).assign(kind="b")
    blamed = detector.explain(odd).drop(columns="number").min(axis=1)
    assert (blamed < detector.explain(odd).number).mean() > 0.8
    assert detector.score_samples(odd).mean() < detector.score_samples(longer).min() / 2


@pytest.mark.parametrize("cls", [AutoencoderOutlierDetector, AutoencoderTransformer])
def test_a_stream_of_frames_goes_on_and_can_be_pickled(cls, longer):
    """partial_fit takes further frames; a copy from a pickle answers the same."""
    model = cls(2, random_state=0)
    for part in (longer[:100], longer[100:200], longer[200:]):
        model.partial_fit(part)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.transform(longer), model.transform(longer))


@pytest.mark.parametrize("stopping", [True, "cv"])
def test_a_scorer_sees_the_frame(stopping, longer):
    """Early stopping by a scorer passes it rows of the kind that fit was given."""
    seen = []

    def score(estimator, X, y):
        seen.append(X)
        return estimator.score(X, y)

    model = AECNNClassifier(2, early_stopping=stopping, scoring=score, max_epochs=5, random_state=0)
    model.fit(longer, longer.number.fillna(0) > 0)
    assert model.best_validation_score_ == model.validation_scores_.max()
    assert (seen[0].dtypes == longer.dtypes).all()
    assert seen[0].number.isna().any()
