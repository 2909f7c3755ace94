# make, or make help, lists what can be made.

FUZZTIME ?= 10s
BENCH ?= .
MODEL_SEQUENCES ?= 5000
QUESTIONS ?= 1000000
export FUZZTIME
export GOWORK = off

# each runs the command $(2) in every module that $(1) selects.
each = set -e; modules=$$(go run -C lint ./cmd/modules $(1)); for module in $$modules; do (cd $$module && echo "== $$module" && $(2)); done

.PHONY: help test lint fuzz model mutants differential bench cover fmt tidy demo

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

test: ## build and test every module with the race detector; nothing skipped, coverage held
	@sh .ci/system-packages
	@go run -C lint ./cmd/testall

lint: ## check all that CI checks beyond the tests
	@bash .ci/lint

fuzz: ## run each fuzz target for FUZZTIME (10s)
	@bash .ci/fuzz

model: ## take thousands of random sequences of all verbs through the guard (MODEL_SEQUENCES)
	@MODEL_SEQUENCES=$(MODEL_SEQUENCES) go test -count=1 -timeout 60m -run '^TestModel' ./moderation

mutants: ## break the guard on purpose, one defect at a time: each must make a test fail
	@go run -C lint ./cmd/mutants

differential: ## hold a million decisions against Casbin's (QUESTIONS; POLICY_SEED runs one again)
	@out=$$(POLICY_QUESTIONS=$(QUESTIONS) go test -count=1 -run '^TestDecisionsAreCasbins$$' -v ./policy); status=$$?; \
		printf '%s\n' "$$out" | grep -v -e '^=== ' -e '^ *--- PASS'; exit $$status

bench: ## run the benchmarks that match BENCH (all)
	@$(call each,-code,go test -run '^$$' -bench '$(BENCH)' -benchmem ./...)

cover: ## write coverage.html, which shows the lines of the root module that no test runs
	@go test -covermode=atomic -coverpkg=./... -coverprofile=coverage.out ./...
	@go tool cover -html=coverage.out -o coverage.html
	@go tool cover -func=coverage.out | tail -n 1

fmt: ## format all Go files
	@$(call each,-code,go fmt ./...)

tidy: ## tidy the go.mod and go.sum of every module
	@$(call each,,go mod tidy)

demo: ## replay the eleven minutes of 2 November 2017
	@go run ./examples/elevenminutes
