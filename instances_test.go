package computeunit_test

import (
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
	"github.com/qianfan-go/computeunit/computeunittest"
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
	describeAction: {func(ctx context.Context, client *computeunit.Client) error {
		_, err := client.DescribeComputeUnits(ctx, computeunit.DescribeComputeUnitsRequest{ServiceID: testService})
		return err
	}, answerWith(200, listing())},
	releaseAction: {release, answerWith(200, `{"requestId":"r","result":true}`)},
}

// eachRepeatable runs a test for each of them, in time that does not pass for real.
func eachRepeatable(t *testing.T, test func(*testing.T, action)) {
	for name, a := range repeatable {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, a) })
		})
	}
}

// assertPlain holds that an error says nothing about a purchase, and whether the same call may succeed later.
func assertPlain(t *testing.T, err error, retryable bool) {
	t.Helper()
	assertOneLine(t, err)
	var purchase *computeunit.OutcomeError
	assert.False(t, errors.As(err, &purchase))
	assert.NotErrorIs(t, err, computeunit.ErrNotPurchased)
	assert.NotErrorIs(t, err, computeunit.ErrOutcomeUnknown)
	assert.Equal(t, retryable, errors.Is(err, computeunit.ErrRetryable), "retryable: %v", err)
}

const mayBeReleased = "it may have been released: list"

func TestListingAndReleaseSendTheDocumentedBodies(t *testing.T) {
	for want, do := range map[string]func(*computeunit.Client) error{
		`DescribeComputeUnits {"serviceId":"svco-48exxxa594","paymentTiming":"Prepaid"}`: func(client *computeunit.Client) error {
			_, err := client.DescribeComputeUnits(t.Context(),
				computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-48exxxa594", PaymentTiming: "Prepaid"})
			return err
		},
		`DescribeComputeUnits {"serviceId":"svco-48esssdpa594"}`: func(client *computeunit.Client) error {
			_, err := describe(t, client)
			return err
		},
		`ReleaseComputeUnit {"serviceId":"svco-48esssdpa594","instanceId":"i-1"}`: func(client *computeunit.Client) error {
			return release(t.Context(), client)
		},
	} {
		name, body, _ := strings.Cut(want, " ")
		transport := record(repeatable[name].done)
		require.NoError(t, do(newClient(t, transport)))
		sent := transport.only(t)
		assert.Equal(t, "POST https://qianfan.baidubce.com/v2/serviceresources?Action="+name, sent.Method+" "+sent.URL.String())
		assert.Equal(t, body, sent.body)
	}
}

func TestDescribeReadsInstancesAsTheServiceWroteThem(t *testing.T) {
	listed, err := describe(t, newClient(t, answerWith(200, listing(
		`{"instanceId":"i-1","paymentTiming":"Prepaid","replicasCount":5,"status":"Running","startTime":"yesterday","more":1}`,
		`{"instanceId":"i-2","paymentTiming":"Postpaid","replicasCount":1,"status":"Resting","startTime":""}`))))
	require.NoError(t, err)
	assert.Equal(t, []computeunit.Instance{
		{InstanceID: "i-1", PaymentTiming: computeunit.PaymentTimingPrepaid, ReplicasCount: 5,
			Status: computeunit.InstanceRunning, StartTime: "yesterday"},
		{InstanceID: "i-2", PaymentTiming: computeunit.PaymentTimingPostpaid, ReplicasCount: 1, Status: "Resting"},
	}, listed.Result.Instances)
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
			got, err := newClient(t, record(early, answerWith(200, listing(), "Date", date))).DescribeComputeUnits(t.Context(), request)
			require.NoError(t, err)
			assert.Equal(t, computeunit.DescribeComputeUnitsResponse{
				RequestID: "r", ServiceID: "svco-1", PaymentTiming: "Postpaid", Date: want,
				Result: computeunit.DescribeResult{Instances: []computeunit.Instance{}},
			}, *got)
			assert.Equal(t, want.IsZero(), !strings.Contains(marshal(t, got), "date"))
		}
	})
}

func TestAListingAlwaysHasARequestID(t *testing.T) {
	transport := record(answerWith(200, `{"requestId":"in the body","result":{"instances":[]}}`, "X-Bce-Request-Id", "in the header"),
		answerWith(200, `{"result":{"instances":[]}}`, "X-Bce-Request-Id", "in the header"),
		answerWith(200, `{"result":{"instances":[]}}`))
	client := newClient(t, transport)
	var ids []string
	for range 3 {
		listed, err := describe(t, client)
		require.NoError(t, err)
		ids = append(ids, listed.RequestID)
	}
	assert.Equal(t, []string{"in the body", "in the header", transport.requests()[2].Header.Get("X-Bce-Request-Id")}, ids)
}

