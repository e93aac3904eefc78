// Errors shows every way a purchase can end, and what to do then.
//
//	go run ./examples/errors      buys from a simulator that misbehaves on purpose: needs no key and no network
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/examples/internal/stage"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

func main() {
	log.SetFlags(0)
	stage.Parse()
	sim := simulator.New(simulator.Config{})
	client, stop, err := stage.Simulate(sim)
	if err != nil {
		log.Fatal(err)
	}
	defer stop()

	good := computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-48esssdpa594", Billing: computeunit.Prepaid(5), ReplicasCount: 5}
	bad := good
	bad.Billing, bad.ReplicasCount = computeunit.Prepaid(13), 0

	show(client, "all goes well", good)
	show(client, "the request breaks two rules", bad)

	sim.Inject(simulator.Fault{Kind: simulator.ErrorAnswer, Status: 403, Code: "AccessDenied", Message: "Access denied."})
	show(client, "the key may not buy", good)

	sim.Inject(simulator.Fault{Kind: simulator.Reset, When: simulator.AfterOrder})
	show(client, "the connection breaks after the order was made", good)

	sim.Inject(simulator.Fault{Kind: simulator.Reset, When: simulator.BeforeOrder})
	show(client, "the connection breaks before an order is made: from here it looks the same", good)

	fmt.Printf("\nthe simulator's ledger has %d orders\n", len(sim.Orders()))
}

// show buys once and says what each end means for the caller.
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
		fmt.Println("not purchased, nothing was sent. Mend the request:")
		for _, violation := range invalid.Violations {
			fmt.Println("  ", violation)
		}
	case errors.Is(err, computeunit.ErrNotPurchased) && errors.As(err, &refusal):
		fmt.Printf("not purchased, the service refused (%d %s). Mend the cause, and buy again.\n", refusal.StatusCode, refusal.Code)
	case errors.Is(err, computeunit.ErrNotPurchased):
		fmt.Println("not purchased, the service was not reached. Buy again:", err)
	default: // computeunit.ErrOutcomeUnknown
		fmt.Println("unknown, an order may exist. Look before buying again (examples/buyonce does):", err)
	}
}
