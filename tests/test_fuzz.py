"""Whatever is passed ends in an error that names the matter, or in right results.

Right are finite numbers of the documented shape and type, the same for every way to ask. A few
cases are drawn here, always the same ones; a long search at random is the command

    FUZZ_PROFILE=large python -m pytest tests/test_fuzz.py -n 0
"""

import os
import random
import warnings
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from math import prod
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csc_array, csr_array, csr_matrix, issparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)

# no failure is kept in a file, and a small run is always the same; a large one shrinks its failures
_QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("ci", max_examples=6, derandomize=True, phases=[Phase.generate], **_QUIET)
settings.register_profile("large", max_examples=3000, print_blob=True, **_QUIET)
settings.load_profile(os.environ.get("FUZZ_PROFILE", "ci"))

ESTIMATORS = [
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
]

# -- samples ----------------------------------------------------------------------------------


def near_limits(rng, size, dtype):
    """The largest, the smallest and the least numbers of a type."""
    if dtype.kind == "b":
        return rng.integers(0, 2, size)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return rng.choice(np.array([info.min, info.max, 0, 1], dtype=dtype), size)
    info = np.finfo(dtype)
    few = np.array([info.min, info.max, info.tiny, info.smallest_subnormal, 0, 1], dtype=dtype)
    return rng.choice(few, size)


def scaled(exponent, rng, size, dtype):
    """Normal numbers times a power of ten."""
    return rng.normal(size=size) * 10.0**exponent


def in_units(rng, size, dtype):
    """Features in units up to sixteen powers of ten apart."""
    return rng.normal(size=size) * 10.0 ** rng.integers(-8, 9, size[-1])


def with_one(value, rng, size, dtype):
    """Normal numbers, but for one."""
    values = rng.normal(size=size)
    values[tuple(rng.integers(size))] = value
    return values


def one_varies(rng, size, dtype):
    """The same number everywhere, but for one."""
    values = np.full(size, 3.0)
    values[tuple(rng.integers(size))] = 4
    return values


VALUES = {
    "ordinary": partial(scaled, 0),
    "unit interval": lambda rng, size, dtype: rng.random(size),
    "pixels": lambda rng, size, dtype: rng.integers(0, 256, size),
    "binary": lambda rng, size, dtype: rng.integers(0, 2, size),
    "sparse": lambda rng, size, dtype: rng.poisson(0.3, size),
    "zeros": lambda rng, size, dtype: np.zeros(size),
    "constant": lambda rng, size, dtype: np.full(size, 3.7),
    "equal samples": lambda rng, size, dtype: np.repeat(rng.normal(size=size)[:1], size[0], axis=0),
    "one varies": one_varies,
    "last digit": lambda rng, size, dtype: 1 + rng.integers(0, 2, size) * 2.0**-23,
    "units": in_units,
    "offset": lambda rng, size, dtype: rng.normal(size=size) + 1e7,
    "one outlier": partial(with_one, 1e6),
    "one far outlier": partial(with_one, 1e100),
    **{f"1e{exponent}": partial(scaled, exponent) for exponent in (-310, -200, -30, 30, 150, 300)},
    "limits": near_limits,
}
REFUSED_VALUES = {"nan": partial(with_one, np.nan), "inf": partial(with_one, np.inf)}

DTYPES = [
    *("float64", "float32", "uint8", "bool", "int8", "int16", "int32", "int64"),
    *("uint16", "uint32", "uint64", "float16", "longdouble", ">f8", ">f4", ">i4", ">u2"),
]


def cast(values, dtype):
    """Return numbers in a type, clipped to what it holds."""
    if dtype.kind == "b":
        return values > np.median(values)
    if dtype.kind in "iu" and values.dtype.kind == "f":
        info = np.iinfo(dtype)
        values = np.nan_to_num(values).clip(info.min, info.max)
        # the largest floats that are in range
        values = values.clip(np.nextafter(info.min, 0), np.nextafter(np.float64(info.max), 0))
    if dtype.kind == "f":
        info = np.finfo(dtype)
        inside = np.clip(values.astype(np.longdouble), info.min, info.max)
        values = np.where(np.isfinite(values), inside, values)
    with np.errstate(under="ignore"):
        return values.astype(dtype)


