"""The package as a whole: imports, names, documentation, layers."""

import ast
import doctest
import importlib
import inspect
import re
import runpy
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets
from sklearn.utils import Bunch

import sk_aecnn
from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    CodeSizeDisplay,
    CodeSpaceDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
    ReconstructionErrorDisplay,
    VariationalAutoencoderTransformer,
    nn,
)

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "sk_aecnn").rglob("*.py"))
ESTIMATORS = [
    AutoencoderTransformer,
    VariationalAutoencoderTransformer,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AECNNClassifier,
    AECNNRegressor,
    CNNClassifier,
    CNNRegressor,
]
DISPLAYS = [
    ReconstructionDisplay,
    CodeSpaceDisplay,
    LossCurveDisplay,
    ReconstructionErrorDisplay,
    CodeSizeDisplay,
]
# parameters of one name that mean something else in each of the groups of classes named, or have
# another default there; others agree everywhere
MEANS_SOMETHING_ELSE = {
    "activation": [{AECNNRegressor, CNNRegressor}],
    "augmentation": [
        {AutoencoderTransformer},
        {VariationalAutoencoderTransformer},
        {AutoencoderOutlierDetector},
        {AutoencoderImputer},
    ],
    "encoder": [{VariationalAutoencoderTransformer}],
    "encoding_dim": [
        {AutoencoderTransformer},
        {AutoencoderOutlierDetector},
        {VariationalAutoencoderTransformer},
        {AutoencoderImputer},
    ],
    "hidden_layer_sizes": [{AutoencoderOutlierDetector}],
    "linear_path": [{AutoencoderImputer}],
    "max_epochs": [{AutoencoderImputer}],
    "noise": [{AutoencoderOutlierDetector}],
    "noise_level": [{AutoencoderOutlierDetector}],
    "reconstruction_loss": [{VariationalAutoencoderTransformer}],
    "unlabeled": [{AECNNRegressor}],
    "conv_channels": [{CNNClassifier, CNNRegressor}],
}


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )


# -- imports ----------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["", "; sk_aecnn.__all__; dir(sk_aecnn); sk_aecnn.__version__"])
def test_importing_the_package_imports_no_torch(use):
    """Asking the package for its names costs no import of torch, skorch or scikit-learn."""
    heavy = "{'torch', 'skorch', 'sklearn', 'scipy', 'pandas', 'matplotlib'}"
    result = run(f"import sys, sk_aecnn{use}; print(sorted({heavy} & set(sys.modules)))")
    assert result.stdout.strip() == "[]", result.stderr


def test_every_public_name_can_be_imported():
    """__all__ is sorted, complete and true; what is not there raises AttributeError."""
    assert list(sk_aecnn.__all__) == sorted(sk_aecnn.__all__)
    assert all(getattr(sk_aecnn, name).__name__ == name for name in sk_aecnn.__all__)
    assert set(sk_aecnn.__all__) <= set(dir(sk_aecnn))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sk_aecnn.nonsense  # noqa: B018
    from sk_aecnn.exceptions import DivergenceError

    assert sk_aecnn.DivergenceError is DivergenceError


