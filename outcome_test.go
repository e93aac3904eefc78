package computeunit_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// The closed lists of docs/outcomes.md, written down apart from the code.
var (
	refusingStatuses = []int{
		307, 308, 400, 401, 402, 403, 404, 405, 407, 410, 411, 412, 413, 414, 415, 417, 421, 422, 426, 428, 429, 431, 451,
	}
	refusingCodes = []string{
		"AccessDenied", "InvalidAccessKeyId", "InvalidHTTPAuthHeader", "SignatureDoesNotMatch", "InvalidMarker",
		"IdempotentParameterMismatch", "IamSignatureInvalid", "RequestExpired", "OptInRequired", "InappropriateJSON",
		"MalformedJSON", "InvalidHTTPRequest", "InvalidURI", "InvalidVersion", "PreconditionFailed",
	}
)

// outcomeOf is the outcome table for responses.
func outcomeOf(status int, says shape) error {
	refused := says == hasCode || says == saysNothing
	switch isSuccess := 200 <= status && status <= 299; {
	case isSuccess && says == hasID:
		return nil
	case isSuccess && says == hasCode, slices.Contains(refusingStatuses, status) && refused:
		return computeunit.ErrNotPurchased
	}
	return computeunit.ErrOutcomeUnknown
}

var oneOfEach = map[shape]string{hasID: documentedAnswer, hasCode: deniedBody, saysNothing: `<html>`, contradicts: `{"code":"InternalError"}`}

func TestEveryStatusWithEachShape(t *testing.T) {
	check := newChecker(t)
	for status := range 1000 {
		for says, body := range oneOfEach {
			check.answer(outcomeOf(status, says), status, answerWith(status, body))
		}
	}
}

// checker is a client that gets one response after the other.
type checker struct {
	*testing.T
	client *computeunit.Client
	next   roundTripFunc
	sent   int
}

func newChecker(t *testing.T, options ...computeunit.Option) *checker {
	c := &checker{T: t}
	c.client = newClient(t, roundTripFunc(func(req *http.Request) (*http.Response, error) {
		c.sent++
		return c.next(req)
	}), options...)
	return c
}

// answer checks the outcome, and that one response is enough for it.
func (c *checker) answer(want error, status int, answer roundTripFunc) {
	c.Helper()
	c.next, c.sent = answer, 0
	response, err := c.client.PurchaseComputeUnit(c.Context(), documentedRequest())
	c.judge(want, response, err)
	if assert.Equal(c, 1, c.sent); c.Failed() {
		c.Fatalf("status %d", status)
	}
}

func (c *checker) judge(want error, response *computeunit.PurchaseComputeUnitResponse, err error) {
	c.Helper()
	assertOutcome(c, want, err)
	assert.Equal(c, want == nil, response != nil && response.Result != computeunit.PurchaseResult{})
}

// eachTransport runs a test with the default transport, with the clone of a caller's, and with an opaque one.
func eachTransport(t *testing.T, test func(t *testing.T, isOpaque bool, option computeunit.Option)) {
	theirs := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(theirs.CloseIdleConnections)
	for name, option := range map[string]computeunit.Option{
		"default": computeunit.WithMaxAttempts(3), "clone": withTransport(theirs), "opaque": withTransport(roundTripFunc(theirs.RoundTrip)),
	} {
		t.Run(name, func(t *testing.T) { test(t, name == "opaque", option) })
	}
}

// unstarted is a server that writes no log.
func unstarted(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = quiet()
	t.Cleanup(server.Close)
	return server
}

