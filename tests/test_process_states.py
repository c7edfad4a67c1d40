"""Threads, processes, interrupts and the process-wide states of others change no result."""

import contextlib
import copy
import os
import pickle
import subprocess
import sys
import threading
from multiprocessing.reduction import ForkingPickler

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier, DivergenceError


def answers(estimator, X):
    """Everything that can be asked about samples, and samples drawn."""
    names = (
        "predict",
        "predict_proba",
        "transform",
        "reconstruct",
        "reconstruction_error",
        "score_samples",
    )
    found = {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}
    if hasattr(estimator, "sample"):
        found["sample"] = estimator.sample(3, random_state=0)
    return found


def assert_same(actual, expected):
    """Answers are alike to the last bit, in the same precision."""
    assert actual.keys() == expected.keys()
    for name, answer in actual.items():
        assert answer.dtype == expected[name].dtype, name
        np.testing.assert_array_equal(answer, expected[name], err_msg=name)


# -- predicting while another thread fits -----------------------------------------------------


class Asking(Callback):
    """Ask the estimator itself while it is fitted, as another thread may."""

    def __init__(self, X):
        self.X, self.estimator, self.found, self.attributes = X, None, [], []

    def _ask(self):
        if self.estimator is not None:
            self.found.append(answers(self.estimator, self.X))
            self.attributes.append(len(self.estimator.history_))

    def on_train_begin(self, net, **kwargs):
        self._ask()

    def on_batch_end(self, net, training, **kwargs):
        self._ask()

    def on_epoch_end(self, net, **kwargs):
        self._ask()

    def __deepcopy__(self, memo):
        return self


REFITS = {
    "fit": lambda estimator, X, y: estimator.fit(X, y),
    "warm fit": lambda estimator, X, y: estimator.set_params(warm_start=True).fit(X, y),
    "partial_fit": lambda estimator, X, y: estimator.partial_fit(X, y),
    "fit on other shapes": lambda estimator, X, y: estimator.fit(X[:, :4], y + 3),
    "fit on a table": lambda estimator, X, y: estimator.fit(X[:, 0, :3], 2 * y),
}


def assert_answers_are_those_of_the_last_fit(factory, images, labels, refit):
    """A callback in a fit that is not the first sees the estimator as it was before."""
    asking = Asking(images)
    estimator = factory(callbacks=[asking]).fit(images, labels)
    expected, n_epochs = answers(estimator, images), len(estimator.history_)
    asking.estimator = estimator
    REFITS[refit](estimator, images[::-1], labels)
    asking.estimator = None
    assert asking.found
    for found in asking.found:
        assert_same(found, expected)
    assert set(asking.attributes) == {n_epochs}


@pytest.mark.parametrize("refit", REFITS)
def test_answers_while_fitting_are_those_of_the_last_fit(classifier, images, labels, refit):
    """Until a fit ends, whatever it is of, the estimator answers as it did before."""
    assert_answers_are_those_of_the_last_fit(classifier, images, labels, refit)


def test_all_answers_while_fitting_are_those_of_the_last_fit(every, images, labels):
    """Until ``partial_fit`` ends, all estimators answer as they did before."""
    assert_answers_are_those_of_the_last_fit(every, images, labels, "partial_fit")


