package computeunit_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

var errDial = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}

func newClientTo(t *testing.T, endpoint string, options ...computeunit.Option) *computeunit.Client {
	t.Helper()
	client, err := computeunit.NewClient(
		computeunit.StaticCredentials(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey),
		append([]computeunit.Option{computeunit.WithEndpoint(endpoint)}, options...)...)
	require.NoError(t, err)
	return client
}

// buyOnce buys and returns how many attempts the error speaks of.
func attemptsOf(t *testing.T, err error) int {
	t.Helper()
	var failed *computeunit.OutcomeError
	require.ErrorAs(t, err, &failed)
	return failed.Attempts
}

// closedPort is an address on loopback where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// withTransport gives a client a transport of the caller's own.
func withTransport(transport http.RoundTripper) computeunit.Option {
	return computeunit.WithHTTPClient(&http.Client{Transport: transport})
}

func TestRefusedConnectionIsNotPurchasedAndTriedAgain(t *testing.T) {
	for name, options := range map[string][]computeunit.Option{
		"default":            nil,
		"caller's own":       {withTransport(&http.Transport{})},
		"http.DefaultClient": {computeunit.WithHTTPClient(http.DefaultClient)},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClientTo(t, "http://"+closedPort(t), append(options, computeunit.WithMaxAttempts(2))...)
			_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.Equal(t, 2, attemptsOf(t, err))
		})
	}
}

func TestBadCertificateIsNotPurchasedAndNotTriedAgain(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	for name, options := range map[string][]computeunit.Option{"default": nil, "caller's own": {withTransport(&http.Transport{})}} {
		t.Run(name, func(t *testing.T) {
			_, err := newClientTo(t, server.URL, options...).PurchaseComputeUnit(t.Context(), fivePrepaid())
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			var certificate *tls.CertificateVerificationError
			assert.ErrorAs(t, err, &certificate)
			assert.Equal(t, 1, attemptsOf(t, err))
		})
	}
}

func TestServerThatDoesNotSpeakTLSIsNotPurchased(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	_, err := newClientTo(t, "https"+server.URL[len("http"):], computeunit.WithMaxAttempts(1)).PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
}

func TestHostNameThatCannotExistIsNotTriedAgain(t *testing.T) {
	_, err := newClientTo(t, "https://bad..name").PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.Equal(t, 1, attemptsOf(t, err))
}

func TestProxyThatRefusesIsNotPurchased(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodConnect, r.Method)
		http.Error(w, "no", http.StatusForbidden)
	}))
	t.Cleanup(refusing.Close)
	for name, proxy := range map[string]string{"answers 403": refusing.URL, "is down": "http://" + closedPort(t)} {
		t.Run(name, func(t *testing.T) {
			address, err := url.Parse(proxy)
			require.NoError(t, err)
			client := newClientTo(t, "https://127.0.0.1:1", withTransport(&http.Transport{Proxy: http.ProxyURL(address)}), computeunit.WithMaxAttempts(1))
			_, err = client.PurchaseComputeUnit(t.Context(), fivePrepaid())
			assertOutcome(t, computeunit.ErrNotPurchased, err)
		})
	}
}

func TestContextThatEndsWhileDiallingIsNotPurchased(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	transport := &http.Transport{DialContext: func(dial context.Context, _, _ string) (net.Conn, error) {
		cancel()
		return nil, errDial
	}}
	_, err := newClientTo(t, "http://localhost:1", withTransport(transport)).PurchaseComputeUnit(ctx, fivePrepaid())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, attemptsOf(t, err))
}

// silent accepts connections and never says anything, as a TLS server that hangs.
func silent(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(io.Discard, conn); conn.Close() }()
		}
	}()
	return listener.Addr().String()
}

func TestTimeOutInTheTLSHandshakeIsNotPurchased(t *testing.T) {
	client := newClientTo(t, "https://"+silent(t), computeunit.WithTimeout(20*time.Millisecond), computeunit.WithMaxAttempts(2))
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, 2, attemptsOf(t, err))
}

func TestTimeOutAfterSendingIsUnknown(t *testing.T) {
	for name, options := range map[string][]computeunit.Option{"default": nil, "caller's own": {withTransport(&http.Transport{})}} {
		t.Run(name, func(t *testing.T) {
			client := newClientTo(t, "http://"+silent(t), append(options, computeunit.WithTimeout(20*time.Millisecond))...)
			_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 1, attemptsOf(t, err))
		})
	}
}

// resender is a transport as some callers have it: it sends, loses the answer, tries again, and reports only the
// last failure.
type resender struct {
	t    *testing.T
	send http.RoundTripper
}

func (r resender) RoundTrip(req *http.Request) (*http.Response, error) {
	response, err := r.send.RoundTrip(req)
	require.NoError(r.t, err)
	response.Body.Close()
	return nil, errDial
}

func TestDialErrorOfATransportThatSentBeforeIsUnknown(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	_, err := newClientTo(t, server.URL, withTransport(resender{t, transport})).PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
	assert.Len(t, sim.Orders(), 1)
}

// An *http.Transport can hand a scheme to a RoundTripper that fires no hooks.
func TestErrorOfARegisteredProtocolIsUnknown(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	inner, outer := &http.Transport{}, &http.Transport{}
	t.Cleanup(inner.CloseIdleConnections)
	outer.RegisterProtocol("http", blindfold{resender{t, inner}})
	_, err := newClientTo(t, server.URL, withTransport(outer)).PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
	assert.Len(t, sim.Orders(), 1)
}

// blindfold takes the trace hooks away.
type blindfold struct{ send http.RoundTripper }

func (b blindfold) RoundTrip(req *http.Request) (*http.Response, error) {
	return b.send.RoundTrip(req.WithContext(context.Background()))
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var strayed atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	t.Cleanup(other.Close)
	for _, location := range []string{other.URL + "/v2", "", "::not a url"} {
		t.Run(location, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Location"] = []string{location}
				w.WriteHeader(http.StatusTemporaryRedirect)
			}))
			t.Cleanup(server.Close)
			_, err := newClientTo(t, server.URL).PurchaseComputeUnit(t.Context(), fivePrepaid())
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.Equal(t, 1, attemptsOf(t, err))
		})
	}
	assert.Zero(t, strayed.Load())
}

func TestNeitherGetBodyNorIdempotencyKeyIsGiven(t *testing.T) {
	look := lookingTransport{t}
	_, err := newClientTo(t, "https://localhost", withTransport(look)).PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
}

type lookingTransport struct{ t *testing.T }

func (l lookingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	assert.Nil(l.t, req.GetBody)
	assert.NotContains(l.t, req.Header, "Idempotency-Key")
	assert.NotContains(l.t, req.Header, "X-Idempotency-Key")
	return nil, io.EOF
}

// HTTP/2 replays requests after GOAWAY or REFUSED_STREAM if they can be rewound. Ours cannot.
func TestHTTP2OfTheCallersOwnBuysOnce(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	server := httptest.NewUnstartedServer(sim)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	client := newClientTo(t, server.URL, computeunit.WithHTTPClient(server.Client()))
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	require.NoError(t, err)
	assert.Len(t, sim.Orders(), 1)
}

// slowProvider has its keys only when the time is over.
type slowProvider struct{}

func (slowProvider) Credentials(ctx context.Context) (computeunit.Credentials, error) {
	<-ctx.Done()
	return computeunit.Credentials{AccessKeyID: "ak", SecretAccessKey: "sk"}, nil
}

func TestProviderThatTakesAllTheTimeSendsNothing(t *testing.T) {
	for name, options := range map[string][]computeunit.Option{
		"default": nil, "caller's own": {withTransport(&http.Transport{})}, "opaque": {withTransport(lookingTransport{t})},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := computeunit.NewClient(slowProvider{}, append(options,
				computeunit.WithEndpoint("http://"+closedPort(t)), computeunit.WithTimeout(time.Millisecond))...)
			require.NoError(t, err)
			_, err = client.PurchaseComputeUnit(t.Context(), fivePrepaid())
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

// rewriter writes to the request that it gets, as transports should not and some do.
type rewriter struct{ hosts *[]string }

func (r rewriter) RoundTrip(req *http.Request) (*http.Response, error) {
	*r.hosts = append(*r.hosts, req.URL.Host)
	req.URL.Host = "elsewhere"
	return nil, io.EOF
}

func TestATransportThatRewritesTheURLDoesNotChangeTheNextPurchase(t *testing.T) {
	var hosts []string
	client := newClientTo(t, "https://localhost", withTransport(rewriter{&hosts}))
	for range 2 {
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
	}
	assert.Equal(t, []string{"localhost", "localhost"}, hosts)
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
