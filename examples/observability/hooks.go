package main

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/qianfan-go/computeunit"
)

// newHooks returns hooks that measure each attempt of a client's calls, and add it to the span of its context.
func newHooks(metrics metric.MeterProvider) (computeunit.Hooks, error) {
	duration, err := metrics.Meter("shop").Float64Histogram("computeunit.attempt.duration", metric.WithUnit("s"))
	return computeunit.Hooks{
		AfterAttempt: func(ctx context.Context, a computeunit.AttemptInfo, err error) error {
			attributes := []attribute.KeyValue{
				attribute.String("action", a.Action), attribute.Int("status", a.StatusCode), attribute.String("outcome", outcomeOf(err)),
			}
			duration.Record(ctx, a.Duration.Seconds(), metric.WithAttributes(attributes...))
			trace.SpanFromContext(ctx).AddEvent("attempt", trace.WithAttributes(append(attributes, attribute.String("request_id", a.RequestID))...))
			return nil // an error would end the call
		},
	}, err
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, computeunit.ErrNotPurchased):
		return "not_purchased"
	case errors.Is(err, computeunit.ErrOutcomeUnknown):
		return "unknown"
	default: // of an action that may be repeated
		return "failed"
	}
}
