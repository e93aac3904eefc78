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
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func assertNotPurchased(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
	assert.NotErrorIs(t, err, computeunit.ErrOutcomeUnknown)
}

func assertUnknown(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
	assert.NotErrorIs(t, err, computeunit.ErrNotPurchased)
}

// buyAnswered buys from a service that always gives one answer, and never tries twice.
func buyAnswered(t *testing.T, status int, body string, headers ...string) error {
	t.Helper()
	err := buy(t, newClient(t, answerWith(status, body, headers...), computeunit.WithMaxAttempts(1)))
	require.Error(t, err)
	return err
}

func TestAOutcomeErrorMatchesExactlyOneOutcome(t *testing.T) {
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

func TestAOutcomeErrorUnwrapsToItsCause(t *testing.T) {
	err := &computeunit.OutcomeError{Outcome: computeunit.ErrNotPurchased, Err: io.ErrUnexpectedEOF}
	assert.Equal(t, io.ErrUnexpectedEOF, errors.Unwrap(err))
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.NotErrorIs(t, err, io.EOF)
	assert.NoError(t, errors.Unwrap(&computeunit.OutcomeError{}))
}

func TestErrorsAsFindsEveryCauseInAOutcomeError(t *testing.T) {
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

func TestAOutcomeErrorCarriesWhatSupportNeeds(t *testing.T) {
	transport := record(answerWith(502, "<html>"))
	err := buy(t, newClient(t, transport))
	var failed *computeunit.OutcomeError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "svco-48esssdpa594", failed.ServiceID)
	assert.Equal(t, 1, failed.Attempts)
	assert.Equal(t, transport.only(t).Header.Get("X-Bce-Request-Id"), failed.RequestID, "what was sent, as the answer had none")
	assert.Equal(t, computeunit.ErrOutcomeUnknown, failed.Outcome)
}

func TestTheRequestIDIsTheServicesWhereItGaveOne(t *testing.T) {
	for _, test := range []struct {
		name, body string
		headers    []string
		want       string
	}{
		{"in the body", `{"requestId":"body","code":"x"}`, nil, "body"},
		{"in the header", `{"code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "header"},
		{"in both", `{"requestId":"body","code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "body"},
		{"blank in the body", `{"requestId":" ","code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "header"},
		{"no text in the body", `{"requestId":7,"code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "header"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var failed *computeunit.OutcomeError
			require.ErrorAs(t, buyAnswered(t, 400, test.body, test.headers...), &failed)
			assert.Equal(t, test.want, failed.RequestID)
			var refusal *computeunit.APIError
			require.ErrorAs(t, failed, &refusal)
			assert.Equal(t, test.want, refusal.RequestID)
		})
	}
}

func TestAnInvalidRequestHasNoRequestIDAndNoAttempt(t *testing.T) {
	var failed *computeunit.OutcomeError
	_, err := newClient(t, answerBought()).PurchaseComputeUnit(t.Context(), withReplicas(0))
	require.ErrorAs(t, err, &failed)
	assert.Empty(t, failed.RequestID)
	assert.Zero(t, failed.Attempts)
	assert.Equal(t, "svco-48esssdpa594", failed.ServiceID)
}

func TestTheMessageOfAOutcomeErrorSaysWhatHappenedToWhatAndWhatToDo(t *testing.T) {
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
			[]string{"outcome unknown", "HTTP 502 Bad Gateway", "with a body of 26 bytes"},
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
	assert.Equal(t, "outcome unknown", attributes(zero.LogValue())[computeunit.LogKeyOutcome])
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

func TestTheFamilyIsFoundFromTheGatewaysHeadersToo(t *testing.T) {
	err := buyAnswered(t, 403, "", "X-Bce-Error-Code", "IamSignatureInvalid", "X-Bce-Error-Message", "signature invalid")
	assertNotPurchased(t, err)
	assert.ErrorIs(t, err, computeunit.ErrInvalidCredentials)
	var refusal *computeunit.APIError
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, "signature invalid", refusal.Message)
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
	assertNotPurchased(t, err)
	assertOneLine(t, err)
}

func assertOneLine(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	at := strings.IndexFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) })
	assert.Equal(t, -1, at, "%q", err.Error())
}

