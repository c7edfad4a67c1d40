# One command per chore; `make help` lists them. Needs GNU make, git and Python 3.11 or newer.
#
#   make test ARGS="-n 0 -k geometry"                 arguments for pytest
#   make test PYTHON=python3.13 VENV=.venv-3.13       another interpreter, another environment
#   make test CONSTRAINTS=constraints-oldest.txt VENV=.venv-oldest      the oldest dependencies

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
# One test process per core, which takes tests over from another when it has none left; each computes
# with one thread.
ARGS ?= -n auto --dist worksteal

py := $(VENV)/bin/python
# Not byte-compiled: of what is installed, few modules are ever imported, and Python compiles those.
install := $(py) -m pip install --quiet --disable-pip-version-check --no-compile \
    --constraint $(CONSTRAINTS)
# Files that mark a finished install, so that it is done once per change of the pins.
ready := $(VENV)/.ready
needs = $(VENV)/.ready-$(1)

# Plots are written to files, never shown.
export MPLBACKEND := Agg

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo test fuzz lint format docs linkcheck examples wheel constraints clean

help:  ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) \
	    | while IFS='|' read -r target text; do printf '  %-18s %s\n' "$$target" "$$text"; done

venv: $(ready)  ## install the package and what its tests need into .venv

# Editable: a change of the code needs no new install. What users get is tested by `make wheel`.
$(ready): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	    "sk_aecnn needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] \
	    + ". Name another one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(install) --editable '.[onnx,plot,test]'
	@touch $@

$(VENV)/.ready-%: $(ready)
	$(install) --editable '.[$*]'
	@touch $@

demo: $(ready)  ## run examples/demo.py, which writes demo.png
	$(py) examples/demo.py

test: $(ready)  ## run the tests and the examples in the docstrings
	$(py) -m pytest --doctest-modules tests sk_aecnn $(ARGS)

fuzz: $(ready)  ## search at length for input that breaks an estimator
	FUZZ_PROFILE=large $(py) -m pytest tests/test_fuzz.py -n 0

lint: $(call needs,lint)  ## check style, spelling, types and layers
	$(py) -m ruff check
	$(py) -m ruff format --check
	$(py) -m mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/codespell

format: $(call needs,lint)  ## mend what ruff can mend
	$(py) -m ruff check --fix
	$(py) -m ruff format

# One process per core, each of which computes with one thread.
docs: $(call needs,docs)  ## build the documentation into docs/_build/html
	OMP_NUM_THREADS=1 $(py) -m sphinx --quiet -W --keep-going -j auto -b html docs docs/_build/html
	@echo 'built docs/_build/html/index.html'

# External links alone, those within the pages are checked by `make docs`. Needs a network, so it is
# no part of what has to pass before a change lands.
linkcheck: $(call needs,docs)  ## check the links of the documentation to other sites
	$(py) -m sphinx --quiet -D plot_gallery=0 -b linkcheck docs docs/_build/linkcheck

# The gallery of `make docs` runs those called plot_*, and an error in one of them is an error there.
examples: $(ready)  ## run the examples that neither `make demo` nor `make docs` runs
	@set -e; for example in $(filter-out examples/demo.py,$(wildcard examples/*.py)); do \
	    echo "== $$example"; $(py) "$$example"; \
	done

# Built from the sdist, installed where nothing but the wheel can be imported, and used there; not
# byte-compiled: the environment lives for one script, which needs few of its modules.
wheel: $(call needs,release)  ## build dist/*.whl and test it in an environment of its own
	rm -rf dist
	$(py) -m build --outdir dist .
	@set -e; root=$$PWD; clean=$$(mktemp -d); trap 'rm -rf "$$clean"' EXIT; \
	$(PYTHON) -m venv "$$clean/venv"; \
	"$$clean/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
	    --no-compile --constraint $(CONSTRAINTS) dist/*.whl; \
	cd "$$clean"; \
	venv/bin/python -m pip check; \
	venv/bin/python "$$root/.ci/check_wheel.py"

constraints:  ## pin the newest versions in constraints.txt
	@set -e; clean=$$(mktemp -d); trap 'rm -rf "$$clean"' EXIT; \
	$(PYTHON) -m venv "$$clean/venv"; \
	"$$clean/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
	    '.[onnx,plot,test,lint,docs,release]'; \
	{ sed '/^[^#]/,$$d' constraints.txt; \
	  "$$clean/venv/bin/python" -m pip freeze --all --exclude pip --exclude sk-aecnn \
	      | sed 's/+[A-Za-z0-9.]*$$//'; } > "$$clean/constraints.txt"; \
	cp "$$clean/constraints.txt" constraints.txt

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) dist demo.png .coverage .coverage.* .hypothesis htmlcov \
	    .mypy_cache .pytest_cache .ruff_cache .import_linter_cache \
	    docs/_build docs/auto_examples docs/api/generated docs/sg_execution_times.rst
	find sk_aecnn tests examples docs -name __pycache__ -type d -prune -exec rm -rf {} +
