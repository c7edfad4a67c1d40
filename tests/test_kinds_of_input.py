"""Input of whatever kind is taken as it is, or refused by an error that says what to do."""

import array
import collections
import copy
import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from skorch.callbacks import Checkpoint, EarlyStopping, EpochScoring, LRScheduler

import sk_aecnn
from sk_aecnn import AECNNClassifier, AECNNRegressor, AutoencoderTransformer, CNNClassifier
from sk_aecnn.training._step_memory import _bytes_kept

# what a user can act upon, as against what comes up raw from the libraries below
RAW = re.compile(
    r"numpy\.object_|scatter_gather|at::|ATen|c10|vector::|_M_|tensor a \(|mat1 and mat2|"
    r"'NoneType' object|missing \d+ required|takes \d+ positional|object has no attribute|"
    r"not subscriptable|Overflow when unpacking|DefaultCPUAllocator|Must pass 2-d"
)


def refused(call, match, kinds=(ValueError, TypeError)):
    """The call raises an error that names what is meant, not one of a library below."""
    with pytest.raises(kinds, match=match) as caught:
        call()
    message = str(caught.value)
    assert not RAW.search(message), message
    return message


def outputs(estimator, X):
    """Everything that can be asked about samples."""
    names = ("predict", "predict_proba", "transform", "reconstruct", "score_samples")
    return {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}


def assert_same(actual, expected):
    """Outputs are alike to the last bit."""
    assert actual.keys() == expected.keys()
    for name, answer in actual.items():
        np.testing.assert_array_equal(answer, expected[name], err_msg=name)


# -- columns that are no numbers --------------------------------------------------------------

DAYS = pd.date_range("2020-01-01", periods=40)
COLUMNS = {
    "category": pd.Series(pd.Categorical(["a", "b"] * 20)),
    "text": pd.Series(["a", "b"] * 20),
    "string dtype": pd.Series(["a", "b"] * 20, dtype="string"),
    "date": pd.Series(DAYS),
    "date with a zone": pd.Series(DAYS.tz_localize("UTC")),
    "timedelta": pd.Series(DAYS - DAYS[0]),
    "period": pd.Series(DAYS.to_period("D")),
    "interval": pd.Series(pd.interval_range(0, 40)),
    "Python dates": pd.Series(DAYS.date),
    "lists": pd.Series([[1, 2]] * 40),
}
POLARS_COLUMNS = {
    "text": pl.Series(["a", "b"] * 20),
    "category": pl.Series(["a", "b"] * 20, dtype=pl.Categorical),
    "enum": pl.Series(["a", "b"] * 20, dtype=pl.Enum(["a", "b"])),
    "date": pl.Series(list(DAYS.date)),
    "datetime": pl.Series(list(DAYS.to_pydatetime())),
    "duration": pl.Series(list((DAYS - DAYS[0]).to_pytimedelta())),
    "lists": pl.Series([[1, 2]] * 40),
}


FRAMES = [(pd.DataFrame, column) for column in COLUMNS.values()]
FRAMES += [(pl.DataFrame, column) for column in POLARS_COLUMNS.values()]


@pytest.mark.parametrize(
    ("frame", "column"),
    FRAMES,
    ids=[f"pandas {name}" for name in COLUMNS] + [f"polars {name}" for name in POLARS_COLUMNS],
)
def test_a_column_that_is_no_number_is_refused_by_name(autoencoder, table, frame, column):
    """The error names the column, in ``fit``, but for categories, and where ``fit`` saw numbers."""
    numbers = {f"x{index}": table[:, index] for index in range(4)}
    odd = frame(numbers | {"when": column})
    if not isinstance(column[0], str):
        refused(lambda: autoencoder().fit(odd), "when")
    estimator = autoencoder(max_epochs=1).fit(frame(numbers | {"when": table[:, 4]}))
    refused(lambda: estimator.transform(odd), "when")


@pytest.mark.parametrize("kind", ["date", "timedelta", "lists"])
def test_a_table_without_a_number_is_refused_by_name(autoencoder, kind):
    """Where no column is a number, a column is named all the same."""
    refused(lambda: autoencoder().fit(pd.DataFrame({"when": COLUMNS[kind]})), "when")