// An answer is read up to 1 MiB. An error about it goes into logs: it stays short, whichever part was long.
func TestAnErrorStaysShortHoweverLongTheAnswerIs(t *testing.T) {
	long := strings.Repeat("9", 100_000)
	for name, err := range map[string]error{
		"message":                    buyAnswered(t, 400, `{"code":"x","message":"`+long+`"}`),
		"code":                       buyAnswered(t, 400, `{"code":"`+long+`"}`),
		"body":                       buyAnswered(t, 500, long),
		"body of a success":          buyAnswered(t, 200, `"`+long+`"`),
		"location":                   buyAnswered(t, 302, "", "Location", long),
		"error_code beyond int64":    buyAnswered(t, 200, `{"error_code":`+long+`}`),
		"error_code that is no int":  buyAnswered(t, 200, `{"error_code":1.`+long+`}`),
		"request id":                 buyAnswered(t, 500, `{"requestId":"`+long+`"}`),
		"request id of a short code": buyAnswered(t, 400, `{"requestId":"`+long+`","code":"x"}`),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Less(t, len(err.Error()), 2000)
		})
	}
}

func TestTheFieldsOfAnAPIErrorHaveLongTextsWhole(t *testing.T) {
	long := strings.Repeat("长", 10_000)
	var refusal *computeunit.APIError
	require.ErrorAs(t, buyAnswered(t, 400, `{"code":"`+long+`","message":"`+long+`"}`), &refusal)
	assert.Equal(t, long, refusal.Code)
	assert.Equal(t, long, refusal.Message)
}

// attributes are the attributes of a group, by name.
func attributes(group slog.Value) map[string]any {
	found := map[string]any{}
	for _, attribute := range group.Group() {
		found[attribute.Key] = attribute.Value.Any()
	}
	return found
}

func TestAOutcomeErrorLogsItsFieldsOneByOne(t *testing.T) {
	err := &computeunit.OutcomeError{
		Outcome: computeunit.ErrNotPurchased, ServiceID: "svco-1", RequestID: "r-1", Attempts: 2,
		Err: &computeunit.APIError{StatusCode: 403, Code: "AccessDenied"},
	}
	logged := attributes(err.LogValue())
	assert.Equal(t, "not purchased", logged[computeunit.LogKeyOutcome])
	assert.Equal(t, "svco-1", logged[computeunit.LogKeyServiceID])
	assert.Equal(t, "r-1", logged[computeunit.LogKeyRequestID])
	assert.Equal(t, int64(2), logged[computeunit.LogKeyAttempt])
	assert.Equal(t, `HTTP 403 Forbidden, code "AccessDenied"`, logged[computeunit.LogKeyError])
}

func TestAOutcomeErrorInALogRecordIsAGroup(t *testing.T) {
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

// An errgroup cancels its context with the first error as the cause, and net/http returns that cause as its own
// error. The verdict on the first purchase is not one on the second.
func TestAContextWhoseCauseIsAnotherPurchasesErrorKeepsTheOutcomesApart(t *testing.T) {
	for _, other := range []error{computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown} {
		cause := &computeunit.OutcomeError{Outcome: other, ServiceID: "svco-other", RequestID: "r-other", Err: errors.New("no stock")}
		assertOwn := func(t *testing.T, err error) {
			t.Helper()
			var failed *computeunit.OutcomeError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, "svco-48esssdpa594", failed.ServiceID)
			assert.NotErrorIs(t, failed.Err, error(cause))
			var another *computeunit.OutcomeError
			assert.False(t, errors.As(failed.Err, &another), "the cause must hold no other purchase's error")
		}
		t.Run(other.Error()+", cancelled while sending", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			transport := record(func(req *http.Request) (*http.Response, error) {
				cancel(cause)
				<-req.Context().Done()
				return nil, fmt.Errorf("round trip: %w", context.Cause(req.Context())) // as net/http does
			})
			_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
			assertUnknown(t, err)
			assertOwn(t, err)
			assert.ErrorContains(t, err, "no stock")
		})
		t.Run(other.Error()+", cancelled before", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(cause)
			_, err := newClient(t, record(answerBought())).PurchaseComputeUnit(ctx, documentedRequest())
			assertNotPurchased(t, err)
			assertOwn(t, err)
		})
		t.Run(other.Error()+", cancelled while waiting", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Minute, func() { cancel(cause) })
				transport := record(answerWith(429, "", "Retry-After", "3600"), answerBought())
				_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
				assertNotPurchased(t, err)
				assertOwn(t, err)
				transport.only(t)
			})
		})
		t.Run(other.Error()+", cancelled while reading the answer", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			transport := record(func(req *http.Request) (*http.Response, error) {
				response, err := answerBought()(req)
				response.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"requestId":"r-1",`), readerFunc(func([]byte) (int, error) {
					cancel(cause)
					return 0, context.Cause(ctx)
				})))
				return response, err
			})
			_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
			assertUnknown(t, err)
			assertOwn(t, err)
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