def test_a_first_fit_in_another_thread_is_not_seen_before_it_ends(every, images, labels):
    """An estimator that is being fitted for the first time is not fitted yet."""
    seen = []

    class Look(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append([name for name in vars(estimator) if name.endswith("_")])

    estimator = every(callbacks=[Look()])
    estimator.fit(images, labels)
    assert not any(seen)


def test_threads_may_predict_while_one_fits(cnn_classifier, images, labels):
    """Every answer of another thread is that of the fit before or of the fit after."""
    model = cnn_classifier().fit(images, labels)
    found, done = [], threading.Event()

    def ask():
        while not done.is_set():
            found.append(model.predict_proba(images))

    before = model.predict_proba(images)
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        model.set_params(max_epochs=20).fit(images[::-1], labels)
    finally:
        done.set()
        thread.join()
    after = model.predict_proba(images)
    for answer in found:
        assert np.array_equal(answer, before) or np.array_equal(answer, after)


# -- process-wide states ----------------------------------------------------------------------


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def grad_disabled():
    torch.set_grad_enabled(False)
    try:
        yield
    finally:
        torch.set_grad_enabled(True)


STATES = {
    "default device": lambda: default_device("meta"),
    "default float64": lambda: default_dtype(torch.float64),
    "default float16": lambda: default_dtype(torch.float16),
    "autocast to bfloat16": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference mode": torch.inference_mode,
    "gradients off": grad_disabled,
    "numpy raises": lambda: np.errstate(all="raise"),
}


@pytest.mark.parametrize("state", STATES)
def test_a_fit_does_not_depend_on_the_states_of_the_process(classifier, images, labels, state):
    """Whatever others set, fit, ``partial_fit`` and answers are the same, outside it and inside."""
    expected = classifier().fit(images, labels)
    with STATES[state]():
        estimator = classifier().fit(images, labels)
        inside = answers(estimator, images)
        goes_on = classifier().fit(images, labels).partial_fit(images, labels)
    assert estimator.loss_curve_ == expected.loss_curve_
    assert_same(inside, answers(expected, images))
    assert_same(answers(estimator, images), answers(expected, images))
    goes_on.partial_fit(images, labels)
    expected.partial_fit(images, labels).partial_fit(images, labels)
    assert_same(answers(goes_on, images), answers(expected, images))


@pytest.mark.parametrize("state", ["default device", "default float64"])
def test_no_fit_depends_on_the_states_of_the_process(every, table, labels, state):
    """All estimators are fitted alike, and answer alike, whatever others set."""
    expected = every().fit(table, labels)
    with STATES[state]():
        estimator = every().fit(table, labels)
        inside = answers(expected, table)
    assert_same(answers(estimator, table), answers(expected, table))
    assert_same(inside, answers(expected, table))


@pytest.mark.parametrize("state", ["default device", "default float64", "inference mode"])
def test_a_copy_does_not_depend_on_the_states_of_the_process(classifier, table, labels, state):
    """A pickle that is loaded, or a copy that is made, answers and goes on as the original."""
    estimator = classifier().fit(table, labels).set_saving(include_optimizer=True)
    expected = answers(estimator, table)
    with STATES[state]():
        copies = [pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)]
    estimator.partial_fit(table, labels)
    for each in copies:
        assert_same(answers(each, table), expected)
        assert_same(answers(each.partial_fit(table, labels), table), answers(estimator, table))


def own_backend(in_shape, n_outputs):
    """A linear back end."""
    n_inputs = int(np.prod(in_shape))
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(n_inputs, n_outputs))


DRAWS = {
    "gaussian noise": AutoencoderTransformer(3, noise="gaussian"),
    "masking": AutoencoderTransformer(3, noise="masking"),
    "swap noise": AutoencoderTransformer(3, noise="swap"),
    "principal components": AutoencoderTransformer(3),
    "dropout": AECNNClassifier(3, dropout=0.5),
    "consistency": AECNNClassifier(3, unlabeled=-1),
    "translation": CNNClassifier(4, dense_units=4, sample_shape=(15, 20)),
}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("state", ["default float64", "default device"])
def test_draws_do_not_depend_on_the_states_of_the_process(table, labels, draw, state):
    """Noise, dropout and first weights are the same whatever torch's default type and device."""
    X = np.kron(table, np.ones((1, 60))) if draw == "translation" else table
    y = np.where(np.arange(40) < 20, labels, -1) if draw == "consistency" else labels
    estimator = clone(DRAWS[draw]).set_params(max_epochs=2, random_state=0, batch_size=16)
    expected = clone(estimator).fit(X, y)
    with STATES[state]():
        estimator.fit(X, y)
    assert estimator.loss_curve_ == expected.loss_curve_
    assert_same(answers(estimator, X), answers(expected, X))


# -- processes --------------------------------------------------------------------------------


def test_a_fitted_estimator_may_be_sent_to_a_process(every, images, labels):
    """What ``multiprocessing`` sends to a spawned process arrives as it was."""
    estimator = every().fit(images, labels)
    received = pickle.loads(bytes(ForkingPickler.dumps(estimator)))
    assert_same(answers(received, images), answers(estimator, images))
    received.partial_fit(images, labels)


