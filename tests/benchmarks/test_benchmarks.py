"""The benchmarks run, each on little, and every published table has its entry."""

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"
PAGES = sorted((ROOT / "docs" / "guide" / "quality").glob("*.md"))

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the benchmarks are not distributed")


def load(name):
    """Return a module, which imports its neighbours by their plain names."""
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))


TABLES, SPEEDS = {}, {}
if FOLDER.exists():
    TABLES, SPEEDS, runner = load("tables").TABLES, load("works").TABLES, load("runner")


def main(*arguments, tables=TABLES):
    """Make a table as the command line does; return its exit status."""
    return runner.main("benchmarks", tables, list(map(str, arguments)))


def test_the_table_of_speeds_is_printed(monkeypatch, capsys):
    """Variants take turns in processes of their own, which import what they need themselves."""
    monkeypatch.syspath_prepend(str(FOLDER))
    options = ["--quick", "--tasks", "encode one row", "--variants", "plain torch", "sk_aecnn"]
    assert main("peers", *options, tables=SPEEDS) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
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
    plan = runner.plan_of(arguments, TABLES)
    assert plan.table.title in page.read_text()


def test_commands_of_the_documentation_name_tables():
    """Whatever table a page says is made by a command is known to the command."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = re.findall(r"python\s+benchmarks/(quality|speed) ([a-z][\w-]*)", text)
    assert {program for program, _ in named} == {"quality", "speed"}
    known = {"quality": TABLES, "speed": SPEEDS}
    assert [name for program, name in named if name not in known[program]] == []


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_quality_is_printed(name, folder, capsys):
    """Every row of a table works on little data; what is not installed is named, not hidden."""
    assert main(name, folder, "--quick") == 0
    printed = capsys.readouterr().out.replace("`", "")
    for model in TABLES[name].models:
        assert model in printed


def test_a_stopped_table_goes_on_where_it_was(folder, tmp_path, capsys):
    """Results on record are not made again; a change of the parameters makes its own rows anew."""
    out = tmp_path / "text.md"
    arguments = ["text", folder, "--quick", "--out", out, "--variants", "LogisticRegression"]
    main(*arguments)
    assert "MLPClassifier" not in out.read_text()
    capsys.readouterr()
    main(*arguments, "AECNNClassifier()")
    made = capsys.readouterr().err
    assert "LogisticRegression" not in made
    assert "AECNNClassifier" in made
    main(*arguments, "AECNNClassifier()", "--params", '{"lr": 0.001}')
    made = capsys.readouterr().err
    assert "LogisticRegression" not in made
    assert "AECNNClassifier" in made
    assert "| LogisticRegression " in out.read_text()


def test_a_data_set_stays_in_its_half():
    """The halves of the suite depend on nothing but names, and hold all sizes of a set together."""
    table = TABLES["suite"]
    half_of = table.part_of
    assert half_of("Adult") == half_of("Adult, 1000") == half_of("Adult, 4000")
    halves = [half_of(task.name) for task in table.tasks]
    assert 0.4 < halves.count(halves[0]) / len(halves) < 0.6
