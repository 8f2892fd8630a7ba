# Two commands: `make demo` and `make test`. Each sets up what it needs in .venv on its first run.
PYTHON ?= python3
BIN := .venv/bin
# Which tests `make test` runs, as pytest's -m takes it; `make test TESTS=` runs all.
TESTS ?= not thorough

.PHONY: demo test lint bundle vendor clean

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

# Fetches the files of other projects again (src/**/vendor.json). It needs npm.
vendor: .venv/bin/python
	$(BIN)/python scripts/vendor.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/core.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# With torch, all other extras and the tools of the tests.
.venv/dev.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ .venv/core.stamp

clean:
	rm -rf .venv demo-output
