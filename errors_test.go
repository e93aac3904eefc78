package computeunit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestAnOutcomeErrorMatchesExactlyOneOutcome(t *testing.T) {
	cause := errors.New("cause")
	for _, test := range []struct {
		name string
		err  *computeunit.OutcomeError
		is   error
	}{
		{"not purchased", &computeunit.OutcomeError{Outcome: computeunit.ErrNotPurchased, Err: cause}, computeunit.ErrNotPurchased},
		{"unknown", &computeunit.OutcomeError{Outcome: computeunit.ErrOutcomeUnknown, Err: cause}, computeunit.ErrOutcomeUnknown},
		{"zero", &computeunit.OutcomeError{}, computeunit.ErrOutcomeUnknown},
		{"no outcome", &computeunit.OutcomeError{Err: cause}, computeunit.ErrOutcomeUnknown},
		{"another outcome", &computeunit.OutcomeError{Outcome: errors.New("bought"), Err: cause}, computeunit.ErrOutcomeUnknown},
		{"a wrapped outcome", &computeunit.OutcomeError{Outcome: fmt.Errorf("%w", computeunit.ErrNotPurchased), Err: cause}, computeunit.ErrOutcomeUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, outcome := range []error{computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown} {
				assert.Equal(t, outcome == test.is, errors.Is(test.err, outcome), "%v", outcome)
				assert.Equal(t, outcome == test.is, errors.Is(fmt.Errorf("buying: %w", test.err), outcome), "wrapped, %v", outcome)
			}
		})
	}
}

func TestAnOutcomeErrorUnwrapsToItsCause(t *testing.T) {
	err := &computeunit.OutcomeError{Outcome: computeunit.ErrNotPurchased, Err: io.ErrUnexpectedEOF}
	assert.Equal(t, io.ErrUnexpectedEOF, errors.Unwrap(err))
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.NotErrorIs(t, err, io.EOF)
	assert.NoError(t, errors.Unwrap(&computeunit.OutcomeError{}))
}

func TestErrorsAsFindsEveryCauseInAnOutcomeError(t *testing.T) {
	t.Run("ValidationError", func(t *testing.T) {
		_, err := newClient(t, answerBought()).PurchaseComputeUnit(t.Context(), withReplicas(0))
		var invalid *computeunit.ValidationError
		require.ErrorAs(t, err, &invalid)
		assert.Equal(t, []computeunit.Violation{{Path: "replicasCount", Rule: "must be at least 1", Value: "0"}}, invalid.Violations)
	})
	t.Run("APIError", func(t *testing.T) {
		err := buyAnswered(t, 403, `{"requestId":"r-1","code":"AccessDenied","message":"Access denied."}`)
		var refusal *computeunit.APIError
		require.ErrorAs(t, err, &refusal)
		assert.Equal(t, 403, refusal.StatusCode)
		assert.Equal(t, "AccessDenied", refusal.Code)
		assert.Equal(t, "Access denied.", refusal.Message)
		assert.Equal(t, "r-1", refusal.RequestID)
	})
	t.Run("the transport's", func(t *testing.T) {
		lost := &lostError{"connection reset"}
		err := buy(t, newClient(t, failWith(lost)))
		var found *lostError
		require.ErrorAs(t, err, &found)
		assert.Same(t, lost, found)
	})
}

type lostError struct{ text string }

func (e *lostError) Error() string { return e.text }

func TestAnOutcomeErrorCarriesWhatSupportNeeds(t *testing.T) {
	transport := record(answerWith(502, "<html>"))
	err := buy(t, newClient(t, transport))
	var failed *computeunit.OutcomeError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "svco-48esssdpa594", failed.ServiceID)
	assert.Equal(t, 1, failed.Attempts)
	assert.Equal(t, transport.only(t).Header.Get("X-Bce-Request-Id"), failed.RequestID, "what was sent, as the answer had none")
	assert.Equal(t, computeunit.ErrOutcomeUnknown, failed.Outcome)
}

func TestAnInvalidRequestHasNoRequestIDAndNoAttempt(t *testing.T) {
	var failed *computeunit.OutcomeError
	_, err := newClient(t, answerBought()).PurchaseComputeUnit(t.Context(), withReplicas(0))
	require.ErrorAs(t, err, &failed)
	assert.Empty(t, failed.RequestID)
	assert.Zero(t, failed.Attempts)
	assert.Equal(t, "svco-48esssdpa594", failed.ServiceID)
}

