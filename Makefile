# Tintype. `make` alone lists the targets.
#
# A fresh Debian machine needs Go, git and make. What a target needs beyond
# that it installs itself (internal/tools/install.sh) and says so.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# What `make demo`, `make run` and `make bench` hand to the program:
# make run ARGS='--addr 127.0.0.1:9000'
ARGS ?=
# How long `make fuzz` spends on each target.
FUZZTIME ?= 60s
# Narrow a test run down: make test PKG=./internal/queue/... TESTFLAGS='-run Retry -v'
PKG ?= ./...
TESTFLAGS ?=
# Narrow `make chaos` down to rows, and repeat a run's dice: make chaos CHAOS='F1|F7' SEED=1
CHAOS ?=
SEED ?=
# The commit whose programs `make test-skew` runs beside today's.
FROM ?= HEAD^

INSTALL := internal/tools/install.sh

# -count=1: the tests talk to servers and programs that Go's test cache does
# not see. The timeout is per package, on two slow cores; most tests wait more
# than they compute, so more of them run side by side than there are cores.
GOTEST := CGO_ENABLED=1 go test -race -count=1 -timeout 10m -parallel 8 $(TESTFLAGS)

# Modules of their own below this one, which ./... does not see.
SUBMODULES := $(patsubst %/go.mod,%,$(shell find internal pkg -name go.mod -not -path 'internal/tools/*'))

# The tests with other people's clients need Node, and take a while.
CLIENTS := internal/e2e/clients

# The tests of images, compose and Kubernetes are in a module of their own.
DEPLOY := internal/deploytest

# The linter's path; asking for it builds it.
LINT = $$(cd internal/tools/lint && go tool -n golangci-lint)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup-go ## Make an image, a video and a chat answer on this machine alone, and show them
	go run ./cmd/tintype demo $(ARGS)

.PHONY: run
run: setup-go ## Run the whole service in one process on 127.0.0.1:8080, with the simulator
	go run ./cmd/tintype run $(ARGS)

.PHONY: build
build: ## Build the programs into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

.PHONY: test
test: setup-test ## All tests with the race detector, on real Redis and S3 servers
	@# The tests of whole programs want all of the machine: beside them the others' time ran out.
	@code=0; all=$$(go list $(PKG)); others=$$(printf '%s\n' $$all | grep -v '/internal/e2e$$'); \
		if [ "$$others" != "$$all" ]; then echo '== internal/e2e'; $(GOTEST) ./internal/e2e || code=1; fi; \
		if [ -n "$$others" ]; then $(GOTEST) $$others || code=1; fi; exit $$code
	@for dir in $(filter-out $(CLIENTS),$(SUBMODULES)); do echo "== $$dir"; (cd $$dir && $(GOTEST) ./...) || exit 1; done

.PHONY: test-clients
test-clients: setup-clients ## Other people's clients: OpenAI's SDKs, the Vercel AI SDK, Python, curl, Chromium, through cuts and a real nginx
	cd $(CLIENTS) && npm ci && $(GOTEST) -v ./...

.PHONY: image-proof
image-proof: setup-go ## Build the container images' roots without an engine and try them in a chroot (as root)
	deploy/image/prove.sh

.PHONY: k8s-validate
k8s-validate: setup-go ## Hold the Kubernetes manifests against the API's schemas and the house's rules (no cluster)
	cd $(DEPLOY) && go test -count=1 -run 'K8s|PrometheusRule' -v . | grep -v '^=== '

.PHONY: k8s-dry-run
k8s-dry-run: setup-go ## Have a real API server with the CRDs of KEDA and the prometheus-operator take the manifests (builds it once: 10 minutes)
	deploy/k8s/dry-run.sh

.PHONY: k8s-drain
k8s-drain: setup-go ## Drain every node of a real control plane with nodes that run nothing (built once: 10 minutes)
	deploy/k8s/drain.sh

.PHONY: k8s-rules
k8s-rules: setup-go ## Write the alert rules once more, for the prometheus-operator
	cd $(DEPLOY) && go run ./rules

.PHONY: chaos
chaos: setup-test ## The table of faults: crashes, cuts and lies at every step (CHAOS='F1|F7' for some rows, SEED=1)
	CHAOS='$(CHAOS)' SEED='$(SEED)' go test -tags chaos -run 'TestChaos$(if $(CHAOS),,|TestCanaries)' -count=1 -parallel 3 -timeout 60m -v ./internal/e2e | grep -v '^=== '

.PHONY: test-skew
test-skew: setup-test ## Programs of an earlier commit beside today's, as in a rolling update (FROM=HEAD^)
	CGO_ENABLED=1 SKEW_FROM='$(FROM)' go test -tags skew -race -count=1 -timeout 10m -run TestVersionSkew ./internal/e2e

.PHONY: test-minio
test-minio: setup-minio ## The object store's tests on MinIO as a second S3 server
	$(GOTEST) -tags minio ./internal/blob/... ./internal/testserver/...

.PHONY: bench
bench: setup-bench ## Measure speed and memory against floors of the same run
	go run ./internal/bench $(ARGS)

.PHONY: fuzz
fuzz: setup-test ## Fuzz each fuzz target for FUZZTIME (60s)
	@grep -rlE '^func Fuzz' --include='*_test.go' --exclude-dir=tools internal pkg | while read -r file; do \
		for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/p' "$$file"); do \
			echo "== $$target ($$file)"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null; \
		done; \
	done

.PHONY: lint
lint: setup-lint check-rules ## Run the linters
	lint=$(LINT); $$lint run ./...
	@# What the tag leaves out, the run above has looked at.
	lint=$(LINT); $$lint run --build-tags simonly ./cmd/tintype
	@lint=$(LINT); for dir in $(SUBMODULES); do echo "== $$dir"; (cd $$dir && "$$lint" run ./...) || exit 1; done

.PHONY: check-rules
check-rules: ## Try the alert rules on fleets that they must and must not alert for
	@$(INSTALL) promtool
	promtool check rules deploy/monitoring/rules/*.yaml
	promtool test rules deploy/monitoring/tests/*.yaml
	promtool check config --syntax-only deploy/prometheus/prometheus.yml

.PHONY: fmt
fmt: setup-lint ## Format the code
	lint=$(LINT); $$lint fmt ./...

.PHONY: check
check: check-fmt check-vet check-tidy lint test ## All that a commit must pass: format, vet, tidy, lint, tests

.PHONY: check-fmt
check-fmt: setup-lint
	lint=$(LINT); $$lint fmt --diff ./...

.PHONY: check-vet
check-vet:
	go vet ./...
	go vet -tags simonly ./cmd/tintype

.PHONY: check-tidy
check-tidy:
	go mod tidy -diff

.PHONY: setup-go
setup-go:
	@$(INSTALL)

.PHONY: setup-test
setup-test: ## Install what `make test` needs: redis-server, gcc, nginx, versitygw
	@$(INSTALL) redis-server gcc nginx versitygw

.PHONY: setup-clients
setup-clients:
	@$(INSTALL) redis-server gcc npm nginx curl python3 chromium

.PHONY: setup-minio
setup-minio:
	@$(INSTALL) redis-server gcc versitygw minio

.PHONY: setup-lint
setup-lint:
	@$(INSTALL) golangci-lint

.PHONY: setup-bench
setup-bench:
	@$(INSTALL) redis-server versitygw

.PHONY: clean
clean: ## Remove what the targets leave in the tree
	rm -rf bin demo-output
