# `make demo`, `make test` and `make docs`. Each sets up what it needs in .venv on its first run.
PYTHON ?= python3
BIN := .venv/bin
# Which tests `make test` runs, as pytest's -m takes it; `make test TESTS=` runs all.
TESTS ?= not thorough

.PHONY: demo test lint bundle docs docs-serve clean

# The core alone, without torch.
demo: .venv/core.stamp
	$(BIN)/python examples/demo.py

test: lint
	$(BIN)/pytest -n 2 -m "$(TESTS)"

lint: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Rebuilds the bundle that is installed with the package, and compares it with torch.
bundle: .venv/dev.stamp
	$(BIN)/innersight export lite --out src/innersight/bundles/lite --overwrite

# The site of the documents, in the folder site. A warning is an error, but not with --quiet, which drops warnings.
docs: .venv/docs.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Open site/index.html"

docs-serve: .venv/docs.stamp
	$(BIN)/python -m mkdocs serve

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/core.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# With torch, all other extras and the tools of the tests.
.venv/dev.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ .venv/core.stamp .venv/docs.stamp

.venv/docs.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@ .venv/core.stamp

clean:
	rm -rf .venv demo-output site
