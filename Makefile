# Two commands do everything on a machine with Python 3.11 and make: `make demo` and `make test`.
# Each sets itself up in .venv from the hash-pinned files in requirements/.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := tests/clients
CODE := gateway adapters sandbox demo bench tests docs/examples

.DEFAULT_GOAL := help
.PHONY: help demo test test-clients test-planted test-redis soak bench bench-sandbox bench-limiter soak-limiter redis-tools check format lock clean

help:  ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.run  ## Start everything and take a tour (ARGS=--once ends after it)
	@$(BIN)/crossgate demo $(ARGS)

test: $(VENV)/.dev  ## Run all tests
	@$(BIN)/pytest -n 3 --dist loadfile $(ARGS)

test-clients: $(VENV)/.clients $(CLIENTS)/js/node_modules/.package-lock.json  ## Trade on the sandbox with other people's clients (ARGS=--table writes docs/clients.md)
	@$(BIN)/pytest -n 2 --dist loadfile $(CLIENTS) $(ARGS)

test-planted: $(VENV)/.dev  ## Plant bugs in the gateway, and see the chaos of the tests find each
	@$(BIN)/pytest tests/chaos/test_planted_bugs.py $(ARGS)

test-redis: $(VENV)/.dev redis-tools  ## Test what talks to Redis on the distribution's own server (Debian 12 has Redis 7.0; the others run on Valkey)
	@server="$$(command -v redis-server || command -v redis-check-rdb)"; \
	  [ -n "$$server" ] || { echo "No Redis here to test with: install redis-server"; exit 1; }; \
	  mkdir -p $(VENV)/redis && ln -sf "$$server" $(VENV)/redis/redis-server && $(VENV)/redis/redis-server --version
	@PATH="$(abspath $(VENV)/redis):$$PATH" $(BIN)/pytest -n 3 --dist loadfile \
	  tests/gateway/limiter tests/gateway/store tests/gateway/orders tests/gateway/journal tests/gateway/feeds $(ARGS)

soak: $(VENV)/.dev  ## Break everything at random for half an hour (ARGS="--minutes 5 --seed 7"; ARGS=--help)
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: bench-sandbox bench-limiter  ## Measure everything there is a measurement for

bench-sandbox: $(VENV)/.run  ## Measure the sandbox on one core against its floors (ARGS=engine measures that alone)
	@$(BIN)/python -m bench.sandbox $(ARGS)

bench-limiter: $(VENV)/.bench redis-tools  ## Measure the limiter against its floors and its peers, 4 minutes (ARGS=speed measures that alone)
	@$(BIN)/python -m bench.limiter $(ARGS)

soak-limiter: $(VENV)/.bench  ## Send a million requests through the limiter while replicas and Redis are killed, half an hour (ARGS=100000 sends so many)
	@$(BIN)/python -m bench.limiter --soak $(ARGS)

redis-tools:
	@command -v redis-benchmark >/dev/null || command -v valkey-benchmark >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing redis-tools for redis-benchmark …" && \
	    { apt-get update -qq && apt-get install -qq -y redis-tools; } >/dev/null 2>&1; } || \
	  echo "No redis-benchmark here (redis-tools has it): a pipeline of our own measures the script instead"

check: $(VENV)/.dev  ## Formatting, lint, types, import contracts
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev  ## Format the code
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

lock: $(VENV)/.dev  ## Resolve the requirements anew
	@for set in dev run; do \
	  extras="--extra embedded"; [ $$set = dev ] && extras="$$extras --extra dev" || extras="$$extras -c requirements/dev.txt"; \
	  $(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 \
	    pyproject.toml requirements/build.in $$extras -o requirements/$$set.txt; done
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 --no-deps \
	  requirements/clients.in -o requirements/clients.txt
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 \
	  requirements/bench.in -c requirements/dev.txt -o requirements/bench.txt

clean:  ## Remove what these commands made
	rm -rf $(VENV) $(CLIENTS)/js/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which with PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@[ -e $(VENV)/.dev ] && [ $(VENV)/.dev -nt requirements/dev.txt ] || { echo "Installing what the gateway needs …"; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.clients: requirements/clients.txt $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/clients.txt
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.run
	@echo "Installing the limiter's peers …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/bench.txt
	@touch $@

$(CLIENTS)/js/node_modules/.package-lock.json: $(CLIENTS)/js/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer is needed to drive ccxt for JavaScript"; exit 1; }
	@echo "Installing ccxt for JavaScript …"
	@npm ci --prefix $(CLIENTS)/js --ignore-scripts --no-audit --no-fund --loglevel=error
