package computeunit_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

const releaseAction = "ReleaseComputeUnit"

// listing is a listing with these instances in it.
func listing(instances ...string) string {
	return `{"requestId":"r","result":{"instances":[` + strings.Join(instances, ",") + `]}}`
}

// describe lists what the service of the documented example has.
func describe(t *testing.T, client *computeunit.Client) (*computeunit.DescribeComputeUnitsResponse, error) {
	t.Helper()
	return client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: testService})
}

// listed is what comes of a listing with this body.
func listed(t *testing.T, body string) (*computeunit.DescribeComputeUnitsResponse, error) {
	t.Helper()
	return describe(t, newClient(t, answerWith(200, body), computeunit.WithMaxAttempts(1)))
}

func list(ctx context.Context, client *computeunit.Client) error {
	_, err := client.DescribeComputeUnits(ctx, computeunit.DescribeComputeUnitsRequest{ServiceID: testService})
	return err
}

func release(ctx context.Context, client *computeunit.Client) error {
	return client.ReleaseComputeUnit(ctx, computeunit.ReleaseComputeUnitRequest{ServiceID: testService, InstanceID: "i-1"})
}

// action is one that may be sent twice.
type action struct {
	do   func(context.Context, *computeunit.Client) error
	done roundTripFunc // the response to a success
}

// repeatable are all of these: what holds for one holds for the other.
var repeatable = map[string]action{
	describeAction: {list, answerWith(200, listing())},
	releaseAction:  {release, answerWith(200, `{"requestId":"r","result":true}`)},
}

// eachRepeatable runs a test for each of them, in time that does not pass for real.
func eachRepeatable(t *testing.T, test func(*testing.T, action)) {
	for name, a := range repeatable {
		inBubble(t, name, func(t *testing.T) { test(t, a) })
	}
}

// assertPlain holds that an error says nothing about a purchase, and whether the same call may succeed later.
func assertPlain(t *testing.T, err error, retryable bool) {
	t.Helper()
	assertOneLine(t, err)
	var purchase *computeunit.OutcomeError
	assert.False(t, errors.As(err, &purchase) || errors.Is(err, notPurchased) || errors.Is(err, unknown), "%v", err)
	assertRetryable(t, retryable, err)
}

const mayBeReleased = "it may have been released: list"

func TestListingAndReleaseSendTheDocumentedBodies(t *testing.T) {
	for name, body := range map[string]string{
		describeAction: `{"serviceId":"svco-48esssdpa594"}`, releaseAction: `{"serviceId":"svco-48esssdpa594","instanceId":"i-1"}`,
	} {
		transport := record(repeatable[name].done)
		require.NoError(t, repeatable[name].do(t.Context(), newClient(t, transport)))
		sent := transport.only(t)
		assert.Equal(t, "POST https://qianfan.baidubce.com/v2/serviceresources?Action="+name, sent.Method+" "+sent.URL.String())
		assert.Equal(t, body, sent.body)
	}
}

// What was asked and when is needed to compare two listings, also after they were stored. The Date is that of the attempt
// that succeeded.
func TestAListingKeepsWhatWasAskedAndTheServicesDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request := computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-1", PaymentTiming: computeunit.PaymentTimingPostpaid}
		early := answerWith(503, ``, "Date", "Wed, 25 Nov 2026 01:02:02 GMT")
		for date, want := range map[string]time.Time{
			"Wed, 25 Nov 2026 01:02:03 GMT": time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC), "today": {}, "": {},
		} {
			transport := record(early, answerWith(200, listing(), "Date", date))
			got, err := newClient(t, transport).DescribeComputeUnits(t.Context(), request)
			require.NoError(t, err)
			assert.Equal(t, computeunit.DescribeComputeUnitsResponse{
				RequestID: "r", ServiceID: "svco-1", PaymentTiming: "Postpaid", Date: want,
				Result: computeunit.DescribeResult{Instances: []computeunit.Instance{}},
			}, *got)
			assert.Equal(t, `{"serviceId":"svco-1","paymentTiming":"Postpaid"}`, transport.requests()[1].body)
		}
	})
}