// A field that decides nothing never takes the listing away.
func TestDescribeReadsAFieldOfAnotherTypeAsWellAsItCan(t *testing.T) {
	for fields, want := range map[string]computeunit.Instance{
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
		t.Run(fields, func(t *testing.T) {
			listed, err := describe(t, newClient(t, answerWith(200, listing(`{`+fields+`,"instanceId":"i"}`))))
			require.NoError(t, err)
			want.InstanceID = "i"
			assert.Equal(t, []computeunit.Instance{want}, listed.Result.Instances)
		})
	}
}

// An instance that a listing leaves out would look released. No paging is documented, so no type is either.
func TestAListingThatSaysThatItIsNotWholeIsAnError(t *testing.T) {
	for field, more := range map[string]bool{
		`"isTruncated":true`: true, `"isTruncated":"true"`: true, `"isTruncated":"True"`: true, `"isTruncated":1`: true,
		`"isTruncated":false`: false, `"isTruncated":null`: false, `"isTruncated":"false"`: false,
		`"isTruncated":0`: false, `"isTruncated":""`: false,
		`"nextMarker":"i-2"`: true, `"nextMarker":7`: true, `"nextMarker":{"id":"i-2"}`: true, `"nextMarker":""`: false,
		`"nextMarker":null`: false,
		`"totalCount":2`:    true, `"totalCount":"2"`: true, `"totalCount":2.0`: true, `"totalCount":1`: false,
		`"totalCount":0`: false, `"totalCount":"many"`: false,
		`"pageNo":1,"pageSize":10`: false,
	} {
		for _, body := range []string{
			`{"result":{"instances":[{"instanceId":"i-1"}],` + field + `}}`,
			`{` + field + `,"result":{"instances":[{"instanceId":"i-1"}]}}`,
		} {
			listed, err := describe(t, newClient(t, answerWith(200, body), computeunit.WithMaxAttempts(1)))
			if more {
				assert.Nil(t, listed)
				assertPlain(t, err, true)
				assert.ErrorContains(t, err, "not whole")
			} else {
				assert.NoError(t, err, body)
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
		t.Run(body, func(t *testing.T) {
			listed, err := describe(t, newClient(t, answerWith(200, body), computeunit.WithMaxAttempts(1)))
			assert.Nil(t, listed)
			assertPlain(t, err, true)
			assert.NotContains(t, err.Error(), " may ", "it changes nothing")
		})
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
		"another purchase's":      failWith(&computeunit.OutcomeError{Outcome: computeunit.ErrNotPurchased, Err: errLost}),
		"cut":                     cutAfter(200, listing()),
		"cut refusal":             cutAfter(403, deniedBody),
		"500":                     answerWith(500, internalBody),
		"503, denied":             answerWith(503, deniedBody),
		"303":                     answerWith(303, ``, "Location", "https://elsewhere.example"),
		"409":                     answerWith(409, deniedBody),
		"400, InternalError":      answerWith(400, internalBody),
		"InternalError":           answerWith(200, internalBody),
		"an undocumented code":    answerWith(200, olderBody),
		"a code beside a result":  answerWith(200, `{"code":"AccessDenied","result":{"instances":[{"instanceId":"i-1"}]}}`),
		"no success":              answerWith(200, `{"success":false,"result":{"instances":[]}}`),
		"an error without a code": answerWith(200, `{"error":"no","result":{"instances":[]}}`),
		"HTML":                    answerWith(200, `<html>`),
		"nothing":                 answerWith(204, ``),
		"more than JSON":          answerWith(200, listing()+`x`),
		"too large":               answerWith(200, listing()+strings.Repeat(" ", 1<<20)),
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
				assert.Equal(t, strings.Contains(err.Error(), "releasing"), strings.Contains(err.Error(), mayBeReleased), err)
				assert.Equal(t, strings.Contains(err.Error(), "releasing"), strings.Contains(err.Error(), " may "),
					"a listing changes nothing: %v", err)
			})
		})
	}
}

// refusing are responses that another attempt cannot change.
func refusing() map[string]roundTripFunc {
	return map[string]roundTripFunc{
		"400":                     answerWith(400, `{"code":"MalformedJSON"}`),
		"401":                     answerWith(401, ``),
		"403":                     answerWith(403, deniedBody),
		"404, HTML":               answerWith(404, `<html>`),
		"307":                     answerWith(307, ``, "Location", "https://elsewhere.example"),
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
		transport = record(answerWith(429, ``, "Retry-After", "9"), a.done)
		assert.NoError(t, a.do(t.Context(), newClient(t, transport)))
		assert.Equal(t, 9*time.Second, time.Since(started))
	})
}

