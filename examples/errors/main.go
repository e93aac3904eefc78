// Errors shows every way a purchase can end, and what to do then.
//
//	go run ./examples/errors      buys from a stand-in that misbehaves on purpose: needs no key and no network
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "no arguments are taken, but there is %q\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}
	server := computeunittest.NewServer()
	defer server.Close()
	client := server.Client()

	good := computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-48esssdpa594", Billing: computeunit.Prepaid(5), ReplicasCount: 5}
	bad := good
	bad.Billing, bad.ReplicasCount = computeunit.Prepaid(13), 0

	show(client, "all goes well", good)
	show(client, "the request breaks two rules", bad)

	server.NextPurchases(computeunittest.Denied())
	show(client, "the key may not buy", good)

	server.NextPurchases(computeunittest.LoseAnswer())
	show(client, "the connection breaks after the order was made", good)

	server.NextPurchases(computeunittest.LoseRequest())
	show(client, "the connection breaks before an order is made: from here it looks the same", good)

	server.Close()
	show(client, "nobody listens at the address", good)

	fmt.Printf("\nthe stand-in's ledger has %d orders\n", len(server.Orders()))
}

// show buys once and prints what its end means for the caller.
func show(client *computeunit.Client, what string, request computeunit.PurchaseComputeUnitRequest) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Printf("\n-- %s\n", what)
	bought, err := client.PurchaseComputeUnit(ctx, request)
	var invalid *computeunit.ValidationError
	var refusal *computeunit.APIError
	switch {
	case err == nil:
		fmt.Println("bought:", bought.Result.InstanceID)
	case errors.As(err, &invalid):
		fmt.Println("not purchased, nothing was sent. Fix the request:")
		for _, violation := range invalid.Violations {
			fmt.Println("  ", violation)
		}
	case errors.Is(err, computeunit.ErrNotPurchased) && errors.As(err, &refusal):
		fmt.Printf("not purchased, the service refused (%d %s). Fix the cause, and buy again.\n", refusal.StatusCode, refusal.Code)
	case errors.Is(err, computeunit.ErrNotPurchased):
		fmt.Println("not purchased, the service was not reached. Buy again later:", err)
	default: // computeunit.ErrOutcomeUnknown
		fmt.Println("unknown, an order may exist. List the instances before buying again (package once does it for you):", err)
	}
}
