package computeunittest_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

var fiveMonths = computeunit.PurchaseComputeUnitRequest{
	ServiceID: "svco-48esssdpa594", Billing: computeunit.Prepaid(5), ReplicasCount: 5,
}

// buy is the code under test.
func buy(client *computeunit.Client) string {
	_, err := client.PurchaseComputeUnit(context.Background(), fiveMonths)
	switch {
	case err == nil:
		return "bought"
	case errors.Is(err, computeunit.ErrNotPurchased):
		return "not purchased"
	default:
		return "unknown"
	}
}

// A server starts with ample stock and balance. Its ledger shows what was really bought.
func Example() {
	server := computeunittest.NewServer()
	defer server.Close()
	client := server.Client()

	fmt.Println(buy(client), len(server.Orders()))

	server.NextPurchases(computeunittest.Denied())
	fmt.Println(buy(client), len(server.Orders()))

	server.NextPurchases(computeunittest.LoseAnswer()) // the order is made
	fmt.Println(buy(client), len(server.Orders()))

	server.NextPurchases(computeunittest.LoseRequest()) // and here it is not
	fmt.Println(buy(client), len(server.Orders()))
	// Output:
	// bought 1
	// not purchased 1
	// unknown 2
	// unknown 2
}

// Each request of a call meets one fault: here the client sends three times, and the third is the purchase.
func ExampleServer_NextPurchases() {
	server := computeunittest.NewServer()
	defer server.Close()
	server.NextPurchases(computeunittest.Throttled(0), computeunittest.Expired(), computeunittest.Fault{})

	fmt.Println(buy(server.Client()), server.Requests())
	// Output: bought 3
}

// A failure of the service that hides an order, and an answer that comes too late.
func ExampleFault_AfterOrder() {
	server := computeunittest.NewServer()
	defer server.Close()

	server.NextPurchases(
		computeunittest.Answer(500, `{"requestId":"{requestId}","code":"InternalError"}`).AfterOrder(),
		computeunittest.Delay(time.Hour))
	client := server.Client(computeunit.WithTimeout(time.Second))
	fmt.Println(buy(client), buy(client), len(server.Orders()))
	// Output: unknown unknown 2
}

// Listings misbehave too: an order is not listed at once, and the first listing fails.
func ExampleServer_NextListings() {
	var passed atomic.Int64 // nanoseconds, by which the server's clock is ahead
	server := computeunittest.NewServer(
		computeunittest.WithClock(func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }),
		computeunittest.WithListingLag(2*time.Minute))
	defer server.Close()
	client := server.Client()
	fmt.Println(buy(client))

	server.NextListings(computeunittest.Answer(500, ""))
	for range 2 {
		listing, err := client.DescribeComputeUnits(context.Background(),
			computeunit.DescribeComputeUnitsRequest{ServiceID: fiveMonths.ServiceID})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(listing.Result.Instances))
		passed.Add(int64(2 * time.Minute))
	}
	// Output:
	// bought
	// 0
	// 1
}

// A release can fail as a purchase can. The client sends it again, because an instance ends only once.
func ExampleServer_NextReleases() {
	server := computeunittest.NewServer()
	defer server.Close()
	client := server.Client()
	bought, err := client.PurchaseComputeUnit(context.Background(), computeunit.PurchaseComputeUnitRequest{
		ServiceID: "svco-1", Billing: computeunit.Postpaid(), ReplicasCount: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server.NextReleases(computeunittest.LoseRequest())

	err = client.ReleaseComputeUnit(context.Background(), computeunit.ReleaseComputeUnitRequest{
		ServiceID: "svco-1", InstanceID: bought.Result.InstanceID,
	})
	fmt.Println(err, len(server.Orders()), len(server.Releases()))
	// Output: <nil> 1 1
}
