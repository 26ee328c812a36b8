# Every target that a person types carries a ## line; `make` prints them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# The race detector needs a C compiler and makes the lab's timings meaningless: it runs on the packages with
# goroutines of their own. With -short, long tables and rounds of one kind have a part of their cases there: the others
# take the same ways. make test has them all.
RACE_PACKAGES ?= $(addprefix ./,$(addsuffix /...,$(wildcard source ledger switches alerts follow metrics sampler topic verify web backfill jobs cutover/run)))
TEST_TIMEOUT  ?= 30m
# How many packages are tested at once: tests wait so much that the processors have time for more than one each.
TEST_PACKAGES ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)))
# The packages whose tests take longest begin first, so that none of them is left alone at the end.
TEST_FIRST    := ./cmd/crosscheck ./source
FUZZ_TIME     ?= 20s
SOAK_ROUNDS   ?= 10
GRAMMAR_ROUNDS ?= 20
CROSSCHECK_SOAK ?= 10m

.PHONY: help demo demo-history demo-cutover test test-race bench soak fuzz lint fmt build check sbom vulncheck clean setup kafka registry prometheus pgbouncer postgres-versions browser

# Tests keep their servers in memory where there is room.
# Lint vets all packages, so the tests need not.
test test-race: export TMPDIR := $(shell scripts/scratch)
# Compiling, linking and testing take a fifth less of the processors if garbage is collected half as often.
test test-race: export GOGC ?= 200

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup build ## watch crosscheck find the faults of a small trading system
	./bin/crosscheck-lab demo

demo-history: setup build ## watch crosscheck audit, fill and mend a backfilled history
	./bin/crosscheck-lab demo-history

demo-cutover: setup build ## watch crosscheck cut a living system over
	./bin/crosscheck-lab demo-cutover

test: setup kafka registry prometheus pgbouncer postgres-versions browser ## run all tests against a real PostgreSQL, a real Kafka, a real schema registry and a real Prometheus
	go test -vet=off -p $(TEST_PACKAGES) -timeout $(TEST_TIMEOUT) $(TEST_FIRST) ./...
	@echo "test: all packages passed"

test-race: setup kafka registry pgbouncer ## run the packages with goroutines under the race detector
	go test -vet=off -race -short -p $(TEST_PACKAGES) -timeout $(TEST_TIMEOUT) $(RACE_PACKAGES)
	@echo "test-race: all packages passed"

# A part of bench, which BENCH_ONLY may leave out.
part = @case ",$${BENCH_ONLY:-$(1)}," in *,$(1),*) set -x; $(2) ;; esac
BENCH_LAB := verify ranges delta sample many throttle stores shared history

