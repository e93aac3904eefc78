package transport_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/transport"
)

func TestATransportThatRewritesTheURLDoesNotChangeTheNextAttempt(t *testing.T) {
	var hosts []string
	via := through(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		hosts = append(hosts, req.URL.Host)
		req.URL.Host = "elsewhere"
		assert.Equal(t, "host.example.com", req.Host, "the signature is for that")
		return answering(429, "", "Retry-After", "0")(req)
	}))
	do(t.Context(), t, via, host, transport.AfterRetryAfter, nil)
	assert.Equal(t, []string{"host.example.com", "host.example.com", "host.example.com"}, hosts)
}

// again is a copy of a request with a body of its own.
func again(req *http.Request, body []byte) *http.Request {
	copied := req.Clone(req.Context())
	copied.Body = io.NopCloser(bytes.NewReader(body))
	return copied
}

// retrier is a transport as widely used ones are (go-retryablehttp, rehttp): it keeps the body, and sends again on errors and
// 5xx. before is what it does before each try.
func retrier(send http.RoundTripper, before func(*http.Request)) roundTrip {
	return func(req *http.Request) (response *http.Response, err error) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		for range 4 {
			before(again(req, body))
			if response, err = send.RoundTrip(again(req, body)); err == nil && response.StatusCode < 500 {
				break
			}
		}
		return response, err
	}
}

// hedger is a transport that sends the same request several times at once (hedgedhttp).
func hedger(send http.RoundTripper, before func(*http.Request)) roundTrip {
	return func(req *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		responses, failures := make(chan *http.Response, 3), make(chan error, 3)
		for range 3 {
			go func() {
				before(again(req, body))
				if response, err := send.RoundTrip(again(req, body)); err == nil {
					responses <- response
				} else {
					failures <- err
				}
			}()
		}
		for range 3 {
			select {
			case response := <-responses:
				return response, nil
			case failure := <-failures:
				err = errors.Join(err, failure)
			}
		}
		return nil, err
	}
}

func nothing(*http.Request) {}

// dump is what transports that log do.
func dump(req *http.Request) { httputil.DumpRequestOut(req, true) }

// The second sending is stopped before it leaves, and the error says so.
func TestATransportThatSendsAgainByItselfIsStopped(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"aborted":     abort,
		"unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
	} {
		for kind, before := range map[string]func(*http.Request){"": nothing, ", dumping": dump} {
			for _, http2 := range []bool{false, true} {
				t.Run(name+kind+map[bool]string{true: ", HTTP/2"}[http2], func(t *testing.T) {
					secure := newServer(t, func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path != "/first" { // so that the request meets an idle connection
							handler(w, r)
						}
					})
					secure.EnableHTTP2 = http2
					secure.StartTLS()
					via := through(t, retrier(secure.Client().Transport, before))
					require.NoError(t, send(t.Context(), t, via, secure.URL+"/first").Err)
					a := send(t.Context(), t, via, secure.URL)
					assert.Equal(t, transport.Sent, a.Reached)
					assert.ErrorContains(t, a.Err, "the transport tried to send the request again, and was stopped")
					assert.Equal(t, int64(2), secure.requests.Load())
				})
			}
		}
	}
}

func TestATransportThatHedgesSendsOnceAtMost(t *testing.T) {
	for name, before := range map[string]func(*http.Request){"hedging": nothing, "dumping too": dump} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			arrived := map[string]int{}
			plain := plainServer(t, func(_ http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				arrived[r.Header.Get(requestID)]++
			})
			via := through(t, hedger(plain.Client().Transport, before))
			for range 100 {
				send(t.Context(), t, via, plain.URL)
			}
			plain.Close() // after all that it was sent
			for id, times := range arrived {
				assert.Equal(t, 1, times, id)
			}
		})
	}
}

// A transport may do more with a request than send it: it is not taken for one that sends it twice.
func TestATransportThatSendsOnceIsLetThrough(t *testing.T) {
	plain, secure := plainServer(t, answerNothing), tlsServer(t, answerNothing)
	token := func(req *http.Request) {
		other, err := http.NewRequestWithContext(req.Context(), http.MethodGet, plain.URL+"/token", nil)
		require.NoError(t, err)
		response, err := plain.Client().Transport.RoundTrip(other)
		require.NoError(t, err)
		response.Body.Close()
	}
	for name, before := range map[string]func(*http.Request){
		"nothing":                     nothing,
		"asks for a token":            token,
		"dumps":                       dump,
		"dumps twice":                 func(req *http.Request) { dump(req); dump(req) },
		"dumps, and asks for a token": func(req *http.Request) { dump(req); token(req) },
	} {
		for _, server := range []*counted{plain, secure} {
			a := send(t.Context(), t, through(t, retrier(server.Client().Transport, before)), server.URL)
			assert.Equal(t, transport.Answered, a.Reached, "%s: %v", name, a.Err)
		}
	}
}

// nowhere is a connection as httputil.DumpRequestOut has it.
type nowhere struct{ net.Conn }

func (nowhere) LocalAddr() net.Addr  { return nil }
func (nowhere) RemoteAddr() net.Addr { return nil }
func (nowhere) Close() error         { return nil }

// real is one that leads somewhere.
type real struct{ nowhere }

func (real) LocalAddr() net.Addr { return new(net.TCPAddr) }

// Hooks do not show on which connection is written: only what is certainly a dump is excused.
func TestInDoubtAWritingIsNoDump(t *testing.T) {
	const dump, conn, write = "dump", "conn", "write"
	for name, row := range map[string]struct {
		events []string
		stops  bool
	}{
		"a dump, and a request":                       {[]string{dump, write, conn, write}, false},
		"two requests":                                {[]string{conn, write, conn, write}, true},
		"one more on the same connection":             {[]string{conn, write, write}, true},
		"two writings after one dump":                 {[]string{dump, write, write, write}, true},
		"a dump whose connection was followed by one": {[]string{dump, conn, write, write}, true},
		"a dump while a connection waits":             {[]string{conn, dump, write, conn, write}, true},
		"a dump after the request, and no other":      {[]string{conn, write, dump, write}, false},
		"a dump after the request, and the other":     {[]string{conn, write, dump, write, conn, write}, true},
		"a connection that is not shown":              {[]string{dump, "hidden", write, write}, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := send(t.Context(), t, through(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				hooks := httptrace.ContextClientTrace(req.Context())
				for _, event := range row.events {
					switch event {
					case dump:
						hooks.GotConn(httptrace.GotConnInfo{Conn: nowhere{}})
					case conn:
						hooks.GotConn(httptrace.GotConnInfo{Conn: real{}})
					case write:
						hooks.WroteHeaderField(requestID, req.Header.Values(requestID))
					default:
						hooks.GotConn(httptrace.GotConnInfo{})
					}
				}
				return nil, req.Context().Err()
			})), host)
			assert.Equal(t, row.stops, a.Err != nil && strings.Contains(a.Err.Error(), "was stopped"), "%v", a.Err)
		})
	}
}
