package main

import (
	"maps"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestEveryAttemptOfAClientIsMeasured(t *testing.T) {
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("test")
	hooks, err := newHooks(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	server := computeunittest.NewServer()
	server.NextPurchases(computeunittest.Throttled(0), computeunittest.Fault{}, computeunittest.LoseAnswer())
	server.NextListings(computeunittest.Denied())
	client := server.Client(computeunit.WithHooks(hooks), computeunit.WithMaxAttempts(2))

	buy(t.Context(), tracer, client)
	buy(t.Context(), tracer, client)
	_, _ = client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-1"})
	server.Close()
	buy(t.Context(), tracer, client) // in a transport that traces, this would be unknown, and not tried again

	want := map[string]uint64{
		"PurchaseComputeUnit 429 not_purchased": 1, "PurchaseComputeUnit 200 ok": 1, "PurchaseComputeUnit 0 unknown": 1,
		"DescribeComputeUnits 403 failed": 1, "PurchaseComputeUnit 0 not_purchased": 2,
	}
	if got := counts(t.Context(), reader); !maps.Equal(got, want) {
		t.Errorf("counted %v", got)
	}
	if got := spans.GetSpans(); len(got) != 3 || got[0].Status.Code != codes.Unset || got[1].Status.Code != codes.Error {
		t.Errorf("got spans %v", got)
	}
}