@pytest.mark.parametrize(
    "X",
    [
        np.array(["2020-01-01"] * 40, dtype="datetime64[D]")[:, None],
        np.array([5] * 40, dtype="timedelta64[D]")[:, None],
        np.array([[b"a"]] * 40),
        np.array([[object()]] * 40),
        np.array([[1j]] * 40),
    ],
    ids=["dates", "timedeltas", "bytes", "objects", "complex"],
)
def test_arrays_that_are_no_numbers_are_refused(autoencoder, X):
    """Arrays without column names are refused by what they hold."""
    refused(
        lambda: autoencoder().fit(X),
        r"(?i)numbers|numeric|convert|date|timedelta|bytes|string|complex|NaN",
    )


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "boolean", "UInt8"])
def test_columns_of_pandas_own_numbers_are_numbers(autoencoder, dtype):
    """Nullable columns give the same as those of numpy, with NaN for what is missing."""
    X = pd.DataFrame({"a": np.arange(40) % 2, "b": np.arange(40) % 3 % 2})
    expected = autoencoder().fit(X.astype(float))
    estimator = autoencoder().fit(X.astype(dtype))
    np.testing.assert_allclose(
        estimator.transform(X.astype(dtype)), expected.transform(X.astype(float)), rtol=1e-4
    )
    missing, expected = X.astype(dtype), X.astype(float)
    missing.loc[3, "b"] = expected.loc[3, "b"] = np.nan
    codes = autoencoder().fit(missing).transform(missing)
    np.testing.assert_allclose(codes, autoencoder().fit(expected).transform(expected), rtol=1e-4)


# -- what is no array -------------------------------------------------------------------------


class Endless:
    """Samples by number, without an IndexError at the end."""

    n_read = 0

    def __len__(self):
        return 40

    def __getitem__(self, index):
        self.n_read += 1
        if self.n_read > 1000:
            pytest.fail("it is read for ever")
        return np.zeros(5), 0


class EndlessOfTorch(Endless, torch.utils.data.Dataset):
    """The same as a dataset of torch."""