def imported_names(path):
    """Every module and every name that a file imports, as dotted strings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_private_names_of_scikit_learn_come_through_one_door():
    """Only _compat imports names of scikit-learn that start with an underscore."""
    importers = {
        path.name
        for path in SOURCES
        for name in imported_names(path)
        if name.split(".")[0] == "sklearn" and any(part.startswith("_") for part in name.split("."))
    }
    assert importers == {"_compat.py"}


# whose default solvers draw nothing
DRAW_NOTHING = {"Lasso", "Ridge"}


def test_no_part_of_scikit_learn_draws_from_the_stream_of_the_process():
    """Whatever takes a random_state is given one."""
    n_seeded = 0
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        imported = {
            alias.name: getattr(importlib.import_module(node.module), alias.name)
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn.")
            for alias in node.names
            if alias.name not in DRAW_NOTHING
        }
        for call in ast.walk(tree):
            made = imported.get(getattr(getattr(call, "func", None), "id", ""))
            if callable(made) and "random_state" in inspect.signature(made).parameters:
                passed = {keyword.arg for keyword in call.keywords}
                assert passed & {"random_state", None}, f"{path.name}:{call.lineno}"
                n_seeded += 1
    assert n_seeded > 5


def test_skorch_comes_through_one_door():
    """Only training imports skorch."""
    importers = {
        path.parent.name
        for path in SOURCES
        for name in imported_names(path)
        if name.split(".")[0] == "skorch"
    }
    assert importers == {"training"}


def test_layers_import_downwards_only():
    """The contracts in pyproject.toml hold."""
    pytest.importorskip("importlinter")
    script = (
        "import os, sys; from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports\n"
        f"os.chdir({str(ROOT)!r}); sys.path.insert(0, {str(ROOT)!r})\n"
        "sys.exit(lint_imports(no_cache=True) != EXIT_STATUS_SUCCESS)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


# -- documentation that runs ------------------------------------------------------------------


def some_digits(load=datasets.load_digits, **arguments):
    """Return 600 digits."""
    if arguments.get("return_X_y"):
        return tuple(array[:600] for array in load(**arguments))
    digits = load(**arguments)
    return Bunch(**{name: digits[name][:600] for name in ("data", "images", "target")})


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/coming_from.md",
        "docs/guide/files.md",
        "docs/guide/geometry.md",
        "docs/guide/onnx.md",
        "docs/guide/training.md",
    ],
)
@pytest.mark.usefixtures("few_epochs")
def test_the_examples_of_a_page_run(page, monkeypatch, tmp_path):
    """The Python blocks of a page, one after the other, run without a warning.

    They train for a few epochs, on a third of the digits, where they assert nothing of accuracy.
    """
    if not page.endswith("onnx.md"):
        monkeypatch.setattr(datasets, "load_digits", some_digits)
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks
    if page.endswith("onnx.md"):
        for name in ("onnxruntime", "skl2onnx"):
            pytest.importorskip(name, reason="of the extra onnx")
    if "sklearn.callback" in text:
        pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks), page, "exec"), {"__name__": "__main__"})


class RoughChecker(doctest.OutputChecker):
    """Compares all but numbers to the letter: what is learned depends a little on the processor."""

    def check_output(self, want, got, optionflags):
        number = r"-?\d+\.?\d*"
        texts = [re.sub(rf"{number}|\s+", "", text) for text in (want, got)]
        wanted, found = (np.array(re.findall(number, text), float) for text in (want, got))
        if texts[0] != texts[1] or len(wanted) != len(found):
            return False
        return np.allclose(found, wanted, rtol=0.1, atol=0.15)


def test_rough_results_differ_in_numbers_alone():
    """Another text, another count of numbers and a number far off are no match."""
    same = RoughChecker().check_output
    assert same("accuracy 0.78 ['no']", "accuracy 0.80  ['no']", 0)
    assert not same("accuracy 0.78 ['no']", "accuracy 0.78 ['yes']", 0)
    assert not same("[1.0, 2.0]", "[1.0]", 0)
    assert not same("accuracy 0.78", "accuracy 0.38", 0)


@pytest.mark.parametrize(
    "page", ["docs/getting_started.md", "docs/index.md", "docs/guide/parameters.md"]
)
def test_the_results_on_a_page_are_those_of_its_code(page, monkeypatch, tmp_path):
    """A page runs as it is, and prints what it says, numbers to about a tenth."""
    pytest.importorskip("pandas", minversion="3", reason="missing text is printed as None before")
    blocks = r"^```(python|pycon)\n(.*?)^```"
    text = (ROOT / page).read_text(encoding="utf-8")
    runner = doctest.DocTestRunner(RoughChecker(), verbose=False)
    names = {"__name__": "__main__"}
    monkeypatch.chdir(tmp_path)
    for kind, code in re.findall(blocks, text, flags=re.DOTALL | re.MULTILINE):
        if kind == "python":
            exec(compile(code, page, "exec"), names)
        else:
            block = doctest.DocTestParser().get_doctest(code, names, page, page, 0)
            runner.run(block, clear_globs=False)
            names |= block.globs
    assert runner.tries
    assert not runner.failures


def test_release_notes_are_the_section_of_the_version():
    """A tag is released with what the changelog says of it, or not at all."""
    script = runpy.run_path(str(ROOT / ".ci" / "release_notes.py"))
    changelog = "## [0.2.0] - 2027-01-01\n\n- Two.\n\n## [0.1.0] - 2026-12-01\n\n- One.\n"
    assert script["release_notes"]("v0.1.0", "0.1.0", changelog) == "- One."
    assert script["release_notes"]("v0.2.0", "0.2.0", changelog) == "- Two."
    with pytest.raises(SystemExit, match="the version of the package is"):
        script["release_notes"]("v0.1.0", "0.2.0", changelog)
    with pytest.raises(SystemExit, match="no section headed"):
        script["release_notes"]("v0.3.0", "0.3.0", changelog)


# -- docstrings -------------------------------------------------------------------------------


def sections(doc):
    """Split a numpydoc docstring into its sections, by title."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", inspect.cleandoc(doc), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(section):
    """Return the entries of a section, name to text, the type on the first line."""
    found = {}
    for entry in re.split(r"^(?=\S)", section.strip("\n"), flags=re.MULTILINE):
        if entry.strip():
            head, _, text = entry.partition("\n")
            names, _, kind = head.partition(" : ")
            found |= {name.strip(): f"{kind}\n{text.rstrip()}" for name in names.split(",")}
    return found


def parameters(function):
    named = inspect.signature(function).parameters.values()
    return [p.name for p in named if p.name != "self" and p.kind is not p.VAR_KEYWORD]


