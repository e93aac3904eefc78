package computeunit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// operation is what is sent, and what is read of a success.
type operation struct {
	path, action string
	serviceID    string                // for errors and logs; empty if the action has none
	read         func(*response) error // of a 2xx; the error is what is missing in it for a success
	refusals     []string              // codes that refuse in a 2xx, beside the documented ones
	isCall       bool                  // of Call: what the action does is not known, and it is sent once
	// doing is what an action does that may be done twice. Its errors are plain, and no outcomes. Empty: it may not.
	doing string
	// maybe is what its errors say once an attempt was unknown. Empty: it changes nothing.
	maybe string
}

// send encodes once; the transport then signs, sends and asks for the verdict, attempt by attempt. invalid is why nothing may
// be sent. The error is nil if it was done.
func (c *Client) send(ctx context.Context, op *operation, request any, invalid error) (*verdict, error) {
	body, err := json.Marshal(request)
	switch {
	case invalid != nil:
	case ctx == nil:
		invalid = errors.New("the context is nil")
	case err != nil:
		invalid = fmt.Errorf("encoding the request: %w", err)
	}
	if invalid != nil {
		v := op.verdict(ErrNotPurchased)
		v.Err = invalid
		return v, op.failure(v)
	}
	v, gaveUp := c.attempts(ctx, op, body)
	if gaveUp != nil {
		v.Err = fmt.Errorf("%w; %w", v.Err, gaveUp)
	}
	if v.Outcome == ErrOutcomeUnknown && op.doing == "" {
		c.logUnknown(ctx, v)
	}
	return v, op.failure(v)
}

// attempts returns the verdict on the last one, and why another one that was due was not made.
func (c *Client) attempts(ctx context.Context, op *operation, body []byte) (v *verdict, gaveUp error) {
	hooks, maybe := c.hooksOf(ctx, op), false
	gaveUp = c.transport.Do(ctx, &transport.Request{
		URL:    actionURL(c.endpoint, op.path, op.action),
		Body:   body,
		Before: hooks.before,
		After: func(a *transport.Attempt) transport.Again {
			v = op.judge(a)
			if maybe = maybe || v.Outcome == ErrOutcomeUnknown; maybe && v.Outcome != nil && op.maybe != "" {
				v.Err = fmt.Errorf("%w; %s", v.Err, op.maybe)
			}
			hooks.after(ctx, a, v)
			c.record(ctx, slog.LevelDebug, "attempt", v, slog.Int("status", a.Status), slog.Duration("duration", a.Duration))
			return v.again
		},
		Waiting: func(wait time.Duration) {
			c.record(ctx, slog.LevelWarn, "retry", v, slog.String("reason", v.Err.Error()), slog.Duration("wait", wait))
		},
	})
	return v, gaveUp
}

// verdict begins one.
func (op *operation) verdict(outcome error) *verdict {
	return &verdict{OutcomeError: OutcomeError{Action: op.action, ServiceID: op.serviceID, Outcome: outcome, isCall: op.isCall}}
}

// judge is the outcome table, and what follows from it for this action.
func (op *operation) judge(a *transport.Attempt) *verdict {
	r := read(a)
	var missing error
	if isSuccess(a.Status) {
		missing = op.read(r)
	}
	v := judge(op, r, missing)
	switch {
	case op.isCall:
		v.again = transport.Never
	case op.doing != "" && v.Outcome == ErrOutcomeUnknown:
		v.again, v.retryable = transport.AfterBackoff, true
	}
	return v
}

// failure makes the error that the caller gets; nil if it was done.
func (op *operation) failure(v *verdict) error {
	switch {
	case v.Outcome == nil:
		return nil
	case op.doing != "":
		return fmt.Errorf("computeunit: %s: %w%s", op.doing, v.err(), v.attemptText())
	}
	failed := v.OutcomeError
	failed.RequestID, failed.Err = cmp.Or(v.RequestID, v.ClientRequestID), v.err()
	return &failed
}
