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
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestAnOutcomeErrorMatchesExactlyOneOutcome(t *testing.T) {
	for _, made := range []error{nil, computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown, errLost, fmt.Errorf("%w", computeunit.ErrNotPurchased)} {
		want := map[bool]error{true: computeunit.ErrNotPurchased, false: computeunit.ErrOutcomeUnknown}[made == computeunit.ErrNotPurchased]
		for _, cause := range []error{nil, io.EOF, computeunit.ErrRetryable} {
			err := fmt.Errorf("buying: %w", &computeunit.OutcomeError{Outcome: made, Err: cause})
			for _, outcome := range []error{computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown} {
				assert.Equal(t, outcome == want, errors.Is(err, outcome), "%v", err)
			}
			assert.Equal(t, cause == io.EOF, errors.Is(err, io.EOF))
			assert.Equal(t, cause == computeunit.ErrRetryable, errors.Is(err, computeunit.ErrRetryable))
		}
	}
}

func TestErrorsAsFindsTheCause(t *testing.T) {
	var invalid *computeunit.ValidationError
	_, err := newClient(t, answerBought()).PurchaseComputeUnit(t.Context(), withReplicas(0))
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, []computeunit.Violation{{Path: "replicasCount", Rule: "must be at least 1", Value: "0"}}, invalid.Violations)
	assert.Equal(t, "Access denied.", apiError(t, buyAnswered(t, 403, deniedBody)).Message)
	assert.ErrorIs(t, buy(t, newClient(t, failWith(errLost))), errLost)
}

// Each says what happened to what, who says so, and at its end what to do now.
func TestTheTextOfAnOutcomeError(t *testing.T) {
	denied := &computeunit.APIError{StatusCode: 403, Code: "AccessDenied"}
	for want, err := range map[string]*computeunit.OutcomeError{
		`computeunit: PurchaseComputeUnit for service "svco-1": not purchased: HTTP 403 Forbidden, code "AccessDenied" (request id "r", attempt 2); it is safe to correct this and try again`: {Outcome: computeunit.ErrNotPurchased, ServiceID: "svco-1", RequestID: "r", ClientRequestID: "s", Attempts: 2, Err: denied},
		`computeunit: PurchaseComputeUnit: not purchased: retryable (request id "s", attempt 0); nothing was done, and a later try can succeed`:                                                          {Outcome: computeunit.ErrNotPurchased, ClientRequestID: "s", Err: computeunit.ErrRetryable},
		`computeunit: PurchaseComputeUnit: outcome unknown: EOF; an order may exist: list the service's instances before buying again`:                                                        {Action: purchaseAction, Outcome: computeunit.ErrOutcomeUnknown, Err: io.EOF},
		`computeunit: PurchaseComputeUnit: outcome unknown; an order may exist: list the service's instances before buying again`:                                                             {},
		`computeunit: Describe: not done: EOF; it is safe to correct this and try again`:                                                                                                      {Action: "Describe", Outcome: computeunit.ErrNotPurchased, Err: io.EOF},
		`computeunit: Describe: unknown: EOF; it may have been done: look before trying again`:                                                                                                {Action: "Describe", Err: io.EOF},
	} {
		assert.EqualError(t, err, want)
	}
}

// To correct is only what is wrong with the request: neither a context that ended, nor too many requests.
func TestAnErrorAdvisesToCorrectOnlyWhatCanBeCorrected(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, canceled := newClient(t, answerBought()).PurchaseComputeUnit(ended, documentedRequest())
	_, invalid := newClient(t, answerBought()).PurchaseComputeUnit(t.Context(), withReplicas(0))
	for err, correct := range map[error]bool{
		canceled: false, buyAnswered(t, 429, ``): false, buyAnswered(t, 500, ``): false, buyAnswered(t, 403, deniedBody): true, invalid: true,
	} {
		assert.Equal(t, correct, strings.Contains(err.Error(), "safe to correct"), err)
	}
	assert.NotContains(t, canceled.Error()+invalid.Error(), "attempt 1")
}

