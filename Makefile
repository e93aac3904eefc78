# Every target, with a line each: make help

GO          ?= go
FUZZTIME    ?= 1m
# Without a limit most of the time goes into making interesting inputs smaller.
FUZZ        := -run '^$$' -fuzzminimizetime 20x -fuzztime $(FUZZTIME)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
PROOF       := $(GO) test -count=1 -v -timeout 30m

.DEFAULT_GOAL := help
.PHONY: help run examples test race lint cover bench soak campaign campaign-peers schedule crashes rules mutants integration fleet interop \
	fuzz api check

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{ printf "%-16s %s\n", $$1, $$2 }'

run: ## buy from a stand-in in the same process
	$(GO) run ./examples/prepaid

examples: ## run every example that ends by itself
	for example in prepaid postpaid errors; do $(GO) run ./examples/$$example || exit 1; done
	$(GO) -C examples/observability run .

test: ## run the tests, as the README does
	$(GO) test ./...

race: ## run the tests with the race detector (needs gcc)
	$(GO) test -race ./...

lint: ## gofmt, go vet, staticcheck, govulncheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt-clean: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	@echo "$(GO) run $(GOVULNCHECK) ./..."; report=$$($(GO) run $(GOVULNCHECK) ./... 2>&1) && echo "$$report" || { echo "$$report"; \
		case "$$report" in *"fetching vulnerabilities"*) echo "no check for vulnerabilities: their database cannot be reached";; *) exit 1;; esac; }

cover: ## statement coverage of each package but examples, what only tests use and what needs a database, at least 90 %
	@report=$$($(GO) test $(COVERFLAGS) -cover $$($(GO) list ./... | grep -v -e /examples -e /proof -e /internal/store)); status=$$?; echo "$$report"; [ $$status -eq 0 ] && echo "$$report" | \
		awk '/coverage: [0-9]/ { n++; sub(/.*coverage: /, ""); if ($$1 + 0 < 90) low = 1 } END { exit n == 0 || low }'

bench: ## a purchase beside net/http by hand and bce-sdk-go: time and allocations, one caller and 64; package once beside SQL by hand
	$(PROOF) -run 'TestBench$$|TestAColdPurchase' . -bench-rounds=40 -test.benchtime=2000x
	$(PROOF) -run 'TestCost' ./once -cost
	once/integration/run.sh cost

soak: ## 200,000 purchases: flat memory, goroutines and file descriptors
	$(PROOF) -run 'TestSoak$$' ./internal/proof -soak=200000

campaign: ## 100,000 purchases through every fault, held against the ledger (replay: make campaign SEED=…)
	$(PROOF) -race -run 'TestCampaign$$' ./internal/proof -campaign=100000 $(if $(SEED),-seed=$(SEED))

campaign-peers: ## the same faults against bce-sdk-go's client
	$(PROOF) -run 'TestCampaignPeers$$' ./internal/proof -peers=3

schedule: ## package once: 100,000 interleavings of two buyers that crash (replay: make schedule SEED=…)
	$(PROOF) -run 'TestSchedule$$' ./once $(if $(SEED),-schedule=1 -seed=$(SEED),-schedule=100000)

crashes: ## package once: a crash or a cancellation at every step, in all pairs
	$(PROOF) -run 'TestCrashes$$' ./once -pairs

rules: ## each rule of the client and of package once switched off in a copy, and what finds it
	$(PROOF) -run 'TestRules$$' ./internal/proof -rules -parallel=2

mutants: ## N (60) random changes of client and package once, and those that no test finds (replay: make mutants SEED=…)
	$(GO) run ./internal/proof/mutants -n=$(or $(N),60) $(if $(SEED),-seed=$(SEED))

integration: ## package once on SQLite, PostgreSQL and MariaDB (needs both servers installed)
	ONCE_DATABASES=all $(GO) -C once/integration test -count=1 -timeout 30m ./...

fleet: ## package once on each database: 10,000 keys, buyers that are killed and stopped (needs both servers installed)
	ONCE_DATABASES=all $(GO) -C once/integration test -run 'TestFleet$$' -count=1 -v -timeout 4h ./fleet -keys=10000

interop: ## Baidu's Node.js SDK buys from the stand-in (needs node and npm)
	examples/simulator/interop/run.sh

fuzz: ## each fuzz test for FUZZTIME (1m)
	@$(GO) test -list '^Fuzz' ./... | awk '/^Fuzz/ { test[++n] = $$1 } /^ok/ { for (; n > 0; n--) print $$2, test[n] }' | \
		while read -r package test; do echo "$$package $$test"; $(GO) test $(FUZZ) -fuzz "^$$test$$" "$$package" </dev/null || exit 1; done

api: ## write testdata/api.txt anew after an exported name changed
	$(GO) test -run 'TestAPI' -count=1 . -update-api

check: ## what must hold before a change lands, but for the databases: needs Go and gcc only
	.ci/run check
