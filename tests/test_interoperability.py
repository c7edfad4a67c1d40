"""The estimators work where scikit-learn's own do: in searches, pipelines, ensembles, routing."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate, learning_curve
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sk_aecnn import AECNNClassifier, AutoencoderTransformer


@pytest.mark.parametrize("kind", ["table", "images"])
def test_cross_validate_scores_both(small, request, labels, kind):
    """cross_validate fits and scores on rows and on images, with several metrics at once."""
    X, estimator = request.getfixturevalue(kind), small()
    scoring = ["accuracy", "neg_log_loss"] if isinstance(estimator, AECNNClassifier) else None
    result = cross_validate(estimator, X, labels, cv=3, scoring=scoring, error_score="raise")
    names = [f"test_{name}" for name in scoring or ["score"]]
    assert all(np.isfinite(result[name]).all() for name in names)


def test_cross_val_predict_gives_probabilities(classifier, images, labels):
    """cross_val_predict collects probabilities from the held-out folds."""
    probability = cross_val_predict(classifier(), images, labels, cv=2, method="predict_proba")
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)


def test_a_grid_search_over_the_code(autoencoder, images, labels):
    """The size of the code is tuned in a pipeline."""
    pipe = Pipeline([("ae", autoencoder(max_epochs=10)), ("clf", LogisticRegression())])
    search = GridSearchCV(pipe, {"ae__encoding_dim": [1, 4]}, cv=2, error_score="raise")
    search.fit(images, labels)
    assert search.best_estimator_["ae"].transform(images).shape[1] in (1, 4)
    assert search.score(images, labels) > 0.8


def test_a_grid_search_without_labels(autoencoder, table):
    """The score of a transformer is enough to tune it: no labels, no scoring."""
    coder = autoencoder(max_epochs=20)
    search = GridSearchCV(coder, {"encoding_dim": [1, 5]}, cv=2, refit=False).fit(table)
    assert search.best_params_ == {"encoding_dim": 5}


def test_a_grid_search_over_the_objective(classifier, images, labels):
    """Every parameter of the joint model can be tuned, the weight 0 among its values."""
    grid = {"reconstruction_weight": [0, 1], "backend_input": ["code", "features"]}
    search = GridSearchCV(classifier(), grid, cv=2, error_score="raise").fit(images, labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_cached_autoencoder_is_not_fitted_again(autoencoder, table, labels, tmp_path):
    """With Pipeline(memory=...), tuning the classifier fits the autoencoder once per fold."""
    parameters = autoencoder().get_params()
    pipe = Pipeline(
        [("ae", Counted(**parameters)), ("clf", LogisticRegression())], memory=str(tmp_path)
    )
    Counted.n_fits = 0
    GridSearchCV(pipe, {"clf__C": [0.1, 1.0, 10.0]}, cv=2, error_score="raise").fit(table, labels)
    assert Counted.n_fits == 3  # two folds and the final fit, not two for each of three values


class Counted(AutoencoderTransformer):
    """An autoencoder that counts how often it is fitted."""

    n_fits = 0

    def fit(self, X, y=None, sample_weight=None):
        Counted.n_fits += 1
        return super().fit(X, y, sample_weight)


def test_the_code_feeds_a_classifier_in_a_pipeline(autoencoder, classifier, images, labels):
    """One autoencoder's codes are a table for any classifier, a convolutional one too."""
    pipe = make_pipeline(autoencoder(), StandardScaler(), classifier()).fit(images, labels)
    assert pipe.predict(images).shape == (40,)
    assert pipe[:-1].transform(images).shape == (40, 3)


def test_a_fitted_classifier_is_a_step_that_transforms(classifier, table, labels):
    """The joint model's code is trained on labels and used as features."""
    pipe = make_pipeline(StandardScaler(), classifier(), LogisticRegression()).fit(table, labels)
    scaled = StandardScaler().fit_transform(table)
    codes = classifier().fit(scaled, labels).transform(scaled)
    np.testing.assert_array_equal(pipe[:-1].transform(table), codes)
    assert pipe.predict(table).shape == (40,)


def test_a_pipeline_decodes(autoencoder, table):
    """Pipeline.inverse_transform goes back through the autoencoder to the units of X."""
    pipe = make_pipeline(StandardScaler(), autoencoder()).fit(table)
    assert pipe.inverse_transform(pipe.transform(table)).shape == table.shape


def test_columns_are_encoded_apart(autoencoder, table, labels):
    """A ColumnTransformer gives some columns to one autoencoder, others to another."""
    X = pd.DataFrame(table, columns=list("abcde"))
    codes = ColumnTransformer(
        [("left", autoencoder(encoding_dim=2), ["a", "b", "c"]), ("right", autoencoder(), [3, 4])],
        remainder="drop",
    )
    assert codes.fit_transform(X, labels).shape == (40, 5)
    assert list(codes.get_feature_names_out())[:2] == [
        "left__autoencodertransformer0",
        "left__autoencodertransformer1",
    ]


def test_a_feature_union_sets_codes_beside_features(autoencoder, table):
    """Codes and inputs stand side by side."""
    union = FeatureUnion([("codes", autoencoder()), ("same", FunctionTransformer())])
    assert union.fit_transform(table).shape == (40, 8)


def test_a_stack_takes_it_on_images(classifier, autoencoder, images, labels):
    """StackingClassifier and VotingClassifier take n-dimensional samples to each member."""
    members = [
        ("joint", classifier()),
        ("staged", make_pipeline(autoencoder(), LogisticRegression())),
    ]
    stack = StackingClassifier(members, LogisticRegression(), cv=2).fit(images, labels)
    assert stack.predict(images).shape == (40,)
    vote = VotingClassifier(members, voting="soft").fit(images, labels)
    assert vote.predict_proba(images).shape == (40, 2)