class OfTorch(torch.utils.data.Dataset):
    """A map-style dataset of torch."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        if index >= 40:
            raise IndexError
        return torch.zeros(5), 0


DATASETS = {
    "endless": Endless,
    "endless of torch": EndlessOfTorch,
    "torch": OfTorch,
    "tensors": lambda: torch.utils.data.TensorDataset(torch.zeros(40, 5)),
    "subset": lambda: torch.utils.data.Subset(OfTorch(), range(40)),
    "loader": lambda: torch.utils.data.DataLoader(OfTorch()),
}


@pytest.mark.parametrize("make", DATASETS.values(), ids=DATASETS)
def test_a_dataset_is_refused_by_what_is_expected(autoencoder, table, make):
    """A dataset is no array: the error says so at once, in ``fit`` and in answers."""
    refused(lambda: autoencoder().fit(make()), "(?i)dataset|array")
    estimator = autoencoder(max_epochs=1).fit(table)
    refused(lambda: estimator.transform(make()), "(?i)dataset|array")


class ByNumber:
    """Samples by number, of which there are as many as ``len`` says."""

    def __init__(self, samples, n_items=10**9):
        self.samples, self.n_items = samples, n_items

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        if index >= self.n_items:
            raise IndexError("no more")
        return self.samples[index % len(self.samples)]


class SequenceByNumber(ByNumber, collections.abc.Sequence):
    """The same, whose iteration has no end either."""


@pytest.mark.parametrize("kind", [ByNumber, SequenceByNumber])
def test_samples_by_number_are_read_up_to_their_length(classifier, table, labels, kind):
    """What has a length and items is read by its length, as samples and as labels."""
    expected = classifier().fit(table, labels)
    estimator = classifier().fit(kind(table), kind(labels))
    np.testing.assert_array_equal(
        estimator.predict_proba(kind(table)), expected.predict_proba(table)
    )


def test_fewer_samples_than_the_length_are_refused(autoencoder, table):
    """Where an item is missing before the length is reached, the error says how many there are."""
    refused(lambda: autoencoder().fit(ByNumber(table, 7)), "ByNumber of the length 40 has fewer")


def test_items_without_a_length_are_refused(autoencoder):
    """Items that nothing counts are no samples."""

    class Items:
        def __getitem__(self, index):
            return np.zeros(5)

    refused(lambda: autoencoder().fit(Items()), "array")


def objects(samples):
    """An object array of samples, as a column of images is."""
    column = np.empty(len(samples), dtype=object)
    column[:] = samples
    return column


ODD_SHAPES = {
    "ragged lists": [[1.0, 2.0], [3.0]] * 20,
    "ragged images": [np.zeros((6, 5)), np.zeros((5, 5))] * 20,
    "ragged objects": objects([np.zeros((6, 5)), np.zeros((5, 5))] * 20),
    "dict": {"a": [1] * 40},
    "set": {1, 2, 3},
    "text": "X.csv",
    "path": Path("X.csv"),
    "number": 3.0,
    "None": None,
    "generator": (row for row in [[1.0]]),
}


@pytest.mark.parametrize("kind", ODD_SHAPES)
def test_what_is_no_array_is_refused(autoencoder, table, kind):
    """The error says what is expected, in ``fit`` and in answers."""
    match = r"(?i)shape|array|image|stack|expected|None"
    refused(lambda: autoencoder().fit(ODD_SHAPES[kind]), match)
    estimator = autoencoder(max_epochs=1).fit(table)
    refused(lambda: estimator.transform(ODD_SHAPES[kind]), match)


def test_a_frame_of_images_of_several_shapes_is_refused(every, labels):
    """A column of arrays is no column of numbers."""
    X = pd.DataFrame({"image": [np.zeros((6, 5)), np.zeros((5, 5))] * 20})
    with pytest.raises(ValueError, match=r"image|sequence"):
        every().fit(X, labels)


@pytest.mark.parametrize(
    "make",
    [lambda X: objects(list(X)), lambda X: pd.DataFrame({"image": list(X)})],
    ids=["array", "frame"],
)
def test_an_object_column_of_images_is_refused_with_the_remedy(autoencoder, images, make):
    """Images as objects have to be stacked, and the error says how."""
    refused(lambda: autoencoder().fit(make(images)), "stack")


def test_a_list_of_images_is_taken(autoencoder, images):
    """A list of arrays of one shape is an array."""
    assert autoencoder(max_epochs=1).fit(list(images)).sample_shape_ == (6, 5)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3), (12, 12, 12, 2)])
def test_one_image_without_a_batch_axis_is_refused_by_the_remedy(shape):
    """Where an image alone is passed, the error says to pass ``X[None]``."""
    X = np.random.default_rng(0).random((6, *shape))
    model = CNNClassifier(2, dense_units=2, max_epochs=1, random_state=0).fit(X, np.arange(6) % 2)
    refused(lambda: model.predict(X[0]), r"\[None\]|np\.newaxis|batch axis|\(1, ")


def test_one_row_without_a_batch_axis_is_refused_by_the_remedy(every, table, labels):
    """A row alone is refused with the remedy as well."""
    estimator = every().fit(table, labels)
    method = estimator.predict if hasattr(estimator, "predict") else estimator.transform
    refused(lambda: method(table[0]), r"reshape|\[None\]")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_of_images_are_refused_by_the_remedy(images, library):
    """Reconstructions of images have no columns: the error names ``set_output``, or flat rows."""
    denoiser = AutoencoderTransformer(2, output="reconstruction", max_epochs=1, random_state=0)
    denoiser.fit(images).set_output(transform=library)
    refused(lambda: denoiser.transform(images), "set_output")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_of_flat_images_are_given(images, library):
    """Reconstructions of flat rows have a column for every pixel."""
    X = images.reshape(40, 30)
    denoiser = AutoencoderTransformer(
        2, output="reconstruction", sample_shape=(6, 5), max_epochs=1, random_state=0
    )
    frame = denoiser.set_output(transform=library).fit_transform(X)
    assert type(frame).__module__.startswith(library)
    assert frame.shape == (40, 30)


# -- protocols --------------------------------------------------------------------------------


class ByArray:
    """Nothing but numpy's protocol."""

    def __init__(self, X):
        self.X = X

    def __array__(self, dtype=None, copy=None):
        return np.array(self.X, dtype=dtype)


class ByInterface:
    """Nothing but numpy's array interface."""

    def __init__(self, X):
        self.X = X
        self.__array_interface__ = X.__array_interface__


class WithLength(ByArray):
    """numpy's protocol and a length."""

    def __len__(self):
        return len(self.X)


class WithShape(WithLength):
    """numpy's protocol, a length and a shape."""

    @property
    def shape(self):
        return self.X.shape


PROTOCOLS = {
    "__array__": ByArray,
    "__array_interface__": ByInterface,
    "length": WithLength,
    "shape": WithShape,
    "memoryview": lambda X: memoryview(np.ascontiguousarray(X)),
    "tensor": torch.tensor,
    "tensor with a gradient": lambda X: torch.tensor(X, requires_grad=True),
    "parameter": lambda X: torch.nn.Parameter(torch.tensor(X)),
    "list of arrays": list,
    "list of tensors": lambda X: [torch.tensor(row) for row in X],
    "tuple of lists": lambda X: tuple(X.tolist()),
    "deque": lambda X: collections.deque(list(X)),
    "masked array": np.ma.array,
    "memmap": lambda X: X.view(np.memmap),
}