func TestAnOutcomeErrorInJSONAndInALog(t *testing.T) {
	for _, row := range []struct {
		err  computeunit.OutcomeError
		want string
	}{
		{computeunit.OutcomeError{Outcome: computeunit.ErrNotPurchased, ServiceID: "svco-1", RequestID: "r", ClientRequestID: "s", Attempts: 2, Err: computeunit.ErrRetryable},
			`{"outcome":"not purchased","retryable":true,"action":"","serviceId":"svco-1","requestId":"r","clientRequestId":"s","attempts":2,"error":"retryable"}`},
		{computeunit.OutcomeError{Action: purchaseAction, Err: &computeunit.APIError{StatusCode: 500}},
			`{"outcome":"outcome unknown","retryable":false,"action":"PurchaseComputeUnit","serviceId":"","requestId":"","clientRequestId":"","attempts":0,"error":"HTTP 500 Internal Server Error"}`},
		{computeunit.OutcomeError{Action: "Describe", Outcome: computeunit.ErrNotPurchased},
			`{"outcome":"not done","retryable":false,"action":"Describe","serviceId":"","requestId":"","clientRequestId":"","attempts":0,"error":""}`},
		{computeunit.OutcomeError{Action: "Describe"},
			`{"outcome":"unknown","retryable":false,"action":"Describe","serviceId":"","requestId":"","clientRequestId":"","attempts":0,"error":""}`},
	} {
		assert.JSONEq(t, row.want, marshal(t, &row.err))
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Error("buying failed", "err", &row.err)
		var line struct {
			Err map[string]any
		}
		require.NoError(t, json.Unmarshal(b.Bytes(), &line))
		inLog := strings.NewReplacer("serviceId", "service_id", "clientRequestId", "client_request_id", "requestId", "request_id", "attempts", "attempt")
		assert.JSONEq(t, inLog.Replace(row.want), marshal(t, line.Err))
	}
	assert.Equal(t, "null", marshal(t, (*computeunit.OutcomeError)(nil)))
}

func TestAnAPIErrorMatchesTheFamiliesOfItsCodeAndStatus(t *testing.T) {
	families := []error{computeunit.ErrAccessDenied, computeunit.ErrInvalidCredentials, computeunit.ErrRequestExpired, computeunit.ErrThrottled}
	for err, want := range map[computeunit.APIError][]error{
		{StatusCode: 403, Code: "AccessDenied"}:          families[:1],
		{StatusCode: 403, Code: "InvalidAccessKeyId"}:    families[1:2],
		{StatusCode: 400, Code: "InvalidHTTPAuthHeader"}: families[1:2],
		{StatusCode: 400, Code: "SignatureDoesNotMatch"}: families[1:2],
		{StatusCode: 403, Code: "IamSignatureInvalid"}:   families[1:2],
		{StatusCode: 400, Code: "RequestExpired"}:        families[2:3],
		{StatusCode: 429}:                         families[3:],
		{StatusCode: 429, Code: "RequestExpired"}: families[2:],
		{StatusCode: 403, Code: "accessdenied"}:   nil,
		{StatusCode: 403}:                         nil,
	} {
		for _, family := range append(families, computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown, computeunit.ErrRetryable) {
			assert.Equal(t, len(want) > 0 && (family == want[0] || family == want[len(want)-1]), errors.Is(&err, family), "%v, %v", err, family)
		}
	}
}

