"""What is saved is what is loaded: in every format, in every container, in another process."""

import copy
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import zipfile
from itertools import product
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_aecnn import AECNNClassifier, AutoencoderTransformer

sio = pytest.importorskip("skops.io")

METHODS = (
    "predict",
    "predict_proba",
    "decision_function",
    "transform",
    "reconstruct",
    "reconstruction_error",
    "score_samples",
)


def answers(estimator, X):
    """Everything that can be asked about samples, and samples drawn."""
    found = {name: getattr(estimator, name)(X) for name in METHODS if hasattr(estimator, name)}
    if hasattr(estimator, "sample"):
        found["sample"] = estimator.sample(3, random_state=0)
    return found


def assert_same(actual, expected):
    """Answers are alike to the last bit, in the same precision."""
    assert actual.keys() == expected.keys()
    for name, answer in actual.items():
        assert answer.dtype == expected[name].dtype, name
        np.testing.assert_array_equal(answer, expected[name], err_msg=name)


def through_joblib(estimator, path):
    """The estimator from a file whose arrays are mapped into memory."""
    joblib.dump(estimator, path / "model.joblib")
    return joblib.load(path / "model.joblib", mmap_mode="r")


def through_skops(estimator, path):
    """The estimator from a file that no code is run from."""
    sio.dump(estimator, path / "model.skops")
    untrusted = sio.get_untrusted_types(file=path / "model.skops")
    return sio.load(path / "model.skops", trusted=untrusted)


CODERS = ("autoencoder", "variational", "detector", "classifier", "regressor")
WAYS = {
    "pickle": lambda estimator, path: pickle.loads(pickle.dumps(estimator)),
    "joblib": through_joblib,
    "cloudpickle": lambda estimator, path: cloudpickle.loads(cloudpickle.dumps(estimator)),
    "skops": through_skops,
    "deepcopy": lambda estimator, path: copy.deepcopy(estimator),
    "copy": lambda estimator, path: copy.copy(estimator),
}


@pytest.fixture(params=WAYS)
def way(request, tmp_path):
    """A function that saves and loads an estimator, one way in turn."""
    return lambda estimator: WAYS[request.param](estimator, tmp_path)


# every estimator in a format of Python and in one that runs no code, one estimator in all formats
EVERY = (*CODERS, "cnn_classifier", "cnn_regressor")
SAVED = [
    *product(EVERY, ("pickle", "skops")),
    *product(["classifier"], WAYS.keys() - {"pickle", "skops"}),
]


@pytest.fixture(params=sorted(SAVED), ids=", ".join)
def saved(request, tmp_path):
    """A factory of small estimators, and a way to save and load them."""
    name, way = request.param
    return request.getfixturevalue(name), lambda estimator: WAYS[way](estimator, tmp_path)


# -- all estimators, all formats --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["table", "images"])
def test_what_is_loaded_answers_alike(every, request, labels, kind, way):
    """Every answer is the same bit for bit, and so is whatever a fit leaves behind."""
    X = request.getfixturevalue(kind)
    estimator = every().fit(X, labels)
    loaded = way(estimator)
    assert_same(answers(loaded, X), answers(estimator, X))
    assert type(loaded) is type(estimator)
    assert loaded.get_params() == estimator.get_params()
    assert loaded.history_ == estimator.history_
    assert loaded.loss_curve_ == estimator.loss_curve_
    assert loaded.resolved_params_ == estimator.resolved_params_
    assert vars(loaded).keys() == vars(estimator).keys()


def test_what_is_loaded_fits_alike(saved, table, labels):
    """A clone of what was loaded, and what was never fitted, fit as the original does."""
    factory, way = saved
    estimator = factory().fit(table, labels)
    expected = answers(estimator, table)
    assert_same(answers(clone(way(estimator)).fit(table, labels), table), expected)
    assert_same(answers(way(factory()).fit(table, labels), table), expected)


LOAD = """
import sys, pickle, joblib, numpy as np, skops.io as sio, torch, warnings
warnings.simplefilter("error")
torch.set_num_threads(1)
X, y = np.load("X.npy"), np.load("y.npy")
load = {
    "pickle": lambda path: pickle.load(open(path, "rb")),
    "joblib": lambda path: joblib.load(path, mmap_mode="r"),
    "skops": lambda path: sio.load(path, trusted=sio.get_untrusted_types(file=path)),
}
for path in sys.argv[1:]:
    estimator = load[path.rsplit(".")[-1]](path)
    method = "transform" if hasattr(estimator, "transform") else "predict"
    before = getattr(estimator, method)(X)
    estimator.partial_fit(X, y)
    np.savez(path + ".npz", before=before, after=getattr(estimator, method)(X))
"""