SPAWN = """
import multiprocessing
import numpy as np
from sk_aecnn import AECNNClassifier

def child(estimator, X, queue):
    queue.put(estimator.predict_proba(X))

if __name__ == "__main__":
    X = np.random.default_rng(0).normal(size=(40, 5))
    estimator = AECNNClassifier(max_epochs=1, random_state=0).fit(X, np.arange(40) % 2)
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=child, args=(estimator, X, queue))
    process.start()
    process.join(40)
    if process.exitcode != 0:
        process.kill()
        raise SystemExit("the child failed")
    same = np.array_equal(queue.get(), estimator.predict_proba(X))
    print("same" if same else "differs")
"""


@pytest.mark.slow
def test_a_spawned_process_predicts(tmp_path):
    """A fitted estimator is an argument of a spawned process as any other."""
    path = tmp_path / "script.py"
    path.write_text(SPAWN)
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.stdout.strip() == "same", done.stderr[-2000:]


# -- pickles ----------------------------------------------------------------------------------


class OfAnotherDevice(torch.Generator):
    """A generator that pickles as one on a GPU does, which this machine cannot load."""

    def __reduce__(self):
        return torch.Generator, (torch.device("cuda"),)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_pickle_holds_no_generator_of_a_device(every, images, labels):
    """A model that drew from generators of a GPU is loaded where there is none."""
    estimator = every()
    if "noise" in estimator.get_params():
        estimator.set_params(noise="gaussian")
    estimator.fit(images, labels)
    expected = answers(estimator, images)
    for layer in estimator.net_.module_.modules():
        if getattr(layer, "generator", None) is not None:
            layer.generator = OfAnotherDevice()
    loaded = pickle.loads(pickle.dumps(estimator))
    assert_same(answers(loaded, images), expected)
    loaded.partial_fit(images, labels)


def copies_of(estimator, images, labels):
    """The estimator after whatever copies it."""
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(estimator))))
    return {
        "fit": estimator,
        "partial_fit": copy.deepcopy(estimator).partial_fit(images, labels),
        "deepcopy": copy.deepcopy(estimator),
        "pickle": pickle.loads(pickle.dumps(estimator)),
        "pickle of a pickle": again,
        "partial_fit after pickle": copy.deepcopy(again).partial_fit(images, labels),
    }


def test_weights_are_held_once(classifier, images, labels):
    """``net_.module`` and ``net_.module_`` are one network after whatever copies it."""
    estimator = classifier().fit(images, labels)
    size = len(pickle.dumps(estimator))
    for name, each in copies_of(estimator, images, labels).items():
        assert each.net_.module is each.net_.module_, name
        assert len(pickle.dumps(each)) < 1.2 * size, name


