package computeunit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestAnOutcomeErrorMatchesExactlyOneOutcome(t *testing.T) {
	for _, made := range []error{nil, notPurchased, unknown, errLost, fmt.Errorf("%w", notPurchased)} {
		for _, cause := range []error{nil, io.EOF, computeunit.ErrRetryable} {
			err := fmt.Errorf("buying: %w", &computeunit.OutcomeError{Outcome: made, Err: cause})
			assert.Equal(t, made == notPurchased, errors.Is(err, notPurchased), "%v", err)
			assert.Equal(t, made != notPurchased, errors.Is(err, unknown), "%v", err)
			assert.True(t, cause == nil || errors.Is(err, cause))
			assertRetryable(t, cause == computeunit.ErrRetryable, err)
		}
	}
}

// Each says what happened to what, who says so, and at its end what to do now.
func TestTheTextOfAnOutcomeError(t *testing.T) {
	denied := &computeunit.APIError{StatusCode: 403, Code: "AccessDenied"}
	for want, err := range map[string]*computeunit.OutcomeError{
		`computeunit: PurchaseComputeUnit for service "svco-1": not purchased: HTTP 403 Forbidden, code "AccessDenied" (request id "r", attempt 2); it is safe to correct this and try again`: {Outcome: notPurchased, ServiceID: "svco-1", RequestID: "r", ClientRequestID: "s", Attempts: 2, Err: denied},
		`computeunit: PurchaseComputeUnit: not purchased: retryable (request id "s", attempt 0); nothing was done, and a later try can succeed`:                                               {Outcome: notPurchased, ClientRequestID: "s", Err: computeunit.ErrRetryable},
		`computeunit: PurchaseComputeUnit: outcome unknown: EOF; an order may exist: list the service's instances before buying again`:                                                        {Action: purchaseAction, Outcome: unknown, Err: io.EOF},
		`computeunit: PurchaseComputeUnit: outcome unknown; an order may exist: list the service's instances before buying again`:                                                             {},
		`computeunit: Describe: not done: EOF; it is safe to correct this and try again`:                                                                                                      {Action: "Describe", Outcome: notPurchased, Err: io.EOF},
		`computeunit: Describe: unknown: EOF; it may have been done: look before trying again`:                                                                                                {Action: "Describe", Err: io.EOF},
	} {
		assert.EqualError(t, err, want)
	}
}

// Whoever keeps an error as JSON, perhaps inside a record of his own, reads the same with each package.
func TestAnOutcomeErrorInJSONAndInALog(t *testing.T) {
	for want, err := range map[string]*computeunit.OutcomeError{
		`{"outcome":"not purchased","retryable":true,"action":"","serviceId":"svco-1","requestId":"r","clientRequestId":"s","attempts":2,"error":"retryable"}`: {
			Outcome: notPurchased, ServiceID: "svco-1", RequestID: "r", ClientRequestID: "s", Attempts: 2, Err: computeunit.ErrRetryable},
		`{"outcome":"outcome unknown","retryable":false,"action":"PurchaseComputeUnit","serviceId":"","requestId":"","clientRequestId":"","attempts":0,"error":"HTTP 500 Internal Server Error"}`: {
			Action: purchaseAction, Err: &computeunit.APIError{StatusCode: 500}},
		`{"outcome":"not done","retryable":false,"action":"Describe","serviceId":"","requestId":"","clientRequestId":"","attempts":0,"error":""}`: {
			Action: "Describe", Outcome: notPurchased},
	} {
		for _, codec := range jsonPackages {
			text, failed := codec.marshal(map[string]error{"failed": err})
			require.NoError(t, failed)
			assert.JSONEq(t, `{"failed":`+want+`}`, string(text))
		}
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Error("buying failed", "err", err)
		var line map[string]any
		require.NoError(t, json.Unmarshal(b.Bytes(), &line))
		inLog := strings.NewReplacer("serviceId", "service_id", "clientRequestId", "client_request_id", "requestId", "request_id", "attempts", "attempt")
		assert.JSONEq(t, inLog.Replace(want), marshal(t, line["err"]))
	}
	assert.Equal(t, "null", marshal(t, (*computeunit.OutcomeError)(nil)))
}