// scripted answers as the service id says: status, shape, and whether the body is cut off.
func scripted(w http.ResponseWriter, req *http.Request) {
	var request computeunit.PurchaseComputeUnitRequest
	var status int
	var says shape
	var cut bool
	json.NewDecoder(req.Body).Decode(&request)
	fmt.Sscan(request.ServiceID, &status, &says, &cut)
	if cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(oneOfEach[says])+1))
	}
	w.WriteHeader(status)
	io.WriteString(w, oneOfEach[says])
	if cut {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestEveryStatusWithEachShapeOverHTTP(t *testing.T) {
	server := unstarted(t, scripted)
	server.Start()
	eachTransport(t, func(t *testing.T, _ bool, option computeunit.Option) {
		check := &checker{T: t, client: newClientTo(t, server.URL, option)}
		buyScripted := func(want error, status int, says shape, cut bool) {
			request := documentedRequest()
			request.ServiceID = fmt.Sprint(status, says, cut)
			response, err := check.client.PurchaseComputeUnit(t.Context(), request)
			if check.judge(want, response, err); t.Failed() || err != nil && attemptsOf(t, err) != 1 {
				t.Fatalf("status %d, %c, cut off: %t: %v", status, says, cut, err)
			}
		}
		for status := 200; status <= 599; status++ {
			for says := range oneOfEach {
				if status == 204 || status == 304 { // these have no body
					buyScripted(computeunit.ErrOutcomeUnknown, status, saysNothing, false)
					continue
				}
				buyScripted(outcomeOf(status, says), status, says, false)
				if status%40 < 4 {
					buyScripted(computeunit.ErrOutcomeUnknown, status, says, true)
				}
			}
		}
	})
}

// Without a connection nothing left. Of an opaque transport nobody can tell.
func TestAnAttemptWithoutAResponse(t *testing.T) {
	const never, once, again = 0, 1, 2
	secure := unstarted(t, nil)
	secure.StartTLS()
	for name, row := range map[string]struct {
		url      string
		answer   http.HandlerFunc
		sent     int64
		attempts int
	}{
		"nobody listens":    {"http://" + closedPort, nil, never, again},
		"a bad certificate": {secure.URL, nil, never, once},
		"reset":             {"", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, once, once},
		"time-out":          {"", func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }, once, once},
		"101": {"", func(w http.ResponseWriter, _ *http.Request) { // the body is the connection itself, which net/http does not end
			conn, _, _ := http.NewResponseController(w).Hijack()
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"+documentedAnswer)
		}, once, once},
	} {
		eachTransport(t, func(t *testing.T, isOpaque bool, option computeunit.Option) {
			var sent atomic.Int64
			server := unstarted(t, func(w http.ResponseWriter, req *http.Request) {
				sent.Add(1)
				io.Copy(io.Discard, req.Body)
				row.answer(w, req)
			})
			server.Start()
			patience := time.Minute
			if name == "time-out" {
				patience = 300 * time.Millisecond
			}
			client := newClientTo(t, cmp.Or(row.url, server.URL), option, computeunit.WithMaxAttempts(2), computeunit.WithTimeout(patience))
			err := buy(t, client)
			want, attempts := computeunit.ErrNotPurchased, row.attempts
			if isOpaque || row.sent > 0 {
				want, attempts = computeunit.ErrOutcomeUnknown, once
			}
			assertOutcome(t, want, err)
			assert.Equal(t, attempts, attemptsOf(t, err), err)
			assert.Equal(t, attempts > once, errors.Is(err, computeunit.ErrRetryable), name)
			assert.Equal(t, name == "time-out", errors.Is(err, context.DeadlineExceeded), err)
			assert.Equal(t, row.sent, sent.Load())
		})
	}
}

func TestAnIdleConnectionThatTheServerClosedCostsNoPurchase(t *testing.T) {
	var served sync.WaitGroup
	address := serveRaw(t, func(conn net.Conn) {
		defer served.Done()
		if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			io.Copy(io.Discard, req.Body)
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(documentedAnswer), documentedAnswer)
		}
		conn.Close()
	})
	client := newClientTo(t, "http://"+address, computeunit.WithMaxAttempts(1))
	for range 3 {
		served.Add(1)
		require.NoError(t, buy(t, client))
		served.Wait()
	}
}

// An error of a transport that is not an *http.Transport proves nothing, whatever it looks like.
func TestAnErrorOfAnOpaqueTransportIsUnknown(t *testing.T) {
	check := newChecker(t)
	for _, cause := range []error{io.EOF, context.DeadlineExceeded, errDial, errors.New("no responder"), computeunit.ErrNotPurchased} {
		check.answer(computeunit.ErrOutcomeUnknown, 0, failWith(cause))
	}
	check.answer(computeunit.ErrOutcomeUnknown, 0, func(*http.Request) (*http.Response, error) { return nil, nil })
	check.answer(computeunit.ErrOutcomeUnknown, 200, func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil })
}

func TestWithRefusalCodesDecidesInASuccessOnly(t *testing.T) {
	check := newChecker(t, computeunit.WithRefusalCodes("OutOfStock"), computeunit.WithRefusalCodes("336501", "余额不足"))
	for want, bodies := range map[error][]string{
		computeunit.ErrNotPurchased: {
			`{"code":"OutOfStock"}`, `{"error_code":336501}`, `{"code":"336501"}`, `{"code":"余额不足"}`, `{"code":"OutOfStock","error_code":7}`, deniedBody,
		},
		computeunit.ErrOutcomeUnknown: {
			`{"code":"outofstock"}`, `{"code":"OutOfStock2"}`, `{"code":"OutOfStock "}`, `{"error_code":33650}`, `{"code":7,"error_code":336501}`,
			`{"error":{"code":"OutOfStock"}}`, `{"code":"OutOfStock"`, `OutOfStock`, `{"code":"OutOfStock","result":{"orderId":"o"}}`,
			`{"code":"OutOfStock","error":{"code":"InternalError"}}`, `{"code":"OutOfStock","success":true}`,
		},
	} {
		for _, body := range bodies {
			for status := 200; status <= 299; status++ {
				check.answer(want, status, answerWith(status, body))
			}
			for _, status := range []int{303, 409, 500} {
				check.answer(computeunit.ErrOutcomeUnknown, status, answerWith(status, body))
			}
		}
	}
	assertOutcome(t, computeunit.ErrOutcomeUnknown, buyAnswered(t, 200, `{"code":"OutOfStock"}`)) // another client
}

