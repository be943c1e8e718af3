# The tasks of this repository. `make` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# `make run` and `make ui` share these, so that the UI shows the runs of the terminal.
export DAGSTER_HOME ?= $(CURDIR)/.dagster_home
export EVAL_PIPELINE_STORE ?= $(CURDIR)/data

# A part of the tests for `make test`, a suite for `make run`.
SUITE ?=
# A mutation of `make mutants`.
ONLY ?=
PORT ?= 3000
# One more than the two cores of a small machine: tests wait for servers half of the time.
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Where images forbid bytecode, every process that a test starts would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install run test test-fast coverage mutants ui check docs dist audit bench-install format clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

install: $(INSTALLED) ## Create .venv with the versions in constraints.txt

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(INSTALLED) ## Evaluate a suite: make run [SUITE=name-or-folder]
	$(BIN)/eval-pipeline run $(or $(SUITE),support_desk)

test: $(INSTALLED) ## Run the tests, or those of one part: make test [SUITE=recorder]
	$(PYTEST) $(SUITE:%=eval_pipeline_tests/%)

test-fast: $(INSTALLED) ## Run the tests that need no server, no process and no Dagster: make test-fast [SUITE=recorder]
	$(PYTEST) -n 2 -m 'not starts and not slow' $(SUITE:%=eval_pipeline_tests/%)

coverage: $(INSTALLED) ## Run the tests, and report which lines and branches none of them runs: make coverage [SUITE=recorder]
	$(PYTEST) --cov --cov-report=term:skip-covered --cov-report=html $(SUITE:%=eval_pipeline_tests/%)

mutants: $(INSTALLED) ## Make ten central functions wrong, one at a time, and report whether tests notice: make mutants [ONLY=spool]
	$(BIN)/python -m bench.mutants --only "$(ONLY)"

ui: $(INSTALLED) ## Start the Dagster UI, with the runs of `make run`: make ui [PORT=3000]
	$(BIN)/eval-pipeline ui --port $(PORT)

check: $(INSTALLED) ## Check style, types, layers and installed dependencies
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m dependencies

docs: $(INSTALLED) ## Build the documentation site into site/; links are checked
	$(BIN)/python -m documentation
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

dist: ## Build the wheel and the source distribution into dist/, and check them
	rm -rf dist build
	$(PYTHON) -m venv .dist-venv
	.dist-venv/bin/pip install --quiet --disable-pip-version-check 'build>=1.3,<2' 'twine>=6.2,<7'
	.dist-venv/bin/python -m build
	.dist-venv/bin/twine check --strict dist/*

audit: $(INSTALLED) ## Look up known vulnerabilities of dependencies: make audit [AUDIT="-s osv"]
	$(PYTHON) -m venv .audit-venv
	.audit-venv/bin/pip install --quiet --disable-pip-version-check 'pip-audit>=2.9,<3'
	$(BIN)/python -m dependencies.audit $(AUDIT)

bench-install: ## Create .bench-venv with the peers of the benchmarks
	$(PYTHON) -m venv .bench-venv
	.bench-venv/bin/pip install --quiet --disable-pip-version-check --constraint bench/constraints.txt inspect_ai pydantic-evals

format: $(INSTALLED) ## Format the code
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format

clean: ## Remove .venv, caches, and the results of runs
	rm -rf $(VENV) .bench-venv .audit-venv .dist-venv dist build site .dagster_home data .pytest_cache .mypy_cache .ruff_cache
	rm -rf .hypothesis .coverage .coverage.* htmlcov
