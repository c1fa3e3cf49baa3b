# `make demo` and `make test` are the README's two commands. Every target prepares what it needs.

CARGO_TARGET_DIR ?= target
AS_ROOT := scripts/as-root
# Tests whose names start with root_ make namespaces: cargo starts the test binaries through this.
RUN_AS_ROOT := CARGO_TARGET_$(shell uname -m | tr a-z A-Z)_UNKNOWN_LINUX_GNU_RUNNER=$(CURDIR)/$(AS_ROOT)

.PHONY: demo demo-efa test test-core test-host test-efa bench api lint build

demo: ## A public address moves from a failed instance to a standby, under traffic.
	scripts/setup demo
	cargo build --locked --release --package openeni
	$(AS_ROOT) $(CARGO_TARGET_DIR)/release/openeni demo failover

demo-efa: ## Unmodified MPI between two instances' Elastic Fabric Adapters, cut by a security group's rule.
	scripts/setup demo-efa
	cargo build --locked --release --package openeni --package eni-efa-verbs --package eni-efa-provider
	$(AS_ROOT) $(CARGO_TARGET_DIR)/release/openeni demo efa

# Rust tests of a lane: the packages that `cargo xtask lane` derives from where they lie.
LANE_TESTS = $(RUN_AS_ROOT) cargo nextest run --locked $$(cargo xtask lane $(1))
END_TO_END = $(AS_ROOT) env PYTHONDONTWRITEBYTECODE=1 OPENENI=$(abspath $(CARGO_TARGET_DIR))/debug/openeni .venv/bin/pytest tests/e2e
BUILD_REGION = cargo build --locked --package openeni --package eni-efa-verbs --package eni-efa-provider

# All at once, as the tests want it: a smaller choice of packages has other features, and most of it would be built twice.
BUILD_ALL = cargo build --locked --workspace --all-targets

test: ## Every test: Rust, then the AWS CLI and boto3 against a running region.
	scripts/setup test
	$(BUILD_ALL)
	$(RUN_AS_ROOT) cargo nextest run --locked --workspace
	$(END_TO_END)

test-core: ## The part of it that is pure or about the API: no devices.
	scripts/setup test
	$(call LANE_TESTS,core)

test-host: ## The part about packets, devices and instances, and everything end to end but EFA.
	scripts/setup test
	$(BUILD_REGION)
	$(call LANE_TESTS,host)
	$(END_TO_END) -m "not efa"

test-efa: ## The part about SRD and Elastic Fabric Adapters.
	scripts/setup test
	$(BUILD_REGION)
	$(call LANE_TESTS,efa)
	$(END_TO_END) -m efa

bench: ## OpenENI against a veth pair, a bridge, a bridge with nftables rules, and libfabric's providers.
	scripts/setup bench
	cargo build --locked --release --package eni-bench --package openeni
	cargo build --locked --release --package eni-fabric-bench --package eni-efa-provider --package eni-efa-verbs
	$(AS_ROOT) $(CARGO_TARGET_DIR)/release/eni-bench network
	$(AS_ROOT) $(CARGO_TARGET_DIR)/release/eni-bench api
	$(AS_ROOT) $(CARGO_TARGET_DIR)/release/openeni demo failover --runs 20
	$(CARGO_TARGET_DIR)/release/eni-fabric-bench host
	$(AS_ROOT) $(CARGO_TARGET_DIR)/release/eni-fabric-bench hosts

api: ## Requests and answers, from their declarations and botocore's models.
	cargo xtask api
	.venv/bin/python scripts/aws-model.py
	cargo xtask api

lint: ## What CI checks before the tests.
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo fmt --manifest-path dataplane/bpf/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	cargo xtask layers
	cargo xtask tidy

build: ## The release binary, and beside it the libraries by which instances find Elastic Fabric Adapters.
	scripts/setup build
	cargo build --locked --release --package openeni --package eni-efa-verbs --package eni-efa-provider
