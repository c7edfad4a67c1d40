"""Training for as long as it serves samples that were held out."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, make_classification, make_friedman1

from sk_aecnn import AECNNClassifier, AECNNRegressor, CNNClassifier, CNNRegressor
from sk_aecnn.training import _held_out
from sk_aecnn.training._held_out import HeldOutSelection, _slopes

CLASSIFIERS = [AECNNClassifier, CNNClassifier]
every_classifier = pytest.mark.parametrize("cls", CLASSIFIERS)
REGRESSORS = [AECNNRegressor, CNNRegressor]


@pytest.fixture(scope="module")
def noisy():
    """600 samples of which a tenth have another label, most columns being noise."""
    return make_classification(600, 20, n_informative=3, flip_y=0.2, random_state=0)


@pytest.mark.parametrize("cls", [*CLASSIFIERS, *REGRESSORS])
def test_scores_are_of_every_epoch_and_of_the_start(cls, noisy):
    """Training ends before the most epochs."""
    model = cls(random_state=0).fit(*noisy)
    scores = model.validation_scores_
    assert model.resolved_params_["early_stopping"] == "cv"
    assert len(scores) == model.n_iter_ + 1 < 100
    assert model.best_validation_score_ == scores.max()


@every_classifier
def test_a_better_score_is_waited_six_epochs_for(cls, noisy):
    """Then training ends."""
    model = cls(random_state=0).fit(*noisy)
    assert model.n_iter_ == _last_epoch(model.validation_scores_, 6)


def test_a_late_best_score_is_waited_longer_for():
    """Half as many epochs as it took."""
    X = np.random.default_rng(1).normal(size=(400, 4))
    model = AECNNClassifier(random_state=0).fit(X, X[:, 0] * X[:, 1] > 0)
    scores = model.validation_scores_
    assert _last_epoch(scores, 6) == _last_epoch(scores, 0) == model.n_iter_


def _last_epoch(scores, patience):
    best = int(scores.argmax())
    return best + max(patience, -(-best // 2))


def fit_small(noise, cls=AECNNRegressor, **params):
    """150 samples, and how well others are predicted."""
    X, y = make_friedman1(1150, n_features=5, noise=noise, random_state=0)
    model = cls(random_state=0, **params).fit(X[:150], y[:150])
    return model, model.predict(X[150:]), model.score(X[150:], y[150:])


def test_regressors_of_small_tables_get_past_the_linear_models(monkeypatch):
    """Of two steps in an epoch, eight epochs are fewer than the learning rate rises for."""
    _, _, score = fit_small(0.0)
    monkeypatch.setattr(_held_out, "_STEPS_TO_WAIT", 0)
    _, _, before = fit_small(0.0)
    assert before < 0.93
    assert score > 0.98


@pytest.mark.parametrize("cls", REGRESSORS)
def test_what_is_waited_for_has_to_be_clearly_better(cls, monkeypatch):
    """Where targets are noisy, the same weights are kept as without waiting."""
    long, found, _ = fit_small(6.0, cls)
    monkeypatch.setattr(_held_out, "_STEPS_TO_WAIT", 0)
    short, expected, _ = fit_small(6.0, cls)
    assert long.n_iter_ > short.n_iter_ + 20
    np.testing.assert_array_equal(found, expected)


def test_scores_of_a_scorer_are_not_waited_for():
    """Nothing tells by how much one has to be higher."""
    model, _, _ = fit_small(6.0, scoring="neg_mean_absolute_error")
    assert model.n_iter_ == _last_epoch(model.validation_scores_, 8)


def test_processes_agree_on_what_is_the_best(monkeypatch):
    """They stop at the same epoch, though losses differ in their last digits."""
    told = []
    monkeypatch.setattr(_held_out, "agree", lambda value: told.append(value) or value)
    model, _, _ = fit_small(6.0)
    assert len(told) == 2 * (model.n_iter_ + 1)
    assert told[1] == (True, True)
    assert {type(one) for one in told[-1]} == {bool}


@every_classifier
def test_held_out_scores_are_those_of_new_samples(cls, noisy):
    """What is held out was not learned from: its log-likelihood is like that of other samples."""
    X, y = noisy
    model = cls(random_state=0).fit(X[:300], y[:300])
    proba = model.predict_proba(X[300:])
    new = np.log(proba[np.arange(300), y[300:]]).mean()
    assert model.best_validation_score_ == pytest.approx(new, abs=0.1)
    learned = np.log(model.predict_proba(X[:300])[np.arange(300), y[:300]]).mean()
    assert learned > model.best_validation_score_ + 0.05


@every_classifier
def test_random_labels_are_not_learned(cls):
    """Where nothing can be known, probabilities are near those of the classes."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 10)), rng.integers(0, 2, 400)
    proba = cls(random_state=0).fit(X, y).predict_proba(X)
    assert np.abs(proba - 0.5).max() < 0.3


