package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// levels are the ways to send, with what each proves. An opaque transport proves nothing but what it returns.
var levels = map[string]func(t *testing.T, secure *httptest.Server) *transport.Transport{
	"own": trusting,
	"own, through a proxy": func(t *testing.T, secure *httptest.Server) *transport.Transport {
		via := trusting(t, secure)
		via.Own().Proxy = proxyTo(t, secure)
		return via
	},
	"caller's": func(t *testing.T, secure *httptest.Server) *transport.Transport {
		return through(t, callers(t, secure))
	},
	"caller's, HTTP/2": func(t *testing.T, secure *httptest.Server) *transport.Transport {
		theirs := callers(t, secure)
		theirs.ForceAttemptHTTP2 = true
		return through(t, theirs)
	},
	"caller's, through a proxy": func(t *testing.T, secure *httptest.Server) *transport.Transport {
		theirs := callers(t, secure)
		theirs.Proxy = proxyTo(t, secure)
		return through(t, theirs)
	},
	opaqueLevel: func(t *testing.T, secure *httptest.Server) *transport.Transport {
		return through(t, roundTrip(callers(t, secure).RoundTrip))
	},
}

const opaqueLevel = "opaque"

// callers is a caller's transport that trusts a server's certificate.
func callers(t *testing.T, secure *httptest.Server) *http.Transport {
	theirs := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
	}}
	t.Cleanup(theirs.CloseIdleConnections)
	return theirs
}

// proxyTo is a proxy that leads to one server, and answers 502 while that is down.
func proxyTo(t *testing.T, secure *httptest.Server) func(*http.Request) (*url.URL, error) {
	address := serveRaw(t, func(conn net.Conn) {
		probe, err := net.Dial("tcp", secure.Listener.Addr().String())
		if err != nil {
			hangingUp("HTTP/1.1 502 Bad Gateway\r\n\r\n")(conn)
			return
		}
		probe.Close()
		connectProxy(secure)(conn)
	})
	return http.ProxyURL(&url.URL{Scheme: "http", Host: address})
}

func TestHowFarAnAttemptCameIsTheSameAtEachLevelOfTrust(t *testing.T) {
	for name, row := range map[string]struct {
		handler http.HandlerFunc
		down    bool
		want    transport.Reach
		opaque  transport.Reach
	}{
		"answered":         {handler: drain, want: transport.Answered, opaque: transport.Answered},
		"not connected":    {handler: drain, down: true, want: transport.Unconnected, opaque: transport.Sent},
		"aborted":          {handler: abort, want: transport.Sent, opaque: transport.Sent},
		"response cut off": {handler: cutOff, want: transport.Answered, opaque: transport.Answered},
	} {
		for level, via := range levels {
			t.Run(name+"/"+level, func(t *testing.T) {
				secure := server(t, row.handler)
				secure.EnableHTTP2 = true
				secure.StartTLS()
				made := via(t, secure)
				if row.down {
					secure.Listener.Close()
				}
				want := row.want
				if level == opaqueLevel {
					want = row.opaque
				}
				a := sendOnce(t.Context(), t, made, secure.URL)
				assert.Equal(t, want, a.Reached, "%v", a.Err)
			})
		}
	}
}

func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	io.WriteString(w, "part")
}

// The server went away while a connection to it was idle: only an opaque transport leaves open what became of the
// request that met it. A proxy passes the end on when it likes, and HTTP/2 says goodbye first, which looks like any frame:
// there it depends on who is faster.
func TestAnIdleConnectionToAServerThatWentAwayIsUnconnected(t *testing.T) {
	for level, via := range levels {
		if strings.Contains(level, "proxy") || strings.Contains(level, "HTTP/2") {
			continue
		}
		t.Run(level, func(t *testing.T) {
			secure := server(t, drain)
			secure.EnableHTTP2 = true
			secure.StartTLS()
			made := via(t, secure)
			require.Equal(t, transport.Answered, sendOnce(t.Context(), t, made, secure.URL).Reached)
			secure.CloseClientConnections()
			secure.Close()
			want := transport.Unconnected
			if level == opaqueLevel {
				want = transport.Sent
			}
			a := sendOnce(t.Context(), t, made, secure.URL)
			assert.Equal(t, want, a.Reached, "%v", a.Err)
		})
	}
}

const plainHost = "http://host.example.com"

