package transport_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/bceauth"
	"github.com/qianfan-go/computeunit/internal/simulator"
	"github.com/qianfan-go/computeunit/internal/transport"
)

const testBody = `{"a":1}`

var errLost = errors.New("lost")

func keys(context.Context) (bceauth.Credentials, error) {
	return bceauth.Credentials{AccessKeyID: "ak", SecretAccessKey: "sk"}, nil
}

func yes() bool { return true }
func no() bool  { return false }

// newTransport fills in what a test does not care about.
func newTransport(t *testing.T, config transport.Config) *transport.Transport {
	t.Helper()
	if config.Timeout == 0 {
		config.Timeout = time.Minute
	}
	if config.MaxAttempts == 0 {
		config.MaxAttempts = 3
	}
	if config.Credentials == nil {
		config.Credentials = keys
	}
	if config.Testing == nil {
		config.Testing = no
	}
	config.UserAgent = "test"
	made := transport.New(config)
	t.Cleanup(made.CloseIdleConnections)
	return made
}

// through is a transport that sends through a caller's RoundTripper.
func through(t *testing.T, send http.RoundTripper) *transport.Transport {
	t.Helper()
	return newTransport(t, transport.Config{Client: &http.Client{Transport: send}})
}

// result is all that Do made of a request.
type result struct {
	attempts []*transport.Attempt
	waits    []time.Duration
	gaveUp   error
}

// do sends testBody, and gives each attempt the same verdict.
func do(ctx context.Context, t *testing.T, via *transport.Transport, target string, again transport.Again) (r result) {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	n, gaveUp := via.Do(ctx, &transport.Request{
		URL:     u,
		Body:    []byte(testBody),
		After:   func(a *transport.Attempt) transport.Again { r.attempts = append(r.attempts, a); return again },
		Waiting: func(_ *transport.Attempt, wait time.Duration) { r.waits = append(r.waits, wait) },
	})
	assert.Len(t, r.attempts, n)
	r.gaveUp = gaveUp
	return r
}

// sendOnce makes one attempt.
func sendOnce(ctx context.Context, t *testing.T, via *transport.Transport, target string) *transport.Attempt {
	t.Helper()
	return do(ctx, t, via, target, transport.Never).attempts[0]
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

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

// closedPort is an address on loopback at which nobody listens. A port that was free a moment ago can be another test's by now.
const closedPort = "127.0.0.1:1"

// serveRaw lets serve handle each connection by hand, and returns the address.
func serveRaw(t *testing.T, serve func(net.Conn)) string {
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
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// server is an httptest.Server that is closed with the test and logs nothing.
func server(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	made := httptest.NewUnstartedServer(handler)
	made.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(made.Close)
	return made
}

func startedServer(t *testing.T, handler http.Handler) *httptest.Server {
	made := server(t, handler)
	made.Start()
	return made
}

func startedTLS(t *testing.T, handler http.Handler) *httptest.Server {
	made := server(t, handler)
	made.StartTLS()
	return made
}

// trusting is the default transport, which trusts a server's certificate.
func trusting(t *testing.T, server *httptest.Server) *transport.Transport {
	t.Helper()
	made := newTransport(t, transport.Config{})
	made.Own().TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return made
}

// newClient is a client of the simulator's keys.
func newClient(t *testing.T, endpoint string, options ...computeunit.Option) *computeunit.Client {
	t.Helper()
	client, err := computeunit.NewClient(
		computeunit.StaticCredentials(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey),
		append([]computeunit.Option{computeunit.WithEndpoint(endpoint)}, options...)...)
	require.NoError(t, err)
	return client
}

// withTransport gives a client a transport of the caller's own.
func withTransport(send http.RoundTripper) computeunit.Option {
	return computeunit.WithHTTPClient(&http.Client{Transport: send})
}

// buy buys five prepaid instances, and returns the error only.
func buy(ctx context.Context, client *computeunit.Client) error {
	_, err := client.PurchaseComputeUnit(ctx, request("svco-1"))
	return err
}

func request(serviceID string) computeunit.PurchaseComputeUnitRequest {
	return computeunit.PurchaseComputeUnitRequest{ServiceID: serviceID, Billing: computeunit.Prepaid(5), ReplicasCount: 5}
}

// assertOutcome checks that exactly one of the two outcomes matches.
func assertOutcome(t *testing.T, want, err error) {
	t.Helper()
	assert.Equal(t, want == computeunit.ErrNotPurchased, errors.Is(err, computeunit.ErrNotPurchased), "not purchased: %v", err)
	assert.Equal(t, want == computeunit.ErrOutcomeUnknown, errors.Is(err, computeunit.ErrOutcomeUnknown), "unknown: %v", err)
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
