"""scikit-learn's callbacks follow a fit from epoch to epoch, and everything works without them."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

try:
    from sklearn.callback import ProgressBar, ScoringMonitor
except ImportError:
    ProgressBar = ScoringMonitor = None

pytestmark = pytest.mark.skipif(ProgressBar is None, reason="new in scikit-learn 1.9")


class Recorder:
    """Note every call, and what was passed."""

    def __init__(self, stop_after=None, fail_in=None):
        self.stop_after, self.fail_in = stop_after, fail_in
        self.calls, self.ends, self.n_torn_down = [], [], 0

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.calls.append(f"begin {context.task_name}")
        self.max_subtasks = context.max_subtasks if context.task_name == "fit" else None

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None):
        self.calls.append(f"end {context.task_name}")
        if context.task_name != "epoch":
            return False
        self.ends.append((X, y, metadata))
        if len(self.ends) == self.fail_in:
            raise RuntimeError("no space left")
        return len(self.ends) == self.stop_after


class Predictor(Recorder):
    """Ask the estimator, as it stands after each epoch, for something about the rows."""

    def __init__(self, method):
        super().__init__()
        self.method, self.answers = method, []

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        if context.task_name == "epoch":
            self.answers.append(getattr(fitted_estimator, self.method)(X))


def ask(estimator):
    """A method that every estimator has for its rows."""
    return "predict" if hasattr(estimator, "predict") else "score_samples"


def test_callbacks_are_told_of_every_epoch(every, table, labels):
    """Set up, begun, an epoch at a time, ended, torn down: in this order."""
    recorder = Recorder()
    every().set_callbacks(recorder).fit(table, labels)
    epoch = ["begin epoch", "end epoch"]
    assert recorder.calls == ["setup", "begin fit", *epoch, *epoch, "end fit", "teardown"]


def test_partial_fit_is_an_epoch(every, table, labels):
    """partial_fit tells callbacks of its one epoch."""
    recorder = Recorder()
    estimator = every().fit(table, labels).set_callbacks(recorder)
    estimator.partial_fit(table, labels)
    assert recorder.calls.count("end epoch") == 1


def test_pretraining_is_made_of_epochs_too(joint, table, labels):
    """Epochs of pretraining count among those of the fit."""
    recorder = Recorder()
    joint(pretrain_epochs=3).set_callbacks(recorder).fit(table, labels)
    assert recorder.calls.count("end epoch") == 5


def test_callbacks_get_what_the_user_passed(every, images, labels):
    """X, y and the weights are the very objects that were given to fit."""
    recorder, weight = Recorder(), np.ones(40)
    every().set_callbacks(recorder).fit(images, labels, sample_weight=weight)
    X, y, metadata = recorder.ends[-1]
    assert X is images
    assert y is labels
    assert metadata["sample_weight"] is weight


def test_watching_changes_nothing(every, table, labels):
    """A fit with callbacks is the fit without, to the last bit."""
    plain, watched = every().fit(table, labels), every()
    method = ask(plain)
    watched.set_callbacks(Recorder(), Predictor(method)).fit(table, labels)
    np.testing.assert_array_equal(getattr(watched, method)(table), getattr(plain, method)(table))


@pytest.mark.parametrize("kind", ["table", "images"])
def test_the_estimator_predicts_after_every_epoch(every, request, labels, kind):
    """What callbacks get as fitted_estimator answers as a fit of that many epochs."""
    X = request.getfixturevalue(kind)
    parameters = {"lr_schedule": "constant", "batch_size": 16, "max_epochs": 3}
    if "warm_up" in every().get_params():
        parameters["warm_up"] = 0  # which is a share of all epochs
    estimator = every(**parameters)
    predictor = Predictor(ask(estimator))
    estimator.set_callbacks(predictor).fit(X, labels)
    assert len(predictor.answers) == 3
    for n_epochs, answer in enumerate(predictor.answers, start=1):
        alone = every(**parameters | {"max_epochs": n_epochs}).fit(X, labels)
        np.testing.assert_array_equal(answer, getattr(alone, ask(alone))(X))


def test_a_callback_may_end_training(every, table, labels):
    """A callback that has seen enough ends the fit after its epoch; the estimator is fitted."""
    recorder = Recorder(stop_after=2)
    estimator = every(max_epochs=9).set_callbacks(recorder).fit(table, labels)
    assert estimator.n_iter_ == 2
    assert recorder.calls[-2:] == ["end fit", "teardown"]
    assert len(getattr(estimator, ask(estimator))(table)) == 40


def test_a_callback_that_has_seen_enough_of_pretraining_ends_all(joint, table, labels):
    """Nothing is trained after a stop in pretraining; the estimator predicts as it stands."""
    recorder = Recorder(stop_after=1)
    estimator = joint(pretrain_epochs=3).set_callbacks(recorder).fit(table, labels)
    assert len(estimator.pretrain_loss_curve_) == 1
    assert estimator.loss_curve_ == []
    assert estimator.predict(table).shape == (40,)


def test_callbacks_are_torn_down_after_an_error(every, table, labels):
    """An error in a callback or in the data leaves nothing set up, and nothing half-fitted."""
    recorder = Recorder(fail_in=2)
    estimator = every().set_callbacks(recorder)
    before = dict(vars(estimator))
    with pytest.raises(RuntimeError, match="no space left"):
        estimator.fit(table, labels)
    assert recorder.calls[-1] == "teardown"
    assert vars(estimator) == before
    with pytest.raises(ValueError, match="contains infinity"):
        estimator.fit(np.full((6, 2), np.inf), labels[:6])
    assert recorder.calls[-2:] == ["setup", "teardown"]
    assert vars(estimator) == before


def test_a_pickle_holds_no_data(every, labels):
    """After a watched fit neither the rows nor the callback's context are in the pickle."""
    X = np.random.default_rng(0).normal(size=(5000, 50))
    y = np.arange(5000) % 2
    estimator = every(max_epochs=1).set_callbacks(Predictor(ask(every())))
    estimator.fit(X, y).set_callbacks()
    alone = every(max_epochs=1).fit(X, y)
    assert set(vars(estimator)) == set(vars(alone))
    pickled = pickle.dumps(estimator)
    assert len(pickled) < len(pickle.dumps(alone)) + 2000
    assert len(pickled) < X.nbytes / 4
    np.testing.assert_array_equal(
        getattr(pickle.loads(pickled), ask(alone))(X), getattr(alone, ask(alone))(X)
    )