OF_ROWS = {
    "frame": pd.DataFrame,
    "list of series": lambda X: [pd.Series(row) for row in X],
    "list of array.array": lambda X: [array.array("d", row) for row in X],
}


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [(name, "images") for name in PROTOCOLS] + [(name, "table") for name in PROTOCOLS | OF_ROWS],
)
def test_input_through_a_protocol_is_an_array(autoencoder, protocol, kind):
    """What numpy makes an array of is that array: in ``fit``, in answers and in attributes."""
    X = np.random.default_rng(0).normal(size=(20, 5) if kind == "table" else (20, 6, 5))
    Z = (PROTOCOLS | OF_ROWS)[protocol](X)
    expected = autoencoder(max_epochs=1).fit(X)
    estimator = autoencoder(max_epochs=1).fit(Z)
    assert estimator.n_features_in_ == expected.n_features_in_
    assert_same(outputs(estimator, Z), outputs(expected, X))
    assert_same(outputs(expected, Z), outputs(expected, X))


@pytest.mark.parametrize("protocol", ["__array__", "__array_interface__"])
def test_every_estimator_takes_input_through_a_protocol(every, table, labels, protocol):
    """All estimators know the number of features, whatever the rows came through."""
    Z = PROTOCOLS[protocol](table)
    estimator = every(max_epochs=1).fit(Z, labels)
    assert estimator.n_features_in_ == 5
    assert_same(outputs(estimator, Z), outputs(every(max_epochs=1).fit(table, labels), table))


# -- parameters -------------------------------------------------------------------------------

HUGE = {
    "dense_units": 10**30,
    "encoding_dim": 10**30,
    "hidden_layer_sizes": (8, 10**30),
    "conv_channels": (10**30,),
    "backend_channels": (10**30,),
    "kernel_size": 10**30 + 1,
    "batch_size": 10**30,
    "max_epochs": 10**30,
    "n_iter_no_change": 10**30,
    "pretrain_epochs": 10**30,
    "sample_shape": (10**30, 5),
    "channel_axis": 10**30,
    "random_state": 10**30,
}


@pytest.mark.parametrize("name", HUGE)
def test_sizes_that_cannot_be_are_refused_by_name(images, labels, name):
    """A number of thirty digits is refused by the name of the parameter."""
    parameters = {"max_epochs": 1, "encoder": "dense" if name == "hidden_layer_sizes" else "auto"}
    model = AECNNClassifier(**parameters | {name: HUGE[name]})
    assert len(refused(lambda: model.fit(images, labels), name)) < 1000


TOO_LARGE = {
    "encoding_dim": 10**9,
    "hidden_layer_sizes": (10**6, 10**6),
    "dense_units": 10**9,
    "backend_channels": (10**8,),
}


SIZE = r"its [\d,]+ parameters, .* take [\d,.]+ GiB of [\d,.]+ GiB"


@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_network_that_does_not_fit_into_memory_is_refused(table, labels, name):
    """The error names the parameters that make a network large, and the memory that it takes."""
    model = AECNNClassifier(encoder="dense", backend="cnn", max_epochs=1)
    model.set_params(**{name: TOO_LARGE[name]})
    message = refused(lambda: model.fit(table, labels), name, (MemoryError, ValueError))
    assert "memory" in message
    assert re.search(SIZE, message)


CONVOLVES = {
    "encoding_dim": 10**9,
    "conv_channels": (10**6, 10**6),
    "dense_units": 10**9,
    "backend_channels": (10**8,),
}


@pytest.mark.parametrize("name", CONVOLVES)
def test_a_network_of_convolutions_that_does_not_fit_is_refused(images, labels, name):
    """Convolutional parts are counted too, where no memory was found for their first layer."""
    model = AECNNClassifier(conv_channels=(4,), max_epochs=1).set_params(**{name: CONVOLVES[name]})
    message = refused(lambda: model.fit(images, labels), name, (MemoryError, ValueError))
    assert re.search(SIZE, message)