def native(X):
    """Return an array in a type that data frames, sparse matrices and tensors have."""
    odd = not X.dtype.isnative or (X.dtype.kind == "f" and X.dtype.itemsize not in (4, 8))
    if not odd:
        return X
    with np.errstate(over="ignore"):
        return X.astype(np.float64 if X.dtype.kind == "f" else X.dtype.newbyteorder("="))


def read_only(X):
    """Return X after a lock on its memory."""
    for array in (X.data, X.indices, X.indptr) if issparse(X) else (X,):
        array.flags.writeable = False
    return X


def unaligned(X):
    """Return X as a field of records, beside one byte."""
    records = np.zeros(len(X), dtype=[("flag", "u1"), ("X", X.dtype, X.shape[1:])])
    records["X"] = X
    return records["X"]


def twofold(X, make):
    """Return a sparse matrix of every value and one more zero at its place, in reverse order."""
    row, column = (index.ravel() for index in np.indices(X.shape))
    data = np.concatenate([native(X).ravel(), np.zeros_like(native(X)).ravel()])
    return make((data, (np.tile(row, 2)[::-1], np.tile(column, 2)[::-1])), shape=X.shape)


def out_of_order(X):
    """Return a sparse matrix whose rows hold the columns backwards, and twice."""
    n_rows, n_columns = X.shape
    columns = np.repeat(np.arange(n_columns)[::-1], 2)
    data = np.repeat(native(X)[:, ::-1], 2, axis=1)
    data[:, 1::2] = 0
    indptr = np.arange(n_rows + 1) * 2 * n_columns
    return csr_matrix((data.ravel(), np.tile(columns, n_rows), indptr), shape=X.shape)


FORMS = {
    "array": np.array,
    "Fortran": np.asfortranarray,
    "reversed": lambda X: X[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
    "every other row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "read-only": read_only,
    "unaligned": unaligned,
    "list": lambda X: X.tolist(),
    "tensor": lambda X: torch.from_numpy(native(X)),
}
TABLE_FORMS = FORMS | {
    "pandas": lambda X: pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])]),
    "pandas by number": lambda X: pd.DataFrame(native(X)),
    "polars": lambda X: pl.DataFrame({f"f{i}": native(x) for i, x in enumerate(X.T)}),
    "csr": lambda X: csr_array(native(X)),
    "csc": lambda X: csc_array(native(X)),
    "coo": lambda X: coo_array(native(X)),
    "csr of read-only memory": lambda X: read_only(csr_array(native(X))),
    "coo with duplicates": lambda X: twofold(X, coo_array),
    "csr out of order": out_of_order,
}


@dataclass(frozen=True)
class Samples:
    """How to make X; `seed` draws its values."""

    n: int
    shape: tuple[int, ...]
    flat: bool
    values: str
    dtype: str
    form: str
    seed: int

    def make(self):
        rng, dtype = np.random.default_rng(self.seed), np.dtype(self.dtype)
        X = cast((VALUES | REFUSED_VALUES)[self.values](rng, (self.n, *self.shape), dtype), dtype)
        return TABLE_FORMS[self.form](X.reshape(self.n, -1) if self.flat else X)


def dense(X):
    """Return the values of X as a new array, in rows one after the other."""
    if issparse(X):
        return X.toarray()
    if isinstance(X, torch.Tensor):
        return X.numpy().copy()
    return np.array(X.to_numpy() if hasattr(X, "to_numpy") else X, order="C")


def sizes(most):
    """Return a strategy of positive integers up to a small one."""
    return st.integers(1, most)


# shapes of samples, and the axis of their channels
GEOMETRIES = {
    "table": (st.tuples(sizes(8)), ["auto"]),
    "grey images": (st.tuples(sizes(16), sizes(16)), ["auto", None]),
    "images": (st.tuples(sizes(8), sizes(8), st.sampled_from([3, 1, 4])), ["auto", -1]),
    "channels first": (st.tuples(st.sampled_from([3, 1]), sizes(8), sizes(8)), [0, -3]),
    "sequences": (st.tuples(sizes(16), sizes(4)), [-1, 1]),
    "rows in time": (st.tuples(sizes(16)), [None]),
    "volumes": (st.tuples(sizes(4), sizes(4), sizes(4), sizes(2)), ["auto", -1]),
    "any": (st.lists(sizes(3), min_size=1, max_size=5).map(tuple), ["auto", None, 0, -1, 2]),
}


