# Everything a newcomer needs: `make train` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Where pip looks for packages besides its usual place, for another build of torch (see docs/quickstart.md).
PIP_ARGS ?=
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS)
# Two processes for the tests; a file of tests keeps to one of them.
TWO := -n 2 --dist loadfile --no-loadscope-reorder
# What an extra is made of; the versions are in requirements-extras.lock.
PACKAGE_parallel := hydra-joblib-launcher
PACKAGE_slurm := hydra-submitit-launcher
PACKAGE_ray := ray
PACKAGE_search := optuna
PACKAGE_wandb := wandb
PACKAGE_mlflow := mlflow
PACKAGE_browser := playwright

.DEFAULT_GOAL := help
STUDIES := mnist1d_table repeat_copy_figure repeat_copy_tried sigma_map default_runs jumping pointer_chasing counter_head repeat_copy_ablations mnist1d_memory chomsky
.PHONY: help setup setup-dev parallel slurm ray search wandb mlflow browser hooks train kernels docs test coverage planted lint types clean $(STUDIES)

help:  ## this list
	@grep -hE '^[a-z0-9_-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9_-]+):[^#]*## ?/  make \1|/' | column -t -s '|'

# A marker is written only after all went well, so a set-up that was cut off is begun again.
$(VENV)/.train: requirements.lock
	rm -f $(VENV)/.train $(VENV)/.package $(VENV)/.dev $(VENV)/.extra-*
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) -r requirements.lock
	touch $@

# The package as `dms_ntm`, from here, so that scripts and notebooks in any folder can import it.
$(VENV)/.package: $(VENV)/.train pyproject.toml
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.train requirements-extras.lock requirements-dev.lock
	$(INSTALL) -r requirements-dev.lock
	touch $@

$(VENV)/.extra-%: $(VENV)/.package requirements-extras.lock
	$(INSTALL) -r requirements.lock -c requirements-extras.lock $(PACKAGE_$*)
	touch $@

setup: $(VENV)/.train $(VENV)/.package  ## create .venv and install the locked dependencies

setup-dev: setup $(VENV)/.dev  ## the same, with the tools for development

parallel: $(VENV)/.extra-parallel  ## the same, with hydra/launcher=joblib: jobs of a sweep side by side
slurm: $(VENV)/.extra-slurm  ## the same, with hydra/launcher=submitit_slurm: jobs of a sweep on a Slurm cluster
ray: $(VENV)/.extra-ray  ## the same, with hydra/launcher=ray: jobs of a sweep on a Ray cluster
search: $(VENV)/.extra-search  ## the same, with Optuna for src.search
wandb: $(VENV)/.extra-wandb  ## the same, with logger=wandb
mlflow: $(VENV)/.extra-mlflow  ## the same, with logger=mlflow

browser: setup-dev $(VENV)/.extra-browser  ## the same, with Playwright for tests/browser, which need a Chromium, too

hooks: setup-dev  ## checks before every commit
	$(BIN)/pre-commit install

train: setup  ## train a DMS-NTM on repeat-copy; ARGS="model=ntm seed=1" overrides
	$(BIN)/python -m src.train model=dms_ntm task=repeat_copy $(ARGS)

# Each is one of conf/study: tuned, run, tested and reported, or resumed.
mnist1d_table: parallel  ## the table of MNIST-1D; ARGS="dry_run=true" prints how long it would take
repeat_copy_figure: parallel  ## the figure of repeat-copy, with a controller that counts
repeat_copy_tried: parallel  ## its earlier editions, with an LSTM as controller
sigma_map: parallel  ## where the width of the focus of a DMS-NTM matters
default_runs: parallel  ## every model on every task with the default settings
jumping: parallel  ## where a head that moves by any distance pays
pointer_chasing: parallel  ## the same where the distances are stored, and tasks without jumps
counter_head: parallel  ## repeat-copy with a head that counts the repeats
repeat_copy_ablations: parallel  ## repeat-copy: what a controller that counts depends on
mnist1d_memory: parallel  ## MNIST-1D: what a memory adds to its controller
chomsky: parallel  ## tasks of the Chomsky hierarchy beyond the lengths of training
$(STUDIES):
	$(BIN)/python -m src.study study=$@ $(ARGS)

kernels: setup  ## compile the fused engine, which the first run would do otherwise
	$(BIN)/python -m src.engines.numba_cpu

docs: setup-dev  ## the documentation as a site, docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -E -q -b html docs docs/_build/html

test: setup-dev lint types docs kernels  ## lint, types, documentation and the whole suite
	$(BIN)/python -m pytest $(TWO)

coverage: setup-dev  ## the whole suite, and which lines and branches of src it reaches
	$(BIN)/python -m pytest $(TWO) --cov --cov-report=term

planted: setup-dev  ## apply each planted fault to a scratch copy and show that a test fails by it
	$(BIN)/python -m tests.planted $(ARGS)

lint: setup-dev  ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev  ## mypy
	$(BIN)/mypy

clean:  ## remove the virtual environment and the caches
	rm -rf $(VENV) docs/_build docs/generated .pytest_cache .ruff_cache .mypy_cache .coverage