def test_another_process_loads_it(request, table, labels, tmp_path):
    """Files of all estimators are read where nothing but numpy and the readers is imported."""
    fitted = {name: request.getfixturevalue(name)().fit(table, labels) for name in EVERY}
    np.save(tmp_path / "X.npy", table), np.save(tmp_path / "y.npy", labels)
    paths = []
    for name, estimator in fitted.items():
        estimator.set_saving(include_optimizer=True)
        (tmp_path / f"{name}.pickle").write_bytes(pickle.dumps(estimator))
        joblib.dump(estimator, tmp_path / f"{name}.joblib")
        sio.dump(estimator, tmp_path / f"{name}.skops")
        paths += [f"{name}.{end}" for end in ("pickle", "joblib", "skops")]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *paths],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for name, estimator in fitted.items():
        method = "transform" if hasattr(estimator, "transform") else "predict"
        before = getattr(estimator, method)(table)
        after = getattr(copy.deepcopy(estimator).partial_fit(table, labels), method)(table)
        for end in ("pickle", "joblib", "skops"):
            found = np.load(tmp_path / f"{name}.{end}.npz")
            np.testing.assert_array_equal(found["before"], before, err_msg=f"{name}.{end}")
            np.testing.assert_array_equal(found["after"], after, err_msg=f"{name}.{end}")


