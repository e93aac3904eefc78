package computeunit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// The documented example (shortened ids), and what else services answer.
const (
	boughtBody   = `{"requestId":"1bef3f87-c5b2-4419-936b-50f9884f10d4","result":{"instanceId":"44961088fxxxx9e9379f5daf","orderId":"7b468732xxxxxx8364292"}}`
	deniedBody   = `{"requestId":"r-1","code":"AccessDenied","message":"Access denied."}`
	internalBody = `{"requestId":"r-1","code":"InternalError","message":"please try again"}`
	olderBody    = `{"error_code":336003,"error_msg":"no"}`
)

func mocked(t *testing.T, responder httpmock.Responder, options ...computeunit.Option) (*computeunit.Client, *httpmock.MockTransport) {
	t.Helper()
	transport := httpmock.NewMockTransport()
	transport.RegisterResponder(http.MethodPost, "https://qianfan.baidubce.com/v2/serviceresources?Action=PurchaseComputeUnit", responder)
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"),
		append([]computeunit.Option{computeunit.WithHTTPClient(&http.Client{Transport: transport})}, options...)...)
	require.NoError(t, err)
	return client, transport
}

func fivePrepaid() computeunit.PurchaseComputeUnitRequest {
	return computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-48esssdpa594", Billing: computeunit.Prepaid(5), ReplicasCount: 5}
}

// assertOutcome checks that exactly one of the two sentinels matches, or that there is no error.
func assertOutcome(t *testing.T, want, err error) {
	t.Helper()
	if want == nil {
		assert.NoError(t, err)
		return
	}
	assert.Equal(t, want == computeunit.ErrNotPurchased, errors.Is(err, computeunit.ErrNotPurchased), "not purchased: %v", err)
	assert.Equal(t, want == computeunit.ErrOutcomeUnknown, errors.Is(err, computeunit.ErrOutcomeUnknown), "unknown: %v", err)
	var failed *computeunit.OutcomeError
	if assert.ErrorAs(t, err, &failed) {
		assert.Equal(t, "svco-48esssdpa594", failed.ServiceID)
		assert.NotNil(t, failed.Err)
	}
}

