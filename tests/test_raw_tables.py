"""Tables with categories and missing values, in what estimators do beside fit and predict."""

import pickle

import numpy as np
import pytest

from sk_aecnn import AECNNClassifier, AutoencoderOutlierDetector, AutoencoderTransformer

pd = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def frame():
    """300 rows: a number with holes, text, booleans and a categorical column."""
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b", "c"], 300)
    number = rng.normal(size=300) + (kind == "a")
    number[::7] = np.nan
    columns = {"number": number, "kind": kind, "is_a": kind == "a", "size": pd.Categorical(kind)}
    return pd.DataFrame(columns)


def test_contributions_of_columns_sum_to_the_score(frame):
    """A category has one contribution, and what is missing changes nothing of the sum."""
    detector = AutoencoderOutlierDetector(2, max_epochs=5, random_state=0).fit(frame)
    contributions = detector.explain(frame)
    assert list(contributions.columns) == list(frame.columns)
    sums = contributions.to_numpy().sum(axis=1)
    np.testing.assert_allclose(sums, detector.score_samples(frame), rtol=1e-6)


def test_a_category_that_fits_no_other_is_to_blame(frame):
    """Of a row whose text contradicts its other columns, these columns contribute most."""
    detector = AutoencoderOutlierDetector(2, random_state=0).fit(frame)
    odd = frame[frame.kind == "a"].head(20).assign(kind="b")
    blamed = detector.explain(odd).drop(columns="number").min(axis=1)
    assert (blamed < detector.explain(odd).number).mean() > 0.8
    assert detector.score_samples(odd).mean() < detector.score_samples(frame).min() / 2


@pytest.mark.parametrize("cls", [AutoencoderOutlierDetector, AutoencoderTransformer])
def test_a_stream_of_frames_goes_on_and_can_be_pickled(cls, frame):
    """partial_fit takes further frames; a copy from a pickle answers the same."""
    model = cls(2, random_state=0)
    for part in (frame[:100], frame[100:200], frame[200:]):
        model.partial_fit(part)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.transform(frame), model.transform(frame))


@pytest.mark.parametrize("stopping", [True, "cv"])
def test_a_scorer_sees_the_frame(stopping, frame):
    """Early stopping by a scorer passes it rows of the kind that fit was given."""
    seen = []

    def score(estimator, X, y):
        seen.append(X)
        return estimator.score(X, y)

    model = AECNNClassifier(2, early_stopping=stopping, scoring=score, random_state=0)
    model.fit(frame, frame.number.fillna(0) > 0)
    assert model.best_validation_score_ == model.validation_scores_.max()
    assert (seen[0].dtypes == frame.dtypes).all()
    assert seen[0].number.isna().any()
