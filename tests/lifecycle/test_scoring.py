"""The scorer that early stopping goes by."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes, make_classification
from sklearn.metrics import get_scorer, make_scorer, roc_auc_score

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor

CLASSIFIERS = [AECNNClassifier, CNNClassifier]
every_classifier = pytest.mark.parametrize("cls", CLASSIFIERS)
STOPPINGS = pytest.mark.parametrize("early_stopping", [True, "cv"])


@pytest.fixture(scope="module")
def noisy():
    """200 samples, a fifth with another label, which are strings."""
    X, y = make_classification(200, 8, n_informative=3, flip_y=0.2, random_state=0)
    return X, np.array(["no", "yes"])[y]


def make(cls, early_stopping="cv", **parameters):
    """Return an estimator of a small network, trained for three epochs."""
    return cls(
        random_state=0, dense_units=8, max_epochs=3, early_stopping=early_stopping, **parameters
    )


@every_classifier
def test_scores_of_validation_samples_are_those_of_the_scorer(cls, noisy):
    """With samples of the user's own, the best is what the fitted estimator has."""
    X, y = noisy
    model = make(cls, scoring="balanced_accuracy", early_stopping=True)
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == model.validation_scores_.max()
    assert get_scorer("balanced_accuracy")(model, X[150:], y[150:]) == pytest.approx(
        model.best_validation_score_
    )
    scores = [epoch["valid_score"] for epoch in model.history_]
    np.testing.assert_array_equal(model.validation_scores_, scores)


@STOPPINGS
@every_classifier
def test_a_function_is_a_scorer(cls, early_stopping, noisy):
    """It gets estimator, samples and labels as the user passes them."""
    seen = []

    def accuracy(estimator, X, y):
        seen.append((X.shape[1], set(y), estimator.predict_proba(X).shape))
        return float((estimator.predict(X) == y).mean())

    model = make(cls, scoring=accuracy, early_stopping=early_stopping)
    named = make(cls, scoring="accuracy", early_stopping=early_stopping)
    scores = model.fit(*noisy).validation_scores_
    np.testing.assert_allclose(scores, named.fit(*noisy).validation_scores_)
    assert all(width == 8 and labels <= {"no", "yes"} for width, labels, _ in seen)
    # of 20 held-out samples, or of all
    assert model.best_validation_score_ == scores.max() > (0.6 if early_stopping == "cv" else 0.55)
    assert len(scores) == model.n_iter_ + (early_stopping == "cv")


def test_held_out_scores_are_means_over_members(noisy):
    """Minus the log-loss of the members, at their temperature, is the score by default."""
    X, y = noisy
    loss = make(CNNClassifier).fit(X, y)
    score = make(CNNClassifier, scoring="neg_log_loss").fit(X, y)
    np.testing.assert_allclose(score.validation_scores_, loss.validation_scores_, rtol=1e-5)
    np.testing.assert_allclose(score.predict_proba(X), loss.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("cls", [AECNNRegressor, CNNRegressor])
def test_numbers_are_scored_in_their_own_units(cls):
    """Errors of a regressor are in the units of the target."""
    X, y = load_diabetes(return_X_y=True)
    model = make(cls, scoring="neg_mean_absolute_error").fit(X, y)
    assert model.resolved_params_["early_stopping"] == "cv"
    assert -70 < model.best_validation_score_ < -30


def test_the_scorer_chooses_the_epoch():
    """The weights that are kept are those with the highest score, not with the lowest loss."""
    X, y = make_classification(200, 8, n_informative=3, flip_y=0.2, random_state=0)
    epochs = iter([0.0, 0.0, 1.0] + [0.5] * 100)
    model = CNNClassifier(
        random_state=0, early_stopping=True, scoring=lambda *_: next(epochs), n_iter_no_change=3
    ).fit(X, y)
    assert model.n_iter_ == 6
    assert model.best_validation_score_ == 1


def test_weights_count(noisy):
    """Scorers get the weights of samples that have some."""
    X, y = noisy
    weight = np.where(np.arange(200) % 2, 1.0, 3.0)
    weights = []

    def score(estimator, X, y, sample_weight):
        weights.append(np.unique(sample_weight))
        return 0.0

    make(CNNClassifier, scoring=score).fit(X, y, weight)
    assert all(np.allclose(found, [0.5, 1.5]) for found in weights)


@pytest.mark.parametrize("kind", [pd.DataFrame, csr_array])
def test_frames_and_sparse_matrices_are_scored(kind, noisy):
    """Nothing is warned of."""
    X, y = noisy
    scorer = make_scorer(roc_auc_score, response_method="predict_proba")
    model = make(AECNNClassifier, scoring=scorer).fit(kind(X), y == "yes")
    assert 0.6 < model.best_validation_score_ <= 1


@STOPPINGS
def test_categories_and_holes_are_scored(early_stopping, noisy):
    """Samples are those that the network is trained on, encoded once."""
    X, y = noisy
    frame = pd.DataFrame(X[:, :3]).assign(kind=np.where(X[:, 3] > 0, "a", "b"))
    frame.iloc[::7, 1] = np.nan
    frame.columns = frame.columns.astype(str)
    model = make(CNNClassifier, scoring="accuracy", early_stopping=early_stopping)
    assert 0.5 < model.fit(frame, y).best_validation_score_ <= 1


def test_nothing_of_a_scorer_keeps_the_samples(noisy):
    """A net holds no samples after training."""
    for stopping in (True, "cv"):
        model = make(CNNClassifier, scoring="accuracy", early_stopping=stopping).fit(*noisy)
        held = [vars(callback) for _, callback in model.net_.callbacks_]
        assert not any("score" in names or "validation" in names for names in held)


@pytest.mark.parametrize("early_stopping", [False, True, "cv"])
def test_an_unknown_name_is_an_error(early_stopping, noisy):
    """It names what is near, and where the names are found."""
    with pytest.raises(ValueError, match=r"scoring='acuracy' .*'accuracy'.*get_scorer_names"):
        make(CNNClassifier, scoring="acuracy", early_stopping=early_stopping).fit(*noisy)


@pytest.mark.parametrize("result", [float("nan"), None])
@STOPPINGS
def test_a_score_is_a_finite_number(early_stopping, result, noisy):
    """What a scorer returns instead is told."""
    model = make(CNNClassifier, scoring=lambda *_: result, early_stopping=early_stopping)
    with pytest.raises(ValueError, match=rf"returns {result} for \d+ samples.*scoring='loss'"):
        model.fit(*noisy)
