# All commands of development: `make help` lists them. Each sets up what it needs first, and says so.
SHELL := /bin/sh
PYTHON_HERE := .venv/bin/python
# The stack must not outlive a make that was killed.
WITH_MAKE := $(shell command -v setpriv > /dev/null && echo setpriv --pdeathsig TERM --)
FAST := not slow and not live and not bench
# One worker more than there are cores: many tests wait for processes. Neighbours stay together and share fixtures.
PARALLEL := -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist worksteal
# The tests start some hundred processes, which so compile our modules once.
unexport PYTHONDONTWRITEBYTECODE

# What make test-one runs. A folder or a file: its fast tests; file::test: that one, slow or not; a name: tests named so.
FIRST = $(firstword $(T))
ONE = $(if $(wildcard $(FIRST)),-m "$(FAST)" $(if $(wildcard $(FIRST)/.),$(PARALLEL)) $(T),$(if $(findstring ::,$(T)),$(T),-k "$(T)"))

# What make load takes: people, events a second, minutes.
USERS ?= 20
EVENTS ?= 2000
MINUTES ?= 60

.PHONY: help run demo monitor test test-one test-all faults mutants lint lock bench load week clean setup setup-dev setup-load redis
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## everything on the live network, on http://localhost:8000 (WEB_PORT=8001 make run: another port)
	@exec $(WITH_MAKE) $(PYTHON_HERE) -m deploy.local.stack run

demo: setup ## the same on a simulated firehose: no internet, an admin is made, its data is kept apart
	@exec $(WITH_MAKE) $(PYTHON_HERE) -m deploy.local.stack demo

monitor: setup ## beside make run or make demo: Prometheus, Alertmanager and exporters (and Grafana if it is installed)
	@exec $(WITH_MAKE) $(PYTHON_HERE) -m deploy.monitor

test: setup-dev redis ## the fast tests
	@$(PYTHON_HERE) -m pytest $(PARALLEL) -m "$(FAST)"

test-one: setup-dev redis ## some of them: make test-one T=tests/process (a folder, a file, file::test or a name)
	@[ -n "$(T)" ] || { echo "make test-one: which? Such as T=tests/process or T=test_cuts_lose_nothing" >&2; exit 1; }
	@$(PYTHON_HERE) -m pytest $(ONE)

test-all: setup-dev redis ## all tests that need no internet, with the slow proofs (crashes, losses, large volumes)
	@$(PYTHON_HERE) -m pytest $(PARALLEL) -m "not live and not bench" --hypothesis-profile full

faults: setup-dev redis ## power loss, disk errors, locks and clocks: the proofs of tests/faults (power loss needs root)
	@$(PYTHON_HERE) -m pytest -n $(shell getconf _NPROCESSORS_ONLN) --dist loadfile tests/faults

mutants: setup-dev redis ## edits copies of the code wrongly, one edit at a time: each must make its test fail
	@$(PYTHON_HERE) -m tests.mutants

lint: setup-dev ## ruff, mypy --strict, shellcheck, yamllint, zizmor, promtool, amtool, hadolint, caddy, systemd, schemas
	@$(PYTHON_HERE) -m ruff check --quiet .
	@$(PYTHON_HERE) -m ruff format --check --quiet .
	@$(PYTHON_HERE) -m mypy
	@.venv/bin/shellcheck --external-sources .ci/run $$(find deploy -name '*.sh')
	@.venv/bin/yamllint --strict .github deploy
	@.venv/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@found=$$(.venv/bin/zizmor --offline --quiet --strict-collection .github) || { echo "$$found" >&2; exit 1; }
	@bash deploy/monitor/lint.sh
	@bash deploy/lint.sh

lock: setup-dev ## after a change of requirements.txt: deploy/requirements.lock, what the image installs, with hashes
	@.venv/bin/uv pip compile --quiet --generate-hashes --no-annotate --python-version 3.13 --python-platform linux \
	  --custom-compile-command "make lock" --output-file deploy/requirements.lock requirements.txt

bench: setup-dev redis ## measures throughput, search and storage on this machine
	@$(PYTHON_HERE) -m tests.bench

week: setup-dev redis ## a week of 56.7 million events in compressed time, compared with its log (WEEK_EVENTS=2000000 DAYS=2)
	@$(PYTHON_HERE) -m tests.weeks week --events $(or $(WEEK_EVENTS),56700000) --days $(or $(DAYS),7)

load: setup-load redis ## the whole service under load, with faults: make load USERS=20 EVENTS=2000 MINUTES=60 (the defaults)
	@exec $(WITH_MAKE) $(PYTHON_HERE) -m tests.load --users $(USERS) --events $(EVENTS) --minutes $(MINUTES)

clean: ## removes .venv, caches and the demo's data; what `make run` has collected (var/run) stays
	@for lock in var/*/lock; do [ ! -e $$lock ] || flock -n $$lock true || \
	  { echo "make clean: $${lock%/lock} is in use, stop it first" >&2; exit 1; }; done
	@rm -rf .venv var/demo var/setup.lock .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@[ ! -e var/run ] || echo "Kept: var/run with the collected data. To remove it too: rm -rf var/run"

setup:
	@bash deploy/local/setup.sh requirements.txt

setup-dev:
	@bash deploy/local/setup.sh requirements-dev.txt

setup-load: setup-dev
	@bash deploy/local/setup.sh requirements-load.txt

redis: setup-dev
	@bash deploy/local/redis.sh
