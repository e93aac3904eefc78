package computeunit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"unicode"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// The keys that tests sign with. None of the three may ever stand in a print, an error or a log.
const (
	testAccessKey    = "ak4a7c1f0be2d96835"
	testSecretKey    = "sk90d8e7f6a5b4c3d2"
	testSessionToken = "st1b3d5f7a9c0e2468"
)

// testService is the service of the documented example.
const testService = "svco-48esssdpa594"

const (
	purchaseAction = "PurchaseComputeUnit"
	describeAction = "DescribeComputeUnits"
)

// The request body that every official SDK shows, what comes back (with its shortened ids), and what else services answer.
const (
	documentedBody = `{"serviceId":"svco-48esssdpa594",
		"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":5}},
		"replicasCount":5}`
	documentedAnswer = `{"requestId":"1bef3f87-c5b2-4419-936b-50f9884f10d4",` +
		`"result":{"instanceId":"44961088fxxxx9e9379f5daf","orderId":"7b468732xxxxxx8364292"}}`
	deniedBody   = `{"requestId":"r-1","code":"AccessDenied","message":"Access denied."}`
	internalBody = `{"requestId":"r-1","code":"InternalError","message":"please try again"}`
	olderBody    = `{"error_code":336003,"error_msg":"no"}`
)

func documentedRequest() computeunit.PurchaseComputeUnitRequest {
	return computeunit.PurchaseComputeUnitRequest{ServiceID: testService, Billing: computeunit.Prepaid(5), ReplicasCount: 5}
}

func testCredentials() computeunit.Credentials {
	return computeunit.Credentials{AccessKeyID: testAccessKey, SecretAccessKey: testSecretKey, SessionToken: testSessionToken}
}

// providerFunc is a provider in a function.
type providerFunc func(context.Context) (computeunit.Credentials, error)

func (f providerFunc) Credentials(ctx context.Context) (computeunit.Credentials, error) {
	return f(ctx)
}

// provide gives fixed credentials, as a caller's own provider might.
func provide(credentials computeunit.Credentials) providerFunc {
	return func(context.Context) (computeunit.Credentials, error) { return credentials, nil }
}

// broken is a provider that gives none.
var broken = providerFunc(func(context.Context) (computeunit.Credentials, error) { return computeunit.Credentials{}, errLost })

// configure is NewClient with keys that it takes.
func configure(options ...computeunit.Option) (*computeunit.Client, error) {
	return computeunit.NewClient(computeunit.StaticCredentials(testAccessKey, testSecretKey), options...)
}

func configured(t testing.TB, options ...computeunit.Option) *computeunit.Client {
	t.Helper()
	client, err := configure(options...)
	require.NoError(t, err)
	return client
}

// newClient makes a client that sends through transport.
func newClient(t testing.TB, transport http.RoundTripper, options ...computeunit.Option) *computeunit.Client {
	t.Helper()
	return configured(t, append(options, withTransport(transport))...)
}

func newClientWith(
	t testing.TB, credentials computeunit.CredentialsProvider, transport http.RoundTripper, options ...computeunit.Option,
) *computeunit.Client {
	t.Helper()
	client, err := computeunit.NewClient(credentials, append(options, withTransport(transport))...)
	require.NoError(t, err)
	return client
}

// withTransport gives a client a transport of the caller's own.
func withTransport(transport http.RoundTripper) computeunit.Option {
	return computeunit.WithHTTPClient(&http.Client{Transport: transport})
}

// buy buys the documented example, and returns the error only.
func buy(t *testing.T, client *computeunit.Client) error {
	t.Helper()
	return buyIn(t.Context(), client)
}

func buyIn(ctx context.Context, client *computeunit.Client) error {
	_, err := client.PurchaseComputeUnit(ctx, documentedRequest())
	return err
}