def test_millions_of_features_are_counted():
    """A table so wide that the first layer does not fit is refused with the size of the network."""
    X = sparse.csr_array((np.ones(3), ([0, 1, 2], [5, 6, 7])), shape=(3, 2_000_000))
    model = AutoencoderTransformer(3, encoder="dense", hidden_layer_sizes=(10**6,), max_epochs=1)
    message = refused(lambda: model.fit(X), "fewer features", (MemoryError, ValueError))
    assert "its 2,000,004,000,003 parameters" in message


def test_a_size_that_cannot_be_counted_is_refused(table):
    """Where a layer would have more parameters than 63 bits count, the error says that."""
    sizes = (2**31 - 1, 2**31 - 1)
    model = AutoencoderTransformer(3, encoder="dense", hidden_layer_sizes=sizes, max_epochs=1)
    refused(lambda: model.fit(table), "hidden_layer_sizes.*than can be addressed")


def test_all_parts_of_a_network_count(autoencoder, table, monkeypatch):
    """Encoder and decoder that would fit alone are refused where they do not fit together."""
    n_parameters = 5 * 8 + 8 + 8 * 3 + 3 + 3 * 8 + 8 + 8 * 5 + 5
    for memory, fits in ((n_parameters * 16, True), (n_parameters * 16 - 1, False)):
        monkeypatch.setattr("sk_aecnn.nn._init.physical_memory", lambda memory=memory: memory)
        model = autoencoder(encoder="dense", linear_path=False)
        if fits:
            model.fit(table)
        else:
            refused(lambda model=model: model.fit(table), f"its {n_parameters} parameters")


class Wasteful(torch.nn.Linear):
    """A module whose results take terabytes."""

    def __init__(self, in_shape, out_shape):
        super().__init__(int(np.prod(in_shape)), int(np.prod(out_shape)))

    def forward(self, x):
        if self.training or len(x) == 16:
            x = x.repeat(1, 10**10)[:, : self.in_features]
        return super().forward(x)


def test_a_step_without_memory_names_what_it_depends_on(table):
    """What does not fit while training is told with the values of the parameters that count."""
    model = AutoencoderTransformer(3, encoder=Wasteful, max_epochs=1, batch_size=7)
    message = refused(lambda: model.fit(table), "memory", MemoryError)
    assert re.search("GiB|bytes", message)
    assert "batch_size=7, encoding_dim=3" in message


STEPS = {"images": (AutoencoderTransformer, {}), "tables": (AECNNRegressor, {"n_estimators": 1})}


@pytest.mark.parametrize("kind", STEPS)
def test_a_batch_that_does_not_fit_is_refused_before_the_first_step(kind, monkeypatch):
    """The results of layers for a batch are measured: the error has both sizes and the remedy."""
    factory, parameters = STEPS[kind]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 20, 20) if kind == "images" else (600, 50))
    model = factory(**parameters, hidden_layer_sizes=(2000,), max_epochs=1, batch_size=500)
    path = "sk_aecnn.training._step_memory.physical_memory"
    monkeypatch.setattr(path, lambda: 1e6)
    message = refused(lambda: model.fit(X, X.ravel()[:600]), "batch_size=500", MemoryError)
    assert re.search(r"a batch of \d+ samples take [\d.]+ GiB of 0\.0 GiB", message)
    model.set_params(batch_size=2).fit(X[:4], X.ravel()[:4])


def test_the_look_at_the_memory_of_a_step_changes_nothing(autoencoder, images, monkeypatch):
    """Neither random numbers nor running statistics are other ones for it."""
    model = autoencoder(noise="gaussian", normalization="batch", augmentation={"erase": 0.5})
    expected = model.fit(images).transform(images)
    monkeypatch.setattr("sk_aecnn.training._train.check_step_memory", lambda *arguments: None)
    np.testing.assert_array_equal(model.fit(images).transform(images), expected)


def test_what_a_step_keeps_is_counted(autoencoder, table):
    """Of a dense autoencoder, that is the input of each layer, and what its activations keep."""
    model = autoencoder(linear_path=False).fit(table)
    rows = torch.from_numpy(table)
    kept = [_bytes_kept(model.net_, rows[:n]) for n in (1, 2, 10)]
    # standardised rows, hidden units before or after each rectifier, the code
    assert kept[1] - kept[0] >= 4 * (5 + 8 + 3 + 8)
    assert kept[2] - kept[0] == 9 * (kept[1] - kept[0])


def test_samples_without_memory_are_told_by_their_number(autoencoder, table, monkeypatch):
    """What does not fit while predicting is told with the number of the samples."""
    model = autoencoder(encoder="dense").fit(table)

    def fail(x):
        raise MemoryError("Unable to allocate 3 TiB")

    monkeypatch.setattr(model.net_.module_, "encode", fail)
    refused(lambda: model.transform(table), r"40 samples of 5 values.*3 TiB", MemoryError)


