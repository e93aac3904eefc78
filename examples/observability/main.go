// Observability measures and traces every call of a client with OpenTelemetry, without a line of it in the library.
//
//	cd examples/observability && go run .     buys from a stand-in for the service: needs no key and no network
package main

import (
	"context"
	"fmt"
	"log"
	"maps"
	"net/http/httptrace"
	"slices"

	"go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func main() {
	// A real service sends both to its collector; here they stay in memory, to be printed.
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("shop")
	hooks, err := newHooks(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		log.Fatal(err)
	}
	server := computeunittest.NewServer()
	server.NextPurchases(
		computeunittest.Throttled(0), // and the client tries again
		computeunittest.Fault{},
		computeunittest.Denied(),
		computeunittest.LoseAnswer())
	client := server.Client(computeunit.WithHooks(hooks), computeunit.WithMaxAttempts(2))
	ctx := context.Background()

	for range 3 {
		buy(ctx, tracer, client)
	}
	_, _ = client.DescribeComputeUnits(ctx, computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-48esssdpa594"})
	server.Close() // a connection that is refused stays certain: nothing was purchased
	buy(ctx, tracer, client)

	counted := counts(ctx, reader)
	for _, attempts := range slices.Sorted(maps.Keys(counted)) {
		fmt.Println(attempts, counted[attempts])
	}
	for _, span := range spans.GetSpans() {
		fmt.Println("span", span.Name, span.Status.Code, len(span.Events), "events")
	}
}

// buy buys in a span with events of its connections. Wrap no transport to trace a purchase, as otelhttp does: a connection that is
// refused would be an unknown outcome.
func buy(ctx context.Context, tracer trace.Tracer, client *computeunit.Client) {
	ctx, span := tracer.Start(ctx, "PurchaseComputeUnit")
	defer span.End()
	ctx = httptrace.WithClientTrace(ctx, otelhttptrace.NewClientTrace(ctx,
		otelhttptrace.WithoutSubSpans(), // events: an attempt can have several connections, or none
		otelhttptrace.WithoutHeaders())) // a session token is in one
	_, err := client.PurchaseComputeUnit(ctx, computeunit.PurchaseComputeUnitRequest{
		ServiceID: "svco-48esssdpa594", Billing: computeunit.Postpaid(), ReplicasCount: 1,
	})
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	fmt.Println(outcomeOf(err))
}

// counts is how many attempts each combination of attributes had.
func counts(ctx context.Context, reader *sdkmetric.ManualReader) map[string]uint64 {
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		log.Fatal(err)
	}
	counted := map[string]uint64{}
	for _, point := range collected.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64]).DataPoints {
		value := func(name attribute.Key) string { v, _ := point.Attributes.Value(name); return v.Emit() }
		counted[value("action")+" "+value("status")+" "+value("outcome")] = point.Count
	}
	return counted
}
