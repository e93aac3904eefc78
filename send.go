package computeunit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// operation is what is sent, and what is read of a success.
type operation struct {
	url       *url.URL
	action    string
	serviceID string                // for errors and logs; empty if the action has none
	read      func(*response) error // of a 2xx; the error is what is missing in it for a success
	refusals  []string              // codes that refuse in a 2xx, beside the documented ones
	isCall    bool                  // of Call: what the action does is not known, and it is sent once
	// doing is what an action does that may be done twice. Its errors are plain, and no outcomes. Empty: it may not.
	doing string
	// maybe is what its errors say once an attempt was unknown. Empty: it changes nothing.
	maybe string
}

// send encodes once; the transport then signs, sends and asks for the verdict, attempt by attempt. invalid is why nothing may
// be sent. The error is nil if it was done.
func (c *Client) send(ctx context.Context, op *operation, request any, invalid error) (verdict, error) {
	body, err := json.Marshal(request)
	switch {
	case invalid != nil:
	case ctx == nil:
		invalid = errors.New("the context is nil")
	case err != nil:
		invalid = fmt.Errorf("encoding the request: %w", err)
	}
	if invalid != nil {
		v := verdict{outcome: ErrNotPurchased, cause: invalid}
		return v, op.failure(v)
	}
	v, gaveUp := c.attempts(ctx, op, body)
	if gaveUp != nil {
		v.cause = fmt.Errorf("%w; %w", v.cause, gaveUp)
	}
	if v.outcome == nil {
		return v, nil
	}
	if v.outcome == ErrOutcomeUnknown && op.doing == "" {
		c.logUnknown(ctx, op, v)
	}
	return v, op.failure(v)
}

// attempts returns the verdict on the last one, and why another one that was due was not made.
func (c *Client) attempts(ctx context.Context, op *operation, body []byte) (v verdict, gaveUp error) {
	hooks, maybe := c.hooksOf(ctx, op), false
	sending := transport.Request{URL: op.url, Body: body, After: func(a *transport.Attempt) transport.Again {
		v = op.judge(a)
		if maybe = maybe || v.outcome == ErrOutcomeUnknown; maybe && v.outcome != nil && op.maybe != "" {
			v.cause = fmt.Errorf("%w; %s", v.cause, op.maybe)
		}
		if hooks != nil {
			hooks.after(ctx, a, &v)
		}
		c.logAttempt(ctx, op, a, v)
		return v.again
	}}
	if hooks != nil {
		sending.Before = hooks.before
	}
	if c.logger.Enabled(ctx, slog.LevelWarn) {
		sending.Waiting = func(_ *transport.Attempt, wait time.Duration) { c.logRetry(ctx, op, v, wait) }
	}
	gaveUp = c.transport.Do(ctx, &sending)
	return v, gaveUp
}

// judge is the outcome table, and what follows from it for this action.
func (op *operation) judge(a *transport.Attempt) verdict {
	r := read(a)
	var missing error
	if isSuccess(a.Status) {
		missing = op.read(r)
	}
	v := judge(r, missing, op.refusals)
	switch {
	case op.isCall:
		v.again = transport.Never
	case op.doing != "" && v.outcome == ErrOutcomeUnknown:
		v.again, v.retryable = transport.AfterBackoff, true
	}
	return v
}

// failure makes the error that the caller gets.
func (op *operation) failure(v verdict) error {
	if op.doing != "" {
		return fmt.Errorf("computeunit: %s: %w%s", op.doing, v.err(), attemptText(v.requestID, v.sentID, v.attempts))
	}
	return &OutcomeError{
		Action:          op.action,
		Outcome:         v.outcome,
		ServiceID:       op.serviceID,
		RequestID:       cmp.Or(v.requestID, v.sentID),
		ClientRequestID: v.sentID,
		Attempts:        v.attempts,
		Err:             v.err(),
		isCall:          op.isCall,
	}
}