@st.composite
def samples(draw, shape, flat, convolved):
    """How to make X of a shape; n-dimensional unless flat, and rarely sparse where it convolves."""
    names = list(REFUSED_VALUES if draw(st.integers(0, 19)) == 19 else VALUES)
    forms = FORMS if not flat and len(shape) > 1 else TABLE_FORMS
    if convolved and draw(st.integers(0, 9)) < 9:
        forms = {form for form in forms if not form.startswith(("csr", "csc", "coo"))}
    return Samples(
        n=draw(st.integers(1, 60)),
        shape=shape,
        flat=flat,
        values=draw(st.sampled_from(names)),
        dtype=draw(st.sampled_from(DTYPES)),
        form=draw(st.sampled_from(sorted(forms))),
        seed=draw(st.integers(0, 99)),
    )


# -- targets and weights ----------------------------------------------------------------------

LABELS = {
    "integers": [3, -7, 1000, 0],
    "strings": ["no", "yes", "", "é"],
    "booleans": [False, True],
    "bytes": [b"a", b"bc", b""],
    "floats": [0.0, 2.0, -3.0],
    "uint8": np.array([0, 255, 7], dtype=np.uint8),
    "long integers": [2**60, 2**60 + 1, -(2**60)],
    "dates": np.array(["2024-01-01", "2025-01-01"], dtype="datetime64[D]"),
}
REFUSED_LABELS = {
    "fractions": [0.5, 1.25],
    "one class": [1, 1],
    "text and numbers": np.array(["a", 1], dtype=object),
}
LABEL_FORMS = {
    "array": np.array,
    "list": lambda y: y.tolist(),
    "objects": lambda y: y.astype(object),
    "series": pd.Series,
    "column": lambda y: y[:, None],
    "read-only": read_only,
}


@dataclass(frozen=True)
class Labels:
    """How to make y of a classifier."""

    kind: str
    form: str
    mark: Any
    seed: int

    def make(self, n):
        rng = np.random.default_rng(self.seed)
        labels = np.asarray((LABELS | REFUSED_LABELS)[self.kind])
        y = labels[rng.permuted(np.arange(n) % len(labels))]
        if self.mark is not None:
            y = y.astype(object)
            y[rng.random(n) < 0.3] = self.mark
            y = np.array(y.tolist()) if len({type(value) for value in y}) == 1 else y
        return LABEL_FORMS[self.form](y)

    @property
    def classes(self):
        return np.asarray((LABELS | REFUSED_LABELS)[self.kind])


@dataclass(frozen=True)
class Numbers:
    """How to make y of a regressor."""

    values: str
    dtype: str
    n_targets: int
    form: str
    mark: Any
    seed: int

    def make(self, n):
        rng, dtype = np.random.default_rng(self.seed), np.dtype(self.dtype)
        size = (n, self.n_targets) if self.n_targets else (n,)
        y = cast((VALUES | REFUSED_VALUES)[self.values](rng, size, dtype), dtype)
        if self.mark is not None and y.dtype.kind == "f":
            y[rng.random(size) < 0.3] = self.mark
        return LABEL_FORMS[self.form](y)


@st.composite
def targets(draw, cls, mark):
    """How to make y."""
    seed = draw(st.integers(0, 99))
    if is_classifier(cls()):
        forms = st.sampled_from(list(LABEL_FORMS))
        return Labels(
            draw(st.sampled_from([*LABELS, *LABELS, *REFUSED_LABELS])), draw(forms), mark, seed
        )
    n_targets = draw(st.integers(0, 3)) if is_regressor(cls()) else 0
    forms = ["array", "list", "read-only", *(["series", "column"] if n_targets == 0 else [])]
    return Numbers(
        values=draw(st.sampled_from([*VALUES, "nan"])),
        dtype=draw(st.sampled_from(DTYPES)),
        n_targets=n_targets,
        form=draw(st.sampled_from(forms)),
        mark=mark,
        seed=seed,
    )