// The first attempt may have released the instance, whatever a later one is told.
func TestOnceAReleaseWasUnknownALaterErrorSaysSo(t *testing.T) {
	for name, row := range map[string]struct {
		hooks     computeunit.Hooks
		limit     time.Duration
		second    roundTripFunc
		retryable bool
	}{
		"refused":         {computeunit.Hooks{}, time.Hour, answerWith(404, `{"code":"ResourceNotFound"}`), false},
		"refused by code": {computeunit.Hooks{}, time.Hour, answerWith(200, `{"code":"AccessDenied"}`), false},
		"throttled":       {computeunit.Hooks{}, time.Hour, answerWith(429, ``), true},
		"a hook refused":  {refusingBefore(2), time.Hour, nil, false},
		"a hook stopped":  {refusingAfter, time.Hour, nil, false},
		"no time is left": {computeunit.Hooks{}, time.Second, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := record(answerWith(500, ``, "Retry-After", "2"), row.second)
				err := release(within(t, row.limit),
					newClient(t, transport, computeunit.WithMaxAttempts(2), computeunit.WithHooks(row.hooks)))
				assertPlain(t, err, row.retryable)
				assert.Equal(t, 1, strings.Count(err.Error(), mayBeReleased), err)
			})
		})
	}
}

func TestTheErrorsOfListingAndReleaseNameWhatFailed(t *testing.T) {
	eachRepeatable(t, func(t *testing.T, a action) {
		err := a.do(t.Context(), newClient(t, answerWith(403, deniedBody)))
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.Equal(t, "AccessDenied", apiError(t, err).Code)
		assert.NotContains(t, err.Error(), "purchase")
		for _, part := range []string{"computeunit: ", "ing ", testService, "r-1", "HTTP 403", "AccessDenied",
			"attempt 1", "the service answered"} {
			assert.ErrorContains(t, err, part)
		}
	})
	assert.ErrorContains(t, release(t.Context(), newClient(t, answerWith(403, deniedBody))), `releasing instance "i-1"`)
}

func TestListingAndReleaseValidateBeforeTheySend(t *testing.T) {
	transport := record(answerBought())
	client := newClient(t, transport)
	_, listed := client.DescribeComputeUnits(t.Context(),
		computeunit.DescribeComputeUnitsRequest{ServiceID: " ", PaymentTiming: "Free"})
	for want, err := range map[string]error{
		`serviceId must not be blank, and be valid UTF-8 (found " "); paymentTiming must be Prepaid, Postpaid, or not given (found "Free")`: listed,
		`serviceId must not be blank, and be valid UTF-8 (found ""); instanceId must not be blank, and be valid UTF-8 (found "")`: client.ReleaseComputeUnit(t.Context(),
			computeunit.ReleaseComputeUnitRequest{}),
		`instanceId must not be blank, and be valid UTF-8 (found "\xff")`: client.ReleaseComputeUnit(t.Context(),
			computeunit.ReleaseComputeUnitRequest{ServiceID: testService, InstanceID: "\xff"}),
	} {
		assertPlain(t, err, false)
		var invalid *computeunit.ValidationError
		require.ErrorAs(t, err, &invalid)
		assert.Equal(t, "invalid request: "+want, invalid.Error())
	}
	assert.Empty(t, transport.requests())
}

func TestListingAndReleaseNeedCredentialsAndTime(t *testing.T) {
	failing := providerFunc(func(context.Context) (computeunit.Credentials, error) { return computeunit.Credentials{}, errLost })
	eachRepeatable(t, func(t *testing.T, a action) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		transport := record(a.done)
		err := a.do(t.Context(), newClientWith(t, failing, transport))
		assertPlain(t, err, true)
		assert.ErrorIs(t, err, errLost)
		err = a.do(ended, newClient(t, transport))
		assertPlain(t, err, true)
		assert.ErrorIs(t, err, context.Canceled)
		var none context.Context
		assertPlain(t, a.do(none, newClient(t, transport)), false)
		assert.Empty(t, transport.requests())
	})
}

func TestListingAgainstTheStandIn(t *testing.T) {
	server := computeunittest.NewServer(computeunittest.WithClock(func() time.Time { return time.Now().Add(-time.Hour) }))
	t.Cleanup(server.Close)
	client := server.Client()
	require.NoError(t, buy(t, client))
	server.NextListings(computeunittest.LoseAnswer())
	before := server.Requests()
	listed, err := describe(t, client)
	require.NoError(t, err)
	assert.Len(t, listed.Result.Instances, 1)
	assert.Equal(t, before+2, server.Requests(), "the lost one, and another; the correction of the clock is kept")
	_, err = describe(t, newClient(t, nil, computeunit.WithEndpoint(server.URL)))
	assertPlain(t, err, false)
	assert.ErrorIs(t, err, computeunit.ErrInvalidCredentials)
	assert.Equal(t, before+3, server.Requests(), "a key that is not known is not tried again")
}

func TestARefusedConnectionIsTriedAgainAndReleasedNothing(t *testing.T) {
	client, err := configure(computeunit.WithEndpoint("http://"+closedPort), computeunit.WithMaxAttempts(2))
	require.NoError(t, err)
	err = release(t.Context(), client)
	assertPlain(t, err, true)
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.ErrorContains(t, err, "attempt 2")
	assert.NotContains(t, err.Error(), mayBeReleased)
}