def slope(model):
    return model.net_.module_.averaging.slope


@pytest.mark.parametrize("cls", REGRESSORS)
def test_numbers_are_drawn_to_their_mean_as_far_as_noise_exceeds(cls):
    """A target without noise, one with much and one of noise alone."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 10))
    y = np.stack([X[:, 0], X[:, 0] + 5 * rng.normal(size=300), rng.normal(size=300)], axis=1)
    some, much, all_of_it = slope(cls(random_state=0).fit(X, y)).tolist()
    assert some > 0.95
    assert 0.3 <= all_of_it < much < some


def test_predictions_of_noise_gain_by_it():
    """The error of new samples is lower than without, in the mean of ten tables."""
    gains = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, noise = rng.normal(size=(1100, 10)), rng.normal(size=1100)
        y = X[:, 0] + 4 * noise
        model = AECNNRegressor(random_state=0).fit(X[:100], y[:100])
        drawn = model.score(X[100:], y[100:])
        slope(model).fill_(1)
        gains.append(drawn - model.score(X[100:], y[100:]))
    assert np.mean(gains) > 0.005


@pytest.mark.parametrize("more", ["partial_fit", "warm_start"])
def test_a_network_that_learns_on_has_no_slope_of_before(more):
    """What was said of noise does not hold for targets without."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 8))
    noise = 6 * rng.normal(size=150)
    model = CNNRegressor(random_state=0, warm_start=True).fit(X, X[:, 0] + noise)
    assert slope(model) < 0.95
    if more == "partial_fit":
        model.partial_fit(X, X[:, 0])
    else:
        model.set_params(max_epochs=2).fit(X, X[:, 0])
    assert slope(model) == 1


@pytest.mark.parametrize("scoring", ["loss", "neg_mean_squared_error"])
def test_scores_are_with_the_slope(scoring):
    """That of one member: its predictions of noise alone, as they are, are worse than the mean."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 20)), rng.normal(size=200)
    model = CNNRegressor(random_state=0, scoring=scoring).fit(X, y / y.std())
    assert model.validation_scores_.min() > -1.03
    assert model.validation_scores_.max() > -1.0001


def test_slopes_are_of_known_targets_and_of_what_weighs():
    """Of three samples, the last has no weight, or no target, or none has one."""
    predictions = torch.tensor([[2.0], [-2.0], [2.0]]).double()
    targets, share = torch.tensor([[1.0], [-1.0], [9.0]]).double(), torch.ones(3).double() / 3
    assert _slopes(predictions, targets, torch.tensor([0.5, 0.5, 0.0]).double()).item() == 0.5
    targets[2] = torch.nan
    assert _slopes(predictions, targets, share).item() == 0.5
    assert _slopes(predictions, torch.full_like(targets, torch.nan), share).item() == 1


def test_slopes_are_of_held_out_samples_alone(noisy):
    """There are none where nothing is held out, and none of classes."""
    X, y = noisy
    assert slope(CNNRegressor(max_epochs=2).fit(X, y)) == 1
    assert not hasattr(CNNClassifier(random_state=0).fit(X, y).net_.module_.averaging, "slope")


@every_classifier
def test_epochs_that_are_given_are_all_trained(cls, noisy):
    """max_epochs=5 is five epochs of every member on all samples."""
    model = cls(max_epochs=5, random_state=0).fit(*noisy)
    assert model.n_iter_ == 5
    assert model.validation_scores_ is model.best_validation_score_ is None
    assert model.resolved_params_["early_stopping"] is False


def test_an_earlier_fit_leaves_no_scores(noisy):
    """Scores are of the last fit."""
    model = AECNNClassifier(random_state=0).fit(*noisy)
    model.set_params(max_epochs=2).fit(*noisy)
    assert model.validation_scores_ is None


def test_early_stopping_watches_the_mean_of_the_members(noisy):
    """With samples set aside, their scores are those of the prediction."""
    model = AECNNClassifier(early_stopping=True, max_epochs=4, random_state=0).fit(*noisy)
    losses = [epoch["valid_classification_loss"] for epoch in model.history_]
    np.testing.assert_allclose(model.validation_scores_, np.negative(losses))


def test_a_warm_start_has_scores_of_its_own(noisy):
    """The second fit goes on with all samples, where nothing is held out."""
    model = AECNNClassifier(random_state=0, warm_start=True, early_stopping="cv").fit(*noisy)
    assert model.resolved_params_["early_stopping"] == "cv"
    model.set_params(max_epochs=2).fit(*noisy)
    assert model.resolved_params_["early_stopping"] is False
    assert model.validation_scores_ is None
    model.partial_fit(*noisy)


def test_codes_are_shared_so_that_nothing_is_held_out(noisy):
    """All members have a part in the code: what back ends see of it is trained on all samples."""
    model = AECNNClassifier(random_state=0, backend_input="code").fit(*noisy)
    assert model.resolved_params_["early_stopping"] is False


@pytest.mark.parametrize(
    "parameters", [{"n_estimators": 1}, {"unlabeled": -1}, {"backend_input": "code"}]
)
def test_one_network_cannot_be_held_out_from(parameters):
    """Nor can samples without a label be scored; the remedy is named."""
    X, y = load_breast_cancer(return_X_y=True)
    y = np.where(np.arange(len(y)) < 500, y, -1) if "unlabeled" in parameters else y
    with pytest.raises(ValueError, match=r"early_stopping='cv' .*Pass n_estimators=5"):
        AECNNClassifier(early_stopping="cv", **parameters).fit(X, y)


def test_a_fit_goes_on_without_folds(noisy):
    """After a fit, partial_fit trains every member on all samples."""
    model = AECNNClassifier(random_state=0).fit(*noisy)
    before = model.predict_proba(noisy[0])
    model.partial_fit(*noisy)
    assert np.abs(model.predict_proba(noisy[0]) - before).max() > 0


def test_nothing_of_the_data_is_kept(noisy):
    """A pickle does not grow with the samples that were held out, each of 160 bytes."""
    X, y = noisy
    sizes = [
        len(pickle.dumps(CNNClassifier(n_bins=4, random_state=0).fit(X[:n], y[:n])))
        for n in (200, 399)  # of more, there are thresholds as well
    ]
    assert abs(sizes[1] - sizes[0]) < 20_000


@pytest.mark.parametrize("rare", [1, 2, 6])
def test_rare_classes_do_not_matter_to_folds(rare):
    """A class of fewer samples than folds is learned from where it can be."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    y = np.where(np.arange(100) < rare, "rare", np.where(X[:, 0] > 0, "a", "b"))
    model = AECNNClassifier(random_state=0).fit(X, y)
    assert model.predict_proba(X).shape == (100, 3)
    assert np.isfinite(model.predict_proba(X)).all()


