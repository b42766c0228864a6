# Each target brings what it needs (`tools/setup`), so the first run on a bare machine takes long and the next ones do not.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
SUITE := .venv/bin/pytest -m "not slow and not kubernetes"
EXAMPLES := provider/image_assets/inputs/examples.json
SOURCES := provider/image_assets tests tests/support/bin/pulumi-language-python tools/kit tools/artifacts tools/genexamples tools/pictures tools/setup tools/demo tools/release tools/with-docker __main__.py examples

.PHONY: help setup demo test test-kubernetes bench fuzz check schema packages release clean

help: ## show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 17

setup: ## install what is missing: .venv, pulumi, docker, a registry
	@tools/setup

demo: ## publish the example image on this machine, change it, publish again
	@tools/setup demo
	@$(PYTHON) tools/demo

# What failed among others is tried once more by itself: a test that a busy machine has disturbed passes then, a fault stays.
test: setup check ## all tests, on the real engine
	@tools/with-docker $(SUITE) -n 2 --dist loadgroup $(ARGS) || { \
	    [ $$? = 1 ] && echo "Once more, by itself, what failed among others:" && \
	    tools/with-docker $(SUITE) --last-failed --last-failed-no-failures none --maxfail 1 $(ARGS); }

test-kubernetes: ## the builders' tests on a cluster of one node, for root; the first run builds the cluster
	@tools/setup kubernetes
	@.venv/bin/pytest -m kubernetes $(ARGS)

fuzz: setup ## the long-running property tests
	@tools/with-docker .venv/bin/pytest -n 2 -m "slow and not kubernetes" --timeout 3600 $(ARGS)

bench: setup ## ratios of speed, a small table a script
	@tools/with-docker $(SHELL) -ec 'for script in tests/bench/*.py; do $(PYTHON) -m tests.bench.$$(basename $$script .py); done'

check: setup ## format, lint and types
	@.venv/bin/ruff format --check $(SOURCES)
	@.venv/bin/ruff check $(SOURCES)
	@.venv/bin/mypy
	@.venv/bin/mypy --scripts-are-modules tools/genexamples tools/pictures tools/setup tools/demo tools/release tools/with-docker

schema: setup ## write schema.json and sdk/ anew
	@$(PYTHON) -m image_assets.inputs.schema > schema.json
	@tools/genexamples schema.json > .tools/examples.json && mv .tools/examples.json $(EXAMPLES)
	@$(PYTHON) -m image_assets.inputs.schema > schema.json
	@tools/gensdk schema.json sdk

packages: setup ## make the packages of the SDKs in dist/, as the examples take them
	@$(PYTHON) tools/release --packages

pictures: setup ## draw the README's pictures from a real run
	@$(PYTHON) tools/pictures

release: setup ## make a release for this platform in dist/
	@tools/release

clean: ## remove all that setup and the tests made in this folder
	@rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis
