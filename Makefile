# Everything a newcomer needs: `make train` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Where pip looks for packages besides its usual place, for another build of torch (see README.md).
PIP_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev parallel hooks train test lint types clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## ?/  make \1|/' | column -t -s '|'

# A marker is written only after all went well, so a set-up that was cut off is begun again.
$(VENV)/.train: requirements.lock
	rm -f $(VENV)/.train $(VENV)/.dev
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r requirements.lock
	touch $@

$(VENV)/.dev: $(VENV)/.train requirements-parallel.lock requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r requirements-dev.lock
	touch $@

setup: $(VENV)/.train  ## create .venv and install the locked dependencies

setup-dev: $(VENV)/.dev  ## the same, with the tools for development

parallel: setup  ## the same, with hydra/launcher=joblib: jobs of a sweep side by side
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r requirements-parallel.lock

hooks: setup-dev  ## checks before every commit
	$(BIN)/pre-commit install

train: setup  ## train a DMS-NTM on repeat-copy; ARGS="model=ntm seed=1" overrides
	$(BIN)/python -m src.train model=dms_ntm task=repeat_copy $(ARGS)

test: setup-dev lint types  ## lint, types and the whole suite, with coverage
	$(BIN)/python -m pytest --cov --cov-report=term

lint: setup-dev  ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev  ## mypy
	$(BIN)/mypy

clean:  ## remove the virtual environment and the caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .coverage
