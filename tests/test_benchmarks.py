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