CONTAINERS = {
    "pipeline": lambda coder, classifier: make_pipeline(StandardScaler(), coder, classifier),
    "search": lambda coder, classifier: GridSearchCV(
        make_pipeline(coder, classifier), {"aecnnclassifier__dense_units": [4, 8]}, cv=2
    ),
    "stack": lambda coder, classifier: StackingClassifier(
        [("joint", classifier), ("codes", make_pipeline(coder, LogisticRegression()))], cv=2
    ),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_container_is_loaded(autoencoder, classifier, table, labels, container, tmp_path):
    """What holds estimators is saved as those are, in every format."""
    fitted = CONTAINERS[container](autoencoder(), classifier()).fit(table, labels)
    expected = fitted.predict_proba(table)
    for way in WAYS.values():
        np.testing.assert_array_equal(way(fitted, tmp_path).predict_proba(table), expected)


# -- what skops asks about --------------------------------------------------------------------


def type_name(estimator):
    """The name that skops has for the type of an estimator."""
    return f"{type(estimator).__module__}.{type(estimator).__qualname__}"


def test_skops_asks_about_the_estimator_alone(every, images, labels):
    """There is nothing in a file that has to be trusted but the estimator's class."""
    for estimator in (every(), every().fit(images, labels)):
        data = sio.dumps(estimator)
        assert sio.get_untrusted_types(data=data) == [type_name(estimator)]


@pytest.mark.parametrize("container", CONTAINERS)
def test_skops_asks_about_the_estimators_in_a_container(
    autoencoder, classifier, table, labels, container
):
    """Of a pipeline, a search and a stack, scikit-learn's parts are trusted."""
    fitted = CONTAINERS[container](autoencoder(), classifier()).fit(table, labels)
    found = set(sio.get_untrusted_types(data=sio.dumps(fitted)))
    ours = {type_name(autoencoder()), type_name(classifier())}
    assert ours <= found
    assert {name for name in found - ours if "sk_aecnn" in name or "torch" in name} == set()


def test_a_state_is_text_and_arrays(every, images, labels):
    """The state of an estimator without parts of the user's own holds nothing live."""
    state = every().fit(images, labels).__getstate__()
    assert state["objects"] == []
    assert {type(array) for array in state["arrays"]} == {np.ndarray}
    assert not any(array.dtype.hasobject for array in state["arrays"])
    json.loads(state["structure"])


class Scaled(nn.Linear):
    """A network of a user's own."""


def own_encoder(in_shape, encoding_dim):
    """An encoder of a user's own, with an activation of his own."""
    return nn.Sequential(nn.Flatten(), Scaled(in_shape[0], encoding_dim), nn.Tanh())


class Twice(nn.Module):
    """An activation of a user's own."""

    def forward(self, x):
        return 2 * x


def test_skops_asks_about_a_users_own_classes(autoencoder, table):
    """Networks, factories and activations of a user's own are trusted by name, or not loaded."""
    estimator = autoencoder(encoder=own_encoder, activation=Twice).fit(table)
    data = sio.dumps(estimator)
    untrusted = sio.get_untrusted_types(data=data)
    own = {f"{__name__}.{name.__name__}" for name in (Scaled, own_encoder, Twice)}
    assert set(untrusted) == own | {type_name(estimator)}
    loaded = sio.loads(data, trusted=untrusted)
    assert_same(answers(loaded, table), answers(estimator, table))


def test_a_users_own_classes_go_by_value_where_they_have_no_path(autoencoder, table):
    """cloudpickle sends what is defined in a notebook or a function."""

    class Local(nn.Linear):
        pass

    estimator = autoencoder(encoder=lambda shape, dim: Local(shape[0], dim)).fit(table)
    loaded = cloudpickle.loads(cloudpickle.dumps(estimator))
    assert_same(answers(loaded, table), answers(estimator, table))
    with pytest.raises((pickle.PicklingError, AttributeError), match="local"):
        pickle.dumps(estimator)


def test_a_class_that_is_not_there_is_named(autoencoder, table, tmp_path, monkeypatch):
    """Where the module of a user's network cannot be imported, the error says which."""
    (tmp_path / "my_networks.py").write_text(
        "from torch import nn\n\n\nclass Encoder(nn.Linear):\n"
        "    def __init__(self, shape, dim):\n        super().__init__(shape[0], dim)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import my_networks

    estimator = autoencoder(encoder=my_networks.Encoder).fit(table)
    as_pickle, as_skops = pickle.dumps(estimator), sio.dumps(estimator)
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "my_networks")
    with pytest.raises(ModuleNotFoundError, match="my_networks"):
        pickle.loads(as_pickle)
    with pytest.raises(ModuleNotFoundError, match="my_networks"):
        sio.loads(as_skops, trusted=sio.get_untrusted_types(data=as_skops))


# -- files that somebody has changed ----------------------------------------------------------


def edit_schema(data, edit):
    """A skops file with another description of what is in it."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            after.writestr(name, edit(content.decode()) if name == "schema.json" else content)
    return changed.getvalue()


class Payload:
    """What a pickle runs where it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_a_payload_is_not_run(autoencoder, table, tmp_path):
    """An object that has code run, in place of a part of the user's own, is refused."""
    estimator = autoencoder(callbacks=[Payload(tmp_path / "ran")])
    data = sio.dumps(estimator)
    trusted = [type_name(estimator)]
    with pytest.raises(sio.exceptions.UntrustedTypesFoundException, match=r"Payload|mkdir"):
        sio.loads(data, trusted=trusted)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["os.mkdir", "subprocess.Popen", "torch.load"])
def test_a_network_of_another_name_is_not_made(autoencoder, table, name):
    """A file that names a function in place of a network's class is refused before it is called."""
    data = sio.dumps(autoencoder().fit(table))
    layer = "sk_aecnn.nn._networks.Autoencoder"
    changed = edit_schema(data, lambda schema: schema.replace(layer, name))
    untrusted = sio.get_untrusted_types(data=changed)
    with pytest.raises(ValueError, match=f"names {name}, which is no class or function"):
        sio.loads(changed, trusted=untrusted)


def test_a_class_of_a_users_own_that_is_no_module_is_not_made(autoencoder, table):
    """Also a class that the reader trusts is made only where it is a torch.nn.Module."""
    estimator = autoencoder(encoder=own_encoder).fit(table)
    trusted = sio.get_untrusted_types(data=sio.dumps(estimator))

    def edit(schema):
        return schema.replace('"__class__": "Scaled"', '"__class__": "Payload"')

    changed = edit_schema(sio.dumps(estimator), edit)
    assert sio.get_untrusted_types(data=changed) != trusted
    with pytest.raises(ValueError, match=r"no torch\.nn\.Module class"):
        sio.loads(changed, trusted=sio.get_untrusted_types(data=changed))


