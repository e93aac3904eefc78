package computeunit

import (
	"context"
	"fmt"
	"time"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// Trace is a set of hooks that run around each attempt to send a request, in the manner of [net/http/httptrace]. A nil hook
// is skipped. Hooks run on the goroutine of the call: a slow one delays it.
type Trace struct {
	// BeforeAttempt is called when an attempt is signed and about to be sent. If it returns an error, the attempt is not
	// sent, there is no further one, and the call ends with that error as its cause. The context is checked again after it.
	BeforeAttempt func(ctx context.Context, a AttemptInfo) error
	// AfterAttempt is called for each attempt that BeforeAttempt let through, before it is logged and before any wait. err
	// is what the call would return if this attempt were its last: nil, or its error, which matches one outcome unless the
	// call is a listing. If AfterAttempt returns an error, there is no further attempt; the outcome stays as it is.
	AfterAttempt func(ctx context.Context, a AttemptInfo, err error) error
}

// AttemptInfo describes one attempt to the hooks of a [Trace].
type AttemptInfo struct {
	// Action is the API's, such as PurchaseComputeUnit.
	Action string
	// ServiceID is the service of the request. Empty for [Client.Call].
	ServiceID string
	// Number counts the attempts of a call, from 1.
	Number int
	// RequestID is the x-bce-request-id that is sent with this attempt, and with no other.
	RequestID string
	// SignatureExpires is when the signature of this attempt stops being valid, in whole seconds, by the clock that signed
	// it: this machine's, corrected if the service has rejected it.
	SignatureExpires time.Time
	// RetryAfter is how long the response asks to wait before another attempt. Zero if it does not, and before the attempt.
	RetryAfter time.Duration
}

// traceKey is the key of the traces in a context: a []Trace.
type traceKey struct{}

// WithTrace returns a context whose calls run the hooks of trace. Several compose: those that were added first run first, and
// the first error ends the call. The trace is copied. A nil trace changes nothing.
func WithTrace(ctx context.Context, trace *Trace) context.Context {
	if trace == nil {
		return ctx
	}
	before, _ := ctx.Value(traceKey{}).([]Trace)
	return context.WithValue(ctx, traceKey{}, append(before[:len(before):len(before)], *trace))
}

// traces runs the hooks of one call.
type traces struct {
	hooks []Trace
	op    *operation
	let   int // how many of them let the current attempt through
}

// tracesOf returns nil if there are none.
func tracesOf(ctx context.Context, op *operation) *traces {
	hooks, _ := ctx.Value(traceKey{}).([]Trace)
	if len(hooks) == 0 {
		return nil
	}
	return &traces{hooks: hooks, op: op}
}

func (t *traces) info(a *transport.Attempt) AttemptInfo {
	return AttemptInfo{
		Action: t.op.action, ServiceID: t.op.serviceID, Number: a.Number, RequestID: a.RequestID, SignatureExpires: a.SignatureExpires,
		RetryAfter: a.RetryAfter(),
	}
}

func (t *traces) before(ctx context.Context, a *transport.Attempt) error {
	for t.let = 0; t.let < len(t.hooks); t.let++ {
		if hook := t.hooks[t.let].BeforeAttempt; hook != nil {
			if err := hook(ctx, t.info(a)); err != nil {
				return fmt.Errorf("a hook prevented the attempt: %w", err)
			}
		}
	}
	return nil
}

// after gives every hook that let the attempt through its end, also if another one refused the attempt then.
func (t *traces) after(ctx context.Context, a *transport.Attempt, v *verdict) {
	let := t.let
	t.let = 0
	for _, trace := range t.hooks[:let] {
		if trace.AfterAttempt == nil {
			continue
		}
		var err error
		switch {
		case v.outcome == nil:
		case t.op.isListing:
			err = listingError(t.op.serviceID, *v)
		default:
			err = t.op.failure(*v)
		}
		if err := trace.AfterAttempt(ctx, t.info(a), err); err != nil {
			v.again = transport.Never
			if v.outcome != nil {
				// A verdict in the hook's own error would cost the cause its chain.
				v.cause = fmt.Errorf("%w; a hook prevented a further attempt: %w", v.cause, withoutVerdict(err))
			}
		}
	}
}
