package main

import (
	"context"
	"errors"
	"net/http/httptrace"

	"go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/qianfan-go/computeunit"
)

// observer makes a span of each purchase and counts outcomes and attempts.
type observer struct {
	tracer    trace.Tracer
	purchases metric.Int64Counter
	attempts  metric.Int64Counter
}

func newObserver(tracing trace.TracerProvider, metrics metric.MeterProvider) (*observer, error) {
	meter := metrics.Meter("shop")
	purchases, errPurchases := meter.Int64Counter("computeunit.purchases")
	attempts, errAttempts := meter.Int64Counter("computeunit.attempts")
	return &observer{tracing.Tracer("shop"), purchases, attempts}, errors.Join(errPurchases, errAttempts)
}

// purchase buys in a span. The client keeps its own transport, and so its proofs: wrapped in otelhttp's, a connection
// that is refused would be an unknown outcome.
func (o *observer) purchase(
	ctx context.Context, client *computeunit.Client, request computeunit.PurchaseComputeUnitRequest,
) (*computeunit.PurchaseComputeUnitResponse, error) {
	ctx, span := o.tracer.Start(ctx, "PurchaseComputeUnit", trace.WithAttributes(attribute.String("service_id", request.ServiceID)))
	defer span.End()
	ctx = computeunit.ContextWithHooks(ctx, o.trace())
	ctx = httptrace.WithClientTrace(ctx, otelhttptrace.NewClientTrace(ctx,
		otelhttptrace.WithoutSubSpans(), // events: an attempt can have several connections, or none
		otelhttptrace.WithoutHeaders())) // a session token is in one

	bought, err := client.PurchaseComputeUnit(ctx, request)
	outcome := attribute.String("outcome", outcomeOf(err))
	span.SetAttributes(outcome)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	o.purchases.Add(ctx, 1, metric.WithAttributes(outcome))
	return bought, err
}

// trace makes events and a counter of attempts.
func (o *observer) trace() computeunit.Hooks {
	return computeunit.Hooks{
		BeforeAttempt: func(ctx context.Context, a computeunit.AttemptInfo) error {
			trace.SpanFromContext(ctx).AddEvent("attempt", trace.WithAttributes(
				attribute.Int("number", a.Number), attribute.String("request_id", a.RequestID)))
			return nil
		},
		AfterAttempt: func(ctx context.Context, _ computeunit.AttemptInfo, err error) error {
			o.attempts.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", outcomeOf(err))))
			return nil
		},
	}
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "bought"
	case errors.Is(err, computeunit.ErrNotPurchased):
		return "not_purchased"
	default: // computeunit.ErrOutcomeUnknown
		return "unknown"
	}
}