// answers has every row of the outcome table that is an answer, from both sides of each bound.
func answers() []struct {
	name   string
	status int
	body   string
	want   error
	sent   int
} {
	type row = struct {
		name   string
		status int
		body   string
		want   error
		sent   int
	}
	refused, unknown := computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown
	rows := []row{
		{"documented", 200, boughtBody, nil, 1},
		{"created", 201, boughtBody, nil, 1},
		{"accepted", 202, boughtBody, nil, 1},
		{"only an instance id", 200, `{"requestId":"r","result":{"instanceId":"i"}}`, nil, 1},
		{"only an order id", 200, `{"requestId":"r","result":{"orderId":"o"}}`, nil, 1},
		{"unknown fields", 200, `{"a":1,"result":{"instanceId":"i","more":[{}]},"z":null}`, nil, 1},
		{"null code", 200, `{"code":null,"error_code":0,"message":null,"result":{"instanceId":"i"}}`, nil, 1},
		{"empty code", 200, `{"code":"","result":{"instanceId":"i"}}`, nil, 1},
		{"the same id twice", 200, `{"result":{"instanceId":"i"},"result":{"instanceId":"i","orderId":"o"}}`, nil, 1},
		{"error_code of minus zero", 200, `{"error_code":-0,"result":{"instanceId":"i"}}`, nil, 1},
		{"an escaped id", 200, `{"result":{"instanceId":"\u0069"}}`, nil, 1},
		{"request id of another type", 200, `{"requestId":7,"result":{"instanceId":"i"}}`, nil, 1},

		{"code in a 200", 200, deniedBody, refused, 1},
		{"code in a 200, result is a list", 200, `{"code":"OutOfX","result":[]}`, refused, 1},
		{"code in a 200, result is text", 200, `{"code":"OutOfX","result":""}`, refused, 1},
		{"code in a 200, result is false", 200, `{"code":"OutOfX","result":false}`, refused, 1},
		{"code in a 200, empty ids", 200, `{"code":"OutOfX","result":{"instanceId":"","orderId":" "}}`, refused, 1},
		{"RequestExpired in a 200", 200, `{"code":"RequestExpired"}`, refused, 1},
		{"error_code in a 200", 200, olderBody, refused, 1},
		{"negative error_code", 200, `{"error_code":-1}`, refused, 1},
		{"the same code twice", 200, `{"code":"X","Code":"X"}`, refused, 1},
		{"an escaped code", 200, `{"code":"\u0058"}`, refused, 1},
		{"a code of broken text", 200, "{\"code\":\"\xff\"}", refused, 1},
		{"a code that is a refusing status", 200, `{"code":"402"}`, refused, 1},
		{"a large error_code", 200, `{"error_code":99999999999999999999}`, refused, 1},
		{"code with all it has to say", 204, deniedBody, refused, 1},

		{"InternalError in a 200", 200, internalBody, unknown, 1},
		{"code beside an id", 200, `{"code":"AccessDenied","result":{"instanceId":"i"}}`, unknown, 1},
		{"error_code beside an id", 200, `{"error_code":17,"result":{"orderId":"o"}}`, unknown, 1},
		{"empty", 200, ``, unknown, 1},
		{"blank", 200, ` `, unknown, 1},
		{"no content", 204, ``, unknown, 1},
		{"HTML", 200, `<html>welcome</html>`, unknown, 1},
		{"cut JSON", 200, boughtBody[:len(boughtBody)-1], unknown, 1},
		{"more than JSON", 200, boughtBody + `x`, unknown, 1},
		{"two answers", 200, boughtBody + boughtBody, unknown, 1},
		{"null", 200, `null`, unknown, 1},
		{"text", 200, `"ok"`, unknown, 1},
		{"list", 200, `[` + boughtBody + `]`, unknown, 1},
		{"empty object", 200, `{}`, unknown, 1},
		{"no result", 200, `{"requestId":"r"}`, unknown, 1},
		{"null result", 200, `{"requestId":"r","result":null}`, unknown, 1},
		{"empty ids", 200, `{"requestId":"r","result":{"instanceId":"","orderId":""}}`, unknown, 1},
		{"blank ids", 200, `{"requestId":"r","result":{"instanceId":" ","orderId":"\t"}}`, unknown, 1},
		{"ids of another type", 200, `{"result":{"instanceId":1,"orderId":true}}`, unknown, 1},
		{"one id of another type", 200, `{"result":{"instanceId":1,"orderId":"o"}}`, unknown, 1},
		{"a result twice, once with an id", 200, `{"result":{"instanceId":"i"},"result":"x"}`, unknown, 1},
		{"a result twice, with a code", 200, `{"code":"OutOfX","result":{"instanceId":"i"},"result":"x"}`, unknown, 1},
		{"a list with ids, with a code", 200, `{"code":"Partly","result":[{"instanceId":"i"}]}`, unknown, 1},
		{"a list with ids, then an empty one", 200, `{"code":"Partly","result":[{"instanceId":"i"}],"result":[ ]}`, unknown, 1},
		{"a result twice, once with an id, with a code", 200, `{"code":"X","result":{"instanceId":"i"},"result":{"instanceId":""}}`, unknown, 1},
		{"an id in two cases, with a code", 200, `{"code":"X","result":{"instanceId":"i","InstanceID":""}}`, unknown, 1},
		{"an id of another type, with a code", 200, `{"code":"X","result":"","result":{"orderId":17}}`, unknown, 1},
		{"result is text, with a code", 200, `{"code":"OutOfX","result":"i-123"}`, unknown, 1},
		{"result is a number, with a code", 200, `{"code":"OutOfX","result":123}`, unknown, 1},
		{"an id that no eye sees", 200, `{"result":{"instanceId":"\u200b"}}`, unknown, 1},
		{"an id with a control character", 200, `{"result":{"orderId":"\u0000"}}`, unknown, 1},
		{"an error_code that is a doubtful status", 200, `{"error_code":503}`, unknown, 1},
		{"two ids", 200, `{"result":{"instanceId":"i","instanceId":"j"}}`, unknown, 1},
		{"a code, then none", 200, `{"code":"X","code":"","result":{"instanceId":"i"}}`, unknown, 1},
		{"a code, then null", 200, `{"code":"X","code":null,"result":{"instanceId":"i"}}`, unknown, 1},
		{"two codes", 200, `{"code":"X","code":"Y"}`, unknown, 1},
		{"an error_code, then none", 200, `{"error_code":5,"error_code":0,"result":{"instanceId":"i"}}`, unknown, 1},
		{"a blank code and an error_code beside an id", 200, `{"code":" ","error_code":17,"result":{"instanceId":"i"}}`, unknown, 1},
		{"an id of broken text", 200, "{\"result\":{\"instanceId\":\"\xff\"}}", unknown, 1},
		{"an id of half a character", 200, `{"result":{"instanceId":"\ud800"}}`, unknown, 1},
		{"InternalError, in another case", 200, `{"code":"internalError "}`, unknown, 1},
		{"a code that says it went well", 200, `{"code":"Success","result":{}}`, unknown, 1},
		{"a code that is zero", 200, `{"code":"0"}`, unknown, 1},
		{"a code that is a doubtful status", 200, `{"code":"503"}`, unknown, 1},
		{"result is a list", 200, `{"result":[{"instanceId":"i"}]}`, unknown, 1},
		{"code of another type", 200, `{"code":17}`, unknown, 1},
		{"error_code of another type", 200, `{"error_code":"17"}`, unknown, 1},
		{"too large", 200, boughtBody + strings.Repeat(" ", 1<<20), unknown, 1},

		{"throttled", 429, deniedBody, refused, 3},
		{"throttled, empty", 429, ``, refused, 3},
		{"throttled, with ids", 429, boughtBody, refused, 3},
		{"expired, without a Date to correct by", 400, `{"code":"RequestExpired"}`, refused, 1},
	}
	for _, status := range []int{400, 401, 402, 403, 404, 405, 407, 410, 412, 422, 451, 499} {
		rows = append(rows, row{"refusal", status, deniedBody, refused, 1}, row{"refusal, HTML", status, `<html>`, refused, 1},
			row{"refusal, InternalError", status, internalBody, refused, 1}, row{"refusal, with ids", status, boughtBody, refused, 1})
	}
	for _, status := range []int{300, 301, 302, 303, 304, 305, 307, 308, 399} {
		rows = append(rows, row{"redirect", status, ``, refused, 1}, row{"redirect, with ids", status, boughtBody, refused, 1})
	}
	for _, status := range []int{408, 409, 500, 501, 502, 503, 504, 507, 599} {
		rows = append(rows, row{"doubt", status, internalBody, unknown, 1}, row{"doubt, denied", status, deniedBody, unknown, 1},
			row{"doubt, expired", status, `{"code":"RequestExpired"}`, unknown, 1}, row{"doubt, older", status, olderBody, unknown, 1},
			row{"doubt, empty", status, ``, unknown, 1}, row{"doubt, with ids", status, boughtBody, unknown, 1})
	}
	for _, status := range []int{100, 101, 199, 600, 999} {
		rows = append(rows, row{"no documented status", status, boughtBody, unknown, 1})
	}
	return rows
}

