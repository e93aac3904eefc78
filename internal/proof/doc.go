// Package proof buys through every fault of package model, compares the client with bce-sdk-go's, and looks for what a long run
// leaves behind. It has tests only. Each runs a short version under go test ./... and its full size by make: campaign,
// campaign-peers, soak.
package proof