def test_of_equally_good_weights_the_last_are_taken():
    """Those whose loss exceeds the lowest by less than the standard error of the difference."""
    selection = HeldOutSelection(None, "classification_loss")
    selection.folds_ = SimpleNamespace(share=torch.full((100,), 0.01, dtype=torch.float64))
    selection.best_losses_ = torch.rand(100, dtype=torch.float64)
    selection.best_epoch_, selection.scores_, selection.is_late_ = 0, [-0.5, -0.6], False
    noise = torch.tensor([1.0, -1.0] * 50, dtype=torch.float64)  # a standard error of 0.1
    assert selection._judge(selection.best_losses_ + noise + 0.09) == (False, True)
    assert selection._judge(selection.best_losses_ + noise + 0.11) == (False, False)
    assert selection._judge(selection.best_losses_ + 0.001) == (False, False)


def test_late_weights_count_two_standard_errors_below_the_best():
    """Others do not, however high their score."""
    selection = HeldOutSelection(None, "regression_loss")
    selection.folds_ = SimpleNamespace(share=torch.full((100,), 0.01, dtype=torch.float64))
    selection.best_losses_ = torch.rand(100, dtype=torch.float64)
    selection.best_epoch_, selection.scores_, selection.is_late_ = 0, [-0.5, -0.3], True
    noise = torch.tensor([1.0, -1.0] * 50, dtype=torch.float64)  # a standard error of 0.1
    assert selection._judge(selection.best_losses_ + noise - 0.19) == (False, False)
    assert selection._judge(selection.best_losses_ + noise - 0.21) == (True, False)


def test_a_fit_keeps_the_last_weights_within_a_standard_error(noisy, monkeypatch):
    """Of all averages of weights, those of the last epoch that is as good as the best one."""
    losses, averages = [], []
    measure = HeldOutSelection._measure

    def listen(selection, net):
        result = measure(selection, net)
        losses.append(result[0].numpy())
        averages.append([average.clone() for average in selection.average_])
        return result

    monkeypatch.setattr(HeldOutSelection, "_measure", listen)
    network = CNNClassifier(random_state=0).fit(*noisy).net_.module_
    best = int(np.mean(losses, axis=1).argmin())
    excess = np.stack(losses) - losses[best]
    is_close = excess.mean(axis=1) <= excess.std(axis=1) / np.sqrt(excess.shape[1])
    kept = int(np.flatnonzero(is_close).max())
    assert best < kept < len(losses) - 1
    parameters = list(network.parameters())
    for parameter, average in zip(parameters, averages[kept][: len(parameters)], strict=True):
        assert parameter.equal(average)