def public_methods(cls):
    for name, method in inspect.getmembers(cls, inspect.isroutine):
        if not name.startswith("_") and (method.__module__ or "").startswith("sk_aecnn"):
            yield pytest.param(method, id=f"{cls.__name__}.{name}")


METHODS = [method for cls in ESTIMATORS + DISPLAYS for method in public_methods(cls)]


def test_there_are_methods_to_look_at():
    """The tests below see the methods that the classes inherit as well."""
    ids = {parameter.id for parameter in METHODS}
    assert {"AECNNClassifier.fit", "AECNNClassifier.transform"} <= ids
    assert {"AutoencoderTransformer.reconstruct", "AutoencoderTransformer.score"} <= ids
    assert {"CodeSpaceDisplay.plot", "CodeSpaceDisplay.from_estimator"} <= ids


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_a_class_documents_exactly_its_parameters(cls):
    """Parameters stand in the order of the signature, each with its default, none invented."""
    listed = entries(sections(cls.__doc__)["Parameters"])
    assert list(listed) == parameters(cls.__init__)
    for parameter in inspect.signature(cls).parameters.values():
        default = parameter.default
        written = re.search(r"default=(.*)", listed[parameter.name].splitlines()[0]).group(1)
        value = ast.literal_eval(written.replace("’", "'"))
        assert value == default, parameter.name


@pytest.mark.parametrize("cls", DISPLAYS)
def test_a_display_documents_its_parameters_and_artists(cls):
    """Parameters stand in the order of the signature; ``ax_`` and ``figure_`` among attributes."""
    parts = sections(cls.__doc__)
    assert list(entries(parts["Parameters"])) == parameters(cls.__init__)
    listed = set(entries(parts["Attributes"]))
    assert {"ax_", "figure_"} < listed
    assert listed == {name for name in inspect.get_annotations(cls) if name.endswith("_")}


@pytest.mark.parametrize("cls", ESTIMATORS + DISPLAYS)
def test_a_class_has_every_section(cls):
    """What it is, its parameters, what fit leaves behind, what is like it, and an example."""
    assert {"Parameters", "Attributes", "See Also", "Examples"} <= set(sections(cls.__doc__))


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_every_constraint_is_of_a_parameter(cls):
    """The table of constraints and the signature list the same names."""
    assert set(cls._parameter_constraints) == set(parameters(cls.__init__))


def means_the_same(name, one, other):
    """Tell whether a parameter of two classes is one parameter: in the same of a name's groups."""
    groups = MEANS_SOMETHING_ELSE.get(name, [])
    return all((one in group) == (other in group) for group in groups)


PAIRS = list(combinations(ESTIMATORS, 2))


@pytest.mark.parametrize("name", ["Parameters", "Attributes"])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_what_two_estimators_have_is_told_in_the_same_words(one, other, name):
    """A parameter or attribute that two classes share has one text."""
    here, there = (entries(sections(cls.__doc__)[name]) for cls in (one, other))
    shared = [entry for entry in here.keys() & there.keys() if means_the_same(entry, one, other)]
    assert shared
    for entry in shared:
        assert here[entry] == there[entry], entry


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_shared_parameters_have_the_same_defaults(one, other):
    """Two estimators with a parameter of one name and meaning agree on its default."""
    here, there = (inspect.signature(cls).parameters for cls in (one, other))
    for name in here.keys() & there.keys():
        if means_the_same(name, one, other):
            assert here[name].default == there[name].default, name


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_attributes_are_documented_and_exist(cls, table, labels):
    """What a class says fit leaves behind is there after fit, and nothing public besides."""
    import pandas as pd

    X = pd.DataFrame(table, columns=list("abcde"))
    nested = {"nested": True} if hasattr(cls, "nested") else {}
    estimator = cls(max_epochs=1, **nested).fit(X, labels)
    listed = set(entries(sections(cls.__doc__)["Attributes"]))
    assert all(hasattr(estimator, name) for name in listed)
    found = {name for name in dir(estimator) if name.endswith("_") and not name.startswith("_")}
    assert found == listed


@pytest.mark.parametrize("method", METHODS)
def test_a_method_documents_exactly_its_parameters(method):
    """Every public method has a summary, its parameters in order, what it returns, an example."""
    parts = sections(method.__doc__)
    assert parts[""].strip().splitlines()[0].endswith(".")
    listed = [name for name in entries(parts.get("Parameters", "")) if name != "**kwargs"]
    assert listed == parameters(method)
    assert "Returns" in parts
    assert ">>> " in parts["Examples"]


@pytest.mark.parametrize(
    "cls",
    [value for value in vars(nn).values() if inspect.isclass(value)],
    ids=lambda c: c.__name__,
)
def test_a_network_documents_itself(cls):
    """Every module has a summary; what it lists are parameters of its constructor."""
    parts = sections(cls.__doc__)
    assert parts[""].strip()
    if "Parameters" in parts:
        assert set(entries(parts["Parameters"])) == set(parameters(cls.__init__))
