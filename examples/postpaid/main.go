// Postpaid buys compute units that are paid for as they are used, and are released by themselves a week later.
//
//	go run ./examples/postpaid                              buys from a stand-in: needs no key and no network
//	go run ./examples/postpaid -live -service svco-...      buys for real money, with the keys in the environment
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/qianfan-go/computeunit"
)

func main() {
	log.SetFlags(0)
	o := parseFlags()
	client, stop, err := o.client()
	if err != nil {
		log.Fatal(err)
	}
	defer stop()

	request := computeunit.PurchaseComputeUnitRequest{
		ServiceID:     o.service,
		Billing:       computeunit.PostpaidUntil(time.Now().AddDate(0, 0, 7)), // or Postpaid(), which names no time
		ReplicasCount: 1,
	}
	if err := o.confirm(request); err != nil {
		log.Fatal(err)
	}

	ctx, stopListening := signal.NotifyContext(context.Background(), os.Interrupt) // Ctrl-C still gets an outcome
	defer stopListening()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	bought, err := client.PurchaseComputeUnit(ctx, request)
	switch {
	case err == nil:
		fmt.Printf("bought: instance %s, order %s (request id %s)\n", bought.Result.InstanceID, bought.Result.OrderID, bought.RequestID)
	case errors.Is(err, computeunit.ErrNotPurchased):
		log.Fatalf("nothing was bought: %v", err)
	default: // computeunit.ErrOutcomeUnknown
		log.Fatalf("an order may exist: list the instances before buying again: %v", err)
	}
}