func TestTheTextsOfTheOtherErrors(t *testing.T) {
	for want, err := range map[string]error{
		`HTTP 403 Forbidden, code "AccessDenied", message "余额不足"`: &computeunit.APIError{StatusCode: 403, Code: "AccessDenied", Message: "余额不足"},
		`HTTP 599, a body`:  &computeunit.APIError{StatusCode: 599, Evidence: "a body"},
		`HTTP 0`:            &computeunit.APIError{},
		`invalid request: `: &computeunit.ValidationError{},
		`invalid request: serviceId must not be blank, and be valid UTF-8 (found ""); replicasCount must be at least 1 (found 0); ` +
			`billing.paymentTiming must be Prepaid or Postpaid (found "")`: computeunit.PurchaseComputeUnitRequest{}.Validate(),
	} {
		assert.EqualError(t, err, want)
	}
}

// Whatever a service, a gateway or a caller puts into texts, an error is one line of printable characters.
func TestControlCharactersAreEscapedInErrors(t *testing.T) {
	const nasty = "a\n2030-01-01 level=INFO\r\x1b[31m\x00\u2028\u202e"
	quoted := marshal(t, nasty)
	_, service := newClient(t, failWith(errLost)).PurchaseComputeUnit(t.Context(), withServiceID(nasty))
	odd := computeunit.Prepaid(1)
	odd.PaymentTiming, odd.Reservation.ReservationTimeUnit, odd.Reservation.AutoRenewTimeUnit = nasty, nasty, nasty
	for _, err := range []error{
		service, withServiceID("\n\u2028").Validate(), withBilling(odd).Validate(),
		newClient(t, answerBought()).Call(t.Context(), "/v2/service", nasty, nil, nil),
		buyAnswered(t, 500, `{"requestId":`+quoted+`}`), buyAnswered(t, 400, `{"code":`+quoted+`,"message":`+quoted+`,"error":`+quoted+`}`),
		buyAnswered(t, 500, nasty), buyAnswered(t, 200, nasty), buyAnswered(t, 302, "", "Location", nasty, "Content-Type", nasty),
		buyAnswered(t, 400, "", "X-Bce-Error-Code", nasty, "X-Bce-Error-Message", nasty, "X-Bce-Request-Id", nasty),
	} {
		assertOneLine(t, err)
	}
}

// An errgroup cancels its context with the first error as the cause, and net/http returns that cause as its own
// error. The verdict on the first purchase is not one on the second.
func TestAnotherPurchasesErrorAsTheCauseOfAContextKeepsTheOutcomesApart(t *testing.T) {
	for _, cause := range []error{
		&computeunit.OutcomeError{Outcome: computeunit.ErrNotPurchased, Err: computeunit.ErrRetryable}, &computeunit.OutcomeError{}, computeunit.ErrNotPurchased,
	} {
		for name, row := range map[string]struct {
			cancelAfter time.Duration
			answer      roundTripFunc
			want        error
		}{
			"before":        {0, answerBought(), computeunit.ErrNotPurchased},
			"while waiting": {time.Minute, answerWith(429, "", "Retry-After", "3600"), computeunit.ErrNotPurchased},
			"while sending": {time.Second, func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return nil, fmt.Errorf("round trip: %w", context.Cause(req.Context())) // as net/http does
			}, computeunit.ErrOutcomeUnknown},
			"while reading": {time.Second, func(req *http.Request) (*http.Response, error) {
				response, err := answerBought()(req)
				response.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
					<-req.Context().Done()
					return 0, context.Cause(req.Context())
				}))
				return response, err
			}, computeunit.ErrOutcomeUnknown},
		} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					if row.cancelAfter == 0 {
						cancel(cause)
					}
					time.AfterFunc(row.cancelAfter, func() { cancel(cause) })
					_, err := newClient(t, row.answer).PurchaseComputeUnit(ctx, documentedRequest())
					assertOutcome(t, row.want, err)
					var own, another *computeunit.OutcomeError
					require.ErrorAs(t, err, &own)
					assert.Equal(t, testService, own.ServiceID)
					assert.False(t, errors.As(own.Err, &another), "the cause must hold no other purchase's error")
					assert.Equal(t, row.want == computeunit.ErrNotPurchased, errors.Is(err, computeunit.ErrRetryable))
				})
			})
		}
	}
}
