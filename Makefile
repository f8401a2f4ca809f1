# Two commands: `make run` and `make test`. The steps themselves live in xtask/ and in `duologue models`.

# default, or small: the same scene with a smaller language model (half the download).
MODELS ?= default
# What set-up has built. Started directly: cargo would build the server alone with other features, and all of it anew.
PROGRAM = $(or $(CARGO_TARGET_DIR),target)/release/duologue
# More words for the server: make run ARGS="--port 9000"
ARGS ?=

# The small set brings another language model; whoever has set LLM_MODEL has chosen already.
ifeq ($(MODELS),small)
export LLM_MODEL ?= qwen2.5-0.5b
endif

.DEFAULT_GOAL := help
.PHONY: help run test setup check models rust

help: ## Show this help
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18
	@echo '  MODELS=small      with run or setup: fetch and use the small models'
	@echo '  ARGS="--port 9000"  with run: more words for the server'

rust:
	@command -v cargo >/dev/null || { echo 'Rust is missing: install it from https://rustup.rs, then run the same command again.' >&2; exit 1; }

setup: rust ## Bring everything that the server needs, then build it
	@cargo run --release --quiet --package xtask -- setup --set $(MODELS)

run: setup ## Set up, then serve on http://127.0.0.1:8000
	@exec $(PROGRAM) serve $(ARGS)

test: rust ## Set up, then run every check and every test, the browser's included
	@cargo run --quiet --package xtask -- setup --for-tests
	@cargo run --quiet --package xtask -- ci

check: rust ## The quick half of the tests: formatting, tidiness, lints
	@cargo run --quiet --package xtask -- ci fmt tidy clippy

models: setup ## Show the models, their licences and whether they are here
	@$(PROGRAM) models list
