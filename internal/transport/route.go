package transport

import (
	"context"
	"errors"
	"net/http"
	"sync"
)

// route is what an attempt is sent through, and how much that proves. The two are read once an attempt, together.
type route struct {
	http.RoundTripper
	trust trust
}

var errTest = errors.New("this is a test binary, and a test must not spend money: " +
	"mock http.DefaultTransport (httpmock.Activate), start a computeunittest server, " +
	"or say where to send with WithEndpoint, or WithHTTPClient and a Transport")

// chooseRoute refuses to send from a test to the service itself, unless the caller said so: a client without a Transport
// says nothing. A mock that replaces http.DefaultTransport is used in a test. In any other program it is not, as it would
// hide what was sent.
func (t *Transport) chooseRoute(ctx context.Context) (route, error) {
	via := http.DefaultTransport // read once: the end of a test can put it back meanwhile
	isTest := t.config.Testing()
	if t.own == nil && t.config.Client.Transport != nil {
		via = t.config.Client.Transport
	}
	if t.own == nil && isTest {
		via = mockedSince(via, t.callers)
	}
	replaced := isReplacement(via)
	switch {
	case isTest && t.config.DefaultEndpoint && !replaced:
		return route{}, errTest
	case t.own == nil:
		return callersRoute(via), nil
	case replaced && isTest:
		return route{via, opaque}, nil
	case replaced:
		t.replaced(ctx, via)
	}
	return route{t.own, ours}, nil
}

// mockedSince returns what a test has put on its http.Client after that was copied, as httpmock.ActivateNonDefault does, in the
// place of net/http's or of another *http.Transport.
func mockedSince(copied http.RoundTripper, callers *http.Client) http.RoundTripper {
	if _, ok := copied.(*http.Transport); ok && callers.Transport != nil {
		return callers.Transport
	}
	return copied
}

// trust is how much the trace hooks of a RoundTripper prove.
type trust int

const (
	// opaque: not an *http.Transport. It may send without firing a hook, and more than once.
	opaque trust = iota
	// hooked: the caller's *http.Transport, whose protocols fire the hooks. See hooks.notSent.
	hooked
	// ours: the default transport, whose connections pass through the gate themselves.
	ours
)

func callersRoute(via http.RoundTripper) route {
	if _, ok := via.(*http.Transport); ok {
		return route{via, hooked}
	}
	return route{via, opaque}
}

func (r route) evidence(u *underway, req *http.Request) evidence {
	if r.trust == ours {
		return &gate{target: req.URL}
	}
	return &hooks{route: r, underway: u, req: req}
}

// original is http.DefaultTransport as this program found it, nil if that was something else than net/http's.
var original, _ = http.DefaultTransport.(*http.Transport)

// isReplacement compares pointers: other types need not be comparable. If the program began with a mock, an *http.Transport
// is what that had replaced.
func isReplacement(via http.RoundTripper) bool {
	found, ok := via.(*http.Transport)
	return !ok || original != nil && found != original
}

func reportOnce(report func(context.Context, http.RoundTripper)) func(context.Context, http.RoundTripper) {
	var first sync.Once
	return func(ctx context.Context, replacement http.RoundTripper) {
		if report != nil {
			first.Do(func() { report(ctx, replacement) })
		}
	}
}
