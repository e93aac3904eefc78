package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/bceauth"
	"github.com/qianfan-go/computeunit/internal/transport"
)

const (
	testBody  = `{"a":1}`
	requestID = "X-Bce-Request-Id"
	host      = "https://host.example.com"
	// closedPort is an address on loopback at which nobody listens. A port that was free a moment ago can be another test's by now.
	closedPort = "127.0.0.1:1"
)

var errLost = errors.New("lost")

// TestMain keeps what net/http reports of unasked responses out of the output.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

func keys(context.Context) (bceauth.Credentials, error) {
	return bceauth.Credentials{AccessKeyID: "ak", SecretAccessKey: "sk"}, nil
}

// newTransport fills in what a test does not care about.
func newTransport(t testing.TB, config transport.Config) *transport.Transport {
	t.Helper()
	if config.Timeout == 0 {
		config.Timeout = time.Minute
	}
	if config.MaxAttempts == 0 {
		config.MaxAttempts = 3
	}
	if config.Credentials == nil {
		config.Credentials, config.Instant = keys, true
	}
	config.UserAgent = "test"
	made, err := transport.New(config)
	require.NoError(t, err)
	t.Cleanup(made.CloseIdleConnections)
	return made
}

// through is a transport that sends through a caller's RoundTripper.
func through(t testing.TB, send http.RoundTripper) *transport.Transport {
	t.Helper()
	return newTransport(t, transport.Config{RoundTripper: send})
}

// dialling sends over connections of a caller's, who wraps them.
func dialling(t testing.TB, wrap func(*net.TCPConn) net.Conn) *transport.Transport {
	t.Helper()
	return through(t, &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		require.NoError(t, err)
		return wrap(conn.(*net.TCPConn)), nil
	}})
}

// eachOwn runs a test over the default transport and over a clone of one that would do otherwise, which are to be alike: what a
// caller put into it beside HTTP/1.1 would send without a hook that fires. Both trust secure, if there is one.
func eachOwn(t *testing.T, secure *httptest.Server, test func(t *testing.T, via *transport.Transport)) {
	trust := new(tls.Config)
	if secure != nil {
		trust.RootCAs = secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	}
	t.Run("default", func(t *testing.T) {
		via := newTransport(t, transport.Config{})
		via.HTTP().TLSClientConfig.RootCAs = trust.RootCAs
		test(t, via)
	})
	t.Run("clone", func(t *testing.T) {
		trust.NextProtos = []string{"h2"}
		theirs := &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true, DisableCompression: true}
		theirs.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{
			"h2": func(string, *tls.Conn) http.RoundTripper { return mustNotSend(t) },
		}
		theirs.RegisterProtocol("http", mustNotSend(t))
		theirs.RegisterProtocol("https", mustNotSend(t))
		test(t, through(t, theirs))
	})
}

// result is all that Do made of a request.
type result struct {
	attempts []*transport.Attempt
	waits    []time.Duration
	gaveUp   error
}

// do sends testBody, and gives each attempt the same verdict. change may be nil.
func do(
	ctx context.Context, t testing.TB, via *transport.Transport, target string, again transport.Again, change func(*transport.Request),
) (r result) {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	request := &transport.Request{
		URL:     u,
		Body:    []byte(testBody),
		After:   func(a *transport.Attempt) transport.Again { r.attempts = append(r.attempts, a); return again },
		Before:  func(context.Context, *transport.Attempt) error { return nil },
		Waiting: func(wait time.Duration) { r.waits = append(r.waits, wait) },
	}
	if change != nil {
		change(request)
	}
	r.gaveUp = via.Do(ctx, request)
	return r
}

// send makes one attempt.
func send(ctx context.Context, t testing.TB, via *transport.Transport, target string) *transport.Attempt {
	t.Helper()
	return do(ctx, t, via, target, transport.Never, nil).attempts[0]
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// mustNotSend is a RoundTripper that fails the test.
func mustNotSend(t *testing.T) http.RoundTripper {
	return roundTrip(func(*http.Request) (*http.Response, error) { t.Error("it was sent"); return nil, errLost })
}

// answering answers every request the same. The headers are names and values in turn.
func answering(status int, body string, headers ...string) roundTrip {
	header := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// serveRaw lets serve handle each connection by hand, and returns the address.
func serveRaw(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); serve(conn) }()
		}
	}()
	return listener.Addr().String()
}

// answered is a whole response.
const answered = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// eachRequest reads one request after the other, counted from 1, until the connection ends.
func eachRequest(conn net.Conn, answer func(n int, r *http.Request)) {
	reader := bufio.NewReader(conn)
	for n := 1; ; n++ {
		r, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		io.Copy(io.Discard, r.Body)
		answer(n, r)
	}
}

// counted is a server, not started yet, which counts its connections and its requests.
type counted struct {
	*httptest.Server
	opened, requests atomic.Int64
}

func newServer(t testing.TB, handler http.HandlerFunc) *counted {
	c := new(counted)
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		io.Copy(io.Discard, r.Body)
		handler(w, r)
	}))
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.opened.Add(1)
		}
	}
	t.Cleanup(c.Close)
	return c
}

func plainServer(t testing.TB, handler http.HandlerFunc) *counted {
	made := newServer(t, handler)
	made.Start()
	return made
}

func tlsServer(t testing.TB, handler http.HandlerFunc) *counted {
	made := newServer(t, handler)
	made.EnableHTTP2 = true
	made.StartTLS()
	return made
}

func answerNothing(http.ResponseWriter, *http.Request) {}

func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// hangUp reads one request, and then closes the connection after it has written something.
func hangUp(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		http.ReadRequest(bufio.NewReader(conn))
		io.WriteString(conn, answer)
	}
}

// await fails the test if what it waits for never happens, instead of hanging.
func await(t *testing.T, event <-chan struct{}) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(10 * time.Second):
		t.Error("it did not happen")
	}
}