func TestTheMessageOfAnOutcomeErrorSaysWhatHappenedToWhatAndWhatToDo(t *testing.T) {
	for _, test := range []struct {
		name  string
		err   error
		parts []string
	}{
		{
			"refused",
			buyAnswered(t, 403, `{"requestId":"r-1","code":"AccessDenied","message":"Access denied."}`),
			[]string{"svco-48esssdpa594", "not purchased", "HTTP 403 Forbidden", "AccessDenied", "Access denied.", "r-1"},
		},
		{
			"unknown",
			buyAnswered(t, 500, `{"requestId":"r-2","code":"InternalError"}`),
			[]string{"svco-48esssdpa594", "outcome unknown", "HTTP 500", "InternalError", "r-2", "an order may exist", "list the service's instances", "before buying again"},
		},
		{
			"no answer",
			buy(t, newClient(t, failWith(errors.New("connection reset")))),
			[]string{"outcome unknown", "connection reset", "an order may exist"},
		},
		{
			"page of a proxy",
			buyAnswered(t, 502, "<html><h1>Bad gateway</h1>"),
			[]string{"outcome unknown", "HTTP 502 Bad Gateway", "26 bytes", "<html><h1>Bad gateway</h1>", "a gateway or a proxy"},
		},
		{
			"redirect",
			buyAnswered(t, 307, "", "Location", "https://elsewhere.example.com/"),
			[]string{"not purchased", "HTTP 307", "https://elsewhere.example.com/", "not followed"},
		},
		{
			"success without ids",
			buyAnswered(t, 200, `{"requestId":"r-3"}`),
			[]string{"outcome unknown", "HTTP 200", "r-3", "an order may exist"},
		},
		{
			"invalid request",
			&computeunit.OutcomeError{Outcome: computeunit.ErrNotPurchased, ServiceID: "svco-1", Err: withReplicas(0).Validate()},
			[]string{"svco-1", "not purchased", "replicasCount must be at least 1 (found 0)"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := test.err.Error()
			for _, part := range test.parts {
				assert.Contains(t, text, part)
			}
			assert.True(t, strings.HasPrefix(text, "computeunit: "), text)
			assert.NotContains(t, text, "%!")
			assert.NotContains(t, text, "\n")
		})
	}
}

func TestAnOrderMayExistIsNotSaidWhereItIsCertainThatNoneDoes(t *testing.T) {
	assert.NotContains(t, buyAnswered(t, 403, `{"code":"AccessDenied"}`).Error(), "may exist")
}

func TestHalfMadeErrorsPrintWithoutPanic(t *testing.T) {
	for _, err := range []error{&computeunit.OutcomeError{}, &computeunit.APIError{}, &computeunit.ValidationError{}, &computeunit.APIError{StatusCode: 799}} {
		assert.NotPanics(t, func() { assert.NotEmpty(t, err.Error()) })
		assert.NotContains(t, err.Error(), "%!")
		assert.NotContains(t, err.Error(), "nil")
	}
}

func TestAZeroOutcomeErrorIsReadAsUnknownEverywhere(t *testing.T) {
	var zero computeunit.OutcomeError
	assert.Contains(t, zero.Error(), "outcome unknown")
	assert.Contains(t, zero.Error(), "an order may exist")
	assert.Equal(t, "outcome unknown", attributes(zero.LogValue())["outcome"])
}

func TestAValidationErrorListsEveryViolationInItsMessage(t *testing.T) {
	var zero computeunit.PurchaseComputeUnitRequest
	err := zero.Validate()
	require.Error(t, err)
	assert.Equal(t, `invalid request: serviceId must not be blank (found ""); replicasCount must be at least 1 (found 0); `+
		`billing.paymentTiming must be Prepaid or Postpaid (found "")`, err.Error())
}

func TestAViolationPrintsAsPathRuleAndValue(t *testing.T) {
	assert.Equal(t, "a.b must be c (found d)", computeunit.Violation{Path: "a.b", Rule: "must be c", Value: "d"}.String())
}

func TestAValidationErrorIsOfNoCodeFamily(t *testing.T) {
	err := withReplicas(0).Validate()
	for _, family := range families {
		assert.NotErrorIs(t, err, family)
	}
	assert.NotErrorIs(t, err, computeunit.ErrOutcomeUnknown)
}

var families = []error{
	computeunit.ErrAccessDenied, computeunit.ErrInvalidCredentials, computeunit.ErrRequestExpired, computeunit.ErrThrottled,
}