// What may succeed later, and what may not. An unknown outcome never matches, whatever its cause says.
func TestWhichErrorsAreRetryable(t *testing.T) {
	type row struct {
		answer   roundTripFunc
		attempts int
		keys     computeunit.CredentialsProvider
		hooks    computeunit.Hooks
		ends     time.Duration // when the context does
	}
	before := computeunit.Hooks{BeforeAttempt: func(context.Context, computeunit.AttemptInfo) error { return errLost }}
	after := computeunit.Hooks{AfterAttempt: func(context.Context, computeunit.AttemptInfo, error) error { return computeunit.ErrRetryable }}
	broken := providerFunc(func(context.Context) (computeunit.Credentials, error) { return computeunit.Credentials{}, errLost })
	const never, expired = -1, `{"code":"RequestExpired"}`
	for outcome, rows := range map[string]map[string]row{
		"not purchased, retryable": {
			"429":                         {answer: answerWith(429, ``), attempts: 1},
			"429 with a Retry-After":      {answer: answerWith(429, ``, "Retry-After", "1"), attempts: 3},
			"429 and a context that ends": {answer: answerWith(429, ``, "Retry-After", "60"), attempts: 1, ends: time.Second},
			"429 and a hook":              {answer: answerWith(429, ``, "Retry-After", "1"), attempts: 1, hooks: after},
			"expired":                     {answer: answerWith(400, expired), attempts: 1},
			"expired, in a success":       {answer: answerWith(200, expired), attempts: 1},
			"an ended context":            {answer: answerBought(), ends: never},
			"no credentials":              {answer: answerBought(), keys: broken},
		},
		"not purchased": {
			"credentials that cannot be used": {answer: answerBought(), keys: provide(computeunit.Credentials{AccessKeyID: "a b", SecretAccessKey: "s"})},
			"a hook":                          {answer: answerBought(), hooks: before},
			"a refusal":                       {answer: answerWith(403, deniedBody), attempts: 1},
			"a refusal, and a hook":           {answer: answerWith(403, deniedBody), attempts: 1, hooks: after},
			"a refusal in a success":          {answer: answerWith(200, deniedBody), attempts: 1},
		},
		"outcome unknown": {
			"429 that contradicts": {answer: answerWith(429, documentedAnswer), attempts: 1},
			"expired":              {answer: answerWith(500, expired), attempts: 1},
			"a hook":               {answer: answerWith(500, ``), attempts: 1, hooks: after},
			"a lost answer":        {answer: failWith(computeunit.ErrRetryable), attempts: 1},
			"an ended context":     {answer: hang, attempts: 1, ends: time.Second},
		},
	} {
		for name, row := range rows {
			t.Run(outcome+": "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(computeunit.ContextWithHooks(t.Context(), row.hooks))
					defer cancel()
					if row.ends == never {
						cancel()
					} else if row.ends > 0 {
						time.AfterFunc(row.ends, cancel)
					}
					if row.keys == nil {
						row.keys = provide(testCredentials())
					}
					_, err := newClientWith(t, row.keys, row.answer).PurchaseComputeUnit(ctx, documentedRequest())
					var failed *computeunit.OutcomeError
					require.ErrorAs(t, err, &failed)
					outcome, retryable := strings.CutSuffix(outcome, ", retryable")
					assert.Equal(t, outcome, failed.Outcome.Error())
					assert.Equal(t, retryable, errors.Is(err, computeunit.ErrRetryable), err)
					assert.Equal(t, row.attempts, failed.Attempts)
					if strings.Contains(err.Error(), " answered HTTP ") {
						apiError(t, err) // the cause stays within reach
					}
				})
			})
		}
	}
	_, err := newClient(t, answerBought()).PurchaseComputeUnit(t.Context(), computeunit.PurchaseComputeUnitRequest{})
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.NotErrorIs(t, err, computeunit.ErrRetryable)
	assert.Zero(t, attemptsOf(t, err))
}