KILLED = """
import io, os, time, numpy as np, skops.io as sio
from sk_aecnn import AutoencoderTransformer

class Slow(io.FileIO):
    def write(self, data):
        super().write(data[: len(data) // 2])
        print("writing", flush=True)
        time.sleep(60)

fitted = AutoencoderTransformer(2, max_epochs=1).fit(np.random.default_rng(0).normal(size=(40, 5)))
with Slow("model.skops.tmp", "w") as file:
    sio.dump(fitted, file)
os.replace("model.skops.tmp", "model.skops")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_writer_that_is_killed_leaves_the_old_file(autoencoder, table, tmp_path):
    """Files that are written under another name, and renamed, are whole whatever happens."""
    old = autoencoder().fit(table)
    sio.dump(old, tmp_path / "model.skops")
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout.readline() == "writing\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait(30)
    writer.stdout.close()
    assert (tmp_path / "model.skops.tmp").stat().st_size > 0
    path = tmp_path / "model.skops"
    loaded = sio.load(path, trusted=sio.get_untrusted_types(file=path))
    assert_same(answers(loaded, table), answers(old, table))


# -- sizes ------------------------------------------------------------------------------------


def n_bytes(estimator):
    """What the weights and statistics of the network take."""
    return sum(tensor.nbytes for tensor in estimator.net_.module_.state_dict().values())


@pytest.fixture(scope="module")
def digits():
    """Images of digits, and a classifier of them."""
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)[:500]
    return X, y[:500], AECNNClassifier(max_epochs=2, random_state=0).fit(X, y[:500])


def compressed(estimator):
    """A skops file, whose description of what is in it is long."""
    return sio.dumps(estimator, compression=zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize("dumps", [pickle.dumps, compressed])
def test_a_file_is_about_the_size_of_the_weights(digits, dumps):
    """What is not needed to predict is not in a file; the optimizer makes it three times that."""
    _, _, classifier = digits
    codes = classifier._sampler.__getstate__()["codes"].nbytes
    without = len(dumps(classifier))
    assert 0.9 * n_bytes(classifier) < without < 1.1 * n_bytes(classifier) + codes
    classifier = copy.copy(classifier).set_saving(include_optimizer=True)
    assert without + 1.8 * n_bytes(classifier) < len(dumps(classifier)) < 3.5 * without


# -- going on ---------------------------------------------------------------------------------


def test_training_goes_on_exactly_with_the_optimizer(saved, images, labels):
    """With ``include_optimizer=True``, what is loaded learns as the original."""
    factory, way = saved
    estimator = factory().fit(images, labels).set_saving(include_optimizer=True)
    loaded = way(estimator)
    estimator.partial_fit(images, labels), loaded.partial_fit(images, labels)
    assert_same(answers(loaded, images), answers(estimator, images))
    again = way(loaded).set_params(warm_start=True).fit(images, labels)
    estimator.set_params(warm_start=True).fit(images, labels)
    assert_same(answers(again, images), answers(estimator, images))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", torch.optim.Adam])
def test_all_optimizers_go_on(autoencoder, images, optimizer):
    """Optimizers of torch go on as well as those by name."""
    estimator = autoencoder(optimizer=optimizer).fit(images).set_saving(include_optimizer=True)
    loaded = pickle.loads(pickle.dumps(estimator))
    estimator.partial_fit(images), loaded.partial_fit(images)
    assert_same(answers(loaded, images), answers(estimator, images))


def test_training_goes_on_with_a_new_optimizer(every, images, labels):
    """Without the optimizer, training goes on from the same weights, with moments of zero."""
    estimator = every(batch_size=20).fit(images, labels)
    loaded = pickle.loads(pickle.dumps(estimator))
    assert not loaded.net_.optimizer_.state
    assert estimator.net_.optimizer_.state
    before, n_epochs = answers(loaded, images), loaded.n_iter_
    loaded.partial_fit(images, labels)
    assert loaded.n_iter_ == n_epochs + 1
    assert not np.array_equal(next(iter(answers(loaded, images).values())), before)
    loaded.set_params(warm_start=True).fit(images, labels)
    assert np.isfinite(loaded.loss_curve_).all()


def test_saving_leaves_the_estimator_alone(every, images, labels):
    """The optimizer of an estimator that was saved without it goes on."""
    saved, other = (every().fit(images, labels) for _ in range(2))
    pickle.dumps(saved), sio.dumps(saved)
    saved.partial_fit(images, labels), other.partial_fit(images, labels)
    assert_same(answers(saved, images), answers(other, images))


def test_what_is_saved_is_chosen_for_good(autoencoder, images):
    """The choice outlasts a fit and a file, and is no parameter."""
    estimator = autoencoder().set_saving(include_optimizer=True).fit(images)
    loaded = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(estimator))))
    assert loaded.net_.optimizer_.state
    assert not pickle.loads(pickle.dumps(clone(estimator).fit(images))).net_.optimizer_.state
    loaded.set_saving(include_optimizer=False)
    assert not pickle.loads(pickle.dumps(loaded)).net_.optimizer_.state


# -- other versions ---------------------------------------------------------------------------


def saved_by(version, estimator, edit=str):
    """The estimator as another version would have saved it."""
    state = estimator.__getstate__()
    loaded = object.__new__(type(estimator))
    structure = edit(state["structure"])
    loaded.__setstate__(state | {"sk_aecnn_version": version, "structure": structure})
    return loaded


def test_another_minor_version_is_warned_of(autoencoder, table):
    """What another version saved is read, with scikit-learn's warning."""
    estimator = autoencoder().fit(table)
    with pytest.warns(InconsistentVersionWarning, match=r"from version 0\.0\.9"):
        loaded = saved_by("0.0.9", estimator)
    assert_same(answers(loaded, table), answers(estimator, table))