func TestAnAPIErrorMatchesTheFamilyOfItsCode(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		family error
	}{
		{403, "AccessDenied", computeunit.ErrAccessDenied},
		{403, "InvalidAccessKeyId", computeunit.ErrInvalidCredentials},
		{400, "InvalidHTTPAuthHeader", computeunit.ErrInvalidCredentials},
		{400, "SignatureDoesNotMatch", computeunit.ErrInvalidCredentials},
		{403, "IamSignatureInvalid", computeunit.ErrInvalidCredentials},
		{400, "RequestExpired", computeunit.ErrRequestExpired},
		{429, "TooFast", computeunit.ErrThrottled},
		{429, "", computeunit.ErrThrottled},
		{403, "OptInRequired", nil},
		{400, "MalformedJSON", nil},
		{412, "PreconditionFailed", nil},
		{403, "accessdenied", nil},
		{403, "", nil},
		{200, "17", nil},
	} {
		t.Run(fmt.Sprint(test.status, test.code), func(t *testing.T) {
			err := &computeunit.OutcomeError{Outcome: computeunit.ErrNotPurchased, Err: &computeunit.APIError{StatusCode: test.status, Code: test.code}}
			for _, family := range families {
				assert.Equal(t, family == test.family, errors.Is(err, family), "%v", family)
			}
		})
	}
}

func TestA429WithAKnownCodeMatchesBothFamilies(t *testing.T) {
	err := &computeunit.APIError{StatusCode: 429, Code: "AccessDenied"}
	assert.ErrorIs(t, err, computeunit.ErrThrottled)
	assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
}

func TestAnAPIErrorIsNoOutcomeByItself(t *testing.T) {
	for _, status := range []int{200, 400, 403, 429, 500} {
		err := &computeunit.APIError{StatusCode: status, Code: "AccessDenied"}
		assert.NotErrorIs(t, err, computeunit.ErrNotPurchased)
		assert.NotErrorIs(t, err, computeunit.ErrOutcomeUnknown)
	}
}

func TestTheMessageOfAnAPIErrorHasStatusCodeAndMessage(t *testing.T) {
	for _, test := range []struct {
		err  computeunit.APIError
		want string
	}{
		{computeunit.APIError{StatusCode: 403, Code: "AccessDenied", Message: "Access denied."}, `HTTP 403 Forbidden, code "AccessDenied", message "Access denied."`},
		{computeunit.APIError{StatusCode: 429}, `HTTP 429 Too Many Requests`},
		{computeunit.APIError{StatusCode: 599, Code: "x"}, `HTTP 599, code "x"`},
		{computeunit.APIError{StatusCode: 400, Message: "余额不足"}, `HTTP 400 Bad Request, message "余额不足"`},
	} {
		assert.Equal(t, test.want, test.err.Error())
	}
}

// Whatever a service, a gateway or a caller puts into texts, an error is one line of printable characters.
func TestControlCharactersAreEscapedInErrors(t *testing.T) {
	const nasty = "a\n2030-01-01 level=INFO\r\x1b[31m\x00\u2028\u202e"
	quoted, err := json.Marshal(nasty)
	require.NoError(t, err)
	postpaidReservation := computeunit.Prepaid(1)
	postpaidReservation.PaymentTiming = nasty
	postpaidReservation.Reservation.ReservationTimeUnit = nasty
	postpaidReservation.Reservation.AutoRenewTimeUnit = nasty
	_, unknownService := newClient(t, failWith(errors.New("reset"))).PurchaseComputeUnit(t.Context(), withServiceID(nasty))
	for name, err := range map[string]error{
		"service id":             unknownService,
		"request id":             buyAnswered(t, 500, `{"requestId":`+string(quoted)+`}`),
		"request id in a header": buyAnswered(t, 500, "", "X-Bce-Request-Id", nasty),
		"code and message":       buyAnswered(t, 400, `{"code":`+string(quoted)+`,"message":`+string(quoted)+`}`),
		"code in a header":       buyAnswered(t, 400, "", "X-Bce-Error-Code", nasty, "X-Bce-Error-Message", nasty),
		"body":                   buyAnswered(t, 500, nasty),
		"body of a success":      buyAnswered(t, 200, nasty),
		"redirect":               buyAnswered(t, 302, "", "Location", nasty),
		"violations":             withBilling(postpaidReservation).Validate(),
		"blank service id":       withServiceID("\n\u2028").Validate(),
	} {
		t.Run(name, func(t *testing.T) { assertOneLine(t, err) })
	}
}

