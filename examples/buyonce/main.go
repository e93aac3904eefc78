// Buyonce shows the whole sequence that a careful service runs: list, buy, on an unknown outcome find out what the
// purchase left behind, and wait until it runs.
//
//	go run ./examples/buyonce     buys from a simulator that loses an answer on purpose: needs no key and no network
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

// BuyOnce buys and waits until the instance runs. It never orders twice: on an unknown outcome it looks, and where
// looking does not tell it leaves the decision to a person. Only after ErrNotPurchased call it again. On
// ErrOutcomeUnknown an order may exist. On any other error there is one, and the instance is named if it is known.
func BuyOnce(ctx context.Context, client *computeunit.Client, request computeunit.PurchaseComputeUnitRequest) (instanceID string, err error) {
	before, err := client.DescribeComputeUnits(ctx, computeunit.DescribeComputeUnitsRequest{ServiceID: request.ServiceID})
	if err != nil {
		return "", fmt.Errorf("%w: %w", computeunit.ErrNotPurchased, err)
	}
	progress("listed: the service has %d instances", len(before.Result.Instances))

	bought, err := client.PurchaseComputeUnit(ctx, request)
	switch {
	case err == nil:
		progress("bought: order %s", bought.Result.OrderID)
		instanceID = bought.Result.InstanceID
	case errors.Is(err, computeunit.ErrNotPurchased):
		return "", err
	default: // computeunit.ErrOutcomeUnknown
		progress("%v", err)
	}
	if instanceID == "" { // unknown, or only the order was named
		found, notFound := find(ctx, client, before, request)
		if notFound != nil {
			return "", errors.Join(err, notFound) // err stays in it: looking did not change the outcome
		}
		instanceID = found
	}
	_, err = client.WaitUntilRunning(ctx, request.ServiceID, instanceID, func(status computeunit.InstanceStatus, elapsed time.Duration) {
		progress("%s is %s after %s", instanceID, status, elapsed.Round(100*time.Millisecond))
	})
	if err != nil {
		return instanceID, fmt.Errorf("bought, do not buy again: %w", err)
	}
	return instanceID, nil
}

// find gives the listing a while to show what the purchase left behind. It takes its own time: where the purchase
// ended in a time-out, ctx has none left.
func find(ctx context.Context, client *computeunit.Client, before *computeunit.DescribeComputeUnitsResponse, request computeunit.PurchaseComputeUnitRequest) (instanceID string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	left, err := client.Reconcile(ctx, before, request)
	if err != nil {
		return "", err
	}
	progress("looked: found %s", left.Finding)
	if left.Finding != computeunit.FoundOne {
		return "", fmt.Errorf("looked for the instance, found %s: let a person look before buying again", left.Finding)
	}
	return left.Candidates[0].InstanceID, nil
}

func main() {
	log.SetFlags(0)
	stage.Parse()
	sim := simulator.New(simulator.Config{StartsAfter: 2 * time.Second})
	client, stop, err := stage.Simulate(sim)
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	sim.Inject(simulator.Fault{Kind: simulator.Reset, When: simulator.AfterOrder})
	sim.InjectRead(simulator.Fault{Kind: simulator.ErrorAnswer, Status: 503}) // listing is tried again by itself
	instanceID, err := BuyOnce(ctx, client, computeunit.PurchaseComputeUnitRequest{
		ServiceID: "svco-48esssdpa594", Billing: computeunit.Prepaid(1), ReplicasCount: 2,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("\n%s is running\n", instanceID)
	for i, order := range sim.Orders() {
		fmt.Printf("the ledger, line %d: order %s of instance %s\n", i+1, order.OrderID, order.InstanceID)
	}
}

var started = time.Now()

func progress(format string, args ...any) {
	fmt.Printf("%5.1fs  %s\n", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
}