def test_a_score_is_monitored(every, table, labels):
    """ScoringMonitor logs the estimator's own score after every epoch."""
    monitor = ScoringMonitor(scoring={"score": lambda model, X, y: model.score(X, y)})
    every().set_callbacks(monitor).fit(table, labels)
    logged = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(logged) == 2
    assert np.isfinite([row["score"] for row in logged]).all()


def test_progress_is_shown(every, table, labels, capsys):
    """scikit-learn's ProgressBar counts the epochs."""
    pytest.importorskip("rich")
    estimator = every().set_callbacks(ProgressBar()).fit(table, labels)
    assert type(estimator).__name__ in capsys.readouterr().out


def test_a_search_in_two_jobs_is_watched(classifier, autoencoder, table, labels):
    """In GridSearchCV(Pipeline, n_jobs=2) every fold logs its epochs."""
    monitor = ScoringMonitor(scoring="accuracy")
    pipe = Pipeline([("scale", StandardScaler()), ("net", classifier().set_callbacks(monitor))])
    search = GridSearchCV(pipe, {"net__dense_units": [4, 8]}, cv=2, n_jobs=2, error_score="raise")
    search.fit(table, labels)
    logged = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(logged) == (2 * 2 + 1) * 2  # two folds of two candidates and the refit
    assert all(0 <= row["accuracy"] <= 1 for row in logged)


def test_a_search_shows_its_progress(autoencoder, table, labels, capsys):
    """A bar set on the search is handed on to the estimators within."""
    pytest.importorskip("rich")
    pipe = Pipeline([("ae", autoencoder()), ("clf", LogisticRegression())])
    search = GridSearchCV(pipe, {"ae__encoding_dim": [1, 2]}, cv=2, error_score="raise")
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(table, labels)
    assert "AutoencoderTransformer" in capsys.readouterr().out


WITHOUT_CALLBACKS = """
import pickle
import sys

import numpy as np
import sklearn.callback

# as where scikit-learn is older than 1.9, for this package alone
sys.modules["sklearn.callback"] = None
import sk_aecnn._compat

sys.modules["sklearn.callback"] = sklearn.callback

X = np.random.default_rng(0).normal(size=(20, 5))
y = np.arange(20) % 2
for name in sk_aecnn.__all__:
    if name == "DivergenceError" or name.endswith("Display"):
        continue
    estimator = getattr(sk_aecnn, name)(max_epochs=1, random_state=0)
    assert not hasattr(estimator, "set_callbacks")
    pickle.loads(pickle.dumps(estimator.fit(X, y).partial_fit(X, y)))
"""


def test_everything_works_where_there_are_no_callbacks():
    """An older scikit-learn lacks sklearn.callback: fits go on without."""
    subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_CALLBACKS],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
    )
