"""The benchmarks run: each once, on little."""

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the benchmarks are not distributed")


def pieces():
    """Every (class, method, parameter) that airspeed velocity would run."""
    if not FOLDER.exists():
        return []
    path = FOLDER / "pieces" / "benchmarks.py"
    spec = importlib.util.spec_from_file_location("pieces", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    classes = [value for value in vars(module).values() if inspect.isclass(value)]
    return [
        (suite, method, parameters)
        for suite in classes
        if suite.__module__ == "pieces"
        for method in vars(suite)
        if method.startswith(("time_", "peakmem_"))
        for parameters in ([(value,) for value in getattr(suite, "params", [])] or [()])
    ]


@pytest.mark.parametrize(
    ("suite", "method", "parameters"),
    pieces(),
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_piece_runs(suite, method, parameters):
    """A benchmark of a piece sets itself up and runs once."""
    benchmark = suite()
    benchmark.setup(*parameters)
    getattr(benchmark, method)(*parameters)


def test_the_table_of_speeds_is_printed():
    """Variants in processes of their own take turns; missing packages are named, not hidden."""
    command = [sys.executable, FOLDER / "speed", "digits", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    lines = [line for line in done.stdout.splitlines() if "digits" in line]
    assert len(lines) == 3
    assert "plain loop" in lines[0]
    assert "1.00 (1.00 to 1.00)" in lines[0]


def quality():
    """The command of the tables of quality, which imports its neighbours by their plain names."""
    path = FOLDER / "quality" / "__main__.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("quality", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


QUALITY = quality()


@pytest.mark.parametrize("name", QUALITY.TABLES if QUALITY else [])
def test_a_table_of_quality_is_printed(name, capsys):
    """Every row of a table works on little data; what is not installed is named, not hidden."""
    assert QUALITY.main([name, "--quick"]) == 0
    printed = capsys.readouterr().out.replace("`", "")
    for variant in QUALITY.TABLES[name].variants:
        assert variant.name in printed


def test_a_stopped_table_goes_on_where_it_was(tmp_path, capsys):
    """Results on record are not made again; a change of the parameters makes its own rows anew."""
    out = tmp_path / "digits.md"
    command = ["digits", "--quick", "--out", str(out)]
    QUALITY.main([*command, "--variants", "SVC"])
    assert "MLPClassifier" not in out.read_text()
    capsys.readouterr()
    QUALITY.main(command)
    made = capsys.readouterr().err
    assert "SVC" not in made
    assert "AECNNClassifier" in made
    QUALITY.main([*command, "--params", '{"lr": 0.001}'])
    made = capsys.readouterr().err
    assert "MLPClassifier" not in made
    assert "AECNNClassifier" in made
    assert "| SVC |" in out.read_text()


def test_a_row_that_is_not_known_is_refused():
    """The error of a wrong name lists the right ones."""
    with pytest.raises(SystemExit, match=r"--variants 'SVM': expected .*'MLPClassifier'"):
        QUALITY.main(["digits", "--quick", "--variants", "SVM"])