func TestEveryAnswerOfTheOutcomeTable(t *testing.T) {
	for _, row := range answers() {
		t.Run(fmt.Sprintf("%d %s", row.status, row.name), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, transport := mocked(t, httpmock.NewStringResponder(row.status, row.body))
				response, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
				assertOutcome(t, row.want, err)
				assert.Equal(t, row.want == nil, response != nil)
				assert.Equal(t, row.sent, transport.GetTotalCallCount(), "requests")
			})
		})
	}
}

func TestBoughtNamesWhatWasBought(t *testing.T) {
	client, _ := mocked(t, httpmock.NewStringResponder(200, boughtBody))
	response, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	require.NoError(t, err)
	assert.Equal(t, &computeunit.PurchaseComputeUnitResponse{
		RequestID: "1bef3f87-c5b2-4419-936b-50f9884f10d4",
		Result:    computeunit.PurchaseResult{InstanceID: "44961088fxxxx9e9379f5daf", OrderID: "7b468732xxxxxx8364292"},
	}, response)
}

func TestTheDocumentedBodyIsSent(t *testing.T) {
	const documented = `{"serviceId":"svco-48esssdpa594",` +
		`"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":5}},` +
		`"replicasCount":5}`
	client, _ := mocked(t, func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		assert.Equal(t, documented, string(body))
		assert.EqualValues(t, len(documented), r.ContentLength)
		return httpmock.NewStringResponse(200, boughtBody), nil
	})
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	require.NoError(t, err)
}

