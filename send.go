package computeunit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// operation is what is sent, and what each attempt at it means.
type operation struct {
	url       *url.URL
	action    string
	serviceID string // for errors and logs; empty if the action has none
	isListing bool   // it changes nothing: its errors are no outcomes
	verdictOf func(*transport.Attempt) verdict
}

// send encodes once; the transport then signs, sends and asks for the verdict, attempt by attempt. The error is an
// *OutcomeError, and nil if it was done.
func (c *Client) send(ctx context.Context, op *operation, request any) (verdict, error) {
	if ctx == nil {
		return verdict{}, c.refuse(context.Background(), op, errors.New("the context is nil"))
	}
	body, err := json.Marshal(request)
	if err != nil {
		return verdict{}, c.refuse(ctx, op, fmt.Errorf("encoding the request: %w", err))
	}
	v := verdict{outcome: ErrOutcomeUnknown}
	traces := tracesOf(ctx, op)
	sending := transport.Request{URL: op.url, Body: body, After: func(a *transport.Attempt) transport.Again {
		v = op.verdictOf(a)
		v.attempts = a.Number
		if traces != nil {
			traces.after(ctx, a, &v)
		}
		c.logAttempt(ctx, op, a, v)
		return v.again
	}}
	if traces != nil {
		sending.Before = traces.before
	}
	if c.logger.Enabled(ctx, slog.LevelWarn) {
		sending.Waiting = func(a *transport.Attempt, wait time.Duration) { c.logRetry(ctx, op, a, v, wait) }
	}
	if _, gaveUp := c.transport.Do(ctx, &sending); gaveUp != nil {
		v.cause = fmt.Errorf("%w; %w", v.cause, gaveUp)
	}
	if v.outcome == nil {
		return v, nil
	}
	return v, c.failure(ctx, op, v)
}

// refuse makes the error of what was not sent.
func (c *Client) refuse(ctx context.Context, op *operation, cause error) error {
	return c.failure(ctx, op, verdict{outcome: ErrNotPurchased, cause: cause})
}

// failure makes the error that the caller gets, and logs it if it is unknown what was done.
func (c *Client) failure(ctx context.Context, op *operation, v verdict) error {
	failed := op.failure(v)
	if v.outcome == ErrOutcomeUnknown && !op.isListing {
		c.logUnknown(ctx, failed)
	}
	return failed
}

func (op *operation) failure(v verdict) *OutcomeError {
	return &OutcomeError{
		Action:    op.action,
		Outcome:   v.outcome,
		ServiceID: op.serviceID,
		RequestID: v.requestID,
		Attempts:  v.attempts,
		Err:       withoutVerdict(v.cause),
	}
}