def test_a_module_without_memory_is_told_by_its_parameter(table):
    """A module of the user's that does not fit is named by the parameter it was passed as."""

    def build(in_shape, encoding_dim):
        return torch.nn.Linear(in_shape[0] * 10**12, encoding_dim)

    model = AutoencoderTransformer(3, encoder=build, max_epochs=1)
    refused(lambda: model.fit(table), r"encoder=.*no memory.*\(\(5,\), 3\)")


def test_a_network_that_does_not_fit_is_refused_by_its_size(autoencoder, table, monkeypatch):
    """Where torch might find the memory that the machine has not, the error tells both sizes."""
    monkeypatch.setattr("sk_aecnn.nn._init.physical_memory", lambda: 1e3)
    refused(lambda: autoencoder().fit(table), r"GiB of .* GiB")


class Nothing(torch.nn.Module):
    """A module that returns nothing."""

    def __init__(self, *shapes):
        super().__init__()

    def forward(self, x):
        return None


class WithoutArguments(torch.nn.Module):
    """A module that takes no shapes."""

    def __init__(self):
        super().__init__()


class Failing(torch.nn.Module):
    """A module that cannot be made."""

    def __init__(self, *shapes):
        raise RuntimeError("no such file")


@pytest.mark.parametrize("factory", [WithoutArguments, Failing, Nothing, int])
@pytest.mark.parametrize("name", ["encoder", "decoder", "backend"])
def test_a_module_of_another_signature_is_refused_by_name(table, labels, name, factory):
    """The error names the parameter, whatever the module itself says."""
    model = AECNNClassifier(max_epochs=1, random_state=0).set_params(**{name: factory})
    with pytest.raises((ValueError, TypeError), match=name):
        model.fit(table, labels)


BAD = [
    ("callbacks", ["early_stopping"]),
    ("callbacks", [3]),
    ("callbacks", [None]),
    ("callbacks", [("name", 3)]),
    ("optimizer", int),
    ("optimizer", dict),
    ("optimizer", torch.nn.Linear),
    ("optimizer", torch.optim.Optimizer),
    ("device", "meta"),
    ("device", "gpu"),
    ("device", "cpu:99x"),
    ("device", ""),
    ("activation", lambda x: None),
    ("activation", lambda x: x[:, :1]),
    ("activation", lambda x: x.tolist()),
    ("activation", torch.nn.Linear),
    ("activation", int),
    ("code_activation", lambda x: None),
    ("code_activation", lambda x: x[:, :1]),
    ("reconstruction_loss", lambda output, target: None),
    ("reconstruction_loss", lambda output: output),
    ("reconstruction_loss", torch.nn.Linear),
    ("encoder", torch.nn.Identity()),
    ("sample_shape", (0, 5)),
    ("sample_shape", (2.5, 2)),
    ("sample_shape", "55"),
    ("hidden_layer_sizes", [[8]]),
    ("hidden_layer_sizes", np.array([8.5])),
    ("conv_channels", []),
]

