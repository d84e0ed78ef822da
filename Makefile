# What people type; anything of substance lives in .ci/ as a script.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup run test conformance bench fmt lint types contracts lock

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

setup: ## .venv with the locked dependencies; nothing to do: nothing done
	@.ci/setup.sh

run: ## the service on 127.0.0.1:9095 with its stand-ins, telling a short story (STORY=0: only stays up)
	@.ci/setup.sh run
	@exec .venv/bin/responder sandbox $(if $(filter 0,$(STORY)),--no-story)

test: setup ## every test, linter, type check and import contract (REQUIRE_PEERS=1: a missing real peer is a failure)
	@.ci/test.sh

conformance: setup ## Alertmanager and we, given the same (SEED=7: other cases; SCALE=10: ten times as many)
	@.ci/peers.sh
	@CONFORMANCE_SEED=$(or $(SEED),1) CONFORMANCE_SCALE=$(or $(SCALE),1) .venv/bin/pytest -q tests/conformance

bench: setup ## side by side with Alertmanager: ratios (BENCH="--quick --only storm" narrows it)
	@.ci/peers.sh
	@exec .venv/bin/python -m tests.bench $(BENCH)

fmt: setup ## format the code and mend what can be mended
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format .

lint: setup ## the linters alone
	@CHECKS=lint .ci/test.sh

types: setup ## the type checker alone
	@CHECKS=types .ci/test.sh

contracts: setup ## the import contracts alone
	@CHECKS=contracts .ci/test.sh

lock: setup ## requirements/*.txt anew from pyproject.toml (UPGRADE=1: newest versions)
	@.ci/lock.sh
