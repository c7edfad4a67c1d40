"""What is passed to fit beside X and y, and what an estimator says of itself."""

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

PREDICTORS = ["classifier", "regressor", "cnn_classifier", "cnn_regressor"]


@pytest.fixture(params=PREDICTORS)
def predictor(request):
    """A factory of each small estimator that needs targets."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def halves(table, labels):
    """Rows to train on and rows to validate on, as keyword arguments of fit."""
    return {"X": table[:30], "y": labels[:30], "X_val": table[30:], "y_val": labels[30:]}


def answer(estimator, X):
    return estimator.predict(X) if hasattr(estimator, "predict") else estimator.transform(X)


def needs_targets(estimator):
    return get_tags(estimator).target_tags.required


def given_to(estimator, given):
    """The arguments that an estimator's fit takes."""
    return {
        name: value for name, value in given.items() if name != "y_val" or needs_targets(estimator)
    }


# -- rows for validation ----------------------------------------------------------------------


def test_rows_for_validation_stop_training(every, halves):
    """With X_val all of X is trained on, and the losses of X_val are watched."""
    estimator = every(early_stopping=True, max_epochs=60, n_iter_no_change=1, lr=0.05)
    if hasattr(estimator, "backend"):
        estimator.set_params(linear_path=False)
    estimator.fit(**given_to(estimator, halves))
    assert all("valid_loss" in row for row in estimator.history_)
    best = min(row["valid_loss"] for row in estimator.history_)
    assert best < estimator.history_[0]["valid_loss"]


def test_rows_for_validation_are_looked_at(predictor, halves):
    """Predictors stop by X_val where nothing is said of early stopping."""
    estimator = predictor().fit(**halves)
    assert estimator.resolved_params_["early_stopping"] is True
    assert len(estimator.validation_scores_) == estimator.n_iter_


def test_validation_is_of_the_rows_passed(every, halves):
    """Other rows, or other weights of theirs, give other losses and the same training."""
    estimator = every(early_stopping=True)
    given = given_to(estimator, halves)
    first = every(early_stopping=True).fit(**given).history_
    other = every(early_stopping=True).fit(**given | {"X_val": halves["X_val"] + 1}).history_
    weighted = every(early_stopping=True).fit(**given, sample_weight_val=np.arange(1, 11)).history_
    for history in (other, weighted):
        assert history[0]["train_loss"] == first[0]["train_loss"]
        assert history[0]["valid_loss"] != first[0]["valid_loss"]


def test_all_rows_are_trained_on(every, halves):
    """Where nothing is gained by stopping, X_val does not change the weights."""
    plain = every(lr_schedule="constant", lr=1e-6, batch_size=1000)
    watched = every(lr_schedule="constant", lr=1e-6, batch_size=1000, early_stopping=True)
    plain.fit(halves["X"], halves["y"])
    watched.fit(**given_to(watched, halves))
    assert watched.loss_curve_ == plain.loss_curve_


def test_rows_of_zero_weight_do_not_validate(every, halves):
    """A validation row of weight 0 counts as absent."""
    estimator = every(early_stopping=True)
    given = given_to(estimator, halves)
    weight = np.r_[np.ones(6), np.zeros(4)]
    fewer = {name: v[:6] if name.endswith("_val") else v for name, v in given.items()}
    weighted = every(early_stopping=True).fit(**given, sample_weight_val=weight)
    expected = every(early_stopping=True).fit(**fewer)
    for here, there in zip(weighted.history_, expected.history_, strict=True):
        assert here["valid_loss"] == there["valid_loss"]


def test_images_for_validation(every, images, labels):
    """X_val has the shape of the samples, or of flat rows."""
    estimator = every(early_stopping=True)
    given = {"X": images[:30], "y": labels[:30], "X_val": images[30:], "y_val": labels[30:]}
    expected = estimator.fit(**given_to(estimator, given)).history_
    given["X_val"] = images[30:].reshape(10, -1)
    flat = every(early_stopping=True).fit(**given_to(estimator, given)).history_
    assert [row["valid_loss"] for row in flat] == [row["valid_loss"] for row in expected]


def test_unlabeled_samples_do_not_validate(classifier, halves):
    """Early stopping watches the loss of the labels: unlabeled validation samples are left out."""
    estimator = classifier(early_stopping=True, unlabeled=-1)
    halves["y_val"] = np.r_[halves["y_val"][:5], np.full(5, -1)]
    losses = estimator.fit(**halves).history_[-1]
    halves |= {"X_val": halves["X_val"][:5], "y_val": halves["y_val"][:5]}
    assert estimator.fit(**halves).history_[-1]["valid_loss"] == losses["valid_loss"]
    halves["y_val"] = np.full(5, -1)
    with pytest.raises(ValueError, match="Every sample of y is unlabeled"):
        estimator.fit(**halves)


def check_raises(estimator, message, **given):
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=message):
        estimator.fit(**given)
    assert vars(estimator) == before


def test_rows_for_validation_need_early_stopping(every, halves):
    """X_val with early_stopping=False would have no effect, and the error says so."""
    estimator = every(early_stopping=False)
    message = "X_val is passed while early_stopping=False.*Pass early_stopping=True"
    check_raises(estimator, message, **given_to(estimator, halves))


def test_targets_for_validation_are_needed(predictor, halves):
    """X_val without y_val is refused by the name of what is missing."""
    del halves["y_val"]
    check_raises(predictor(early_stopping=True), "X_val.*without y_val", **halves)


