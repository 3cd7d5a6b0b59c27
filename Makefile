# `make` without a target lists the targets. They install what they need into .venv and .tools, which git ignores.

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := .tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_CYCLONEDX := .tools/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)/bin/cargo-cyclonedx
MDBOOK_VERSION := 0.5.4
MDBOOK := .tools/mdbook-$(MDBOOK_VERSION)/bin/mdbook

# The build folder of cargo, as an absolute path, because some commands run in other folders.
BUILD := $(shell CARGO_TARGET_DIR='$(CARGO_TARGET_DIR)' tools/target)
ifneq ($(CARGO_TARGET_DIR),)
override CARGO_TARGET_DIR := $(BUILD)
export CARGO_TARGET_DIR
endif

# Embeds the list of dependencies in what ships, where cargo-auditable is installed.
AUDITABLE := $(shell command -v cargo-auditable >/dev/null 2>&1 && echo auditable)

# The oldest version of Rust that compiles everything.
MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
ADVISORIES := https://github.com/RustSec/advisory-db

# cargo-lambda and Zig, which it uses as a linker, come from PyPI.
CARGO_LAMBDA = PATH="$$(tools/venv cargo-lambda)/bin:$$PATH" cargo lambda
BUILD_FUNCTION = $(subst cargo lambda,cargo $(AUDITABLE) lambda,$(CARGO_LAMBDA)) build

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## Try and test

.PHONY: demo
demo: build-dev ## scan two emulated accounts, and show which policy denies access when a permission is missing
	"$(BUILD)/debug/rolecall" demo

.PHONY: test
test: build-dev ## run all tests; those that need Python 3.13, Node or Chromium only if these are installed
	cargo test --workspace
	@if tools/python3.13 >/dev/null 2>&1; then $(MAKE) --no-print-directory test-python; \
	elif [ -n "$$CI" ]; then tools/python3.13; \
	else echo "skipped: the tests with LocalStack, moto, Prowler, Cloud Custodian and botocove; $$(tools/python3.13 2>&1)"; fi
	@if tools/chromium >/dev/null 2>&1 && node --version >/dev/null 2>&1; then \
	    $(MAKE) --no-print-directory test-report; \
	elif [ -n "$$CI" ]; then tools/chromium && node --version; \
	else echo "skipped: the browser tests of the HTML report, which need Node 20 and Chromium; $$(tools/chromium 2>&1)"; fi

.PHONY: test-python
test-python: build-dev ## run the tests with LocalStack, moto, Prowler, Cloud Custodian and botocove
	PATH="$$(tools/venv cargo-lambda)/bin:$$PATH" "$$(tools/venv tests)/bin/python" -m pytest

.PHONY: test-report
test-report: build-dev ## run the browser tests of the HTML report; needs Node 20 and Chromium
	@node --version >/dev/null || { echo "Node is not installed; install Node 20, which controls the browser" >&2; exit 1; }
	cd crates/report/tests/browser && npm ci --silent --no-fund --no-audit
	ROLECALL="$(BUILD)/debug/rolecall" CHROMIUM="$$(tools/chromium)" \
	    node --test --test-reporter=spec crates/report/tests/browser/report.test.mjs

.PHONY: check
check: $(CARGO_DENY) ## check formatting, lints, documentation, licenses and known vulnerabilities
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	$(CARGO_DENY) check licenses bans sources
	@$(MAKE) --no-print-directory advisories

.PHONY: advisories
advisories: $(CARGO_DENY) ## check the dependencies for known vulnerabilities, if the RustSec database can be reached
	@if GIT_TERMINAL_PROMPT=0 timeout 30 git ls-remote --exit-code $(ADVISORIES) HEAD >/dev/null 2>&1; then \
	    $(CARGO_DENY) check advisories; \
	else echo "skipped: the check for known vulnerabilities; $(ADVISORIES) cannot be reached"; fi

