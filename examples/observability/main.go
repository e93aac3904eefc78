// Observability traces and counts purchases with OpenTelemetry, without a line of it in the library.
//
//	cd examples/observability && go run .     buys from a simulator: needs no key and no network
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func main() {
	log.SetFlags(0)
	// A real service sends both to its collector; here they stay in memory, to be printed.
	spans := tracetest.NewInMemoryExporter()
	tracing := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	reader := sdkmetric.NewManualReader()
	o, err := newObserver(tracing, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		log.Fatal(err)
	}

	server := computeunittest.NewServer()
	defer server.Close()
	client := server.Client()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	server.NextPurchases(
		computeunittest.Throttled(0), // and the client tries again
		computeunittest.Fault{},
		computeunittest.Denied(),
		computeunittest.LoseAnswer())
	for range 3 {
		buy(ctx, o, client)
	}
	server.Close() // a connection that is refused stays certain: nothing was purchased
	buy(ctx, o, client)
	report(ctx, spans, reader)
}

func buy(ctx context.Context, o *observer, client *computeunit.Client) {
	request := computeunit.PurchaseComputeUnitRequest{
		ServiceID: "svco-48esssdpa594", Billing: computeunit.Postpaid(), ReplicasCount: 1,
	}
	_, err := o.purchase(ctx, client, request)
	switch {
	case err == nil:
		fmt.Println("bought")
	case errors.Is(err, computeunit.ErrNotPurchased):
		fmt.Println("nothing was bought")
	default: // computeunit.ErrOutcomeUnknown
		fmt.Println("an order may exist")
	}
}