@pytest.mark.parametrize("name", ["y_val", "sample_weight_val"])
def test_targets_for_validation_are_of_no_use_alone(predictor, halves, name):
    """y_val and sample_weight_val without X_val are refused."""
    given = {"X": halves["X"], "y": halves["y"], name: np.ones(10)}
    check_raises(predictor(early_stopping=True), f"{name} .*without X_val", **given)


@pytest.mark.parametrize(
    ("X_val", "message"),
    [
        (np.ones((10, 4)), "4 features.*expecting 5"),
        (np.ones((10, 5, 1)), r"samples of shape \(5, 1\).*\(5,\)"),
        (np.full((10, 5), np.inf), "contains infinity"),
        (np.ones((0, 5)), r"0 sample\(s\)"),
    ],
    ids=["features", "shape", "infinity", "empty"],
)
def test_unusable_rows_for_validation_are_refused(every, halves, X_val, message):
    """X_val is validated as X is."""
    estimator = every(early_stopping=True)
    given = given_to(estimator, halves | {"X_val": X_val, "y_val": np.arange(len(X_val)) % 2})
    check_raises(estimator, message, **given)


def test_unknown_classes_for_validation_are_refused(classifier, cnn_classifier, halves):
    """y_val holds classes of y only."""
    halves["y_val"] = np.full(10, 7)
    for factory in (classifier, cnn_classifier):
        message = r"not among the classes \[0, 1\]: \[7\]"
        check_raises(factory(early_stopping=True), message, **halves)


# -- routing ----------------------------------------------------------------------------------


@pytest.fixture
def routing():
    """Metadata routing switched on."""
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_a_pipeline_transforms_rows_for_validation(every, halves):
    """With transform_input=["X_val"] they are scaled as X is."""
    estimator = every(early_stopping=True)
    given = given_to(estimator, halves)
    requests = {name: True for name in given if name.endswith("_val")}
    steps = [("scale", StandardScaler()), ("net", estimator.set_fit_request(**requests))]
    routed = Pipeline(steps, transform_input=["X_val"]).fit(**given)
    scaler = StandardScaler().fit(given["X"])
    scaled = {
        name: scaler.transform(value) if name.startswith("X") else value
        for name, value in given.items()
    }
    by_hand = every(early_stopping=True).fit(**scaled)
    np.testing.assert_array_equal(
        answer(routed, given["X"]), answer(by_hand, scaler.transform(given["X"]))
    )
    losses = [row["valid_loss"] for row in routed["net"].history_]
    assert losses == [row["valid_loss"] for row in by_hand.history_]


@pytest.mark.usefixtures("routing")
def test_a_search_hands_rows_for_validation_on(predictor, halves):
    """GridSearchCV passes X_val to every fit."""
    model = predictor(early_stopping=True).set_fit_request(X_val=True, y_val=True)
    search = GridSearchCV(model, {"dense_units": [4, 8]}, cv=2, error_score="raise")
    assert search.fit(**halves).predict(halves["X"]).shape == (30,)


@pytest.mark.usefixtures("routing")
def test_what_fit_takes_can_be_requested(every):
    """set_fit_request knows the weights and the rows for validation."""
    estimator = every()
    names = ["sample_weight", "X_val", "sample_weight_val"]
    names += ["y_val"] if needs_targets(estimator) else []
    estimator.set_fit_request(**dict.fromkeys(names, True))
    assert estimator.get_metadata_routing().fit.requests == dict.fromkeys(names, True)


# -- what an estimator says of itself ---------------------------------------------------------

TYPES = {
    "autoencoder": None,
    "variational": None,
    "detector": "outlier_detector",
    "classifier": "classifier",
    "regressor": "regressor",
    "cnn_classifier": "classifier",
    "cnn_regressor": "regressor",
}


@pytest.mark.parametrize("name", TYPES)
def test_tags_tell_the_type_and_the_input(request, name):
    """Type, kinds of input and of target are those of scikit-learn's tags."""
    tags = get_tags(request.getfixturevalue(name)())
    kind = TYPES[name] or "transformer"
    assert (tags.estimator_type or "transformer") == kind
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert tags.input_tags.allow_nan
    assert tags.target_tags.required == (kind in ("classifier", "regressor"))
    assert tags.target_tags.multi_output == (kind == "regressor")
    assert (tags.transformer_tags is not None) == (not name.startswith("cnn"))
    assert (tags.classifier_tags is not None) == (kind == "classifier")
    assert (tags.regressor_tags is not None) == (kind == "regressor")


@pytest.mark.parametrize(
    ("parameters", "sparse"),
    [
        ({}, True),
        ({"sample_shape": (5,)}, True),
        ({"sample_shape": (6, 5)}, False),
        ({"channel_axis": None}, False),
        ({"channel_axis": -1}, True),
    ],
    ids=str,
)
def test_tags_tell_whether_sparse_tables_are_read(every, parameters, sparse):
    """Tables may be sparse; what is convolved over may not."""
    assert get_tags(every(**parameters)).input_tags.sparse == sparse


def test_a_dense_network_reads_sparse_tables(coder):
    """encoder='dense' convolves over nothing, whatever the samples are."""
    assert get_tags(coder(encoder="dense", sample_shape=(6, 5))).input_tags.sparse


def test_the_display_links_to_the_documentation(every, table, labels):
    """The HTML display has a link to the page of the class, before and after fit."""
    estimator = every()
    page = "https://sk-aecnn.readthedocs.io/en/latest/api/generated/sk_aecnn.{}.html"
    link = page.format(type(estimator).__name__)
    assert link in estimator._repr_html_()
    assert link in estimator.fit(table, labels)._repr_html_()