def test_what_another_version_did_not_have_is_the_default(autoencoder, table):
    """A parameter that is new since has its default."""
    estimator = autoencoder(clip=False).fit(table)
    with pytest.warns(InconsistentVersionWarning):
        loaded = saved_by("0.0.9", estimator, lambda text: text.replace('"clip": false, ', "", 1))
    assert loaded.clip == "auto"
    assert loaded.get_params().keys() == estimator.get_params().keys()


def test_what_cannot_be_read_says_what_to_do(autoencoder, table):
    """A layer that is gone is named, with the version that has it."""
    estimator = autoencoder().fit(table)
    message = r"saved by sk_aecnn 0\.0\.9.*_networks\.Cencoder.*sk-aecnn==0\.0\.\*"
    with pytest.raises(ValueError, match=message):
        saved_by("0.0.9", estimator, lambda text: text.replace("_networks.Auto", "_networks.C"))


# -- weights alone ----------------------------------------------------------------------------


def test_weights_are_a_state_dict(every, images, labels):
    """``torch.load(weights_only=True)`` reads them, and a network of the same sizes takes them."""
    first = every().fit(images, labels)
    second = every(random_state=1).fit(images[:30] // 2 + 7, labels[:30])
    file = io.BytesIO()
    torch.save(first.net_.module_.state_dict(), file)
    file.seek(0)
    weights = torch.load(file, weights_only=True)
    second.net_.module_.load_state_dict(weights, strict=True)
    method = "transform" if hasattr(first, "transform") else "decision_function"
    if hasattr(first, method):
        expected = getattr(first, method)(images)
        np.testing.assert_array_equal(getattr(second, method)(images), expected)
    with torch.no_grad():
        rows = torch.from_numpy(images.reshape(40, -1))
        expected = next(iter(first.net_.module_(rows).values()))
        assert next(iter(second.net_.module_(rows).values())).equal(expected)


def test_weights_of_numbers_far_from_zero_are_taken(autoencoder, table):
    """The arithmetic goes with the scaling that was loaded."""
    far = table + 1e7
    first, second = autoencoder().fit(far), autoencoder().fit(table)
    second.net_.module_.load_state_dict(first.net_.module_.state_dict())
    np.testing.assert_array_equal(second.transform(far), first.transform(far))


# -- devices ----------------------------------------------------------------------------------


def test_a_model_of_a_device_that_is_not_there_is_on_the_cpu(every, images, labels):
    """A file of an estimator that was fitted on a GPU is read without one, and learns on."""
    estimator = every().fit(images, labels)
    expected = answers(estimator, images)
    estimator.net_.device = "cuda:7"
    data = pickle.dumps(estimator)
    loaded = pickle.loads(data)
    assert loaded.net_.device == "cpu"
    assert_same(answers(loaded, images), expected)
    loaded.partial_fit(images, labels)


def test_a_transformer_of_many_columns_is_small():
    """A pickle of a fit with many epochs does not hold its history as text."""
    X = np.random.default_rng(0).normal(size=(50, 4))
    sizes = [
        len(pickle.dumps(AutoencoderTransformer(2, max_epochs=n, random_state=0).fit(X)))
        for n in (20, 120)
    ]
    assert sizes[1] - sizes[0] < 100 * 200
