// Package transport sends signed requests and reports truthfully whether one may have left this machine.
//
// [Transport.Do] repeats a request as its caller judges; attempt.go sends it once. The default transport is in conn.go
// and gate.go; what only callers' transports and mocks need is in route.go and replay.go. The package knows nothing about purchases.
package transport

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/qianfan-go/computeunit/internal/bceauth"
)

// Transport is safe for concurrent use, and for printing meanwhile. Only its idea of the service's clock changes.
type Transport struct {
	config   Config
	own      *http.Transport // nil if the caller brought a client
	clock    *clock
	replaced func(context.Context, http.RoundTripper)
}

// Config is what a Transport is made of. Client and Replaced may be nil.
type Config struct {
	Client      *http.Client  // the caller's; only its Transport and Timeout are used
	Timeout     time.Duration // of an attempt
	MaxAttempts int
	UserAgent   string
	Credentials func(context.Context) (bceauth.Credentials, error)
	// Testing is whether this process is a test binary, and DefaultEndpoint whether the caller named no endpoint: the
	// two together must not spend money.
	Testing         bool
	DefaultEndpoint bool
	// Replaced is called once, at the first attempt that goes around a replaced http.DefaultTransport.
	Replaced func(ctx context.Context, replacement http.RoundTripper)
}

// New copies the caller's client, so that no later change to it has an effect.
func New(config Config) *Transport {
	t := &Transport{config: config, clock: new(clock), replaced: reportOnce(config.Replaced)}
	if config.Client == nil {
		t.own = newDefault()
		return t
	}
	copied := *config.Client
	t.config.Client = &copied
	if copied.Timeout > 0 {
		t.config.Timeout = min(config.Timeout, copied.Timeout)
	}
	return t
}

// Timeout is that of an attempt: the shorter of the configured one and that of the caller's client.
func (t *Transport) Timeout() time.Duration { return t.config.Timeout }

// CloseIdleConnections closes those of the default transport. Those of a caller's are the caller's.
func (t *Transport) CloseIdleConnections() {
	if t.own != nil {
		t.own.CloseIdleConnections()
	}
}

// Request is one request, and what its caller makes of each attempt to send it.
type Request struct {
	URL  *url.URL
	Body []byte
	// Before, if not nil, is called when an attempt is signed and about to be sent. Its error prevents that, and is the
	// attempt's. The context is the attempt's, and is checked again after it.
	Before func(context.Context, *Attempt) error
	// After is asked after every attempt whether to make another.
	After func(*Attempt) Again
	// Waiting, if not nil, is called before the wait for another attempt.
	Waiting func(*Attempt, time.Duration)
}

// Again is whether and when to send a request once more.
type Again int

const (
	// Never is the zero value: what is not allowed expressly is not sent again.
	Never Again = iota
	// AfterBackoff waits for Retry-After if the response has one, else for a random, growing time.
	AfterBackoff
	// AfterRetryAfter waits for Retry-After. If the response has none, it is Never.
	AfterRetryAfter
	// WithClockCorrected sends once more at once, signed with the time of the response's Date header.
	WithClockCorrected
)

// Do makes attempts until After or the limit ends them, and returns their number.
// The error is why an attempt that After wanted was not made although the limit allowed it.
func (t *Transport) Do(ctx context.Context, r *Request) (attempts int, gaveUp error) {
	corrected := false
	for n := 1; ; n++ {
		a := t.attempt(ctx, r, n)
		again := r.After(a)
		if again == WithClockCorrected && (!t.clock.correct(a) || corrected) {
			return n, nil
		}
		wait, ok := t.wait(again, a)
		if !ok || n >= t.config.MaxAttempts {
			return n, nil
		}
		corrected = corrected || again == WithClockCorrected
		if err := worthWaiting(ctx, wait); err != nil {
			return n, err
		}
		if r.Waiting != nil {
			r.Waiting(a, wait)
		}
		if err := pause(ctx, wait); err != nil {
			return n, err
		}
	}
}

// wait returns how long to wait for another attempt. ok is false if there is to be none.
func (t *Transport) wait(again Again, a *Attempt) (wait time.Duration, ok bool) {
	switch again {
	case WithClockCorrected:
		return 0, true
	case AfterRetryAfter:
		return retryAfter(a.Header, t.clock.now())
	case AfterBackoff:
		if wait, ok := retryAfter(a.Header, t.clock.now()); ok {
			return wait, true
		}
		return backoff(a.Number), true
	}
	return 0, false
}