// endedContext is one that ended before.
func endedContext(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// buyAnswered buys from a service that always answers the same, and never tries twice.
func buyAnswered(t *testing.T, status int, body string, headers ...string) error {
	t.Helper()
	err := buy(t, newClient(t, answerWith(status, body, headers...), computeunit.WithMaxAttempts(1)))
	require.Error(t, err)
	return err
}

// The outcomes of a call that failed.
var notPurchased, unknown = computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown

// assertOutcome checks that an error matches exactly the one outcome that it should, and says so everywhere; nil is bought.
func assertOutcome(t testing.TB, want, err error) {
	t.Helper()
	if want == nil {
		assert.NoError(t, err)
		return
	}
	assert.Equal(t, want == notPurchased, errors.Is(err, notPurchased), "not purchased: %v", err)
	assert.Equal(t, want == unknown, errors.Is(err, unknown), "unknown: %v", err)
	assert.False(t, want == unknown && errors.Is(err, computeunit.ErrRetryable), "retryable: %v", err)
	if failed := outcomeError(t, err); assert.Error(t, failed.Err) {
		assert.Equal(t, want, failed.Outcome)
		advice := failed.Error()[strings.LastIndex(failed.Error(), "; ")+1:]
		assert.Equal(t, want == unknown, strings.Contains(advice, " may "), "what to do: %v", err)
	}
}

// assertUnsent checks that nothing was bought, in no attempt, and whether the same call may succeed later.
func assertUnsent(t testing.TB, retryable bool, err error) {
	t.Helper()
	assertOutcome(t, notPurchased, err)
	assertRetryable(t, retryable, err)
	assert.Zero(t, outcomeError(t, err).Attempts)
}

func assertRetryable(t testing.TB, want bool, err error) {
	t.Helper()
	assert.Equal(t, want, errors.Is(err, computeunit.ErrRetryable), "retryable: %v", err)
}

func outcomeError(t testing.TB, err error) *computeunit.OutcomeError {
	t.Helper()
	var failed *computeunit.OutcomeError
	require.ErrorAs(t, err, &failed)
	return failed
}

// apiError returns the response that an error was made of.
func apiError(t *testing.T, err error) *computeunit.APIError {
	t.Helper()
	var answered *computeunit.APIError
	require.ErrorAs(t, err, &answered)
	return answered
}

// roundTripFunc is a RoundTripper in a function.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// answerWith answers every request the same. The headers are names and values in turn.
func answerWith(status int, body string, headers ...string) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		response := httpmock.NewStringResponse(status, body)
		for i := 0; i+1 < len(headers); i += 2 {
			response.Header.Add(headers[i], headers[i+1])
		}
		response.Request = req
		return response, nil
	}
}

func answerBought() roundTripFunc { return answerWith(http.StatusOK, documentedAnswer) }

// cutAfter answers with a body that breaks off.
func cutAfter(status int, body string) roundTripFunc {
	return func(*http.Request) (*http.Response, error) {
		response := httpmock.NewStringResponse(status, "")
		response.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), iotest.ErrReader(io.ErrUnexpectedEOF)))
		return response, nil
	}
}

// failWith ends every request with an error, as a transport does that lost its connection.
func failWith(err error) roundTripFunc {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hang gives no answer as long as the attempt waits.
func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

var errDial = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}

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
	kept := *req
	kept.Header = req.Header.Clone()
	r.mu.Lock()
	r.sent = append(r.sent, sentRequest{Request: &kept, body: string(body)})
	answer := r.script[min(len(r.sent), len(r.script))-1]
	r.mu.Unlock()
	return answer(req)
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

// sentBy is the request with which a client buys that is made so, and the client.
func sentBy(t *testing.T, options ...computeunit.Option) (sentRequest, *computeunit.Client) {
	t.Helper()
	transport := record(answerBought())
	client := newClient(t, transport, options...)
	require.NoError(t, buy(t, client))
	return transport.only(t), client
}

var errLost = errors.New("connection reset by peer")

// closedPort is an address on loopback at which nobody listens. A port that was free a moment ago can be another test's by now.
const closedPort = "127.0.0.1:1"

func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, []byte(text)))
	return b.String()
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// secretForms are the texts that must not stand in any print: the keys plainly, in hex, and byte by byte.
func secretForms() (forms []string) {
	for _, secret := range []string{testAccessKey, testSecretKey, testSessionToken} {
		bytes := strings.Trim(fmt.Sprint([]byte(secret)), "[]")
		forms = append(forms, secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("% x", secret), bytes)
	}
	return forms
}

func assertNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, form := range secretForms() {
		assert.NotContains(t, text, form)
	}
}

func assertOneLine(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	at := strings.IndexFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) })
	assert.Equal(t, -1, at, "%q", err.Error())
}

// inBubble runs a test in time that does not pass for real.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}
