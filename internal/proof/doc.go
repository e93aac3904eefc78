// Package proof holds up what this module promises: it buys through every fault it knows, compares the client with
// others, and measures what it costs. It has tests only. Each runs a short version under go test ./... and its full
// size by make: campaign, campaign-peers, soak, bench, weight.
package proof