.PHONY: msrv
msrv: ## compile everything with the oldest supported version of Rust; needs rustup
	@rustup --version >/dev/null 2>&1 || { echo "rustup is not installed; it installs Rust $(MSRV)" >&2; exit 1; }
	rustup toolchain install $(MSRV) --profile minimal
	cargo +$(MSRV) check --workspace --all-targets --locked --target-dir "$(BUILD)/msrv"

.PHONY: docs
docs: build-dev $(MDBOOK) ## generate the reference pages and tables of docs/, and build docs/ as a site
	"$(BUILD)/debug/rolecall" config --config /dev/null --format reference --out docs/configuration.md
	"$(BUILD)/debug/rolecall" config --config /dev/null --format schema --out docs/rolecall.schema.json
	"$(BUILD)/debug/rolecall" man --format markdown > docs/cli.md
	python3 bench/scale/model.py --write docs/scale.md
	$(MDBOOK) build docs --dest-dir "$(BUILD)/book"

.PHONY: referee
referee: build-dev ## compare policy decisions with an independent IAM simulator; SEED=1 COUNT=10000; needs Node
	@node --version >/dev/null || { echo "Node is not installed; install it to run the simulator" >&2; exit 1; }
	cd referee && npm ci --silent --no-fund --no-audit && \
	    node referee.mjs --seed "$(or $(SEED),1)" --count "$(or $(COUNT),10000)"

.PHONY: chaos
chaos: ## scan worlds under faults, and check the rolls against a reference model; SEED=1 COUNT=10000
	cargo build --profile bench -p rolecall -p rolecall-lambda -p rolecall-chaos
	AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null "$(BUILD)/release/rolecall-chaos" \
	    --seed "$(or $(SEED),1)" --count "$(or $(COUNT),10000)"

.PHONY: fuzz
fuzz: FUZZED = $(or $(TARGET),iam_answer)
fuzz: ## fuzz a reader of files or answers: TARGET=iam_answer SECONDS=60; needs nightly Rust and cargo-fuzz
	@cargo +nightly fuzz --version >/dev/null || { echo "install both: rustup toolchain install nightly;" \
	    "cargo install cargo-fuzz" >&2; exit 1; }
	@test -d "fuzz/corpus/$(FUZZED)" || { echo "TARGET is '$(FUZZED)'; set it to one of" $$(ls fuzz/corpus) >&2; exit 2; }
	mkdir -p "$(BUILD)/fuzz/$(FUZZED)"
	cargo +nightly fuzz run --fuzz-dir fuzz/libfuzzer $(FUZZED) "$(BUILD)/fuzz/$(FUZZED)" "fuzz/corpus/$(FUZZED)" -- \
	    -max_total_time=$(or $(SECONDS),60) -max_len=8192

.PHONY: seeds
seeds: build-dev ## write the seeds of the fuzzer to fuzz/corpus, from the inputs of the tests
	tools/seeds "$(BUILD)/debug/rolecall-chaos"

.PHONY: build-dev
build-dev:
	cargo build --workspace

$(CARGO_DENY):
	cargo install cargo-deny --locked --version $(CARGO_DENY_VERSION) --root .tools/cargo-deny-$(CARGO_DENY_VERSION)

$(CARGO_CYCLONEDX):
	cargo install cargo-cyclonedx --locked --version $(CARGO_CYCLONEDX_VERSION) \
	    --root .tools/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)

# Without its web server and its file watcher, which nothing here uses.
$(MDBOOK):
	cargo install mdbook --locked --version $(MDBOOK_VERSION) --no-default-features --features search \
	    --root .tools/mdbook-$(MDBOOK_VERSION)

## The command line

.PHONY: install
install: ## install rolecall, with the list of its dependencies in it if cargo-auditable is installed
	cargo $(AUDITABLE) install --locked --profile fast --path crates/cli

# A variable of its own: in a function of make, its commas would begin further arguments.
SWEEP_WORLD = accounts=$(or $(ACCOUNTS),200),users=8,denied=60,suspended=20,hanging=10