OF_NOISE = [
    lambda x, level, generator: None,
    lambda x: x,
    lambda x, level, generator: x[:, :1],
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_parameter_is_refused_by_name(images, labels, name, value):
    """Whatever is wrong with a parameter, the error names it."""
    model = AECNNClassifier(max_epochs=1, random_state=0).set_params(**{name: value})
    if name == "hidden_layer_sizes":
        model.set_params(encoder="dense")
    with pytest.raises((ValueError, TypeError), match=name):
        model.fit(images, labels)


@pytest.mark.parametrize("noise", OF_NOISE, ids=["nothing", "one argument", "another shape"])
def test_a_function_that_is_no_noise_is_refused_by_name(autoencoder, table, noise):
    """A function for ``noise`` takes samples, a level and a generator, and returns samples."""
    with pytest.raises((ValueError, TypeError), match="noise"):
        autoencoder(noise=noise).fit(table)


MONITORS = {
    "early stopping": lambda: EarlyStopping(),
    "checkpoint": lambda: Checkpoint(
        monitor="valid_loss_best", f_params=None, f_optimizer=None, f_criterion=None, f_history=None
    ),
    "learning rate": lambda: LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
}


@pytest.mark.parametrize("kind", MONITORS)
def test_a_callback_without_validation_is_told_of_early_stopping(autoencoder, table, labels, kind):
    """Callbacks that watch validation losses need ``early_stopping=True``: the error says so."""
    model = autoencoder(callbacks=[MONITORS[kind]()], lr_schedule="constant")
    refused(lambda: model.fit(table, labels), "early_stopping", (ValueError, KeyError))


@pytest.mark.parametrize("kind", MONITORS)
def test_a_callback_with_validation_watches_it(autoencoder, table, labels, kind):
    """With ``early_stopping=True`` there are the losses that callbacks watch."""
    autoencoder(callbacks=[MONITORS[kind]()], lr_schedule="constant", early_stopping=True).fit(
        table, labels
    )


def test_a_score_without_validation_is_left_out(classifier, table, labels):
    """``EpochScoring`` on validation rows that are not there is no error, as in skorch."""
    classifier(callbacks=[EpochScoring("accuracy")]).fit(table, labels)


def test_the_error_in_the_guide_for_contributors_is_the_real_one():
    """CONTRIBUTING.md quotes an error as an example: it is what users see."""
    path = Path(sk_aecnn.__file__).parents[1] / "CONTRIBUTING.md"
    if not path.exists():
        pytest.skip("the package is installed without it")
    with pytest.raises(ValueError, match="kernel_size") as caught:
        AutoencoderTransformer(kernel_size=4).fit(np.zeros((20, 8, 8)))
    assert f"`{caught.value}`" in " ".join(path.read_text().split())


WRONG = {
    "batch_size": 0,
    "max_epochs": 0,
    "lr": -1.0,
    "encoding_dim": 0,
    "dropout": 1.0,
    "optimizer": "rmsprop",
    "precision": "float16",
    "validation_fraction": 1.5,
    "weight_decay": -1,
    "scaling": "minmax",
    "kernel_size": 4,
    "reconstruction_weight": -1,
    "lr_schedule": "step",
    "label_smoothing": 1.0,
    "hidden_layer_sizes": (0,),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_about_a_parameter_says_what_was_passed_and_what_is_expected(images, labels, name):
    """The name, the value received and what is expected stand in every error about a parameter."""
    model = AECNNClassifier(encoder="dense" if name == "hidden_layer_sizes" else "auto")
    message = refused(lambda: model.set_params(**{name: WRONG[name]}).fit(images, labels), name)
    assert repr(WRONG[name]) in message
    assert re.search(r"must be|expected|between|Pass|pass", message)


# -- sparse matrices that are broken ----------------------------------------------------------

# kind -> what breaks the parts of a matrix
BROKEN = {
    "index too large": lambda X: X.indices.__setitem__(3, 99),
    "index far too large": lambda X: X.indices.__setitem__(3, 2**30),
    "index negative": lambda X: X.indices.__setitem__(3, -1),
    "index far negative": lambda X: X.indices.__setitem__(3, -(2**30)),
    "pointers decrease": lambda X: X.indptr.__setitem__(4, 0),
    "pointer negative": lambda X: X.indptr.__setitem__(4, -5),
    "pointer too large": lambda X: X.indptr.__setitem__(-1, 10_000),
    "pointer in between too large": lambda X: X.indptr.__setitem__(4, 2**30),
    "pointers do not begin at zero": lambda X: X.indptr.__setitem__(0, 2),
    "indices too short": lambda X: setattr(X, "indices", X.indices[:5]),
    "data too short": lambda X: setattr(X, "data", X.data[:5]),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_array])
def test_a_broken_sparse_matrix_is_refused(autoencoder, make, kind):
    """Indices and pointers are checked before they are used, which might end the interpreter."""
    rng = np.random.default_rng(0)
    table = rng.random((40, 6)) * (rng.random((40, 6)) < 0.5)
    X = make(table)
    BROKEN[kind](X)
    refused(lambda: autoencoder(encoder="dense").fit(X), r"\bX\b", ValueError)
    estimator = autoencoder(encoder="dense", max_epochs=1).fit(table)
    refused(lambda: estimator.transform(X), r"\bX\b", ValueError)


# -- what the user passed stays as it was -----------------------------------------------------


def with_duplicates():
    """A table in [0, 1] as CSR, with entries in no order, some of which are to be added up."""
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 5, size=160)
    columns[1::4] = columns[::4]
    indptr = np.arange(0, 161, 4)
    return sparse.csr_array((rng.random(160) / 4, columns, indptr), shape=(40, 5))


def frozen(X):
    """The same matrix in memory that cannot be written."""
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    return X