WEIGHTS = {
    "none": lambda rng, n: None,
    "ordinary": lambda rng, n: rng.random(n) + 0.1,
    "equal": lambda rng, n: np.full(n, 0.3),
    "some zeros": lambda rng, n: rng.integers(0, 2, n),
    "one counts": lambda rng, n: np.eye(n)[0],
    "huge": lambda rng, n: rng.random(n) * 1e308,
    "tiny": lambda rng, n: rng.random(n) * 1e-308,
    "least": lambda rng, n: np.full(n, 5e-324),
    "far apart": lambda rng, n: 10.0 ** rng.integers(-300, 300, n),
    "float32": lambda rng, n: rng.random(n).astype(np.float32),
    "list": lambda rng, n: rng.random(n).tolist(),
}
REFUSED_WEIGHTS = {
    "all zero": lambda rng, n: np.zeros(n),
    "negative": lambda rng, n: -rng.random(n),
    "nan": lambda rng, n: np.full(n, np.nan),
    "too few": lambda rng, n: np.ones(n - 1),
}

# -- parameters -------------------------------------------------------------------------------


def linear_encoder(shape, encoding_dim):
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), encoding_dim))


def linear_decoder(encoding_dim, shape):
    return nn.Sequential(nn.Linear(encoding_dim, prod(shape)), nn.Unflatten(1, shape))


def linear_backend(shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), n_outputs))


def absolute_error(output, target):
    return (output - target).abs()


def add_noise(inputs, level, generator):
    return inputs + level * torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype)


def darken(batch):
    return batch / 2


CALLABLES = {
    "activation": [torch.tanh, nn.Softplus],
    "code_activation": [torch.tanh, nn.Softplus],
    "encoder": [linear_encoder],
    "decoder": [linear_decoder],
    "backend": [linear_backend],
    "reconstruction_loss": [absolute_error, nn.SmoothL1Loss],
    "noise": [add_noise],
    "augmentation": [darken],
}
LARGEST = {
    "encoding_dim": 6,
    "hidden_layer_sizes": 8,
    "conv_channels": 5,
    "backend_channels": 5,
    "dense_units": 8,
    "max_epochs": 2,
    "pretrain_epochs": 2,
    "n_iter_no_change": 3,
    "kernel_size": 7,
    "n_bins": 9,
    "batch_size": 70,
}
# what is drawn with the data, or always
APART = {"sample_shape", "channel_axis", "unlabeled", "random_state", "device"}
STRENGTHS = st.dictionaries(
    st.sampled_from(["translate", "horizontal_flip", "contrast", "brightness", "erase"]),
    st.sampled_from([0.1, 1, 0, 0.5]),
    max_size=3,
)
INVALID = [-1, 0, 1.5, "no such thing", None, [], float("nan"), float("inf"), True, (0,), ("a",)]


def numbers_of(name, interval):
    """Return a strategy of numbers in an interval, small ones where a size is asked for."""
    if name == "kernel_size":
        return st.sampled_from([3, 5, 1, 7, 2])
    if interval.type is Integral:
        return st.integers(interval.left, LARGEST.get(name, 9))
    ends = {
        "exclude_min": interval.closed in ("neither", "right"),
        "exclude_max": interval.closed in ("neither", "left") and interval.right is not None,
    }
    inside = st.floats(interval.left, 10 if interval.right is None else interval.right, **ends)
    usual = [value for value in (1e-3, 0.1, 0.3, 1, 0, 1e30) if value in interval]
    return st.sampled_from(usual) | inside


def values_of(name, constraint):
    """Return a strategy of the values that one constraint of a parameter admits."""
    few = st.lists(sizes(LARGEST.get(name, 3)), min_size=name != "hidden_layer_sizes", max_size=2)
    if isinstance(constraint, Interval):
        return numbers_of(name, constraint)
    if isinstance(constraint, StrOptions):
        options = sorted(constraint.options - ({"auto"} if name == "max_epochs" else set()))
        return st.sampled_from(options) if options else st.nothing()
    by_kind = {
        None: st.none(),
        "boolean": st.booleans(),
        "verbose": st.sampled_from([0, False]),
        "array-like": few | few.map(tuple) | few.map(np.array),
        callable: st.sampled_from(CALLABLES.get(name, [None])),
        type: st.sampled_from([torch.optim.Adam, torch.optim.SGD, torch.optim.RMSprop]),
        Mapping: STRENGTHS,
        str: st.just("loss"),  # of scoring: other scorers suit some targets alone
        tuple: st.tuples(STRENGTHS, STRENGTHS),
        list: st.lists(STRENGTHS, max_size=2) if name == "augmentation" else st.just([]),
        dict: st.sampled_from([{3: 2.0}, {"no": 0.0, "yes": 1}, {False: 1e30}, {2.0: -1}]),
        FrozenEstimator: st.just("frozen"),
    }
    return by_kind[constraint]