// A dialer of the caller's may lead to a socket of another kind.
func TestAnIdleConnectionThatTheServerClosedIsUnconnectedOnEachNetwork(t *testing.T) {
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "socket")} {
		t.Run(network, func(t *testing.T) {
			listener, err := net.Listen(network, address)
			require.NoError(t, err)
			plain := server(t, http.HandlerFunc(drain))
			plain.Listener.Close()
			plain.Listener = listener
			plain.Start()
			via := through(t, &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
			}})
			for range 50 {
				require.Equal(t, transport.Answered, sendOnce(t.Context(), t, via, plainHost).Reached)
				plain.CloseClientConnections()
				a := sendOnce(t.Context(), t, via, plainHost)
				require.Equal(t, transport.Answered, a.Reached, "it is sent again on a new connection: %v", a.Err)
			}
		})
	}
}

// firing is a protocol of plainHost that reports what it is asked to, in order, and ends with an error.
func firing(t *testing.T, report func(*httptrace.ClientTrace)) *transport.Transport {
	theirs := &http.Transport{}
	theirs.RegisterProtocol("http", roundTrip(func(req *http.Request) (*http.Response, error) {
		report(httptrace.ContextClientTrace(req.Context()))
		return nil, errLost
	}))
	return through(t, theirs)
}

// A connection that was handed over went to another request only if that wrote its headers, from the first to the last.
func TestAConnectionCountsForAnotherRequestOnlyIfThatWroteAllItsHeaders(t *testing.T) {
	begins := func(hooks *httptrace.ClientTrace) { hooks.WroteHeaderField("Host", []string{"tokens"}) }
	ends := func(hooks *httptrace.ClientTrace) { hooks.WroteHeaders() }
	for name, row := range map[string]struct {
		writes []func(*httptrace.ClientTrace)
		want   transport.Reach
	}{
		"none":         {nil, transport.Sent},
		"the first":    {[]func(*httptrace.ClientTrace){begins}, transport.Sent},
		"the last":     {[]func(*httptrace.ClientTrace){ends}, transport.Sent},
		"all":          {[]func(*httptrace.ClientTrace){begins, ends}, transport.Unconnected},
		"of the other": {[]func(*httptrace.ClientTrace){begins, ends, begins}, transport.Unconnected},
	} {
		t.Run(name, func(t *testing.T) {
			via := firing(t, func(hooks *httptrace.ClientTrace) {
				hooks.GetConn("tokens:443")
				hooks.GotConn(httptrace.GotConnInfo{})
				for _, write := range row.writes {
					write(hooks)
				}
				hooks.GetConn("qianfan:443")
			})
			assert.Equal(t, row.want, sendOnce(t.Context(), t, via, plainHost).Reached)
		})
	}
}

// halfClosed is a connection whose peer sends nothing more, and still reads.
func halfClosed(t *testing.T) net.Conn {
	address := serveRaw(t, func(conn net.Conn) {
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
	})
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	return conn
}

// What was found closed by its peer is closed on this side too: the peer may still read what is written on it.
func TestAnIdleConnectionThatWasFoundClosedIsClosed(t *testing.T) {
	for name, row := range map[string]struct {
		layer func(net.Conn) net.Conn
		want  transport.Reach
	}{
		"TCP":          {func(conn net.Conn) net.Conn { return conn }, transport.Unconnected},
		"TLS":          {func(conn net.Conn) net.Conn { return tls.Client(conn, &tls.Config{}) }, transport.Unconnected},
		"TLS in TLS":   {func(conn net.Conn) net.Conn { return tls.Client(tls.Client(conn, &tls.Config{}), &tls.Config{}) }, transport.Unconnected},
		"another type": {func(conn net.Conn) net.Conn { return struct{ net.Conn }{conn} }, transport.Sent}, // it cannot be looked at
	} {
		t.Run(name, func(t *testing.T) {
			conn := halfClosed(t)
			got := false
			via := firing(t, func(hooks *httptrace.ClientTrace) {
				hooks.GetConn("qianfan:443")
				if !got { // the request is sent again at once
					hooks.GotConn(httptrace.GotConnInfo{Conn: row.layer(conn), Reused: true})
				}
				got = true
			})
			assert.Equal(t, row.want, sendOnce(t.Context(), t, via, plainHost).Reached)
			_, err := conn.Write([]byte("x"))
			assert.Equal(t, row.want == transport.Unconnected, errors.Is(err, net.ErrClosed), "%v", err)
		})
	}
}

// net/http's own HTTP/2 adds itself to TLSNextProto, and fires the hooks.
func TestAServerThatWentAwayFromHTTP2IsNotPurchased(t *testing.T) {
	secure := server(t, simulator.New(simulator.Config{}))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	client := newClient(t, secure.URL, withTransport(secure.Client().Transport), computeunit.WithMaxAttempts(1))
	require.NoError(t, buy(t.Context(), client))
	secure.Close()
	secure.Client().CloseIdleConnections()
	assertOutcome(t, computeunit.ErrNotPurchased, buy(t.Context(), client))
}

// An error of a Proxy function proves nothing: the same can come from a protocol of RegisterProtocol, which has sent.
func TestAProxyFunctionThatFailsIsUnconnectedOnTheOwnTransportOnly(t *testing.T) {
	failing := func(*http.Request) (*url.URL, error) { return nil, errLost }
	via := newTransport(t, transport.Config{})
	via.Own().Proxy = failing
	assert.Equal(t, transport.Unconnected, sendOnce(t.Context(), t, via, host).Reached)

	a := sendOnce(t.Context(), t, through(t, &http.Transport{Proxy: failing}), host)
	assert.Equal(t, transport.Sent, a.Reached)
	assert.ErrorIs(t, a.Err, errLost)
}

// A Proxy function that honours its context fails as a protocol does that sent and waited.
func TestAProtocolThatFailsAsTheProxyFunctionWouldIsUnknownAndOrdersOnce(t *testing.T) {
	gone := errors.New("the caller went away")
	for name, row := range map[string]struct {
		proxy func(*http.Request) (*url.URL, error)
		gone  bool // the caller, after the order
		ends  func(context.Context) error
	}{
		"a time-out": {
			proxy: func(r *http.Request) (*url.URL, error) { return nil, r.Context().Err() },
			ends:  func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		},
		"a cancellation": {
			proxy: func(r *http.Request) (*url.URL, error) { return nil, context.Cause(r.Context()) },
			gone:  true,
			ends:  func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
		},
		"the same error": {
			proxy: func(*http.Request) (*url.URL, error) { return nil, errLost },
			ends:  func(context.Context) error { return errLost },
		},
	} {
		t.Run(name, func(t *testing.T) {
			sim := simulator.New(simulator.Config{})
			plain := startedServer(t, sim)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			theirs := &http.Transport{Proxy: row.proxy}
			theirs.RegisterProtocol("http", roundTrip(func(r *http.Request) (*http.Response, error) {
				response, err := http.DefaultTransport.RoundTrip(r.WithContext(context.Background()))
				if err != nil {
					return nil, err
				}
				response.Body.Close()
				if row.gone {
					cancel(gone)
				}
				return nil, row.ends(r.Context())
			}))
			client := newClient(t, plain.URL, withTransport(theirs), computeunit.WithTimeout(200*time.Millisecond))
			assertOutcome(t, computeunit.ErrOutcomeUnknown, buy(ctx, client))
			assert.Len(t, sim.Orders(), 1)
		})
	}
}

// asking makes a request of its own, with the context that it is given, before it does what it is for.
func asking(ctx context.Context, t *testing.T, send http.RoundTripper, target string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	require.NoError(t, err)
	response, err := send.RoundTrip(req)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// The hooks of a request that DialContext or Proxy makes are this request's too, and are not mistaken for them.
func TestRequestsThatACallersTransportMakesOnTheWayDoNotCount(t *testing.T) {
	tokens := startedServer(t, drain)
	inner := &http.Transport{}
	t.Cleanup(inner.CloseIdleConnections)
	for name, ask := range map[string]func(context.Context) error{
		"answered":      func(ctx context.Context) error { return asking(ctx, t, inner, tokens.URL) },
		"not connected": func(ctx context.Context) error { asking(ctx, t, inner, "http://"+closedPort); return nil },
		"several": func(ctx context.Context) error {
			return errors.Join(asking(ctx, t, inner, tokens.URL), asking(ctx, t, inner, tokens.URL))
		},
	} {
		dialing := func(dial error) *http.Transport {
			return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if err := errors.Join(ask(ctx), dial); err != nil {
					return nil, err
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}}
		}
		choosing := &http.Transport{Proxy: func(req *http.Request) (*url.URL, error) { return nil, ask(req.Context()) }}
		t.Run(name+", and the dial fails", func(t *testing.T) {
			a := sendOnce(t.Context(), t, through(t, dialing(errLost)), host)
			assert.Equal(t, transport.Unconnected, a.Reached, "%v", a.Err)
			assert.ErrorIs(t, a.Err, errLost)
		})
		t.Run(name+", and nobody listens", func(t *testing.T) {
			a := sendOnce(t.Context(), t, through(t, choosing), "http://"+closedPort)
			assert.Equal(t, transport.Unconnected, a.Reached, "%v", a.Err)
		})
		aborting := startedServer(t, http.HandlerFunc(abort))
		for how, theirs := range map[string]*http.Transport{"dialled": dialing(nil), "proxy": choosing} {
			t.Run(name+", and the request is sent, "+how, func(t *testing.T) {
				a := sendOnce(t.Context(), t, through(t, theirs), aborting.URL)
				assert.Equal(t, transport.Sent, a.Reached, "%v", a.Err)
			})
		}
	}
}

// sendsAndFails is a protocol of the caller's own: it sends, fires no hook, and loses the response.
type sendsAndFails struct{ conn net.Conn }

func (s sendsAndFails) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.WithContext(context.Background()).Write(s.conn); err != nil { // Write would fire the hooks
		return nil, err
	}
	return nil, errLost
}

func TestAnErrorOfAProtocolInTLSNextProtoStaysOpen(t *testing.T) {
	for _, name := range []string{"own", "h2"} {
		t.Run(name, func(t *testing.T) {
			secure := server(t, http.NotFoundHandler())
			secure.TLS = &tls.Config{NextProtos: []string{name}}
			secure.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
				name: func(_ *http.Server, conn *tls.Conn, _ http.Handler) { io.Copy(io.Discard, conn) },
			}
			secure.StartTLS()
			theirs := callers(t, secure)
			theirs.TLSClientConfig.NextProtos = []string{name}
			theirs.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{
				name: func(_ string, conn *tls.Conn) http.RoundTripper { return sendsAndFails{conn} },
			}
			got := do(t.Context(), t, through(t, theirs), secure.URL, transport.Never)
			assert.Equal(t, transport.Sent, got.attempts[0].Reached)
		})
	}
}

// loser is a transport that sends, loses the response, and reports a dial that failed.
type loser struct{ send http.RoundTripper }

func (l loser) RoundTrip(req *http.Request) (*http.Response, error) {
	response, err := l.send.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	response.Body.Close()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
}

// blindfold takes the trace hooks away.
type blindfold struct{ send http.RoundTripper }

func (b blindfold) RoundTrip(req *http.Request) (*http.Response, error) {
	return b.send.RoundTrip(req.WithContext(context.Background()))
}

// withToken asks for a token first, over hooks that fire, and sends without.
type withToken struct {
	t      *testing.T
	tokens string
	send   http.RoundTripper
}

func (w withToken) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := asking(req.Context(), w.t, &http.Transport{DisableKeepAlives: true}, w.tokens); err != nil {
		return nil, err
	}
	return blindfold{w.send}.RoundTrip(req)
}

// reporting gets no connection for a token, reports one for the request, and not what it writes on it.
type reporting struct {
	t    *testing.T
	send http.RoundTripper
}

func (r reporting) RoundTrip(req *http.Request) (*http.Response, error) {
	asking(req.Context(), r.t, &http.Transport{}, "http://"+closedPort)
	trace := httptrace.ContextClientTrace(req.Context())
	trace.GetConn(req.URL.Host)
	trace.GotConn(httptrace.GotConnInfo{})
	return blindfold{r.send}.RoundTrip(req)
}

// An *http.Transport can hand a scheme to a RoundTripper that fires no hooks.
func TestADialErrorOfATransportThatSentBeforeIsUnknown(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	plain := startedServer(t, sim)
	tokens := startedServer(t, drain)
	inner := &http.Transport{}
	t.Cleanup(inner.CloseIdleConnections)
	registered := func(protocol http.RoundTripper) *http.Transport {
		outer := &http.Transport{}
		outer.RegisterProtocol("http", protocol)
		return outer
	}
	for name, send := range map[string]http.RoundTripper{
		"wrapper":                             loser{inner},
		"registered protocol":                 registered(blindfold{loser{inner}}),
		"registered protocol, with its hooks": registered(loser{inner}),
		"registered protocol, with a token":   registered(withToken{t, tokens.URL, loser{inner}}),
		"registered protocol, half-reporting": registered(reporting{t, loser{inner}}),
	} {
		t.Run(name, func(t *testing.T) {
			before := len(sim.Orders())
			assertOutcome(t, computeunit.ErrOutcomeUnknown, buy(t.Context(), newClient(t, plain.URL, withTransport(send))))
			assert.Len(t, sim.Orders(), before+1)
		})
	}
}

// HTTP/2 replays requests after GOAWAY or REFUSED_STREAM if they can be rewound. Ours cannot.
func TestHTTP2OfTheCallersBuysOnce(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	secure := server(t, sim)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	require.NoError(t, buy(t.Context(), newClient(t, secure.URL, computeunit.WithHTTPClient(secure.Client()))))
	assert.Len(t, sim.Orders(), 1)
}

// retrier is a transport as widely used ones are: it keeps the body, and sends again on errors and 5xx.
type retrier struct {
	send http.RoundTripper
	// before is another request that it makes on the same context, such as one for a token.
	before string
}

func (r retrier) RoundTrip(req *http.Request) (response *http.Response, err error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if r.before != "" {
		r.ask(req)
	}
	for range 4 {
		again := req.Clone(req.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		if response, err = r.send.RoundTrip(again); err == nil && response.StatusCode < 500 {
			break
		}
	}
	return response, err
}

func (r retrier) ask(req *http.Request) {
	other, _ := http.NewRequestWithContext(req.Context(), http.MethodGet, r.before, nil)
	if response, err := r.send.RoundTrip(other); err == nil {
		response.Body.Close()
	}
}

// The second sending is stopped before it leaves, and the error says so.
func TestATransportThatRetriesByItselfOrdersOnce(t *testing.T) {
	const none, begun = "(no response to the first had come)", "(a response to the first had begun)"
	for name, row := range map[string]struct {
		fault simulator.Fault
		text  string
	}{
		"reset":       {simulator.Fault{Kind: simulator.Reset, When: simulator.AfterOrder}, none},
		"closed":      {simulator.Fault{Kind: simulator.Close, When: simulator.AfterOrder}, none},
		"unavailable": {simulator.Fault{Kind: simulator.ErrorAnswer, Status: 503, When: simulator.AfterOrder}, begun},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", HTTP/2"}[http2], func(t *testing.T) {
				sim := simulator.New(simulator.Config{})
				sim.Inject(simulator.Fault{}, row.fault) // one purchase passes, so that an idle connection waits
				secure := server(t, sim)
				secure.EnableHTTP2 = http2
				secure.StartTLS()
				client := newClient(t, secure.URL, withTransport(retrier{send: secure.Client().Transport}))

				require.NoError(t, buy(t.Context(), client))
				err := buy(t.Context(), client)
				assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
				assert.ErrorContains(t, err, "the transport tried to send again and was stopped (")
				if !http2 { // a stream that is reset may have headers before
					assert.ErrorContains(t, err, row.text)
				}
				assert.LessOrEqual(t, len(sim.Orders()), 2)
				assert.Equal(t, 2, sim.Requests(), "requests")
			})
		}
	}
}

func TestATransportThatAsksForATokenFirstBuys(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	plain := startedServer(t, sim)
	theirs := &http.Transport{}
	t.Cleanup(theirs.CloseIdleConnections)
	client := newClient(t, plain.URL, withTransport(retrier{send: theirs, before: plain.URL + "/token"}))
	require.NoError(t, buy(t.Context(), client))
	assert.Len(t, sim.Orders(), 1)
}

// hedger sends the same request several times at once.
type hedger struct{ send http.RoundTripper }

func (h hedger) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	type result struct {
		response *http.Response
		err      error
	}
	results := make(chan result)
	const hedges = 3
	for range hedges {
		again := req.Clone(req.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		go func() {
			response, err := h.send.RoundTrip(again)
			results <- result{response, err}
		}()
	}
	var first result
	for range hedges {
		r := <-results
		switch {
		case r.err == nil && first.response == nil:
			first = r
		case r.err == nil:
			r.response.Body.Close()
		case first.response == nil:
			first.err = r.err
		}
	}
	if first.response != nil {
		return first.response, nil
	}
	return nil, first.err
}

func TestATransportThatHedgesOrdersOnceAtMost(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	plain := startedServer(t, sim)
	theirs := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(theirs.CloseIdleConnections)
	client := newClient(t, plain.URL, withTransport(hedger{theirs}))
	orders := map[string]int{} // by service
	for i := range 200 {
		serviceID := fmt.Sprint("svco-", i)
		if _, err := client.PurchaseComputeUnit(t.Context(), request(serviceID)); err != nil {
			assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
			continue
		}
		orders[serviceID] = 0
	}
	plain.Close() // after all that it was sent
	for _, order := range sim.Orders() {
		if _, told := orders[order.ServiceID]; told {
			orders[order.ServiceID]++
		}
	}
	for service, count := range orders {
		assert.Equal(t, 1, count, service)
	}
}