func TestAListingWithoutARequestIDHasTheOneThatWasSent(t *testing.T) {
	transport := record(answerWith(200, `{"result":{"instances":[]}}`))
	got, err := describe(t, newClient(t, transport))
	require.NoError(t, err)
	assert.Equal(t, transport.only(t).Header.Get("X-Bce-Request-Id"), got.RequestID)
}

// A field that decides nothing never takes the listing away.
func TestDescribeReadsInstancesAsTheServiceWroteThemAndOtherTypesAsWellAsItCan(t *testing.T) {
	for fields, want := range map[string]computeunit.Instance{
		`"paymentTiming":"Prepaid","replicasCount":5,"status":"Running","startTime":"yesterday"`: {
			PaymentTiming: "Prepaid", ReplicasCount: 5, Status: computeunit.InstanceRunning, StartTime: "yesterday",
		},
		`"status":1`:                         {Status: computeunit.InstanceCreating},
		`"status":2`:                         {Status: computeunit.InstanceRunning},
		`"status":3`:                         {Status: computeunit.InstanceDeleted},
		`"status":"2"`:                       {Status: computeunit.InstanceRunning},
		`"status":4`:                         {Status: "4"},
		`"status":null`:                      {},
		`"status":{"code":2}`:                {Status: `{"code":2}`},
		`"startTime":1764032523.123`:         {StartTime: "1764032523.123"},
		`"replicasCount":"5"`:                {ReplicasCount: 5},
		`"replicasCount":1.5`:                {},
		`"replicasCount":[1]`:                {},
		`"paymentTiming":1`:                  {PaymentTiming: "1"},
		`"name":{"a":[1]},"tags":null`:       {},
		`"code":"X","error":7,"success":"?"`: {},
	} {
		got, err := listed(t, listing(`{"instanceId":"j"}`, `{`+fields+`,"instanceId":"i"}`))
		require.NoError(t, err, fields)
		want.InstanceID = "i"
		assert.Equal(t, []computeunit.Instance{{InstanceID: "j"}, want}, got.Result.Instances, fields)
	}
}

// An instance that a listing leaves out would look released. No paging is documented, so no type is either.
func TestAListingThatSaysThatItIsNotWholeIsAnError(t *testing.T) {
	for fields, more := range map[string]bool{
		`"isTruncated":true "isTruncated":"true" "isTruncated":"True" "isTruncated":1`:                                 true,
		`"isTruncated":false "isTruncated":null "isTruncated":"false" "isTruncated":0 "isTruncated":""`:                false,
		`"nextMarker":"i-2" "nextMarker":7 "nextMarker":{"id":"i-2"} "totalCount":2 "totalCount":"2" "totalCount":2.0`: true,
		`"nextMarker":"" "nextMarker":null "totalCount":1 "totalCount":0 "totalCount":"many" "pageNo":1,"pageSize":10`: false,
	} {
		for field := range strings.FieldsSeq(fields) {
			for _, body := range []string{
				`{"result":{"instances":[{"instanceId":"i-1"}],` + field + `}}`,
				`{` + field + `,"result":{"instances":[{"instanceId":"i-1"}]}}`,
			} {
				got, err := listed(t, body)
				assert.Equal(t, more, got == nil && err != nil, body)
				if more {
					assertPlain(t, err, true)
					assert.ErrorContains(t, err, "not whole")
				}
			}
		}
	}
}

func TestDescribeFailsIfItCannotReadTheList(t *testing.T) {
	for _, body := range []string{
		`{}`, `{"result":null}`, `{"result":[]}`, `{"result":{}}`, `{"result":{"instances":null}}`,
		`{"result":{"instances":"none"}}`, `{"result":{"instances":{}}}`,
		listing(`"i-1"`), listing(`null`), listing(`{"paymentTiming":"Prepaid","replicasCount":5,"status":"Running"}`),
		listing(`{"instanceId":""}`),
		listing(`{"instanceId":" "}`), listing(`{"instanceId":7}`), listing(`{"instanceId":"i-1","InstanceID":"i-2"}`),
		listing(`{"instanceId":"\u200b"}`), listing("{\"instanceId\":\"\xff\"}"),
		`{"result":{"instances":[{"instanceId":"i-1"}],"instances":[]}}`,
		`{"result":{"instances":[{"instanceId":"i-1"}]},"result":{"instances":[]}}`,
	} {
		got, err := listed(t, body)
		assert.Nil(t, got, body)
		assertPlain(t, err, true)
		assert.NotContains(t, err.Error(), " may ", "it changes nothing")
	}
}

