"""The benchmarks run, each on little, and every published table has its entry."""

import functools
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"
PAGES = sorted((ROOT / "docs" / "guide" / "quality").glob("*.md"))

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the benchmarks are not distributed")


def load(*parts):
    """Return a module of the benchmarks, which imports its neighbours by their plain names."""
    path = FOLDER.joinpath(*parts)
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location(path.parent.name, path)
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


QUALITY, WORKS = load("quality", "__main__.py"), load("speed", "works.py")
TABLES = QUALITY.TABLES if QUALITY else {}


def test_the_table_of_speeds_is_printed():
    """Variants in processes of their own take turns; missing packages are named, not hidden."""
    options = ["--quick", "--tasks", "digits", "--variants", "plain torch", "sk_aecnn"]
    command = [sys.executable, FOLDER / "speed", "peers", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(lines) == 3
    assert "plain torch" in lines[1]
    assert "1.00 (1.00 to 1.00)" in lines[1]
    assert "sk_aecnn" in lines[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_published_table_has_an_entry(page):
    """The command at the head of a page is understood, and its table, rows and columns exist."""
    head = page.read_text().splitlines()[0]
    program, script, *arguments = shlex.split(head.removeprefix("<!-- Written by: "))
    assert (program, script) == ("python", "benchmarks/quality")
    assert QUALITY.plan_of([*arguments, "--out", str(page)]).table.title in page.read_text()


def test_commands_of_the_documentation_name_tables():
    """Whatever table a page says is made by a command is known to the command."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = re.findall(r"python\s+benchmarks/(quality|speed) ([a-z][\w-]*)", text)
    assert {program for program, _ in named} == {"quality", "speed"}
    known = {"quality": TABLES, "speed": WORKS.TABLES}
    assert [name for program, name in named if name not in known[program]] == []


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_is_complete(table):
    """A table has tasks, models, metrics and what judges them, and a known layout."""
    assert table.tasks
    assert table.models
    assert table.metrics
    assert table.layout in sys.modules["report"].LAYOUTS
    assert len({task.name for task in table.tasks}) == len(table.tasks)
    assert all(set(task.models or ()) <= set(table.models) for task in table.tasks)
    assert all(table.judge or metric.scorer for metric in table.metrics)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_quality_is_printed(name, folder, capsys):
    """Every row of a table works on little data; what is not installed is named, not hidden."""
    assert QUALITY.main([name, str(folder), "--quick"]) == 0
    printed = capsys.readouterr().out.replace("`", "")
    for model in TABLES[name].models:
        assert model in printed


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
    assert "| SVC " in out.read_text()


def test_a_data_set_stays_in_its_half():
    """The halves of the suite depend on nothing but names, and hold all sizes of a set together."""
    half_of, table = sys.modules["report"].half_of, TABLES["suite"]
    half_of = functools.partial(half_of, seed=table.halves_seed)
    assert half_of("Adult") == half_of("Adult, 1000") == half_of("Adult, 4000")
    halves = [half_of(task.name) for task in table.tasks]
    assert 0.4 < halves.count(halves[0]) / len(halves) < 0.6


def test_a_row_that_is_not_known_is_refused():
    """The error of a wrong name lists the right ones."""
    with pytest.raises(SystemExit, match=r"--variants 'SVM': expected .*'MLPClassifier'"):
        QUALITY.main(["digits", "--quick", "--variants", "SVM"])
