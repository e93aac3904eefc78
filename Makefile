# Every target, with a line each: make help

GO          ?= go
FUZZTIME    ?= 1m
# Without a limit most of the time goes into making interesting inputs smaller.
FUZZ        := -run '^$$' -fuzzminimizetime 20x -fuzztime $(FUZZTIME)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := help
.PHONY: help run examples test race lint cover bench weight soak campaign campaign-peers fuzz api check

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{ printf "%-16s %s\n", $$1, $$2 }'

run: ## buy from a simulator in the same process
	$(GO) run ./examples/prepaid

examples: ## run every example that ends by itself
	for example in prepaid postpaid errors buyonce; do $(GO) run ./examples/$$example || exit 1; done
	cd examples/observability && $(GO) run .

test: ## run the tests, as the README does
	$(GO) test ./...

race: ## run the tests with the race detector
	$(GO) test -race ./...

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt-clean: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

cover: ## statement coverage of the root package and internal/, at least 90 % each
	@report=$$($(GO) test -cover . ./internal/...); status=$$?; echo "$$report"; [ $$status -eq 0 ] && echo "$$report" | \
		awk '/coverage:/ { n++; sub(/.*coverage: /, ""); if ($$1 + 0 < 90) low = 1 } END { exit n == 0 || low }'

bench: ## a purchase beside hand-written net/http and bce-sdk-go, as ratios
	$(GO) test -run 'TestBench$$' -count=1 -v ./internal/proof -bench-rounds=72

weight: ## what importing the package costs a program
	$(GO) test -run 'TestWeight$$' -count=1 -v ./internal/proof -weight

soak: ## 200,000 purchases: flat memory, goroutines and file descriptors
	$(GO) test -run 'TestSoak$$' -count=1 -v -timeout 20m ./internal/proof -soak=200000

campaign: ## 100,000 purchases through every fault, held against the ledger
	$(GO) test -race -run 'TestCampaign$$' -count=1 -v -timeout 30m ./internal/proof -campaign=100000

campaign-peers: ## the same faults against bce-sdk-go's client
	$(GO) test -run 'TestCampaignPeers$$' -count=1 -v ./internal/proof -peers=3

fuzz: ## each fuzz test for FUZZTIME (1m)
	for test in FuzzDecodeAnswer FuzzValidate FuzzParseReleaseTime; do \
		$(GO) test $(FUZZ) -fuzz "^$$test$$" . || exit 1; done
	$(GO) test $(FUZZ) -fuzz '^FuzzVerifySignature$$' ./internal/simulator

api: ## write testdata/api.txt anew after an exported name changed
	$(GO) test -run 'TestAPI' -count=1 . -update-api

check: ## all that CI runs
	.ci/run
