# Tradedeck. `make` alone lists what can be done.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATIC := src/tradedeck/api/static
# The order of tests and every seeded generator follow it: the same seed, the same run.
SEED ?= 20261120
# How many times the soak does each of its acts.
COUNT ?= 100
# More than there are cores: tests of real processes mostly wait.
WORKERS ?= 3
# Real processes share the machine with whatever else it does: tests/conftest.py tries such a test
# once more where it fails, and the summary names it.
SUMMARY := -r aR

ifneq ($(wildcard web/package.json),)
DASHBOARD := $(STATIC)/index.html
WEB_INPUTS := $(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' \
	-not -path '*/test-results/*' -not -name '*.md')
endif

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) \
		| awk -F ':.*## ' '{printf "  \033[1m%-11s\033[0m %s\n", $$1, $$2}'

# ------------------------------------------------------------------------------ setting up

.PHONY: setup
setup: $(VENV)/.stamp-package $(DASHBOARD) ## Install what is pinned and build the dashboard

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; set PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.stamp-deps: requirements/dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.stamp-package: pyproject.toml src/tradedeck/__init__.py $(VENV)/.stamp-deps
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation -e .
	@touch $@

web/node_modules/.stamp: web/package-lock.json $(VENV)/.stamp-deps
	cd web && ../tools/with-node npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(STATIC)/index.html: web/node_modules/.stamp $(WEB_INPUTS)
	cd web && ../tools/with-node npm run --silent build -- --logLevel warn
	@test -f $@ || { echo "the build of web/ left no $@" >&2; exit 1; }
	@touch $@

# -------------------------------------------------------------------------------- running

.PHONY: up
up: setup ## Start everything with the demo and print the sign-in link
	$(BIN)/tradedeck up --demo

# ------------------------------------------------------------------------------- checking

.PHONY: lint
lint: $(VENV)/.stamp-package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/python tools/contracts.py
	$(BIN)/python tools/tidy.py

.PHONY: check
check: lint ## Lint, types, import contracts and the house's own rules

.PHONY: format
format: $(VENV)/.stamp-package ## Let ruff put the Python in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: chromium
chromium: $(VENV)/.stamp-deps
	@tools/ensure-chromium

.PHONY: systemd-analyze
systemd-analyze:
	@tools/ensure-systemd-analyze

.PHONY: go-sumdb
go-sumdb:
	@tools/ensure-go-sumdb

.PHONY: web-test
web-test: setup
	@if [ -f web/package.json ]; then \
		cd web && ../tools/with-node npm run --silent lint \
			&& ../tools/with-node npm run --silent test -- --passWithNoTests; \
	fi

# pytest comes last, so that the last line printed is its summary.
.PHONY: test
test: setup chromium systemd-analyze go-sumdb lint web-test ## Everything that has to pass, in 12 minutes at most
	@mkdir -p build
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -p "no:cacheprovider" \
		--randomly-seed=$(SEED) $(SUMMARY) --junitxml=build/junit.xml -q tests

.PHONY: soak
soak: setup chromium ## The long storms, and ten swaps for each of COUNT: COUNT=100 SEED=1
	@test -d tests/soak || { echo "there is no tests/soak" >&2; exit 1; }
	TRADEDECK_SOAK_COUNT=$(COUNT) TRADEDECK_SOAK_SEED=$(SEED) \
		$(BIN)/python -m pytest -p "no:cacheprovider" --randomly-seed=$(SEED) \
		--timeout=0 -q tests/soak

.PHONY: sim
sim: setup ## Kills in fake time, as many as wanted: COUNT=1000 SEED=1
	TRADEDECK_SIM_COUNT=$(COUNT) TRADEDECK_SIM_SEED=$(SEED) \
		$(BIN)/python -m pytest -n $(WORKERS) -p "no:cacheprovider" --randomly-seed=$(SEED) \
		--timeout=0 -q tests/closing/test_simulation.py tests/guard/test_simulation.py

.PHONY: mutants
mutants: setup ## Remove each control in turn: a test must fail
	$(BIN)/python tools/mutants.py

.PHONY: bench
bench: setup build/bench-venv/.stamp ## Measure, each figure beside its bound and yardstick
	$(BIN)/python bench/run.py

# What we are measured against lives apart: none of it ever stands beside the program.
build/bench-venv/.stamp: requirements/bench.txt
	$(PYTHON) -m venv build/bench-venv
	build/bench-venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements/bench.txt
	@touch $@

.PHONY: docs
docs: $(VENV)/.stamp-package ## Regenerate docs/reference from the code
	$(BIN)/python tools/gen_reference.py

.PHONY: screenshots
screenshots: setup chromium ## Pictures of every page, dark and light, in screenshots/
	$(BIN)/python tools/screenshots.py

.PHONY: clean
clean: ## Remove what setup and the tests made (never the state in runtime/)
	rm -rf $(VENV) web/node_modules $(STATIC) build dist .ruff_cache .hypothesis