// An answer that breaks off decides by its status alone, if that decides.
func TestAnswerThatBreaksOff(t *testing.T) {
	for _, row := range []struct {
		status int
		want   error
	}{{200, computeunit.ErrOutcomeUnknown}, {403, computeunit.ErrNotPurchased}, {302, computeunit.ErrNotPurchased}, {500, computeunit.ErrOutcomeUnknown}} {
		t.Run(fmt.Sprint(row.status), func(t *testing.T) {
			client, transport := mocked(t, func(*http.Request) (*http.Response, error) {
				response := httpmock.NewStringResponse(row.status, "")
				response.Body = io.NopCloser(io.MultiReader(strings.NewReader(boughtBody), failingReader{}))
				return response, nil
			})
			_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
			assertOutcome(t, row.want, err)
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
			assert.Equal(t, 1, transport.GetTotalCallCount())
		})
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestGatewayErrorStandsInHeaders(t *testing.T) {
	client, _ := mocked(t, httpmock.NewStringResponder(403, "").HeaderSet(http.Header{
		"X-Bce-Error-Code":    {"IamSignatureInvalid"},
		"X-Bce-Error-Message": {"bad signature"},
		"X-Bce-Request-Id":    {"gateway-1"},
	}))
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, computeunit.ErrInvalidCredentials)
	var api *computeunit.APIError
	require.ErrorAs(t, err, &api)
	assert.Equal(t, []any{403, "IamSignatureInvalid", "bad signature", "gateway-1"}, []any{api.StatusCode, api.Code, api.Message, api.RequestID})
}

func TestAnErrorHeaderDoesNotMakeASuccessARefusal(t *testing.T) {
	client, _ := mocked(t, httpmock.NewStringResponder(200, "{}").HeaderSet(http.Header{"X-Bce-Error-Code": {"AccessDenied"}}))
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
}

func TestDocumentedCodesMatchTheirFamilies(t *testing.T) {
	families := []error{computeunit.ErrAccessDenied, computeunit.ErrInvalidCredentials, computeunit.ErrRequestExpired, computeunit.ErrThrottled}
	for _, row := range []struct {
		code   string
		status int
		family error
	}{
		{"AccessDenied", 403, computeunit.ErrAccessDenied},
		{"InvalidAccessKeyId", 403, computeunit.ErrInvalidCredentials},
		{"InvalidHTTPAuthHeader", 400, computeunit.ErrInvalidCredentials},
		{"SignatureDoesNotMatch", 400, computeunit.ErrInvalidCredentials},
		{"IamSignatureInvalid", 403, computeunit.ErrInvalidCredentials},
		{"RequestExpired", 400, computeunit.ErrRequestExpired},
		{"OptInRequired", 403, nil},
		{"InappropriateJSON", 400, nil},
		{"MalformedJSON", 400, nil},
		{"InvalidHTTPRequest", 400, nil},
		{"InvalidURI", 400, nil},
		{"InvalidVersion", 404, nil},
		{"PreconditionFailed", 412, nil},
		{"InternalError", 500, nil},
		{"SomethingNew", 429, computeunit.ErrThrottled},
	} {
		t.Run(row.code, func(t *testing.T) {
			body := fmt.Sprintf(`{"requestId":"r-9","code":%q,"message":"why"}`, row.code)
			client, _ := mocked(t, httpmock.NewStringResponder(row.status, body), computeunit.WithMaxAttempts(1))
			_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
			for _, family := range families {
				assert.Equal(t, family == row.family, errors.Is(err, family), "%v", family)
			}
			var api *computeunit.APIError
			require.ErrorAs(t, err, &api)
			assert.Equal(t, computeunit.APIError{StatusCode: row.status, Code: row.code, Message: "why", RequestID: "r-9"}, *api)
			var failed *computeunit.OutcomeError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, "r-9", failed.RequestID)
			assert.Equal(t, 1, failed.Attempts)
		})
	}
}

