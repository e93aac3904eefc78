// Observability traces and counts purchases with OpenTelemetry, without a line of it in the library.
//
//	cd examples/observability && go run .     buys from a simulator: needs no key and no network
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

func main() {
	log.SetFlags(0)
	sim := simulator.New(simulator.Config{})
	url, stop, err := simulator.Serve(sim)
	if err != nil {
		log.Fatal(err)
	}
	defer stop()

	// A real service sends both to its collector; here they stay in memory, to be printed.
	spans := tracetest.NewInMemoryExporter()
	tracing := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	reader := sdkmetric.NewManualReader()
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	purchases, err := metrics.Meter("shop").Int64Counter("computeunit.purchases")
	if err != nil {
		log.Fatal(err)
	}

	// A wrapped transport shows the client nothing of what it sent: a failed connection, too, is then unknown.
	traced := otelhttp.NewTransport(likeTheClientsOwn(), otelhttp.WithTracerProvider(tracing))
	client, err := computeunit.NewClient(
		computeunit.StaticCredentials(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey),
		computeunit.WithEndpoint(url),
		computeunit.WithHTTPClient(&http.Client{Transport: traced}))
	if err != nil {
		log.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	sim.Inject(
		simulator.Fault{}, // passes
		simulator.Fault{Kind: simulator.ErrorAnswer, Status: 403, Code: "AccessDenied"},
		simulator.Fault{Kind: simulator.Reset, When: simulator.AfterOrder},
	)
	for range 3 {
		_, err := client.PurchaseComputeUnit(ctx, computeunit.PurchaseComputeUnitRequest{
			ServiceID: "svco-48esssdpa594", Billing: computeunit.Postpaid(), ReplicasCount: 1,
		})
		count(ctx, purchases, err)
	}
	report(ctx, spans, reader)
}

// likeTheClientsOwn does what the client's own transport does: HTTP/1.1 only, and idle connections are closed soon,
// because a purchase that meets one which the service is just closing is unknown.
func likeTheClientsOwn() *http.Transport {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		Protocols:           &http1,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     3 * time.Second,
	}
}

// count is the one metric to have: purchases by outcome.
func count(ctx context.Context, purchases metric.Int64Counter, err error) {
	outcome := "bought"
	switch {
	case errors.Is(err, computeunit.ErrNotPurchased):
		outcome = "not_purchased"
	case err != nil: // computeunit.ErrOutcomeUnknown
		outcome = "unknown"
	}
	purchases.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcome)))
}

func report(ctx context.Context, spans *tracetest.InMemoryExporter, reader *sdkmetric.ManualReader) {
	for _, span := range spans.GetSpans() {
		fmt.Printf("span %s: %s, status %s\n", span.Name, span.EndTime.Sub(span.StartTime).Round(time.Millisecond), span.Status.Code)
	}
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		log.Fatal(err)
	}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			fmt.Print(m.Name, " ")
			if err := json.NewEncoder(os.Stdout).Encode(points(m.Data)); err != nil {
				log.Fatal(err)
			}
		}
	}
}

func points(data metricdata.Aggregation) map[string]int64 {
	counts := map[string]int64{}
	sum, _ := data.(metricdata.Sum[int64])
	for _, point := range sum.DataPoints {
		outcome, _ := point.Attributes.Value("outcome")
		counts[outcome.AsString()] = point.Value
	}
	return counts
}
