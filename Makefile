# Everything that one does with drover from a checkout. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What `make run` builds: release, or dev (quicker to build, and shared with demo, smoke and test).
PROFILE ?= release
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
PROFILE_DIR := $(TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))

# mold links in half the time. Evaluated when used, since an earlier step may have installed it. It wraps cargo instead of
# being named in RUSTFLAGS, which would compile every dependency anew.
CARGO = $(if $(shell command -v mold 2>/dev/null),mold -run )cargo

# Both programs for demo, smoke and test. The test beside them makes Cargo choose the dependencies' features as for tests, so that
# nothing is built twice.
BUILD_DEV = $(CARGO) build --locked --workspace --bins --test daemon

.PHONY: help run demo smoke test check-deploy soak fuzz-api conformance-waha openapi bench-api bench-boot bench-dashboard bench-queue bench-accept bench-memory bench-events chaos-queue lint docs fmt clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install-run ## Start drover on port 3000 (PORT=... for another), driving the real web.whatsapp.com
	@$(CARGO) build --locked --profile $(PROFILE) --bin drover
	@exec $(PROFILE_DIR)/drover serve

demo: install-run ## Try it without a phone: a simulated WhatsApp, and a page with a phone to hold
	@$(BUILD_DEV)
	@exec tools/demo.sh $(TARGET_DIR)

smoke: install-run ## The story of the demo without a person; 0 only if all of it held
	@$(BUILD_DEV)
	@$(CARGO) test --locked --workspace --test daemon smoke:: -- --nocapture

test: install-test ## Everything, with real Chromium, Redis, SQLite and PostgreSQL
	@$(BUILD_DEV)
	@$(CARGO) test --locked --workspace --doc
	@if cargo nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run --locked --workspace; \
	else \
	  $(CARGO) test --locked --workspace --lib --bins --tests --no-fail-fast -- --test-threads 2; \
	fi

bench-dashboard: install-test ## What the dashboard weighs over the wire, and when it is first seen; PROFILE=dev for a dev build
	@$(CARGO) build --locked --workspace --bins --test daemon --profile $(PROFILE)
	@$(CARGO) test --locked --workspace --test daemon --profile $(PROFILE) -- --ignored --exact --nocapture dashboard_bench::bench_dashboard

bench-api: install-test ## 1,000 sessions listed 500 times a second, 1,000 listeners of events, the dashboard; PROFILE=dev for a dev build
	@$(CARGO) build --locked --workspace --bins --test daemon --profile $(PROFILE)
	@$(CARGO) test --locked --workspace --test daemon --profile $(PROFILE) -- --ignored --exact --nocapture bench_api::bench_api

bench-boot: install-test ## How long until 20 kept logins are ready again (SESSIONS=... for another number); PROFILE=dev for a dev build
	@$(CARGO) build --locked --workspace --bins --test daemon --profile $(PROFILE)
	@$(CARGO) test --locked --workspace --test daemon --profile $(PROFILE) -- --ignored --exact --nocapture boot::bench_boot

bench-queue: benches/bullmq/node_modules/.package-lock.json ## The outbound queue beside BullMQ, on one Redis
	@$(CARGO) bench --locked --workspace --bench queue

benches/bullmq/node_modules/.package-lock.json: benches/bullmq/package-lock.json benches/bullmq/.npmrc
	@command -v node >/dev/null && command -v npm >/dev/null && command -v redis-server >/dev/null || \
	  { echo "make bench-queue needs Node 20 or later, npm and redis-server (Debian: apt-get install nodejs npm redis-server)" >&2; exit 1; }
	@cd benches/bullmq && npm install --no-save --loglevel error
	@touch $@

chaos-queue: install-test ## 2,000 messages while everything fails at random (CHAOS_SEED=... repeats a run's choices)
	@$(BUILD_DEV)
	@CHAOS_SESSIONS=$${CHAOS_SESSIONS:-5} CHAOS_MESSAGES=$${CHAOS_MESSAGES:-2000} \
	  $(CARGO) test --locked --workspace --test daemon chaos:: -- --nocapture

bench-memory: install-test conformance-tools simulator/conformance/node_modules/.package-lock.json ## Memory beside whatsapp-web.js, and forty sessions in the room of eight; PROFILE=dev for a dev build
	@$(CARGO) build --locked --workspace --bins --test daemon --profile $(PROFILE)
	@$(CARGO) test --locked --workspace --test daemon --profile $(PROFILE) -- --ignored --exact --nocapture memory_bench::bench_memory

bench-accept: install-test ## How many texts a second are taken over by HTTP, on SQLite and on PostgreSQL
	@$(CARGO) bench --locked --workspace --bench accept

bench-events: install-test ## 10,000 messages in, to a webhook, over a million rows; a 16 MB file both ways (EVENTS_MESSAGES=, EVENTS_ROWS=)
	@$(CARGO) build --locked --workspace --bins --test daemon --profile $(PROFILE)
	@$(CARGO) test --locked --workspace --test daemon --profile $(PROFILE) -- --ignored --exact --nocapture bench_events::bench_events

soak: install-test ## Sessions under random faults for SOAK_MINUTES=30 with SOAK_SESSIONS=6; PROFILE=dev for a dev build
	@$(CARGO) build --locked --workspace --bins --test daemon --profile $(PROFILE)
	@$(CARGO) test --locked --workspace --test daemon --profile $(PROFILE) -- --ignored --exact --nocapture soak::the_long_one

# Python packages for one purpose, pinned, in a folder of their own below target/; drover is built, run and tested without them.
$(TARGET_DIR)/python/%/.installed: tests/%/requirements.txt
	@command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "make $(MAKECMDGOALS) needs Python 3.11 or later with venv (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@python3 -m venv $(@D) && $(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

fuzz-api: install-test $(TARGET_DIR)/python/fuzz_api/.installed ## schemathesis asks for all that docs/openapi.json describes (FUZZ_EXAMPLES=25, FUZZ_SEED=1)
	@$(BUILD_DEV)
	@$(CARGO) test --locked --workspace --test daemon fuzz_api:: -- --ignored --nocapture

conformance-waha: install-test $(TARGET_DIR)/python/waha_clients/.installed ## Two clients written for WAHA work drover, told nothing but its address
	@$(BUILD_DEV)
	@$(CARGO) test --locked --workspace --test daemon waha_clients:: -- --ignored --nocapture

check-deploy: ## Dockerfile step by step in a Debian root, compose file, systemd unit, alert rules (DROVER_BINARY=... saves the build)
	@tools/check-deploy.sh

openapi: install-build ## Write docs/openapi.json anew, after an endpoint changed
	@WRITE_OPENAPI=1 $(CARGO) test --locked --lib openapi

lint: install-build ## Format, clippy and rustdoc, warnings denied
	@cargo fmt --all --check
	@cargo clippy --locked --workspace --all-targets -- -D warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

docs: ## docs/configuration.md and docs/metrics.md, made of the source
	@DROVER_WRITE_DOCS=1 $(CARGO) test --locked --test documents -- documented

fmt: ## Format the code
	@cargo fmt --all

clean: ## Remove what was built; sessions/ stays
	@cargo clean

.PHONY: install-build install-run install-test
install-build install-run install-test: install-%:
	@tools/install.sh $*

include simulator/conformance/conformance.mk
