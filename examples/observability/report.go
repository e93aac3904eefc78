package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func report(ctx context.Context, spans *tracetest.InMemoryExporter, reader *sdkmetric.ManualReader) {
	for _, span := range spans.GetSpans() {
		fmt.Printf("span %s, status %s:", span.Name, span.Status.Code)
		for _, event := range span.Events {
			fmt.Print(" ", event.Name)
		}
		fmt.Println()
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