func TestAnAPIErrorMatchesTheFamiliesOfItsCodeAndStatus(t *testing.T) {
	families := map[string]error{
		"denied": computeunit.ErrAccessDenied, "credentials": computeunit.ErrInvalidCredentials,
		"expired": computeunit.ErrRequestExpired, "throttled": computeunit.ErrThrottled,
		"an outcome": notPurchased, "the other": unknown, "retryable": computeunit.ErrRetryable,
	}
	for err, want := range map[computeunit.APIError]string{
		{StatusCode: 403, Code: "AccessDenied"}:          "denied",
		{StatusCode: 403, Code: "InvalidAccessKeyId"}:    "credentials",
		{StatusCode: 400, Code: "InvalidHTTPAuthHeader"}: "credentials",
		{StatusCode: 400, Code: "SignatureDoesNotMatch"}: "credentials",
		{StatusCode: 403, Code: "IamSignatureInvalid"}:   "credentials",
		{StatusCode: 400, Code: "RequestExpired"}:        "expired",
		{StatusCode: 429}:                         "throttled",
		{StatusCode: 429, Code: "RequestExpired"}: "expired throttled",
		{StatusCode: 403, Code: "accessdenied"}:   "",
		{StatusCode: 403}:                         "",
	} {
		for name, family := range families {
			assert.Equal(t, strings.Contains(want, name), errors.Is(&err, family), "%v, %v", err, family)
		}
	}
}

func TestTheTextsOfTheOtherErrors(t *testing.T) {
	for want, err := range map[string]error{
		`HTTP 403 Forbidden, code "AccessDenied", message "余额不足"`: &computeunit.APIError{StatusCode: 403, Code: "AccessDenied", Message: "余额不足"},
		`HTTP 599, a body`:  &computeunit.APIError{StatusCode: 599, Evidence: "a body"},
		`HTTP 0`:            &computeunit.APIError{},
		`invalid request: `: &computeunit.ValidationError{},
	} {
		assert.EqualError(t, err, want)
	}
}

// Whatever a service, a gateway or a caller puts into texts, an error is one line of printable characters.
func TestControlCharactersAreEscapedInErrors(t *testing.T) {
	const nasty = "a\n2030-01-01 level=INFO\r\x1b[31m\x00\u2028\u202e"
	quoted := marshal(t, nasty)
	_, service := newClient(t, failWith(errLost)).PurchaseComputeUnit(t.Context(), withServiceID(nasty))
	odd := computeunit.Reservation{ReservationTimeUnit: nasty, AutoRenewTimeUnit: nasty}
	for _, err := range []error{
		service, withServiceID("\n\u2028").Validate(),
		withBilling(computeunit.Billing{PaymentTiming: nasty, Reservation: odd}).Validate(),
		withBilling(computeunit.Billing{PaymentTiming: "Postpaid", Reservation: odd}).Validate(),
		newClient(t, answerBought()).Call(t.Context(), "/v2/service", nasty, nil, nil),
		buyAnswered(t, 500, `{"requestId":`+quoted+`}`), buyAnswered(t, 400, `{"code":`+quoted+`,"message":`+quoted+`,"error":`+quoted+`}`),
		buyAnswered(t, 500, nasty), buyAnswered(t, 302, "", "Location", nasty, "Content-Type", nasty),
		buyAnswered(t, 400, "", "X-Bce-Error-Code", nasty, "X-Bce-Error-Message", nasty, "X-Bce-Request-Id", nasty),
	} {
		assertOneLine(t, err)
	}
}

// An errgroup cancels its context with the first error as the cause, and net/http returns that cause as its own
// error. The verdict on the first purchase is not one on the second.
func TestAnotherPurchasesErrorAsTheCauseOfAContextKeepsTheOutcomesApart(t *testing.T) {
	ended := func(req *http.Request) error {
		<-req.Context().Done()
		return fmt.Errorf("round trip: %w", context.Cause(req.Context())) // as net/http does
	}
	for name, row := range map[string]struct {
		after  time.Duration
		answer roundTripFunc
		want   error
	}{
		"before":        {0, answerBought(), notPurchased},
		"while waiting": {time.Minute, answerWith(429, "", "Retry-After", "3600"), notPurchased},
		"while sending": {time.Second, func(req *http.Request) (*http.Response, error) { return nil, ended(req) }, unknown},
		"while reading": {time.Second, func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.ErrReader(ended(req)))}, nil
		}, unknown},
	} {
		for _, cause := range []error{
			&computeunit.OutcomeError{Outcome: notPurchased, Err: computeunit.ErrRetryable}, &computeunit.OutcomeError{}, notPurchased,
		} {
			inBubble(t, name, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				if row.after == 0 {
					cancel(cause)
				}
				time.AfterFunc(row.after, func() { cancel(cause) })
				err := buyIn(ctx, newClient(t, row.answer))
				assertOutcome(t, row.want, err)
				var another *computeunit.OutcomeError
				own := outcomeError(t, err)
				assert.Equal(t, testService, own.ServiceID)
				assert.False(t, errors.As(own.Err, &another), "the cause must hold no other purchase's error")
				assertRetryable(t, row.want == notPurchased, err)
			})
		}
	}
}
