// Package transport sends signed requests and says truthfully whether one may have left this machine.
//
// It makes one HTTP attempt at a time and repeats it as its caller judges. It knows nothing about purchases.
package transport

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit/internal/bceauth"
)

// Transport is safe for concurrent use. Only its idea of the service's clock changes.
type Transport struct {
	client      *http.Client // nil: own is used
	own         *http.Transport
	dialer      dialer
	timeout     time.Duration
	maxAttempts int
	userAgent   string
	credentials func(context.Context) (bceauth.Credentials, error)
	clock       clock
}

// Config is what a Transport is made of. Every field but Client is required.
type Config struct {
	Client      *http.Client // the caller's; only its Transport and Timeout are used
	Timeout     time.Duration
	MaxAttempts int
	UserAgent   string
	Credentials func(context.Context) (bceauth.Credentials, error)

	Testing         bool
	DefaultEndpoint bool
	Replaced        func(context.Context, http.RoundTripper)
}

func (t *Transport) Timeout() time.Duration { return t.timeout }

func (t *Transport) CloseIdleConnections() {
	if t.own != nil {
		t.own.CloseIdleConnections()
	}
}

// New copies the caller's client, so that no later change to it has an effect.
func New(config Config) *Transport {
	t := &Transport{
		timeout:     config.Timeout,
		maxAttempts: config.MaxAttempts,
		userAgent:   config.UserAgent,
		credentials: config.Credentials,
	}
	if config.Client == nil {
		t.own = newDefault(&t.dialer)
		return t
	}
	copied := *config.Client
	t.client = &copied
	if copied.Timeout > 0 {
		t.timeout = min(t.timeout, copied.Timeout)
	}
	return t
}

// roundTripper reads http.DefaultTransport at every call, as an http.Client does.
func (t *Transport) roundTripper() http.RoundTripper {
	switch {
	case t.own != nil:
		return t.own
	case t.client.Transport != nil:
		return t.client.Transport
	default:
		return http.DefaultTransport
	}
}

func (t *Transport) trust() trust {
	if t.own != nil {
		return ours
	}
	if _, ok := t.roundTripper().(*http.Transport); ok {
		return hooked
	}
	return opaque
}

// speaksOtherProtocol tells that a caller's *http.Transport may have sent without a hook firing, by a protocol that was
// put into TLSNextProto. To be asked after a RoundTrip only: net/http's own HTTP/2 adds itself there at the first.
func (t *Transport) speaksOtherProtocol() bool {
	theirs, ok := t.roundTripper().(*http.Transport)
	if !ok || theirs == t.own {
		return false
	}
	for _, protocol := range theirs.TLSNextProto {
		if !firesHooks(runtime.FuncForPC(reflect.ValueOf(protocol).Pointer()).Name()) {
			return true
		}
	}
	return false
}

// firesHooks tells by a function's name that it is of the HTTP/2 of net/http or of golang.org/x/net, which fire the
// hooks as HTTP/1.1 does. Whose it is cannot be told otherwise; under another name it is not trusted.
func firesHooks(function string) bool {
	return strings.HasPrefix(function, "net/http.") || strings.HasPrefix(function, "net/http/internal/") ||
		strings.HasPrefix(function, "golang.org/x/net/http2.") || strings.Contains(function, "/golang.org/x/net/http2.")
}

// Request is one request, and what its caller makes of each attempt to send it.
type Request struct {
	URL  *url.URL
	Body []byte
	// Before, if not nil, is called when an attempt is signed and about to be sent.
	Before func(context.Context, *Attempt) error
	// After judges every attempt.
	After func(*Attempt) Again
	// Waiting, if not nil, is called before the wait for another attempt.
	Waiting func(*Attempt, time.Duration)
}

// Again is whether and when to send a request once more.
type Again int

const (
	// Never is the zero value: what is not allowed expressly is not sent again.
	Never Again = iota
	// AfterBackoff waits for Retry-After where the answer has one, else for a random, growing time.
	AfterBackoff
	// AfterRetryAfter sends again only if the answer has a Retry-After.
	AfterRetryAfter
	// WithClockCorrected sends once more at once, signed with the time of the answer's Date header.
	WithClockCorrected
)

// Do makes attempts until Judge or the limit ends them, and returns their number.
// The error tells why an attempt that Judge wanted was not made although the limit allowed it.
func (t *Transport) Do(ctx context.Context, call *Request) (attempts int, gaveUp error) {
	corrected := false
	for n := 1; ; n++ {
		a := t.attempt(ctx, call, n)
		again := call.After(a)
		if again == WithClockCorrected && (!t.clock.correct(a.Header) || corrected) {
			return n, nil
		}
		if again == Never || n >= t.maxAttempts {
			return n, nil
		}
		if _, ok := retryAfter(a.Header, t.clock.now()); again == AfterRetryAfter && !ok {
			return n, nil
		}
		corrected = corrected || again == WithClockCorrected
		wait := t.wait(again, a)
		if err := worthWaiting(ctx, wait); err != nil {
			return n, err
		}
		if call.Waiting != nil {
			call.Waiting(a, wait)
		}
		if err := pause(ctx, wait); err != nil {
			return n, err
		}
	}
}

func (t *Transport) wait(again Again, a *Attempt) time.Duration {
	if again == WithClockCorrected {
		return 0
	}
	if wait, ok := retryAfter(a.Header, t.clock.now()); ok {
		return wait
	}
	return backoff(a.Number)
}