.PHONY: sweep
sweep: build-dev ## run the state machine and the function on this machine: ACCOUNTS=200, or WORLD=…; [ZIP=…]; writes report.html
	"$$(tools/venv tests)/bin/python" localstack/sweep.py "$(BUILD)/debug/rolecall" \
	    "$(or $(ZIP),$(BUILD)/debug/rolecall-lambda)" "$(BUILD)/sweep" \
	    "$(or $(WORLD),$(SWEEP_WORLD))"

.PHONY: release
release: $(CARGO_CYCLONEDX) ## build the zips, static binaries, SBOMs and checksums of a release into target/dist
	PATH="$$(tools/venv release)/bin:$(abspath $(dir $(CARGO_CYCLONEDX))):$$PATH" tools/release "$(BUILD)/dist"

## LocalStack

.PHONY: localstack
localstack: ## run LocalStack with the hub and the member account until Ctrl-C
	localstack/start

## The Lambda function

# Checks whether a program listens on the port of `watch`; cargo-lambda does not report a port in use.
LISTENS = bash -c '</dev/tcp/127.0.0.1/9000' 2>/dev/null

.PHONY: watch
watch: build-dev ## run the function on 127.0.0.1:9000 against the emulator (AWS=real: against AWS); rebuilds on changes
	@! $(LISTENS) || { echo "port 9000 of 127.0.0.1 is in use; stop the program that listens there" >&2; exit 1; }
	PATH="$$(tools/venv cargo-lambda)/bin:$$PATH" \
	    ROLECALL_ROLE_ARN="$${ROLECALL_ROLE_ARN:-arn:aws:iam::111111111111:role/IAMListRole}" \
	    $(if $(filter real,$(AWS)),,"$(BUILD)/debug/rolecall" emulator --) \
	    cargo lambda watch --invoke-address 127.0.0.1

.PHONY: invoke
invoke: ## invoke the function that `make watch` runs; EVENT='{"role_arn": "…"}'
	@$(LISTENS) || { echo "no function runs on 127.0.0.1:9000; run make watch in another terminal first" >&2; exit 1; }
	@test -n "$$EVENT" || EVENT='{}'; \
	$(CARGO_LAMBDA) invoke --invoke-address 127.0.0.1 rolecall-lambda --data-ascii "$$EVENT"

.PHONY: build
build: ## build the function for arm64: target/lambda/rolecall-lambda/bootstrap.zip
	$(BUILD_FUNCTION)

.PHONY: deploy
ifdef ROLE
deploy: ## deploy the function to the stack of deploy-hub: [ZIP=… DISTRIBUTED=1], or with ROLE=… alone; DRY=1 prints
	$(call only_known,ROLE ENV_FILE ZIP DRY)
	@case "$(ROLE)" in arn:*:role/*) ;; *) echo "ROLE is '$(ROLE)'; set it to the ARN of the role that make roles" \
	    "creates in the hub account, such as ROLE=arn:aws:iam::222222222222:role/LambdaRole" >&2; exit 2 ;; esac
	@test -z "$(ENV_FILE)" || test -r "$(ENV_FILE)" || { echo "ENV_FILE is '$(ENV_FILE)', which cannot be" \
	    "read; name a file with lines NAME=value" >&2; exit 2; }
	@case "$(DRY)" in ''|0|1) ;; *) echo "DRY is '$(DRY)'; set DRY=1 to print the commands, or leave it out to run" \
	    "them" >&2; exit 2 ;; esac
	@test -z "$(ZIP)" || { echo "ZIP is for the stack of make deploy-hub; with ROLE, the function is built" >&2; exit 2; }
	$(call unless_dry,$(BUILD_FUNCTION))
	$(call unless_dry,$(CARGO_LAMBDA) deploy --iam-role "$(ROLE)" $(if $(ENV_FILE),--env-file "$(ENV_FILE)"))
else
deploy:
	$(call only_known,ZIP DISTRIBUTED SCHEDULE EMAIL KMS_KEY PARAMETERS STACK HUB_PROFILE REGION DRY)
	@BUILT_ZIP="$(BUILT_ZIP)" infra/deploy.sh check
	$(if $(ZIP),,$(call unless_dry,$(BUILD_FUNCTION)))
	@BUILT_ZIP="$(BUILT_ZIP)" infra/deploy.sh
endif

BUILT_ZIP = $(BUILD)/lambda/rolecall-lambda/bootstrap.zip

# Refuses a variable of the command line that the target does not know: a misspelled one would have no effect.
only_known = $(if $(filter-out $(1) $(OF_TOOLS),$(TYPED)),@echo "make $@ has no variable" \
    "$(firstword $(filter-out $(1) $(OF_TOOLS),$(TYPED))); its variables are $(strip $(1))" >&2; exit 2)
TYPED = $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name)))
OF_TOOLS := AWS_% CARGO_% PYENV_ROOT PATH HOME MAKEFLAGS

# Runs a command, or with DRY=1 prints it.
unless_dry = $(if $(filter 1,$(DRY)),@printf '%s\n' '$(subst ','\'',$(1))',$(1))

.PHONY: roles
roles: ## print (RUN=1: run) the commands that create the roles of two accounts: A=MEMBER_ID B=HUB_ID
	$(call only_known,$(ROLE_VARIABLES))
	@infra/roles.sh

ROLE_VARIABLES := A B A_PROFILE B_PROFILE FACTS EXTERNAL_ID FUNCTION RUN

## An organization

.PHONY: deploy-hub
deploy-hub: ## print (RUN=1: run) the commands for the hub account's role: HUB=… MANAGEMENT=… ORGANIZATION=…
	$(call only_known,$(ORGANIZATION_VARIABLES))
	@infra/organization.sh hub

ORGANIZATION_VARIABLES := HUB MANAGEMENT ORGANIZATION OU FACTS SSO_PERMISSION_SET CI_ROLE EXTERNAL_ID DELEGATED FUNCTION \
    HUB_PROFILE MANAGEMENT_PROFILE REGION RUN

.PHONY: deploy-members
deploy-members: ## print (RUN=1: run) the commands for the roles of all accounts: as deploy-hub, and OU=…
	$(call only_known,$(ORGANIZATION_VARIABLES))
	@infra/organization.sh members

.PHONY: destroy
destroy: ## print (RUN=1: run) the commands that delete the roles: as deploy-members, or as roles
	$(call only_known,$(ROLE_VARIABLES) $(ORGANIZATION_VARIABLES))
	@if [ -n "$$A$$B" ]; then infra/roles.sh destroy; else infra/organization.sh destroy; fi

## Benchmarks

.PHONY: bench-cold
bench-cold: ## measure cold start, warm invocation and memory, compared with the same work in Python
	cargo build --release -p rolecall-lambda
	"$$(tools/venv bench)/bin/python" bench/cold/bench.py --binary "$(BUILD)/release/rolecall-lambda"

.PHONY: hot-functions
hot-functions: ## list the functions that an invocation runs, which the linker puts next to each other; needs valgrind
	CARGO_PROFILE_RELEASE_STRIP=false cargo build --release -p rolecall-lambda
	"$$(tools/venv bench)/bin/python" bench/cold/hot_functions.py --binary "$(BUILD)/release/rolecall-lambda"

.PHONY: bench
bench: bench-sweep bench-cold bench-emulator bench-report bench-render ## run all benchmarks, one after the other

.PHONY: bench-sweep
bench-sweep: ## measure a scan of many accounts, compared with boto3 and a client without the SDK
	cargo build --profile fast -p rolecall -p rolecall-sweep
	"$$(tools/venv bench)/bin/python" bench/sweep/bench.py

.PHONY: bench-emulator
bench-emulator: ## measure the requests per second of the emulator
	cargo bench -p rolecall-emulator --bench throughput

.PHONY: bench-report
bench-report: ## measure time and memory of reports on rolls of up to 300,000 keys, in all formats
	cargo build --profile fast -p rolecall -p rolecall-large-roll
	python3 bench/report/bench.py "$(BUILD)/fast"

.PHONY: bench-render
bench-render: ## measure rendering 20,000 keys, compared with writing the same bytes
	cargo bench -p rolecall-report --bench render
