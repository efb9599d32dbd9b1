# Every target makes .venv by itself when it is missing or older than pyproject.toml: no step comes before it.
#
#   make demo     embedded servers, the service, a few thousand commands; checks its own outcome (KEEP=1 stays up)
#   make test     unit, property, contract-suite and integration tests, three or four at a time (ARGS="-n 0 -x" passes options on)
#   make faults   the service and its servers killed, paused and cut off at every point where it could matter
#   make test-pythons  the tests that need no server, on each supported Python that is on this machine
#   make test-docker   the image, docker-compose.yml and testcontainers, where a Docker engine answers
#   make check    lint, format, strict types, import directions, sizes of files, published schemas
#   make chaos    processes killed, paused and cut while commands flow (ROUNDS=200 SEED=7; SOAK=30 minutes; BROKERS=3)
#   make bench    the service against its peers, on servers started for it (ARGS=--full: also a million contracts)
#   make bench-quick   the main ratios, in less than five minutes
#   make audit    licences of what the image holds, and its known vulnerabilities (asks pypi.org)
#   make client   the package that other teams install, into dist/
#   make release  wheels, image and release notes into dist/, if the version is everywhere the same
#   make runbooks  links from alerts and dashboards to where the runbooks are served (RUNBOOKS=https://…)
#   make pictures  the pictures of the console in docs/console.md (ARGS='--all --to FOLDER': of every page)
#   make lock     the lock files, made again: newest versions that pyproject.toml allows (UPGRADE= keeps those of now)
#   make docs     the reference pages and published schemas, generated from the code

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(name) 2>/dev/null)))
ARGS   ?=

# Each of the hundreds of processes of a run would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv pictures runbooks release lock client demo test faults test-pythons test-docker check lint audit format bench bench-quick chaos docs clean

help:  ## tell what there is
	@sed -n 's/^#   //p' Makefile

venv: $(STAMP)

$(STAMP): pyproject.toml ops/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@echo "setting up $(VENV): a minute or two, once"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement ops/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(STAMP)

demo: venv
	$(BIN)/contracts demo $(if $(KEEP),--keep) $(ARGS)

# Processes that run tests at the same time, each with its own servers, which take a gigabyte. On two cores three, as tests
# often wait for a server. Those of faults wait most of the time, for sessions to end and workers to start: four.
CORES   := $(shell getconf _NPROCESSORS_ONLN)
WORKERS ?=
AT_ONCE  = -n $(or $(WORKERS),$(1)) --dist loadfile --no-loadscope-reorder

test: venv
	$(BIN)/pytest -m "not fault" $(call AT_ONCE,$(if $(filter 1 2,$(CORES)),3,4)) $(ARGS)

faults: venv
	$(BIN)/pytest -m fault $(call AT_ONCE,5) $(ARGS)

test-pythons: venv
	$(BIN)/python -m tools.pythons $(ARGS)

test-docker: venv
	CONTRACTS_TEST_DOCKER=1 $(BIN)/pytest --timeout 1200 tests/system/docker $(ARGS)

check: lint
	$(BIN)/pytest -q tests/unit/schemas/test_published.py tests/unit/schemas/test_published_refuses.py tests/unit/schemas/test_compatibility.py tests/unit/schemas/test_differences.py tests/unit/schemas/test_asyncapi.py

lint: venv  ## what `check` looks at without a test; CI runs all tests afterwards
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.sizes

audit: venv
	$(BIN)/python -m tools.licences
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/pip-audit --requirement ops/docker/requirements.lock --require-hashes --disable-pip

format: venv  ## what `check` would complain about and a program can mend
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

$(VENV)/.bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(VENV)/.bench
	$(BIN)/python -m benchmarks --quick $(ARGS)

chaos: venv
	$(BIN)/python -m tests.system.chaos $(if $(SOAK),--soak $(SOAK),--rounds $(or $(ROUNDS),15)) $(if $(FIRST),--first $(FIRST)) $(if $(SEED),--seed $(SEED)) $(if $(BROKERS),--brokers $(BROKERS)) $(ARGS)

client: venv
	$(BIN)/python -m tools.client

# For every Python from 3.11 on, by markers; --no-header and no index lines: a lock file names no host.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url $(UPGRADE)
UPGRADE ?= --upgrade

pictures: venv
	$(BIN)/python -m tests.system.console.pictures $(ARGS)

lock: venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(LOCK) pyproject.toml --extra dev --output-file ops/dev.lock
	$(LOCK) pyproject.toml --extra cache --extra otel --output-file ops/docker/requirements.lock
	sed -n 's/^requires = \["\(.*\)"\]$$/\1/p' pyproject.toml | $(LOCK) - --output-file ops/docker/build.lock

release: venv
	$(BIN)/python -m tools.release $(ARGS)

runbooks: venv
	$(BIN)/python -m ops.runbooks $(RUNBOOKS)
	$(BIN)/python -m ops.grafana.build

docs: venv
	$(BIN)/python -m docs.generate
	$(BIN)/python -m schemas.export
	@test -x $(BIN)/mkdocs || $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build
	@echo "open site/index.html"

clean:
	rm -rf $(VENV) .venv-pythons .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis site
