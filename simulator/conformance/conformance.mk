# `make conformance`, included by the Makefile at the top. The node packages are for this alone: drover is built, run and
# tested without them. They are installed from the lock file, without their install scripts, so no browser is downloaded.
# CARGO and TARGET_DIR are the including Makefile's.

CONFORMANCE_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
CONFORMANCE_ARGS ?=

.PHONY: conformance conformance-tools
conformance: conformance-tools $(CONFORMANCE_DIR)/node_modules/.package-lock.json ## Unmodified whatsapp-web.js and wa-js against the simulator
	@$(or $(CARGO),cargo) build --locked --workspace --bins
	@exec node $(CONFORMANCE_DIR)/run.mjs --simulator $(or $(TARGET_DIR),target)/debug/drover-simulator \
	  --drover $(or $(TARGET_DIR),target)/debug/drover $(CONFORMANCE_ARGS)

conformance-tools:
	@command -v node >/dev/null && command -v npm >/dev/null || \
	  { echo "make conformance needs Node 18 or later with npm (Debian: apt-get install nodejs npm)" >&2; exit 1; }

$(CONFORMANCE_DIR)/node_modules/.package-lock.json: $(CONFORMANCE_DIR)/package-lock.json $(CONFORMANCE_DIR)/.npmrc
	@cd $(CONFORMANCE_DIR) && npm ci --loglevel error
	@touch $@