def test_self_training_on_flat_rows(classifier, images, labels):
    """SelfTrainingClassifier takes tables only: flat rows with sample_shape."""
    y = np.where(np.arange(40) < 20, labels, -1)
    model = SelfTrainingClassifier(classifier(sample_shape=(6, 5), max_epochs=10), max_iter=2)
    assert set(model.fit(images.reshape(40, -1), y).predict(images.reshape(40, -1))) <= {0, 1}


def test_a_bag_of_flat_rows(classifier, images, labels):
    """BaggingClassifier draws rows of a table; sample_shape gives them their geometry back."""
    bag = BaggingClassifier(classifier(sample_shape=(6, 5)), n_estimators=2, random_state=0)
    assert bag.fit(images.reshape(40, -1), labels).predict_proba(images.reshape(40, -1)).shape == (
        40,
        2,
    )


def test_one_against_the_rest(classifier, table):
    """OneVsRestClassifier fits one network for each class."""
    model = OneVsRestClassifier(classifier()).fit(table, np.arange(40) % 3)
    assert len(model.estimators_) == 3
    assert model.predict(table).shape == (40,)


def test_calibration(classifier, images, labels):
    """CalibratedClassifierCV calibrates on held-out images."""
    model = CalibratedClassifierCV(classifier(), cv=2).fit(images, labels)
    np.testing.assert_allclose(model.predict_proba(images).sum(axis=1), 1, rtol=1e-6)


def test_a_learning_curve(small, images, labels):
    """learning_curve fits on growing parts of the images."""
    sizes, train, test = learning_curve(
        small(), images, labels, train_sizes=[6, 20], cv=2, error_score="raise"
    )
    assert sizes.tolist() == [6, 20]
    assert np.isfinite(train).all()
    assert np.isfinite(test).all()


def test_a_learning_curve_in_parts(small, table, labels):
    """learning_curve with exploit_incremental_learning uses partial_fit."""
    _, train, test = learning_curve(
        small(),
        table,
        labels,
        train_sizes=[10, 20],
        cv=2,
        exploit_incremental_learning=True,
        shuffle=True,
        random_state=0,
        error_score="raise",
    )
    assert np.isfinite(np.r_[train, test]).all()


def test_permutation_importance_finds_the_feature_that_matters(classifier):
    """Shuffling the one informative column costs accuracy, shuffling the others does not."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.arange(60) % 2
    X[:, 1] += 6 * y
    model = classifier(max_epochs=40, lr=0.01).fit(X, y)
    importance = permutation_importance(model, X, y, n_repeats=3, random_state=0).importances_mean
    assert importance.argmax() == 1


# -- metadata routing, output containers, display ---------------------------------------------


@pytest.fixture
def routing():
    """Metadata routing switched on."""
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_through_a_pipeline(autoencoder, classifier, table, labels):
    """With routing, sample_weight reaches the steps that ask for it, and no other."""
    weight = 1.0 + np.arange(40) % 3
    ae = autoencoder().set_fit_request(sample_weight=True)
    clf = classifier().set_fit_request(sample_weight=True)
    routed = make_pipeline(ae, clf).fit(table, labels, sample_weight=weight)
    codes = autoencoder().fit(table, sample_weight=weight).transform(table)
    by_hand = classifier().fit(codes, labels, sample_weight=weight)
    np.testing.assert_array_equal(routed.predict_proba(table), by_hand.predict_proba(codes))


@pytest.mark.usefixtures("routing")
def test_weights_are_routed_through_a_search(classifier, table, labels):
    """With routing, GridSearchCV and cross_validate hand each fold its weights."""
    clf = classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    weight = np.arange(40.0)
    search = GridSearchCV(clf, {"encoding_dim": [1, 2]}, cv=2, error_score="raise")
    search.fit(table, labels, sample_weight=weight)
    refitted = classifier(**search.best_params_).fit(table, labels, sample_weight=weight)
    np.testing.assert_array_equal(search.predict_proba(table), refitted.predict_proba(table))
    result = cross_validate(
        clf, table, labels, cv=2, params={"sample_weight": weight}, error_score="raise"
    )
    assert np.isfinite(result["test_score"]).all()


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_a_pipeline_returns_frames(autoencoder, table, labels, container):
    """set_output on a pipeline makes the codes a frame with the names of the columns."""
    X = pd.DataFrame(table, columns=list("abcde"))
    pipe = make_pipeline(StandardScaler(), autoencoder()).set_output(transform=container)
    codes = pipe.fit_transform(X, labels)
    assert list(codes.columns) == [f"autoencodertransformer{i}" for i in range(3)]
    assert list(pipe.get_feature_names_out()) == list(codes.columns)


def test_images_are_encoded_to_a_frame(small, images, labels):
    """set_output works for images too, with names after the class."""
    codes = small().set_output(transform="pandas").fit(images, labels).transform(images)
    assert isinstance(codes, pd.DataFrame)
    assert codes.shape == (40, 3)


def test_feature_names_are_checked(small, table, labels):
    """Columns in another order are refused by their names."""
    X = pd.DataFrame(table, columns=list("abcde"))
    estimator = small().fit(X, labels)
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.transform(X[list("bacde")])


def test_the_display_names_the_estimator(small, table, labels):
    """The HTML display works before and after fit, alone and in a pipeline."""
    estimator = small()
    name = type(estimator).__name__
    assert name in estimator._repr_html_()
    fitted = make_pipeline(StandardScaler(), estimator).fit(table, labels)
    assert name in fitted._repr_html_()
    assert repr(estimator).startswith(f"{name}(")