def test_a_mapped_file_is_read_without_a_warning(every, images, labels, tmp_path):
    """``joblib.load(mmap_mode="r")`` gives an estimator that answers as the one that was saved."""
    estimator = every().fit(images, labels)
    joblib.dump(estimator, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_same(answers(loaded, images), answers(estimator, images))
    loaded.partial_fit(images, labels)


def test_arrays_of_a_fitted_estimator_may_be_read_only(every, table, labels):
    """Nothing that predicts writes into the arrays of a fitted estimator."""
    estimator = every().fit(table, labels)
    expected = answers(estimator, table)
    for value in vars(estimator).values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    assert_same(answers(estimator, table), expected)


# -- interrupts -------------------------------------------------------------------------------


def run(script, *, timeout=90, **environment):
    """Run a script in a fresh interpreter; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


FIRST_FIT = """
import sys
import numpy as np, torch, sklearn, skorch
from sk_aecnn import CNNClassifier

class Interrupting:
    left = 3

    def find_spec(self, name, path=None, target=None):
        if name.startswith(("torch.", "sympy")):
            Interrupting.left -= 1
            if Interrupting.left == 0:
                raise KeyboardInterrupt

X = np.random.default_rng(0).random((20, 6, 5)).astype("f4")
y = np.arange(20) % 2
CNNClassifier
before = set(sys.modules)
sys.meta_path.insert(0, Interrupting())
try:
    CNNClassifier(max_epochs=1).fit(X, y)
except KeyboardInterrupt:
    pass
sys.meta_path.pop(0)
CNNClassifier(max_epochs=1).fit(X, y).predict(X)
print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.slow
def test_a_first_fit_imports_little_and_may_be_interrupted():
    """An import cut in half by Ctrl-C is no trouble for the next fit, nor is there much to import.

    What a first fit imports is what it uses: none of torch's compiler and its references.
    """
    imported = run(FIRST_FIT).split()
    assert len(imported) < 60
    heavy = ("torch._refs", "torch._dynamo", "torch._inductor", "torch._decomp", "sympy")
    assert not [name for name in imported if name.startswith(heavy)]


def global_states():
    return {
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "dtype": torch.get_default_dtype(),
        "device": torch.tensor(0.0).device,
        "random": torch.get_rng_state().tolist(),
        "random numbers of numpy": repr(np.random.get_state()),  # noqa: NPY002
    }


@contextlib.contextmanager
def interrupted_at(function_names, occurrence):
    """Raise KeyboardInterrupt where a function of torch begins, as Ctrl-C may."""
    left = occurrence

    def interrupt(frame, event, argument):
        nonlocal left
        if event != "call" or frame.f_code.co_name not in function_names:
            return
        if f"{os.sep}torch{os.sep}" not in frame.f_code.co_filename:
            return
        left -= 1
        if left == 0:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(interrupt)
    try:
        yield
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("occurrence", [1, 5, 12])
@pytest.mark.parametrize("function", ["__exit__", "__enter__"])
def test_an_interrupt_of_a_fit_leaves_no_state_behind(
    classifier, images, labels, function, occurrence
):
    """Ctrl-C at the entry or exit of a context of torch leaves process-wide states as before."""
    estimator = classifier(precision="bfloat16", backend=own_backend, early_stopping=True)
    before = global_states()
    try:
        with interrupted_at({function}, occurrence), contextlib.suppress(KeyboardInterrupt):
            estimator.fit(images, labels)
        after = global_states()
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_device(None)
        while torch.is_autocast_enabled("cpu"):
            torch.set_autocast_enabled("cpu", False)
    assert after == before


@pytest.mark.parametrize("occurrence", [1, 2])
@pytest.mark.parametrize("function", ["__exit__", "__enter__"])
def test_an_interrupt_of_an_answer_leaves_no_state_behind(
    small, images, labels, function, occurrence
):
    """Ctrl-C while predicting leaves neither inference mode nor gradients off."""
    estimator = small().fit(images, labels)
    expected = answers(estimator, images)
    before = global_states()
    with interrupted_at({function}, occurrence), contextlib.suppress(KeyboardInterrupt):
        estimator.transform(images)
    after = global_states()
    assert after == before
    assert_same(answers(estimator, images), expected)


# -- weights that broke -----------------------------------------------------------------------


def assert_finite(estimator, X):
    """Weights and answers are finite numbers."""
    weights = estimator.net_.module_.state_dict().values()
    assert all(value.isfinite().all() for value in weights)
    for name, answer in answers(estimator, X).items():
        assert np.isfinite(answer).all(), name


@pytest.mark.parametrize(("lr", "optimizer"), [(1e20, "adamw"), (1e37, "sgd")])
def test_a_model_with_broken_weights_is_never_returned(every, table, labels, lr, optimizer):
    """After the last step, too: weights are finite and so are answers, or the fit raises."""
    estimator = every(lr=lr, optimizer=optimizer, lr_schedule="constant", max_epochs=1)
    try:
        estimator.fit(table, labels)
    except DivergenceError:
        assert not hasattr(estimator, "net_")
    else:
        assert_finite(estimator, table)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_partial_fit_never_leaves_broken_weights(every, table, labels, optimizer):
    """A call that breaks the weights raises, and the estimator stays as it was."""
    estimator = every(optimizer=optimizer).fit(table, labels)
    expected = answers(estimator, table)
    try:
        estimator.set_params(lr=1e30).partial_fit(table, labels)
    except DivergenceError:
        assert_same(answers(estimator, table), expected)
    else:
        assert_finite(estimator, table)


def test_pretraining_never_leaves_broken_weights(joint, table, labels):
    """Weights that broke in the last step of pretraining are an error as well."""
    estimator = joint(pretrain_epochs=1, freeze_encoder=True, lr=1e20, max_epochs=1)
    try:
        estimator.fit(table, labels)
    except DivergenceError:
        assert not hasattr(estimator, "net_")
    else:
        assert_finite(estimator, table)