// An error of a transport that is not an *http.Transport proves nothing, whatever it looks like.
func TestErrorOfAnOpaqueTransportIsUnknown(t *testing.T) {
	for _, cause := range []error{io.EOF, context.DeadlineExceeded, errDial, errors.New("no responder")} {
		t.Run(cause.Error(), func(t *testing.T) {
			client, transport := mocked(t, httpmock.NewErrorResponder(cause))
			_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			assert.ErrorIs(t, err, cause)
			assert.Equal(t, 1, transport.GetTotalCallCount())
		})
	}
}

func TestATransportThatReturnsNothingIsUnknown(t *testing.T) {
	client, _ := mocked(t, func(*http.Request) (*http.Response, error) { return nil, nil })
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
}

func TestAnAnswerWithoutABodyReaderIsUnknown(t *testing.T) {
	client, _ := mocked(t, func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil })
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
}

func TestAContextThatIsAlreadyDoneSendsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client, transport := mocked(t, httpmock.NewStringResponder(200, boughtBody))
	_, err := client.PurchaseComputeUnit(ctx, fivePrepaid())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, transport.GetTotalCallCount())
}

func TestNoCredentialsSendNothing(t *testing.T) {
	why := errors.New("vault is sealed")
	transport := httpmock.NewMockTransport()
	client, err := computeunit.NewClient(failingProvider{why}, computeunit.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	_, err = client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, why)
	assert.Zero(t, transport.GetTotalCallCount())
}

type failingProvider struct{ err error }

func (p failingProvider) Credentials(context.Context) (computeunit.Credentials, error) {
	return computeunit.Credentials{}, p.err
}

// Time stands still in these: a wait is seen by how far the clock moved.

func TestRetryAfterIsHonoured(t *testing.T) {
	for _, row := range []struct {
		name, value string
		want        time.Duration
	}{
		{"seconds", "7", 7 * time.Second},
		{"long", "86400", 24 * time.Hour},
		{"zero", "0", 0},
		{"date", "Sat, 01 Jan 2000 00:01:00 GMT", time.Minute}, // the fake clock starts at 2000-01-01
		{"date that has passed", "Fri, 31 Dec 1999 23:00:00 GMT", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				throttled := httpmock.NewStringResponder(429, "").HeaderSet(http.Header{"Retry-After": {row.value}})
				client, transport := mocked(t, throttled.Then(httpmock.NewStringResponder(200, boughtBody)))
				started := time.Now()
				_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
				assert.NoError(t, err)
				assert.Equal(t, row.want, time.Since(started))
				assert.Equal(t, 2, transport.GetTotalCallCount())
			})
		})
	}
}

func TestBackoffGrowsWithFullJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []time.Time
		client, _ := mocked(t, func(*http.Request) (*http.Response, error) {
			sent = append(sent, time.Now())
			return httpmock.NewStringResponse(429, ""), nil
		}, computeunit.WithMaxAttempts(9))
		waits := make([]map[time.Duration]bool, 8)
		for range 50 {
			sent = nil
			_, err := client.PurchaseComputeUnit(context.Background(), fivePrepaid())
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			require.Len(t, sent, 9)
			for i := range waits {
				if waits[i] == nil {
					waits[i] = map[time.Duration]bool{}
				}
				wait := sent[i+1].Sub(sent[i])
				waits[i][wait] = true
				assert.LessOrEqual(t, wait, min(500*time.Millisecond<<i, 10*time.Second))
			}
		}
		for _, seen := range waits {
			assert.Greater(t, len(seen), 40, "waits are random")
		}
	})
}

func TestAWaitPastTheDeadlineGivesUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		client, transport := mocked(t, httpmock.NewStringResponder(429, "").HeaderSet(http.Header{"Retry-After": {"61"}}))
		started := time.Now()
		_, err := client.PurchaseComputeUnit(ctx, fivePrepaid())
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorIs(t, err, computeunit.ErrThrottled)
		assert.ErrorContains(t, err, "gave up")
		assert.Zero(t, time.Since(started))
		assert.Equal(t, 1, transport.GetTotalCallCount())
	})
}

func TestCancellingAWaitEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		client, transport := mocked(t, httpmock.NewStringResponder(429, "").HeaderSet(http.Header{"Retry-After": {"60"}}))
		started := time.Now()
		_, err := client.PurchaseComputeUnit(ctx, fivePrepaid())
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, computeunit.ErrThrottled)
		assert.Equal(t, time.Second, time.Since(started))
		assert.Equal(t, 1, transport.GetTotalCallCount())
	})
}

func TestAnAttemptEndsAtItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, transport := mocked(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		started := time.Now()
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "30s")
		assert.Equal(t, 30*time.Second, time.Since(started))
		assert.Equal(t, 1, transport.GetTotalCallCount())
	})
}

func TestTheCallersOwnTimeoutCountsIfShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := httpmock.NewMockTransport()
		hang.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"),
			computeunit.WithHTTPClient(&http.Client{Transport: hang, Timeout: time.Second}))
		require.NoError(t, err)
		started := time.Now()
		_, err = client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
		assert.Equal(t, time.Second, time.Since(started))
	})
}

// clockedService rejects a timestamp that is more than five minutes off its own clock.
func clockedService(offset time.Duration, dates *[]string) httpmock.Responder {
	return func(r *http.Request) (*http.Response, error) {
		now := time.Now().Add(offset)
		*dates = append(*dates, r.Header.Get("x-bce-date"))
		sent, err := time.Parse(time.RFC3339, r.Header.Get("x-bce-date"))
		response := httpmock.NewStringResponse(200, boughtBody)
		if err != nil || sent.Sub(now).Abs() > 5*time.Minute {
			response = httpmock.NewStringResponse(400, `{"code":"RequestExpired"}`)
		}
		response.Header = http.Header{"Date": {now.UTC().Format(http.TimeFormat)}}
		return response, nil
	}
}

func TestRequestExpiredIsSignedAgainByTheServicesClock(t *testing.T) {
	for _, offset := range []time.Duration{-time.Hour, time.Hour, 400 * 24 * time.Hour} {
		t.Run(offset.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dates []string
				client, _ := mocked(t, clockedService(offset, &dates))
				_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
				assert.NoError(t, err)
				_, err = client.PurchaseComputeUnit(t.Context(), fivePrepaid())
				assert.NoError(t, err)
				right := time.Now().Add(offset).UTC().Format(time.RFC3339)
				assert.Equal(t, []string{time.Now().UTC().Format(time.RFC3339), right, right}, dates,
					"one correction, kept for the second purchase")
			})
		})
	}
}

func TestRequestExpiredIsTriedOnceMoreOnly(t *testing.T) {
	client, transport := mocked(t, httpmock.NewStringResponder(400, `{"code":"RequestExpired"}`).
		HeaderSet(http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}), computeunit.WithMaxAttempts(9))
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, computeunit.ErrRequestExpired)
	assert.Equal(t, 2, transport.GetTotalCallCount())
}

func TestOneAttemptIsOne(t *testing.T) {
	client, transport := mocked(t, httpmock.NewStringResponder(429, ""), computeunit.WithMaxAttempts(1))
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.Equal(t, 1, transport.GetTotalCallCount())
}

// No bytes of an answer lead to a purchase without an id, or to a refusal on a status that is in doubt.
func FuzzDecodeAnswer(f *testing.F) {
	for _, row := range answers() {
		f.Add(row.status, row.body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		client, transport := mocked(t, httpmock.NewStringResponder(status, body), computeunit.WithMaxAttempts(1))
		response, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		if err == nil {
			require.True(t, 200 <= status && status <= 299, "bought on %d", status)
			require.NotEmpty(t, strings.TrimSpace(response.Result.InstanceID+response.Result.OrderID))
			return
		}
		assertOutcome(t, map[bool]error{true: computeunit.ErrNotPurchased, false: computeunit.ErrOutcomeUnknown}[errors.Is(err, computeunit.ErrNotPurchased)], err)
		inDoubt := status == 408 || status == 409 || status < 200 || status >= 500
		require.False(t, inDoubt && errors.Is(err, computeunit.ErrNotPurchased), "a refusal on %d", status)
		refused := 300 <= status && status <= 499 && !inDoubt
		require.False(t, refused && errors.Is(err, computeunit.ErrOutcomeUnknown), "unknown on %d", status)
		require.Equal(t, 1, transport.GetTotalCallCount())
	})
}
