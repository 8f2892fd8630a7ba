# `make demo`, `make test`, `make docs` and `make dist`. Each sets up what it needs in .venv on its first run.
PYTHON ?= python3
BIN := .venv/bin
# Which tests `make test` runs, as pytest's -m takes it; `make test TESTS=` runs all.
TESTS ?= not thorough
# The tests start Python hundreds of times. Compiled modules save a quarter of a second each.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test lint bundle docs docs-serve dist sbom audit vendor clean

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

# The sdist and the wheel of the committed files, with their digests, in the folder dist.
dist: .venv/release.stamp
	$(BIN)/python scripts/release.py dist

# What the wheel in dist contains and needs, as CycloneDX.
sbom: .venv/release.stamp
	$(BIN)/python scripts/release.py sbom

# Known vulnerabilities of what the wheel in dist needs. It asks PyPI.
audit: .venv/release.stamp
	$(BIN)/python scripts/release.py audit

# Fetches the files of other projects again (src/**/vendor.json). It needs npm.
vendor: .venv/bin/python
	$(BIN)/python scripts/vendor.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/core.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# With torch, most other extras and the tools of the tests. Most dependencies of pyiqa (1.5 GB beside torch) are for metrics
# that no test uses, such as transformers, bitsandbytes and numba. The extra `dev` has what its import needs.
.venv/dev.stamp: pyproject.toml Makefile | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps pyiqa==0.1.16
	touch $@ .venv/core.stamp .venv/docs.stamp .venv/release.stamp

.venv/docs.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@ .venv/core.stamp

.venv/release.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[release]'
	touch $@ .venv/core.stamp

clean:
	rm -rf .venv demo-output site dist