func TestAReleaseIsDoneOnlyIfTheResultIsTrue(t *testing.T) {
	for _, body := range []string{
		`{}`, `{"result":false}`, `{"result":null}`, `{"result":1}`, `{"result":"true"}`, `{"result":{}}`, `{"result":[true]}`,
		`true`, `<html>`, ``,
		`{"result":true,"result":true}`, `{"result":true,"success":false}`, `{"result":true,"error":"no"}`,
		`{"result":true,"code":"AccessDenied"}`,
	} {
		err := release(t.Context(), newClient(t, answerWith(200, body), computeunit.WithMaxAttempts(1)))
		assertPlain(t, err, true)
		assert.ErrorContains(t, err, mayBeReleased)
	}
	assert.NoError(t, release(t.Context(), newClient(t, answerWith(200, `{"success":true,"result":true}`))))
}

// uncertain are responses that this package does not call certain. Another attempt may end in another way.
func uncertain() map[string]roundTripFunc {
	return map[string]roundTripFunc{
		"reset":                   failWith(io.EOF),
		"time-out":                hang,
		"another purchase's":      failWith(&computeunit.OutcomeError{Outcome: notPurchased, Err: errLost}),
		"cut":                     cutAfter(200, listing()),
		"cut refusal":             cutAfter(403, deniedBody),
		"500":                     answerWith(500, internalBody),
		"a code beside a result":  answerWith(200, `{"code":"AccessDenied","result":{"instances":[{"instanceId":"i-1"}]}}`),
		"an error without a code": answerWith(200, `{"error":"no","result":{"instances":[]}}`),
		"HTML":                    answerWith(200, `<html>`),
		"nothing":                 answerWith(204, ``),
		"more than JSON":          answerWith(200, listing()+`x`),
	}
}

func TestWhatMayBeRepeatedIsTriedAgainAfterEverythingUncertain(t *testing.T) {
	for name, failure := range uncertain() {
		t.Run(name, func(t *testing.T) {
			eachRepeatable(t, func(t *testing.T, a action) {
				transport := record(failure, failure, a.done)
				assert.NoError(t, a.do(t.Context(), newClient(t, transport)))
				assert.Len(t, transport.requests(), 3)
				transport = record(failure)
				err := a.do(t.Context(), newClient(t, transport, computeunit.WithMaxAttempts(4)))
				assertPlain(t, err, true)
				assert.Len(t, transport.requests(), 4)
				isRelease := strings.Contains(err.Error(), "releasing")
				assert.Equal(t, isRelease, strings.Contains(err.Error(), mayBeReleased), err)
				assert.Equal(t, isRelease, strings.Contains(err.Error(), " may "), "a listing changes nothing: %v", err)
			})
		})
	}
}

// refusing are responses that another attempt cannot change.
func refusing() map[string]roundTripFunc {
	return map[string]roundTripFunc{
		"403":                     answerWith(403, deniedBody),
		"404, HTML":               answerWith(404, `<html>`),
		"a documented code":       answerWith(200, deniedBody),
		"a code, an empty result": answerWith(200, `{"code":"AccessDenied","result":[]}`),
	}
}

func TestARefusalEndsWhatMayBeRepeatedAtOnce(t *testing.T) {
	for name, refusal := range refusing() {
		t.Run(name, func(t *testing.T) {
			eachRepeatable(t, func(t *testing.T, a action) {
				transport := record(refusal)
				err := a.do(t.Context(), newClient(t, transport))
				assertPlain(t, err, false)
				transport.only(t)
				apiError(t, err)
				assert.NotContains(t, err.Error(), " may ")
			})
		})
	}
}

func TestA429EndsWhatMayBeRepeatedButWithARetryAfter(t *testing.T) {
	eachRepeatable(t, func(t *testing.T, a action) {
		transport := record(answerWith(429, ``))
		err := a.do(t.Context(), newClient(t, transport))
		assertPlain(t, err, true)
		assert.ErrorIs(t, err, computeunit.ErrThrottled)
		assert.NotContains(t, err.Error(), " may ")
		transport.only(t)
		started := time.Now()
		assert.NoError(t, a.do(t.Context(), newClient(t, record(answerWith(429, ``, "Retry-After", "9"), a.done))))
		assert.Equal(t, 9*time.Second, time.Since(started))
	})
}

