package main

import (
	"errors"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

// A transport of the user's own would make this an unknown outcome.
func TestARefusedConnectionStaysNotPurchased(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	reader := sdkmetric.NewManualReader()
	o, err := newObserver(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	server := computeunittest.NewServer()
	client := server.Client(computeunit.WithMaxAttempts(2))
	server.Close()

	_, err = o.purchase(t.Context(), client, computeunit.PurchaseComputeUnitRequest{
		ServiceID: "svco-1", Billing: computeunit.Postpaid(), ReplicasCount: 1,
	})
	if !errors.Is(err, computeunit.ErrNotPurchased) {
		t.Errorf("got %v", err)
	}
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		counts[m.Name] = points(m.Data)["not_purchased"]
	}
	if counts["computeunit.purchases"] != 1 || counts["computeunit.attempts"] != 2 {
		t.Errorf("counted %v", counts)
	}
	if len(spans.GetSpans()) != 1 {
		t.Errorf("got %d spans", len(spans.GetSpans()))
	}
}
