# `make run` and `make test` set themselves up: the first call builds .venv, later calls reuse it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= default
EXTRAS ?= test
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lab site notebooks benchmarks sweep lint format clean
.DEFAULT_GOAL := run

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[$(EXTRAS)]'
	touch $@

run: $(VENV)/.ready
	$(BIN)/python -m fishlib run --run-dir data/runs/$(RUN)

# The whole suite. While you work: .venv/bin/pytest -m "not slow", under two minutes.
test: lint
	$(BIN)/python -m pytest
	@echo "Done. make run shows the five notebooks on the simulated tank, fishlib run FILM on a film."

# The notebooks in JupyterLab, to change a parameter and run a cell again.
lab: $(VENV)/.ready
	$(BIN)/jupyter lab notebooks

# The five notebooks as a static site in data/site (offline; open index.html).
site: $(VENV)/.site
	$(BIN)/python notebooks/site/build.py --out data/site

$(VENV)/.site: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet -e '.[test,site]'
	touch $@

# The notebooks and figures the repository shows: a full default run, normalised.
notebooks: $(VENV)/.ready
	$(BIN)/python -m fishlib run --run-dir data/runs/committed
	$(BIN)/python notebooks/site/showcase.py data/runs/committed

# Every benchmark; writes tests/benchmarks/RESULTS.md.
benchmarks: $(VENV)/.ready
	$(BIN)/python tests/benchmarks/run_all.py

# What each choice of the study gains or loses; writes tests/benchmarks/SWEEP.md.
sweep: $(VENV)/.ready
	$(BIN)/python tests/benchmarks/bench_sweep.py

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache
