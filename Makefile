# Needs Python 3.11 or newer and make. Everything else is installed into .venv, from the pins in constraints.txt.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
STAMP := .venv/.ready
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore $(BIN)/python -m pip
EXAMPLE := examples/01_shared_savings

.PHONY: help run test slow search bench lint format pins clean

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: $(STAMP)  ## settle the smallest example and print its statement
	@$(BIN)/vbc run $(EXAMPLE)/contract.vbc --data $(EXAMPLE)/binding.toml --statement

test: $(STAMP)  ## run all tests but the slow ones and the benchmarks (ARGS="-k name" or ARGS=--cov)
	@PYTHONHASHSEED=0 $(BIN)/pytest -q -n 2 $(ARGS)

slow: $(STAMP)  ## run the slow tests
	@$(BIN)/pytest -q -n 2 -m slow $(ARGS)

search: $(STAMP)  ## look for new counterexamples with random contracts and data
	@SEARCH=search $(BIN)/pytest -q -n 2 tests/language tests/differential tests/engines $(ARGS)

bench: $(STAMP)  ## run the benchmarks, one after the other
	@$(BIN)/pytest -q -n 0 -m benchmark --benchmark-enable --timeout 0 $(ARGS)

lint: $(STAMP)  ## check style, format, types and floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(STAMP)  ## format the code and mend what can be mended
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

pins: $(STAMP)  ## look for newer versions and write constraints.txt (needs the network)
	@$(PIP) install -q uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --extra server --upgrade --universal --python-version 3.11 --system-certs \
		--generate-hashes --no-emit-index-url --custom-compile-command "make pins" --quiet --output-file constraints.txt

clean:  ## remove .venv, caches and build results
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .benchmarks .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Pins that are already installed are not asked for again, so a fresh .venv is the only thing that needs the network.
$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || { echo "setting up .venv ..."; $(PYTHON) -m venv .venv; }
	@$(PIP) install -qq --require-hashes -r constraints.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@