@st.composite
def parameters(draw, cls):
    """Parameters of an estimator, by its table of constraints; one in ten draws has a wrong one."""
    table = {
        name: constraints
        for name, constraints in cls._parameter_constraints.items()
        if name not in APART
    }
    names = [name for name in table if name in LARGEST]
    others = sorted(table.keys() - LARGEST)
    names += draw(st.lists(st.sampled_from(others), unique=True, max_size=5))
    chosen = {
        name: draw(st.one_of(*(values_of(name, constraint) for constraint in table[name])))
        for name in names
    }
    if draw(st.integers(0, 9)) == 9:
        wrong = [value for value in INVALID if value is not None or "max_epochs" not in chosen]
        chosen[draw(st.sampled_from(sorted(table)))] = draw(st.sampled_from(wrong))
    return chosen


# -- cases ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A call that trains."""

    name: str
    samples: Samples
    target: Any
    weight: str


@dataclass(frozen=True)
class Case:
    """An estimator, the calls that train it, and the samples that it is asked about."""

    cls: type
    parameters: dict[str, Any]
    calls: list[Call]
    asked: Samples

    def build(self):
        """Return the estimator, a fitted transformer inside where it is to start from one."""
        chosen = dict(self.parameters)
        if isinstance(chosen.get("encoder"), str) and chosen["encoder"] == "frozen":
            shared = ("encoding_dim", "channel_axis", "sample_shape")
            fitted = AutoencoderTransformer(
                max_epochs=1, hidden_layer_sizes=3, conv_channels=2, random_state=0
            )
            fitted.set_params(**{name: chosen[name] for name in shared if name in chosen})
            X = np.random.default_rng(0).random((9, *self.asked.shape))
            with suppress(ValueError), warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                fitted.fit(X.reshape(9, -1) if self.asked.flat else X)
            chosen["encoder"] = FrozenEstimator(fitted)
        return self.cls(**chosen)


@st.composite
def cases(draw, cls):
    """A case of one kind of estimator."""
    shapes, axes = GEOMETRIES[draw(st.sampled_from(list(GEOMETRIES)))]
    shape, flat = draw(shapes), draw(st.booleans())
    chosen = draw(parameters(cls)) | {"random_state": draw(st.sampled_from([0, 1, 2**32 - 1]))}
    axis = draw(st.sampled_from(axes))
    if axis != "auto":
        chosen["channel_axis"] = axis
    if flat and len(shape) > 1:
        chosen["sample_shape"] = shape
    marks = {AECNNClassifier: [None, -1, "?", float("nan")], AECNNRegressor: [None, float("nan")]}
    mark = draw(st.sampled_from(marks.get(cls, [None])))
    if mark is not None:
        chosen["unlabeled"] = mark
    target = draw(targets(cls, mark))
    X = samples(shape, flat, convolved=len(shape) > 1 or axis is None)
    weights = st.sampled_from(["none", *WEIGHTS, *WEIGHTS, *REFUSED_WEIGHTS])
    resumed = ["partial_fit", "warm fit", "fit"]
    calls = [
        Call(draw(st.sampled_from(names)), draw(X), target, draw(weights))
        for names in [["fit", "partial_fit"], *[resumed] * draw(st.integers(0, 2))]
    ]
    asked = calls[-1].samples
    if draw(st.booleans()):
        asked = draw(X)
    return Case(cls, chosen, calls, asked)


# -- what is right ----------------------------------------------------------------------------

# of the insides of numpy, torch and Python: no user can tell from them what to change
RAW = (
    "not implemented for",
    "mat1 and mat2",
    "size of tensor",
    "numpy.object_",
    "NoneType",
    "at::",
    "c10",
    "index out of range",
    "CUDA",
    "DefaultCPUAllocator",
    "unsupported operand",
    "has no attribute",
    "cannot unpack",
    "' not supported between instances",
    "given numpy array",
    "given NumPy array",
    "can't convert",
    "expected scalar type",
    "could not be broadcast",
    "operands could not",
    "ufunc",
    "Buffer dtype",
    "zero-size array",
    "must be real number",
    "positional argument",
    "keyword argument",
    "Internally",
    "internally at",
    "SVD did not converge",
    "probability tensor",
    "shape mismatch",
    "out of bounds for",
    "out of bounds on buffer",
    "Casting",
    "Cannot cast",
    "unknown is not supported",
)


def check_named(message):
    """A message says what the matter is, in the words of those who call."""
    assert len(message) > 20, message
    for pattern in RAW:
        assert pattern not in message, f"raw message: {message}"


def check_warnings(caught):
    """Warnings are for users: none is of torch."""
    for warning in caught:
        assert f"{os.sep}torch{os.sep}" not in warning.filename, str(warning.message)
        check_named(str(warning.message))


def global_state():
    """Return what belongs to the process."""
    return (
        torch.get_rng_state().numpy().tobytes(),
        repr(np.random.get_state()),  # noqa: NPY002
        random.getstate(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        repr(np.geterr()),
    )


@contextmanager
def undisturbed_process():
    """Neither the process is changed within, nor is any warning raised that is not for users."""
    before = global_state()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        warnings.simplefilter("always", UserWarning)
        yield
    assert global_state() == before, "global state"
    check_warnings(caught)


def contents(value):
    """Return all that a container holds, to be compared."""
    if issparse(value):
        coo = value.format == "coo"
        parts = (value.row, value.col) if coo else (value.indices, value.indptr)
        return (value.format, *map(contents, (value.data, *parts)))
    if isinstance(value, np.ndarray):
        held = value.tolist() if value.dtype.kind == "O" else value.tobytes()
        return str(value.dtype), value.shape, value.strides, repr(held)
    if isinstance(value, pd.DataFrame | pd.Series | pl.DataFrame):
        return contents(value.to_numpy()), repr(getattr(value, "columns", None))
    if isinstance(value, torch.Tensor):
        return contents(value.numpy())
    return repr(value)


def attempt(action, *arguments, **keywords):
    """Return the result of a call, or the message of an error that names the matter.

    Its arguments are not changed.
    """
    before = [contents(argument) for argument in (*arguments, *keywords.values())]
    try:
        result = action(*arguments, **keywords)
    except (ValueError, TypeError) as error:
        check_named(str(error))
        result = error
    assert before == [contents(value) for value in (*arguments, *keywords.values())]
    return result


def train(estimator, call):
    """Return the error of a call that trains, or None."""
    X, y = call.samples.make(), call.target.make(call.samples.n)
    weight = (WEIGHTS | REFUSED_WEIGHTS)[call.weight](np.random.default_rng(1), call.samples.n)
    keywords = {} if weight is None else {"sample_weight": weight}
    if call.name == "partial_fit" and is_classifier(estimator) and not hasattr(estimator, "net_"):
        keywords["classes"] = call.target.classes
    if call.name == "warm fit":
        estimator.set_params(warm_start=True)
    action = estimator.partial_fit if call.name == "partial_fit" else estimator.fit
    before, parameters = dict(vars(estimator)), contents(estimator.get_params())
    result = attempt(action, X, y, **keywords)
    assert contents(estimator.get_params()) == parameters
    if not isinstance(result, Exception):
        assert result is estimator
        assert np.isfinite(estimator.loss_curve_).all()
        return None
    after = vars(estimator)
    assert list(after) == list(before), "attributes after an error"
    assert all(after[name] is before[name] for name in before), "attributes after an error"
    return result


QUESTIONS = {
    "predict": {},
    "predict_proba": {},
    "predict_log_proba": {},
    "transform": {},
    "reconstruct": {},
    "score_samples": {},
    "decision_function": {},
    "reconstruction_error": {},
    "reconstruction_error of features": {"per_feature": True, "scaled": True},
}


def ask(estimator, X, y=None):
    """Return what an estimator says of samples, by question: arrays, or errors that name things."""
    answers = {}
    for question, keywords in QUESTIONS.items():
        name = question.split()[0]
        if not hasattr(estimator, name):
            continue
        no_code = getattr(estimator, "backend_input", "code") == "features"
        if name == "transform" and no_code and not hasattr(estimator, "reconstruct"):
            continue
        answers[question] = attempt(getattr(estimator, name), X, **keywords)
    codes = answers.get("transform")
    if isinstance(codes, np.ndarray) and hasattr(estimator, "inverse_transform"):
        answers["inverse_transform"] = attempt(estimator.inverse_transform, codes)
    if hasattr(estimator, "sample"):
        answers["sample"] = attempt(estimator.sample, 3, random_state=0)
    if y is not None and hasattr(estimator, "score"):
        answers["score"] = attempt(estimator.score, X, y)
    return answers


def check_same(answers, expected):
    """Answers are equal to the last bit, and errors to the last letter."""
    assert answers.keys() == expected.keys()
    for name, answer in answers.items():
        assert type(answer) is type(expected[name]), f"{name}: {answer!r}, {expected[name]!r}"
        if isinstance(answer, Exception):
            assert str(answer) == str(expected[name]), name
        else:
            np.testing.assert_array_equal(answer, expected[name], err_msg=name, strict=True)


def check_right(estimator, answers, n):
    """Answers are finite, and of the documented shapes and types."""
    answers = {
        name: answer for name, answer in answers.items() if not isinstance(answer, Exception)
    }
    shape, flat = estimator.sample_shape_, estimator._geometry.given_flat
    layout = (prod(shape),) if flat else shape
    precision = np.dtype("float64" if estimator.precision == "float64" else "float32")
    double = np.dtype("float64")
    expected = {
        "score_samples": ((n,), double),
        "decision_function": ((n,), double),
        "reconstruction_error": ((n,), double),
        "reconstruction_error of features": ((n, *layout), double),
        "reconstruct": ((n, *layout), None),
        "inverse_transform": ((n, *layout), None),
        "sample": ((3, *layout), None),
        "score": ((), double),
    }
    if hasattr(estimator, "resolved_params_"):
        dim = estimator.resolved_params_.get("encoding_dim", getattr(estimator, "encoding_dim", 0))
        expected["transform"] = ((n, dim), precision)
        if getattr(estimator, "output", "code") == "reconstruction":
            expected["transform"] = expected["reconstruct"]
    if is_classifier(estimator):
        classes = estimator.classes_
        expected["predict"] = ((n,), classes.dtype)
        expected["predict_proba"] = expected["predict_log_proba"] = ((n, len(classes)), None)
        assert np.isin(answers.get("predict", classes), classes).all()
    elif is_regressor(estimator):
        scaler = estimator._target_scaler
        expected["predict"] = ((n,) if scaler.given_flat else (n, len(scaler.mean)), double)
    elif hasattr(estimator, "predict"):
        expected["predict"] = ((n,), np.dtype("int64"))
        assert np.isin(answers.get("predict", 1), [-1, 1]).all()
    for name, answer in answers.items():
        answer_shape, dtype = expected[name]
        answer = np.asarray(answer)
        assert answer.shape == answer_shape, name
        assert dtype is None or answer.dtype == dtype, f"{name}: {answer.dtype}"
        assert answer.dtype.kind != "f" or np.isfinite(answer).all(), f"{name} is not finite"
    if "predict_proba" in answers:
        np.testing.assert_allclose(answers["predict_proba"].sum(axis=1), 1, rtol=1e-5)
        assert (answers["predict_proba"] >= 0).all()
    for name in answers.keys() & {"reconstruction_error", "reconstruction_error of features"}:
        assert (answers[name] >= 0).all(), name


def check(case):
    """Carry a case out, and judge all that comes of it."""
    estimator, twin = case.build(), case.build()
    with undisturbed_process():
        n_trained = 0
        for call in case.calls:
            if train(estimator, call) is not None:
                break
            n_trained += 1
        if n_trained == 0:
            return
        for call in case.calls[:n_trained]:
            assert train(twin, call) is None
        if n_trained < len(case.calls):  # the refused call has left no trace
            twin.set_params(warm_start=estimator.warm_start)
        X, target = case.asked.make(), case.calls[0].target
        y = target.make(case.asked.n) if case.asked.n > 1 else None
        answers = ask(estimator, X, y)
        check_right(estimator, answers, case.asked.n)
        check_same(ask(estimator, X, y), answers)
        check_same(ask(twin, X, y), answers)
        refused = any(isinstance(answer, Exception) for answer in answers.values())
        if not refused and case.asked.form != "list":
            rows = dense(X)
            check_same(ask(estimator, rows, y), answers)
            other = (case.asked.n, *case.asked.shape) if case.asked.flat else (case.asked.n, -1)
            check_same(ask(estimator, rows.reshape(other), y), answers)
        clone(estimator)


@pytest.mark.parametrize("cls", ESTIMATORS)
@given(data=st.data())
def test_any_outcome_is_a_named_error_or_right(cls, data):
    """An estimator refuses what it is given in so many words, or its answers are right."""
    check(data.draw(cases(cls)))
