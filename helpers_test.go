package computeunit_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// The keys that tests sign with. None of the three may ever stand in a print, an error or a log.
const (
	testAccessKey    = "ak4a7c1f0be2d96835"
	testSecretKey    = "sk90d8e7f6a5b4c3d2"
	testSessionToken = "st1b3d5f7a9c0e2468"
)

// documentedBody is the request body that every official SDK shows, and documentedAnswer what comes back.
const (
	documentedBody = `{"serviceId":"svco-48esssdpa594",
		"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":5}},
		"replicasCount":5}`
	documentedAnswer = `{"requestId":"1bef3f87-c5b2-4419-936b-50f9884f10d4",
		"result":{"instanceId":"44961088fxxxx9e9379f5daf","orderId":"7b468732xxxxxx8364292"}}`
)

func documentedRequest() computeunit.PurchaseComputeUnitRequest {
	return computeunit.PurchaseComputeUnitRequest{
		ServiceID:     "svco-48esssdpa594",
		Billing:       computeunit.Prepaid(5),
		ReplicasCount: 5,
	}
}

func testCredentials() computeunit.Credentials {
	return computeunit.Credentials{AccessKeyID: testAccessKey, SecretAccessKey: testSecretKey, SessionToken: testSessionToken}
}

// newClient makes a client that sends to respond, with static keys. No byte leaves the process.
func newClient(t *testing.T, respond http.RoundTripper, options ...computeunit.Option) *computeunit.Client {
	t.Helper()
	return newClientWith(t, computeunit.StaticCredentials(testAccessKey, testSecretKey), respond, options...)
}

func newClientWith(
	t *testing.T, credentials computeunit.CredentialsProvider, respond http.RoundTripper, options ...computeunit.Option,
) *computeunit.Client {
	t.Helper()
	options = append([]computeunit.Option{computeunit.WithHTTPClient(&http.Client{Transport: respond})}, options...)
	client, err := computeunit.NewClient(credentials, options...)
	require.NoError(t, err)
	return client
}

// buy buys the documented example, and returns the error only.
func buy(t *testing.T, client *computeunit.Client) error {
	t.Helper()
	_, err := client.PurchaseComputeUnit(t.Context(), documentedRequest())
	return err
}

// roundTripFunc is a RoundTripper in a function.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// answerWith answers every request the same. The headers are names and values in turn.
func answerWith(status int, body string, headers ...string) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		header := http.Header{}
		for i := 0; i+1 < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		return &http.Response{
			Status:        strconv.Itoa(status) + " " + http.StatusText(status),
			StatusCode:    status,
			Proto:         "HTTP/1.1",
			ProtoMajor:    1,
			ProtoMinor:    1,
			Header:        header,
			Body:          io.NopCloser(strings.NewReader(body)),
			ContentLength: int64(len(body)),
			Request:       req,
		}, nil
	}
}

func answerBought() roundTripFunc { return answerWith(http.StatusOK, documentedAnswer) }

// failWith ends every request with an error, as a transport does that lost its connection.
func failWith(err error) roundTripFunc {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// sentRequest is what a RoundTripper saw of a request.
type sentRequest struct {
	*http.Request
	body string
}

// recorder keeps every request, and answers them one after the other from a script, whose last line repeats.
type recorder struct {
	mu     sync.Mutex
	script []roundTripFunc
	sent   []sentRequest
}

func record(script ...roundTripFunc) *recorder { return &recorder{script: script} }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := *req
	kept.Header = req.Header.Clone()
	r.sent = append(r.sent, sentRequest{Request: &kept, body: string(body)})
	return r.script[min(len(r.sent), len(r.script))-1](req)
}

func (r *recorder) requests() []sentRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]sentRequest(nil), r.sent...)
}

// only returns the one request that was sent.
func (r *recorder) only(t *testing.T) sentRequest {
	t.Helper()
	sent := r.requests()
	require.Len(t, sent, 1)
	return sent[0]
}

// signedHeaders are the names that the Authorization header says are signed.
func signedHeaders(t *testing.T, req sentRequest) []string {
	t.Helper()
	parts := strings.Split(req.Header.Get("Authorization"), "/")
	require.Len(t, parts, 6, "Authorization is bce-auth-v1/ak/date/seconds/headers/signature")
	return strings.Split(parts[4], ";")
}

// inMemory is a transport that hands requests to a simulator without a network, so that a test's fake clock moves
// both. lose, if set, is asked whether the answer of the n-th purchase is lost, or the request before it.
type inMemory struct {
	sim     *simulator.Simulator
	onCall  func(action string) // before the simulator gets the request
	lost    func(action string) loss
	mu      sync.Mutex
	actions []string
}

type loss int

const (
	nothingLost loss = iota
	requestLost      // nothing is bought
	answerLost       // something is
)

var errLost = errors.New("connection reset by peer")

func (m *inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	action := req.URL.Query().Get("Action")
	m.mu.Lock()
	m.actions = append(m.actions, action)
	m.mu.Unlock()
	if m.onCall != nil {
		m.onCall(action)
	}
	lost := nothingLost
	if m.lost != nil {
		lost = m.lost(action)
	}
	if lost == requestLost {
		return nil, errLost
	}
	recorder := httptest.NewRecorder()
	m.sim.ServeHTTP(recorder, req)
	if lost == answerLost {
		return nil, errLost
	}
	return recorder.Result(), nil
}

func (m *inMemory) count(action string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.actions {
		if a == action {
			n++
		}
	}
	return n
}

const (
	purchaseAction = "PurchaseComputeUnit"
	describeAction = "DescribeComputeUnits"
)

func losing(what loss) func(string) loss {
	return func(action string) loss {
		if action == purchaseAction {
			return what
		}
		return nothingLost
	}
}

// store is a simulator whose clock follows the test's, and a client of it.
func store(t *testing.T, config simulator.Config) (*inMemory, *computeunit.Client) {
	t.Helper()
	m := &inMemory{sim: simulator.New(config)}
	return m, newClientTo(t, "https://localhost", withTransport(m))
}

func list(t *testing.T, client *computeunit.Client) *computeunit.DescribeComputeUnitsResponse {
	t.Helper()
	listing, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-48esssdpa594"})
	require.NoError(t, err)
	return listing
}

func buyOther(t *testing.T, client *computeunit.Client, request computeunit.PurchaseComputeUnitRequest) {
	t.Helper()
	_, err := client.PurchaseComputeUnit(t.Context(), request)
	require.NoError(t, err)
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

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