bench: setup kafka build ## measure against hand-written SQL and a bare reader; print the figures of docs/performance.md (BENCH_ORDERS=9200000, BENCH_ONLY=delta,many)
	@only=; for part in $(BENCH_LAB); do case ",$$BENCH_ONLY," in *,$$part,*) only=$$only,$$part ;; esac; done; \
	  if [ -z "$$BENCH_ONLY" ] || [ -n "$$only" ]; then set -x; BENCH_ONLY=$${only#,} ./bin/crosscheck-lab bench; fi
	$(call part,order,go test -run '^$$' -bench '^Benchmark(Replay|Fold|Flat)$$' -benchmem ./order)
	$(call part,moments,go test -run '^$$' -bench '^Benchmark(Moments|Reconstruct|Audit)$$' -benchmem ./history)
	$(call part,connections,go test -run '^$$' -bench DigestOnConnections -benchtime 5x -timeout 30m ./source)
	$(call part,backlog,go test -run '^$$' -bench Backlog -benchtime 3x -timeout 1h ./topic/topictest)
	$(call part,keys,BENCH_KEYS=$${BENCH_KEYS:-3000000} go test -run '^$$' -bench VerifyByKeyType -benchtime 5x -timeout 2h ./cmd/crosscheck)
	$(call part,follow,FOLLOW_MESSAGES=$${FOLLOW_MESSAGES:-4000000} go test -run '^$$' -bench FollowBacklog -benchtime 3x -timeout 1h ./cmd/crosscheck)
	$(call part,fold,BENCH_ORDERS=$${BENCH_ORDERS:-3400000} go test -run '^$$' -bench FoldOfAllEvents -benchtime 3x -timeout 3h ./cmd/crosscheck)
	$(call part,fence,go test -run '^$$' -bench DormantFence -benchtime 2000x -timeout 30m ./switches/fence)
	$(call part,cutovers,go test -v -run '^$$' -bench '^BenchmarkCutovers$$' -benchtime 1x -timeout 3h ./cmd/crosscheck)
	$(call part,watermark,go test -v -run '^$$' -bench '^BenchmarkWatermark$$' -benchtime 1x -timeout 1h ./cmd/crosscheck)
	$(call part,viewers,go test -v -run '^$$' -bench '^BenchmarkViewers$$' -benchtime 1x -timeout 1h ./cmd/crosscheck)

soak: setup kafka registry prometheus postgres-versions browser ## run the long proofs at length (CROSSCHECK_SOAK=10m), the grammar of faults (GRAMMAR_ROUNDS=20), and all tests many times over (SOAK_ROUNDS=10)
	CROSSCHECK_SOAK=$(CROSSCHECK_SOAK) go test -count 1 -timeout 2h -v -run 'UnderLoad|KilledAtRandom|EachFaultAsksFor|LivingSystem|EveryCheckSays|NeverAccused|EveryPair|EveryFaultIsFound|InAnotherStore|ThatIsKilled|WhatItPromises|LabHasPlanted|DemoHistory' ./cmd/crosscheck ./cmd/crosscheck-lab
	CROSSCHECK_DELTA_ROUNDS=$${CROSSCHECK_DELTA_ROUNDS:-1000} go test -count 1 -timeout 2h -v -run DeltaFindsWhatAFullPassFinds ./source
	go test -count 1 -timeout 2h -v -run FullAgreesWithAFullJoin ./source -rapid.checks=500
	CROSSCHECK_GRAMMAR=$(GRAMMAR_ROUNDS) go test -count 1 -timeout 2h -v -run 'GrammarOfFaults|InFlight' ./compare
	go test -count $(SOAK_ROUNDS) -timeout 10h ./...

fuzz: ## run each fuzz test for FUZZ_TIME (20s)
	@set -euo pipefail; for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for name in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$package/*_test.go | cut -c6-); do \
	    go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZ_TIME) $$package; \
	  done; \
	done

lint: bin/golangci-lint ## check style, errors and the direction of imports
	./bin/golangci-lint run ./...

fmt: bin/golangci-lint ## format the code
	./bin/golangci-lint fmt ./...

build: ## build ./bin/crosscheck and ./bin/crosscheck-lab
	@scripts/pulse "build: bin/crosscheck and bin/crosscheck-lab" go build -o bin/ ./cmd/...

check: build lint test test-race ## everything that CI runs

sbom: build ## write bin/sbom.json, the modules that bin/crosscheck is built from, as CycloneDX
	go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 bin -json -output bin/sbom.json bin/crosscheck
	@echo "sbom: wrote bin/sbom.json"

vulncheck: ## look for known vulnerabilities in what crosscheck calls; needs Go's vulnerability database (GOVULNDB)
	@GOBIN=$(CURDIR)/bin go install golang.org/x/vuln/cmd/govulncheck@v1.9.0
	@./bin/govulncheck ./cmd/crosscheck; code=$$?; case $$code in \
	  0) echo "vulncheck: no known vulnerability is called" ;; \
	  3) echo "vulncheck: vulnerabilities were found, listed above" ;; \
	  *) echo "vulncheck: nothing was checked, for the reason above; name a vulnerability database that can be reached in GOVULNDB" ;; \
	esac; exit $$code

clean: ## remove what was built
	rm -rf bin

# Not for typing: the programs that the other targets need.

setup:
	@scripts/setup

kafka:
	@scripts/kafka

registry: kafka
	@scripts/registry

prometheus:
	@scripts/prometheus

pgbouncer:
	@scripts/pgbouncer

postgres-versions:
	@scripts/postgres-versions

browser:
	@scripts/browser

# The linter has a module of its own, so that its 200 dependencies are not ours. It is built once, for a minute or two.
bin/golangci-lint: tools/golangci-lint/go.mod tools/golangci-lint/go.sum
	@echo "building golangci-lint, once"
	CGO_ENABLED=0 go -C tools/golangci-lint build -o $(CURDIR)/bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