// The first attempt may have released the instance, whatever a later one is told.
func TestOnceAReleaseWasUnknownALaterErrorSaysSo(t *testing.T) {
	for name, row := range map[string]struct {
		second    roundTripFunc
		hooks     computeunit.Hooks
		limit     time.Duration
		retryable bool
	}{
		"refused":         {second: answerWith(404, `{"code":"ResourceNotFound"}`)},
		"refused by code": {second: answerWith(200, deniedBody)},
		"throttled":       {second: answerWith(429, ``), retryable: true},
		"a hook refused":  {hooks: refusingBefore(2)},
		"a hook stopped":  {hooks: refusingAfter},
		"no time is left": {limit: time.Second, retryable: true},
	} {
		inBubble(t, name, func(t *testing.T) {
			client := newClient(t, record(answerWith(500, ``, "Retry-After", "2"), row.second), computeunit.WithMaxAttempts(2))
			ctx := computeunit.ContextWithHooks(within(t, cmp.Or(row.limit, time.Hour)), row.hooks)
			err := release(ctx, client)
			assertPlain(t, err, row.retryable)
			assert.Equal(t, 1, strings.Count(err.Error(), mayBeReleased), err)
		})
	}
}

func TestTheErrorsOfListingAndReleaseNameWhatFailed(t *testing.T) {
	for name, doing := range map[string]string{
		describeAction: `listing the instances of service "` + testService + `"`, releaseAction: `releasing instance "i-1" of service "` + testService + `"`,
	} {
		err := repeatable[name].do(t.Context(), newClient(t, answerWith(403, deniedBody)))
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.EqualError(t, err, "computeunit: "+doing+`: the service answered HTTP 403 Forbidden, code "AccessDenied", message "Access denied." (request id "r-1", attempt 1)`)
	}
}

func TestListingAndReleaseValidateBeforeTheySend(t *testing.T) {
	transport := record(answerBought())
	client := newClient(t, transport)
	_, listed := client.DescribeComputeUnits(t.Context(),
		computeunit.DescribeComputeUnitsRequest{ServiceID: " ", PaymentTiming: "Free"})
	released := client.ReleaseComputeUnit(t.Context(), computeunit.ReleaseComputeUnitRequest{InstanceID: "\xff"})
	for want, err := range map[string]error{
		`serviceId must not be blank, and be valid UTF-8 (found " "); paymentTiming must be Prepaid, Postpaid, or not given (found "Free")`: listed,
		`serviceId must not be blank, and be valid UTF-8 (found ""); instanceId must not be blank, and be valid UTF-8 (found "\xff")`:       released,
	} {
		assertPlain(t, err, false)
		var invalid *computeunit.ValidationError
		require.ErrorAs(t, err, &invalid)
		assert.Equal(t, "invalid request: "+want, invalid.Error())
	}
	assert.Empty(t, transport.requests())
}

func TestListingAndReleaseNeedCredentialsAndTime(t *testing.T) {
	eachRepeatable(t, func(t *testing.T, a action) {
		transport := record(a.done)
		err := a.do(t.Context(), newClientWith(t, broken, transport))
		assertPlain(t, err, true)
		assert.ErrorIs(t, err, errLost)
		err = a.do(endedContext(t), newClient(t, transport))
		assertPlain(t, err, true)
		assert.ErrorIs(t, err, context.Canceled)
		var none context.Context
		assertPlain(t, a.do(none, newClient(t, transport)), false)
		assert.Empty(t, transport.requests())
	})
}

func TestARefusedConnectionIsTriedAgainAndReleasedNothing(t *testing.T) {
	err := release(t.Context(), configured(t, computeunit.WithEndpoint("http://"+closedPort), computeunit.WithMaxAttempts(2)))
	assertPlain(t, err, true)
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.ErrorContains(t, err, "attempt 2")
	assert.NotContains(t, err.Error(), mayBeReleased)
}
