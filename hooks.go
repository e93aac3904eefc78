package computeunit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// Hooks run around each attempt to send a request: of every call of a client ([WithHooks]), or of one ([ContextWithHooks]). A
// nil hook is skipped. Hooks run on the goroutine of the call: a slow one delays it.
type Hooks struct {
	// BeforeAttempt is called when an attempt is signed and about to be sent. If it returns an error, the attempt is not
	// sent, there is no further one, and the call ends with that error as its cause. The context is checked again after it.
	BeforeAttempt func(ctx context.Context, a AttemptInfo) error
	// AfterAttempt is called for each attempt that BeforeAttempt let through, before it is logged and before any wait. err
	// is what the call would return if this attempt were its last: nil, or its error. If AfterAttempt returns an error, there
	// is no further attempt; the outcome stays as it is. It is called also if one before it panics.
	AfterAttempt func(ctx context.Context, a AttemptInfo, err error) error
}

// AttemptInfo describes one attempt to [Hooks].
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
	// it: this machine's, or the service's if they are a minute or more apart.
	SignatureExpires time.Time
	// StatusCode is the HTTP status of the response. 0 before the attempt, and if none came.
	StatusCode int
	// Duration is how long the attempt took, from the request for credentials to the end of the response. 0 before it.
	Duration time.Duration
	// RetryAfter is how long the response asks to wait before another attempt. 0 if it does not, and before the attempt.
	RetryAfter time.Duration
}

// WithHooks adds hooks to every call of the client, such as metrics. They run before those of [ContextWithHooks], and in the
// order in which they were added. The first error ends the call.
func WithHooks(hooks Hooks) Option {
	return func(s *settings) { s.hooks = append(s.hooks, hooks) }
}

// hooksKey is the key of the hooks in a context: a []Hooks.
type hooksKey struct{}

// ContextWithHooks returns a context whose calls run the hooks too, after those that it has already.
func ContextWithHooks(ctx context.Context, hooks Hooks) context.Context {
	before, _ := ctx.Value(hooksKey{}).([]Hooks)
	return context.WithValue(ctx, hooksKey{}, append(slices.Clip(before), hooks))
}

// callHooks are the hooks of one call.
type callHooks struct {
	hooks []Hooks
	op    *operation
	let   int // how many of them let the current attempt through
}

func (c *Client) hooksOf(ctx context.Context, op *operation) *callHooks {
	ofContext, _ := ctx.Value(hooksKey{}).([]Hooks)
	return &callHooks{hooks: slices.Concat(c.hooks, ofContext), op: op}
}

func (h *callHooks) info(a *transport.Attempt) AttemptInfo {
	return AttemptInfo{
		Action:           h.op.action,
		ServiceID:        h.op.serviceID,
		Number:           a.Number,
		RequestID:        a.RequestID,
		SignatureExpires: a.SignatureExpires,
		StatusCode:       a.Status,
		Duration:         a.Duration,
		RetryAfter:       a.RetryAfter(),
	}
}

func (h *callHooks) before(ctx context.Context, a *transport.Attempt) error {
	for h.let = 0; h.let < len(h.hooks); h.let++ {
		if hook := h.hooks[h.let].BeforeAttempt; hook != nil {
			if err := hook(ctx, h.info(a)); err != nil {
				return fmt.Errorf("a hook prevented the attempt: %w", err)
			}
		}
	}
	return nil
}

// after gives every hook that let the attempt through its end, also if another one refused the attempt then.
func (h *callHooks) after(ctx context.Context, a *transport.Attempt, v *verdict) {
	if _, lasts := ctx.(transport.Lasting); lasts { // also after the caller has left
		ctx = context.WithoutCancel(ctx)
	}
	for _, hooks := range slices.Backward(h.hooks[:h.let]) {
		defer func() { // in order, and also if one before it panics: package once writes down what was refused
			if hooks.AfterAttempt == nil {
				return
			}
			if err := hooks.AfterAttempt(ctx, h.info(a), h.op.failure(v)); err != nil {
				v.again = transport.Never
				v.retryable = v.retryable && h.op.doing == "" // whoever waits for a listing stops, too
				if v.Outcome != nil {
					// A verdict in the hook's own error, which may be the one that it was given, is not this attempt's.
					if err = withoutVerdict(err); errors.Is(err, ErrRetryable) {
						err = foreign{err.Error()}
					}
					v.Err = fmt.Errorf("%w; a hook prevented a further attempt: %w", v.Err, err)
				}
			}
		}()
	}
	h.let = 0
}
