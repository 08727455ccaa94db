# PYTHON and VENV can be given: make test PYTHON=python3.13 VENV=.venv-3.13
# So can EXTRAS, what a model needs to be served: make up EXTRAS=sentiment PREDICTOR_MODEL=sentiment
PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 4
EXTRAS ?=
MINUTES ?= 10
SUITES ?= tests/unit tests/contract tests/integration tests/acceptance tests/faults
# So can what is measured: make bench ONLY=sync,async ROUNDS=3 SECONDS=1; SAVE=yes writes it down
# BASE=<commit or tag> is the earlier version beside it; by default that of the bounds
ONLY ?=
BASE ?=
ROUNDS ?= 5
SECONDS ?= 3
SAVE ?= $(if $(ONLY),,yes)

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
RUN := $(VENV)/.ready $(EXTRAS:%=$(VENV)/.ready-%)
DEV := $(RUN) $(VENV)/.ready-dev
CODE := common gateway predictor_service predictmq tests
OLDEST := $(shell sed -n 's/^requires-python = ">=\(.*\)"/\1/p' pyproject.toml)
BENCH := .venv-bench
PEERS := $(patsubst tests/benchmarks/peers/%/requirements.txt,%,$(wildcard tests/benchmarks/peers/*/requirements.txt))

.DEFAULT_GOAL := help
.NOTPARALLEL: # two installations into one environment spoil it
.PHONY: help up setup system-packages test faults soak test-models coverage bench bench-page lint \
	format clean

help: ## Show what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

up: $(RUN) ## Run a broker (if needed), a gateway and PREDICTORS=1 predictors
	@$(BIN)/python -m predictmq.local.up

test: system-packages ## Run the tests, but for the long ones of the fault matrix
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup -m "not long" $(SUITES)

faults: system-packages ## Run the whole fault matrix; prints how long each recovery took
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup tests/faults

soak: system-packages ## Load with random mishaps for MINUTES=10; prints what was lost and what grew
	$(BIN)/python -m tests.faults.soak --minutes $(MINUTES)

test-models: ## Run the tests of the models that ship, in .venv-models with what they need
	@$(MAKE) --no-print-directory test VENV=.venv-models EXTRAS=models-dev \
		SUITES="--dist loadfile tests/models"

coverage: system-packages ## Run all tests, the long ones too, with branch coverage, also of started processes
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup --cov --cov-report=term $(SUITES)

bench: $(DEV) $(PEERS:%=bench-peer-%) ## Measure it beside its alternatives; writes docs/performance.md
	$(BIN)/python -m tests.benchmarks --only '$(ONLY)' --rounds $(ROUNDS) --seconds $(SECONDS) \
		--base '$(BASE)' $(if $(SAVE),--save)

bench-page: $(DEV) ## Write docs/performance.md anew from docs/performance.json
	@$(BIN)/python -m tests.benchmarks --page

# One that cannot be installed on this Python takes no part, and the page says so.
bench-peer-%:
	@$(MAKE) --silent --no-print-directory $(BENCH)/$*/.ready || echo "$* takes no part."

$(BENCH)/%/.ready: tests/benchmarks/peers/%/requirements.txt
	@echo "Installing $(@D)."
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --requirement $<
	@touch $@

lint: $(DEV) ## Check style, types and the direction of imports
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV) ## Put the code into the house format
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

clean: ## Remove what the targets above have made, the private broker's data included
	rm -rf .venv .venv-* .rabbitmq build dist *.egg-info .coverage .coverage.* \
		.grimp_cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

setup: $(DEV) ## Install what developing needs, which the targets that need it do by themselves

# A mark is written last, so a set-up that failed half-way is started over. Each extra has its own,
# dev among them: what running needs comes first, and alone where nothing is developed.
$(VENV)/.ready: pyproject.toml constraints.txt
	@$(require_python)
	@$(require_ensurepip)
	@$(require_our_environment)
	@echo "Installing what PredictMQ needs to run into $(VENV)."
	@$(PYTHON) -m venv --clear --prompt predictmq $(VENV)
	@$(INSTALL) setuptools
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-%: $(VENV)/.ready
	@$(require_extra)
	@echo "Installing the packages of the extra $* into $(VENV)."
	@$(INSTALL) --no-build-isolation --editable '.[$*]'
	@touch $@

system-packages: $(DEV)
	@$(BIN)/python -m tests.support.system_packages

define require_python
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(OLDEST)".split("."))))' \
	2>/dev/null || { echo "PredictMQ needs Python $(OLDEST) or newer, and $(PYTHON) is not one:" \
		"name another with PYTHON=..." >&2; exit 1; }
endef

define require_extra
$(BIN)/python -c 'import sys, tomllib; \
	extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	unknown = set("$*".split(",")) - set(extras); \
	sys.exit("There is no extra %s: EXTRAS is one of %s, or several with commas." \
		% (" and ".join(sorted(unknown)), ", ".join(sorted(extras))) if unknown else 0)'
endef

# Debian ships ensurepip apart from python3, in a package named after the version.
define require_ensurepip
$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(PYTHON) -P predictmq/local/apt.py \
	$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])') || { \
	echo "Without it $(PYTHON) creates no virtual environments; another Python can be named" \
		"with PYTHON=..." >&2; exit 1; }
endef

# An environment is cleared if it is ours, finished or not: our prompt is in it from the beginning.
define require_our_environment
[ -z "$$(ls -A $(VENV) 2>/dev/null)" ] || [ -e $(VENV)/.ready ] \
	|| grep -qs "^prompt = 'predictmq'" $(VENV)/pyvenv.cfg \
	|| { echo "$(VENV) is there and was not made by PredictMQ: remove it, or name another folder" \
		"with VENV=..." >&2; exit 1; }
endef
