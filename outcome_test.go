package computeunit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
)

// The closed lists are those of docs/outcomes.md.
var (
	refusingStatuses = append(statuses(`(?m)^\| 6 \| (.+?), refused`), http.StatusTooManyRequests)
	refusingCodes    = all(`([A-Z]\w+)`, strings.Join(all(`(?s)\*\*documented refusal\*\* is (.+?)\. The codes`, outcomesPage), ""))
)

// outcomeOf is the outcome table for responses.
func outcomeOf(status int, says shape) error {
	refused := says == hasCode || says == saysNothing
	switch isSuccess := 200 <= status && status <= 299; {
	case isSuccess && says == hasID:
		return nil
	case isSuccess && says == hasCode, slices.Contains(refusingStatuses, status) && refused:
		return notPurchased
	}
	return unknown
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
	assertOutcome(c, want, err)
	assert.Equal(c, want == nil, response != nil && response.Result != computeunit.PurchaseResult{})
	if assert.Equal(c, 1, c.sent); c.Failed() {
		c.Fatalf("status %d", status)
	}
}

// Without a connection nothing left, and another attempt helps unless the peer is not what it has to be. Of an opaque transport
// nobody can tell.
func TestAnAttemptWithoutAResponse(t *testing.T) {
	theirs := new(http.Transport)
	t.Cleanup(theirs.CloseIdleConnections)
	var cancel context.CancelFunc
	var sent atomic.Int64
	handler := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		sent.Add(1)
		io.Copy(io.Discard, req.Body)
		if strings.HasPrefix(req.URL.Path, "/abort") {
			panic(http.ErrAbortHandler)
		}
		cancel()
		<-req.Context().Done()
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	for level, option := range map[string]computeunit.Option{
		"default": computeunit.WithMaxAttempts(2), "clone": withTransport(theirs), "opaque": withTransport(roundTripFunc(theirs.RoundTrip)),
	} {
		for _, row := range []struct {
			endpoint       string
			sent, attempts int
		}{
			{"http://" + closedPort, 0, 2},
			{"https://service.invalid", 0, 2},
			{strings.Replace(plain.URL, "http", "https", 1), 0, 1}, // it speaks no TLS
			{secure.URL, 0, 1},                                     // its certificate does not verify
			{plain.URL, 1, 1},
			{plain.URL + "/abort", 1, 1},
		} {
			t.Run(level+" "+row.endpoint, func(t *testing.T) {
				var ctx context.Context
				ctx, cancel = context.WithCancel(t.Context())
				err := buyIn(ctx, configured(t, option, computeunit.WithEndpoint(row.endpoint), computeunit.WithMaxAttempts(2)))
				want, attempts := notPurchased, row.attempts
				if level == "opaque" || row.sent > 0 {
					want, attempts = unknown, 1
				}
				assertOutcome(t, want, err)
				assert.Equal(t, attempts, outcomeError(t, err).Attempts, err)
				assertRetryable(t, attempts > 1, err)
				assert.Equal(t, row.endpoint == plain.URL, errors.Is(err, context.Canceled), err)
				assert.EqualValues(t, row.sent, sent.Swap(0))
			})
		}
	}
}

// An error of a transport that is not an *http.Transport proves nothing, whatever it looks like.
func TestAnErrorOfAnOpaqueTransportIsUnknown(t *testing.T) {
	check := newChecker(t)
	for _, cause := range []error{io.EOF, context.DeadlineExceeded, errDial, notPurchased, computeunit.ErrRetryable} {
		check.answer(unknown, 0, failWith(cause))
	}
	check.answer(unknown, 0, func(*http.Request) (*http.Response, error) { return nil, nil })
	check.answer(unknown, 200, func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil })
}

func TestWithRefusalCodesDecidesInASuccessOnly(t *testing.T) {
	check := newChecker(t, computeunit.WithRefusalCodes("OutOfStock"), computeunit.WithRefusalCodes("336501", "余额不足"))
	for want, bodies := range map[error][]string{
		notPurchased: {
			`{"code":"OutOfStock"}`, `{"error_code":336501}`, `{"code":"336501"}`, `{"code":"余额不足"}`, `{"code":"OutOfStock","error_code":7}`, deniedBody,
		},
		unknown: {
			`{"code":"outofstock"}`, `{"code":"OutOfStock2"}`, `{"code":"OutOfStock "}`, `{"error_code":33650}`, `{"code":7,"error_code":336501}`,
			`{"error":{"code":"OutOfStock"}}`, `{"code":"OutOfStock"`, `OutOfStock`, `{"code":"OutOfStock","result":{"orderId":"o"}}`,
			`{"code":"OutOfStock","error":{"code":"InternalError"}}`, `{"code":"OutOfStock","success":true}`,
		},
	} {
		for _, body := range bodies {
			check.answer(want, 200, answerWith(200, body))
			check.answer(want, 299, answerWith(299, body))
			for _, status := range []int{303, 409, 500} {
				check.answer(unknown, status, answerWith(status, body))
			}
		}
	}
	assertOutcome(t, unknown, buyAnswered(t, 200, `{"code":"OutOfStock"}`)) // another client
}

// What may succeed later, and what may not; an unknown outcome never does. A hook does not change it.
func TestWhichErrorsAreRetryable(t *testing.T) {
	hooked := computeunit.ContextWithHooks(t.Context(), afterwards(func(error) error { return computeunit.ErrRetryable }))
	for name, row := range map[string]struct {
		answer    roundTripFunc
		want      error
		retryable bool
	}{
		"429":                   {answerWith(429, ``), notPurchased, true},
		"expired, in a success": {answerWith(200, `{"code":"RequestExpired"}`), notPurchased, true},
		"a refusal":             {answerWith(403, deniedBody), notPurchased, false},
		"expired, but in a 500": {answerWith(500, `{"code":"RequestExpired"}`), unknown, false},
	} {
		for _, ctx := range []context.Context{t.Context(), hooked} {
			err := buyIn(ctx, newClient(t, row.answer))
			assertOutcome(t, row.want, err)
			assertRetryable(t, row.retryable, err)
			assert.Equal(t, 1, outcomeError(t, err).Attempts, name)
		}
	}
	assertUnsent(t, true, buyIn(endedContext(t), newClient(t, answerBought())))
}
