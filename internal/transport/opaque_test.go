package transport_test

import (
	"bytes"
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

// hedger is a transport that sends the same request several times at once, and takes what comes first (hedgedhttp).
func hedger(send http.RoundTripper, before func(*http.Request)) roundTrip {
	type result struct {
		response *http.Response
		err      error
	}
	return func(req *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		results := make(chan result, 3)
		for range 3 {
			go func() {
				before(again(req, body))
				response, err := send.RoundTrip(again(req, body))
				results <- result{response, err}
			}()
		}
		first := <-results
		return first.response, first.err
	}
}

func nothing(*http.Request) {}

// dump is what transports that log do.
func dump(req *http.Request) { httputil.DumpRequestOut(req, true) }

// The second sending is stopped before it leaves, and the error says so.
func TestATransportThatSendsAgainByItselfIsStopped(t *testing.T) {
	for _, fail := range []http.HandlerFunc{abort, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }} {
		for _, before := range []func(*http.Request){nothing, dump} {
			for _, http2 := range []bool{false, true} {
				secure := newServer(t, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/first" { // so that the request meets an idle connection
						fail(w, r)
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
			}
		}
	}
}

func TestATransportThatHedgesSendsOnceAtMost(t *testing.T) {
	for _, before := range []func(*http.Request){nothing, dump} {
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
	for events, stops := range map[string]bool{
		"dump write conn write":            false,
		"conn write conn write":            true,
		"conn write write":                 true,
		"dump write write write":           true, // one dump, and two requests
		"dump conn write write":            true,
		"conn dump write conn write":       true, // the first connection waits to be written on
		"conn write dump write":            false,
		"conn write dump write conn write": true,
		"dump hidden write write":          true,
	} {
		t.Run(events, func(t *testing.T) {
			a := send(t.Context(), t, through(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				hooks := httptrace.ContextClientTrace(req.Context())
				for event := range strings.FieldsSeq(events) {
					switch event {
					case "dump":
						hooks.GotConn(httptrace.GotConnInfo{Conn: nowhere{}})
					case "conn":
						hooks.GotConn(httptrace.GotConnInfo{Conn: real{}})
					case "hidden": // a connection that is not shown
						hooks.GotConn(httptrace.GotConnInfo{})
					case "write":
						hooks.WroteHeaderField(requestID, req.Header.Values(requestID))
					}
				}
				return nil, req.Context().Err()
			})), host)
			assert.Equal(t, stops, a.Err != nil && strings.Contains(a.Err.Error(), "was stopped"), "%v", a.Err)
		})
	}
}
