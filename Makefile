# The two commands: `make app` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(VENV).tools
RETRACK_HOST ?= localhost
RETRACK_PORT ?= 8501
export RETRACK_HOST
# Hundreds of Python's processes are started by the tests: each would compile the code anew.
unexport PYTHONDONTWRITEBYTECODE

EVERYDAY := not faults and not media

.DEFAULT_GOAL := help
.PHONY: help app install install-dev packages test test-fast test-faults test-media soak lock audit lint types format check clean

help: ## Lists the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

app: $(VENV)/.app ## Installs what is needed and opens the page (localhost; RETRACK_HOST opens it to the network)
	$(BIN)/streamlit run streamlit_app.py --server.address "$(RETRACK_HOST)" --server.port "$(RETRACK_PORT)"

install: $(VENV)/.app ## Only installs the app's Python packages into .venv

install-dev: $(VENV)/.dev ## Installs what working on the project needs

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Retrack needs Python 3.11 or newer; set PYTHON=python3.x")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Retrack needs Python's venv; on Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements.lock requirements.txt requirements-workers.txt requirements-storage.txt requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.app

$(TOOLS)/.done: requirements-tools.txt | $(BIN)/python
	$(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-tools.txt
	@touch $@

lock: $(TOOLS)/.done ## Writes requirements.lock anew from requirements.txt
	$(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--custom-compile-command "make lock" requirements.txt --output-file requirements.lock

# Strict: a package of which nothing is known is no package without known faults.
audit: $(TOOLS)/.done ## Asks PyPI for known faults of what the app installs
	$(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

# Tests that find no browser or no music say so in their skip.
packages: ## Installs the Debian packages of tests/packages.txt where that is possible
	@tests/install-packages.sh

# The browser's tests wait a good deal, the others compute: side by side they take half the time. The
# browser's come one by one and go first (`nice`), since what they look at must keep up with them.
# Linux shares the processor among sessions first (man 7 sched, autogroup): in the browser's session
# the others would go before its media work, which is in sessions of its own, nice by 10.
# One or two that fail are tried once more, and the summary shows why they failed the first time:
# what a crowded machine does to a real browser should not hide what a change does. With
# PYTEST_ARGS=--fail-on-flaky nothing is forgiven.
AGAIN = --reruns 1 --max-suite-reruns 2 --rerun-show-tracebacks
ASIDE = $(shell command -v setsid) sh -c '{ echo 10 >/proc/self/autogroup; } 2>/dev/null; exec "$$@"' aside
BROWSER_TESTS = $(BIN)/python -m pytest tests/browser -m "$(EVERYDAY)" $(AGAIN) $(PYTEST_ARGS)
OTHER_TESTS = nice $(BIN)/python -m pytest --ignore tests/browser -m "$(EVERYDAY)" -n 2 --dist loadfile \
	--no-loadscope-reorder $(AGAIN) $(PYTEST_ARGS)

test: $(VENV)/.dev packages ## Runs all tests of everyday length, the browser's included where there is one
	@others=$$(mktemp); trap 'kill $$! 2>/dev/null; rm -f "$$others"' EXIT; \
	$(ASIDE) $(OTHER_TESTS) >"$$others" 2>&1 & \
	$(BROWSER_TESTS); browser=$$?; wait $$!; failed=$$?; \
	cat "$$others"; exit $$((browser | failed))

test-fast: $(VENV)/.dev ## The tests without the browser
	$(OTHER_TESTS)

test-faults: $(VENV)/.dev packages ## The long fault-injection runs of the store and of the workers
	$(BIN)/python -m pytest -m faults --timeout 7200 tests/store tests/pipeline/engine $(PYTEST_ARGS)

test-media: $(VENV)/.dev ## All pairs of containers, codecs, frame rates, rotation and start times; more of a kind
	$(BIN)/python -m pytest -m media --timeout 7200 tests $(PYTEST_ARGS)

# SOAK_ARGS="mutants --count 10000" chooses the parts and how much (docs/benchmarks-abuse.md).
soak: $(VENV)/.dev ## What files and visitors that mean harm cost, as tables; takes long
	nice $(BIN)/python -m benchmarks.abuse $(SOAK_ARGS)

lint: $(VENV)/.dev ## ruff
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy

format: $(VENV)/.dev ## Formats the code
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

check: lint types test ## Everything that CI runs

clean: ## Removes caches; never outputs/
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