// The action of Call is the caller's text too, and stands in the error that refuses it.
func TestControlCharactersInAnActionAreEscapedInItsError(t *testing.T) {
	err := newClient(t, record(answerBought())).Call(t.Context(), "/v2/service", "Describe\n\x1b[31m", nil, nil)
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assertOneLine(t, err)
}

// attributes are the attributes of a group, by name.
func attributes(group slog.Value) map[string]any {
	found := map[string]any{}
	for _, attribute := range group.Group() {
		found[attribute.Key] = attribute.Value.Any()
	}
	return found
}

func TestAnOutcomeErrorLogsItsFieldsOneByOne(t *testing.T) {
	err := &computeunit.OutcomeError{
		Outcome: computeunit.ErrNotPurchased, ServiceID: "svco-1", RequestID: "r-1", Attempts: 2,
		Err: &computeunit.APIError{StatusCode: 403, Code: "AccessDenied"},
	}
	logged := attributes(err.LogValue())
	assert.Equal(t, "not purchased", logged["outcome"])
	assert.Equal(t, "svco-1", logged["service_id"])
	assert.Equal(t, "r-1", logged["request_id"])
	assert.Equal(t, int64(2), logged["attempt"])
	assert.Equal(t, `HTTP 403 Forbidden, code "AccessDenied"`, logged["error"])
}

func TestAnOutcomeErrorInALogRecordIsAGroup(t *testing.T) {
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Error("buying failed", "err", buyAnswered(t, 500, ""))
	var line struct {
		Err map[string]any `json:"err"`
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &line))
	assert.Equal(t, "outcome unknown", line.Err["outcome"])
	assert.Equal(t, "svco-48esssdpa594", line.Err["service_id"])
	assert.NotEmpty(t, line.Err["request_id"])
	assert.Contains(t, line.Err["error"], "HTTP 500")
}

func TestAnOutcomeErrorInJSONHasItsOutcomeAsText(t *testing.T) {
	err := &computeunit.OutcomeError{
		Action: purchaseAction, Outcome: computeunit.ErrOutcomeUnknown, ServiceID: "svco-1", RequestID: "r-1", Attempts: 2,
		Err: &computeunit.APIError{StatusCode: 403, Code: "AccessDenied"},
	}
	assert.JSONEq(t, `{"outcome":"outcome unknown","action":"PurchaseComputeUnit","serviceId":"svco-1","requestId":"r-1","attempts":2,
		"error":"HTTP 403 Forbidden, code \"AccessDenied\""}`, marshal(t, err))
	err.Outcome = computeunit.ErrNotPurchased
	assert.Contains(t, marshal(t, err), `"outcome":"not purchased"`)
	err.Action = "ReleaseComputeUnit"
	assert.Contains(t, marshal(t, err), `"outcome":"not done","action":"ReleaseComputeUnit"`)
	err.Outcome = nil
	assert.Contains(t, marshal(t, err), `"outcome":"unknown"`)
}

func TestAHalfMadeOutcomeErrorIsWrittenWithoutACause(t *testing.T) {
	var zero computeunit.OutcomeError
	assert.Contains(t, marshal(t, &zero), `"error":""`)
	assert.Empty(t, attributes(zero.LogValue())["error"])
	assert.Equal(t, "null", marshal(t, (*computeunit.OutcomeError)(nil)))
}

// Whoever reads only the end of an error knows what to do.
func TestEveryOutcomeErrorEndsWithWhatToDo(t *testing.T) {
	for _, row := range []struct {
		action  string
		outcome error
		advice  string
	}{
		{purchaseAction, computeunit.ErrNotPurchased, "it is safe to correct this and try again"},
		{"ReleaseComputeUnit", computeunit.ErrNotPurchased, "it is safe to correct this and try again"},
		{purchaseAction, computeunit.ErrOutcomeUnknown, "an order may exist: list the service's instances before buying again"},
		{"ReleaseComputeUnit", computeunit.ErrOutcomeUnknown, "it may have been done: look before trying again"},
	} {
		text := (&computeunit.OutcomeError{Action: row.action, Outcome: row.outcome, Err: errLost, RequestID: "r"}).Error()
		assert.True(t, strings.HasSuffix(text, "; "+row.advice), text)
	}
}