def fit_with_validation(estimator, X, y):
    """Fit with the same rows for validation, with their targets where there are some."""
    validation = {"X_val": X}
    if hasattr(estimator, "net_") and estimator.__sklearn_tags__().target_tags.required:
        validation["y_val"] = y
    clone(estimator).set_params(early_stopping=True).fit(X, y, **validation)


CALLS = {
    "fit": lambda estimator, X, y: estimator.fit(X, y),
    "partial_fit": lambda estimator, X, y: estimator.partial_fit(X, y),
    "answers": lambda estimator, X, y: outputs(estimator, X),
    "score": lambda estimator, X, y: estimator.score(X, y),
    "fit with validation": lambda estimator, X, y: fit_with_validation(estimator, X, y),
}


def sparse_of(kind):
    """A matrix that some step might want to put in order."""
    X = with_duplicates()
    if kind == "unsorted":
        X = sparse.csr_array(X.toarray())
        X.indices[:2], X.data[:2] = X.indices[1::-1].copy(), X.data[1::-1].copy()
    if kind == "explicit zeros":
        X.data[::3] = 0
    return frozen(X) if kind == "read-only" else X


@pytest.mark.parametrize("kind", ["duplicates", "read-only", "unsorted", "explicit zeros"])
@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_a_sparse_matrix_stays_as_it_was(autoencoder, kind, loss):
    """Nothing is added up, sorted or dropped in the matrix that the user passed."""
    X, y = sparse_of(kind), np.arange(40) % 2
    before = copy.deepcopy([X.data, X.indices, X.indptr])
    for call in CALLS.values():
        call(autoencoder(reconstruction_loss=loss).fit(X.toarray()), X, y)
        for part, expected in zip((X.data, X.indices, X.indptr), before, strict=True):
            np.testing.assert_array_equal(part, expected)


def test_a_sparse_matrix_stays_as_it_was_in_every_estimator(coder):
    """No estimator writes into the matrix that the user passed."""
    X, y = sparse_of("read-only"), np.arange(40) % 2
    estimator = coder(reconstruction_loss="bce").fit(X, y)
    for call in CALLS.values():
        if hasattr(estimator, "score"):
            call(estimator, X, y)


def test_duplicates_are_added_up(coder):
    """A matrix with duplicates is the dense matrix that it stands for."""
    X = with_duplicates()
    y = np.arange(40) % 2
    expected = coder(reconstruction_loss="bce").fit(X.toarray(), y)
    estimator = coder(reconstruction_loss="bce").fit(X, y)
    assert_same(outputs(estimator, X), outputs(expected, X.toarray()))


def test_arrays_of_the_user_stay_as_they_were(every, table, labels):
    """X, targets, weights, codes and validation rows are read, never written, read-only or not."""
    weight, y = np.linspace(1, 2, 40), labels.copy()
    arrays = {"X": table, "y": y, "weight": weight}
    before = copy.deepcopy(arrays)
    for writeable in (True, False):
        for part in arrays.values():
            part.flags.writeable = writeable
        estimator = every().fit(table, y, sample_weight=weight)
        estimator.partial_fit(table, y, sample_weight=weight)
        found = outputs(estimator, table)
        if "transform" in found and hasattr(estimator, "inverse_transform"):
            codes = found["transform"]
            kept = codes.copy()
            codes.flags.writeable = writeable
            estimator.inverse_transform(codes)
            np.testing.assert_array_equal(codes, kept)
        for name, part in arrays.items():
            np.testing.assert_array_equal(part, before[name], err_msg=name)


def test_parameters_of_the_user_stay_as_they_were(table, labels):
    """Lists, arrays and dictionaries passed as parameters are not changed by a fit."""
    parameters = {
        "hidden_layer_sizes": [8, 4],
        "backend_channels": np.array([4]),
        "class_weight": {0: 1, 1: 2},
        "callbacks": [],
        "sample_shape": [5],
    }
    before = copy.deepcopy(parameters)
    model = AECNNClassifier(max_epochs=1, random_state=0, **parameters).fit(table, labels)
    for name, value in parameters.items():
        assert model.get_params()[name] is value
        np.testing.assert_equal(value, before[name], err_msg=name)


def test_answers_may_be_written(every, table, labels):
    """What is returned belongs to the caller: writing into it changes no later answer."""
    estimator = every().fit(table, labels)
    expected = copy.deepcopy(outputs(estimator, table))
    for answer in outputs(estimator, table).values():
        answer[...] = 0
    assert_same(outputs(estimator, table), expected)
