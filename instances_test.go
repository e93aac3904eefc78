package computeunit_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

const listedBody = `{"requestId":"r-5","result":{"instances":[
	{"instanceId":"i-1","paymentTiming":"Prepaid","replicasCount":5,"status":"Running","startTime":"yesterday","more":1},
	{"instanceId":"i-2","paymentTiming":"Postpaid","replicasCount":1,"status":"Resting","startTime":""}]}}`

// listing is a listing with these instances in it.
func listing(instances ...string) string {
	return `{"requestId":"r","result":{"instances":[` + strings.Join(instances, ",") + `]}}`
}

// describe lists what the service of the documented example has.
func describe(t *testing.T, client *computeunit.Client) (*computeunit.DescribeComputeUnitsResponse, error) {
	t.Helper()
	return client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: testService})
}

// assertNoVerdict holds that an error of a listing says nothing about a purchase.
func assertNoVerdict(t *testing.T, err error) {
	t.Helper()
	var purchase *computeunit.OutcomeError
	assert.Error(t, err)
	assert.False(t, errors.As(err, &purchase))
	assert.NotErrorIs(t, err, computeunit.ErrNotPurchased)
	assert.NotErrorIs(t, err, computeunit.ErrOutcomeUnknown)
}

func TestDescribeSendsTheDocumentedBody(t *testing.T) {
	for want, request := range map[string]computeunit.DescribeComputeUnitsRequest{
		`{"serviceId":"svco-48exxxa594","paymentTiming":"Prepaid"}`: {
			ServiceID: "svco-48exxxa594", PaymentTiming: computeunit.PaymentTimingPrepaid,
		},
		`{"serviceId":"svco-1"}`: {ServiceID: "svco-1"},
	} {
		transport := record(answerWith(200, listedBody))
		_, err := newClient(t, transport).DescribeComputeUnits(t.Context(), request)
		require.NoError(t, err)
		sent := transport.only(t)
		assert.Equal(t, want, sent.body)
		assert.Equal(t, "https://qianfan.baidubce.com/v2/serviceresources?Action=DescribeComputeUnits", sent.URL.String())
	}
}

func TestDescribeReadsInstancesAsTheServiceWroteThem(t *testing.T) {
	listed, err := describe(t, newClient(t, answerWith(200, listedBody)))
	require.NoError(t, err)
	assert.Equal(t, "r-5", listed.RequestID)
	assert.Equal(t, []computeunit.Instance{
		{InstanceID: "i-1", PaymentTiming: computeunit.PaymentTimingPrepaid, ReplicasCount: 5, Status: computeunit.InstanceRunning, StartTime: "yesterday"},
		{InstanceID: "i-2", PaymentTiming: computeunit.PaymentTimingPostpaid, ReplicasCount: 1, Status: "Resting"},
	}, listed.Result.Instances)
}

// What was asked and when is needed to compare two listings, also after they were stored.
func TestAListingKeepsWhatWasAskedAndTheServicesDateInItsJSONToo(t *testing.T) {
	client := newClient(t, answerWith(200, listing(), "Date", "Wed, 25 Nov 2026 01:02:03 GMT"))
	listed, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{
		ServiceID: "svco-1", PaymentTiming: computeunit.PaymentTimingPostpaid,
	})
	require.NoError(t, err)
	want := computeunit.DescribeComputeUnitsResponse{
		RequestID: "r", ServiceID: "svco-1", PaymentTiming: "Postpaid", Date: time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC),
		Result: computeunit.DescribeResult{Instances: []computeunit.Instance{}},
	}
	assert.Equal(t, want, *listed)
	text := marshal(t, listed)
	assert.Equal(t, `{"requestId":"r","serviceId":"svco-1","paymentTiming":"Postpaid","date":"2026-11-25T01:02:03Z","result":{"instances":[]}}`, text)
	var read computeunit.DescribeComputeUnitsResponse
	require.NoError(t, json.Unmarshal([]byte(text), &read))
	assert.Equal(t, want, read)
}

func TestAListingWithoutADateHasTheZeroTime(t *testing.T) {
	for name, headers := range map[string][]string{"none": nil, "not a date": {"Date", "today"}} {
		t.Run(name, func(t *testing.T) {
			listed, err := describe(t, newClient(t, answerWith(200, listing(), headers...)))
			require.NoError(t, err)
			assert.True(t, listed.Date.IsZero())
			assert.NotContains(t, marshal(t, listed), "date")
		})
	}
}

// The date of a listing is that of the attempt that succeeded.
func TestAListingHasTheDateOfItsOwnResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listed, err := describe(t, newClient(t, record(
			answerWith(503, ``, "Date", "Wed, 25 Nov 2026 01:02:03 GMT"), answerWith(200, listing()))))
		require.NoError(t, err)
		assert.True(t, listed.Date.IsZero())
	})
}

// A field that decides nothing never takes the listing away.
func TestDescribeReadsAFieldOfAnotherTypeAsWellAsItCan(t *testing.T) {
	for name, row := range map[string]struct {
		fields string
		want   computeunit.Instance
	}{
		"status 1":                      {`"status":1`, computeunit.Instance{Status: computeunit.InstanceCreating}},
		"status 2":                      {`"status":2`, computeunit.Instance{Status: computeunit.InstanceRunning}},
		"status 3":                      {`"status":3`, computeunit.Instance{Status: computeunit.InstanceDeleted}},
		"status 2 as text":              {`"status":"2"`, computeunit.Instance{Status: computeunit.InstanceRunning}},
		"status 2.0":                    {`"status":2.0`, computeunit.Instance{Status: computeunit.InstanceRunning}},
		"status 1.0 as text":            {`"status":"1.0"`, computeunit.Instance{Status: computeunit.InstanceCreating}},
		"status 3e0":                    {`"status":3e0`, computeunit.Instance{Status: computeunit.InstanceDeleted}},
		"status 2.5":                    {`"status":2.5`, computeunit.Instance{Status: "2.5"}},
		"an error of the instance's":    {`"code":"X","errorCode":7`, computeunit.Instance{}},
		"status 4":                      {`"status":4`, computeunit.Instance{Status: "4"}},
		"status -1":                     {`"status":-1`, computeunit.Instance{Status: "-1"}},
		"status is null":                {`"status":null`, computeunit.Instance{}},
		"status is an object":           {`"status":{"code":2}`, computeunit.Instance{}},
		"status is a list":              {`"status":[2]`, computeunit.Instance{}},
		"status is true":                {`"status":true`, computeunit.Instance{}},
		"startTime is a number":         {`"startTime":1764032523`, computeunit.Instance{StartTime: "1764032523"}},
		"startTime is in milliseconds":  {`"startTime":1764032523.123`, computeunit.Instance{StartTime: "1764032523.123"}},
		"startTime is an object":        {`"startTime":{}`, computeunit.Instance{}},
		"replicas are text":             {`"replicasCount":"5"`, computeunit.Instance{ReplicasCount: 5}},
		"replicas are no number":        {`"replicasCount":"five"`, computeunit.Instance{}},
		"replicas are a fraction":       {`"replicasCount":1.5`, computeunit.Instance{}},
		"replicas are more than an int": {`"replicasCount":9223372036854775808`, computeunit.Instance{}},
		"replicas are null":             {`"replicasCount":null`, computeunit.Instance{}},
		"replicas are a list":           {`"replicasCount":[1]`, computeunit.Instance{}},
		"paymentTiming is a number":     {`"paymentTiming":1`, computeunit.Instance{PaymentTiming: "1"}},
		"paymentTiming is null":         {`"paymentTiming":null`, computeunit.Instance{}},
		"paymentTiming is a list":       {`"paymentTiming":["Prepaid"]`, computeunit.Instance{}},
		"unknown fields":                {`"name":{"a":[1]},"tags":null`, computeunit.Instance{}},
		"broken text":                   {"\"startTime\":\"\xff\"", computeunit.Instance{StartTime: "\ufffd"}},
	} {
		t.Run(name, func(t *testing.T) {
			transport := record(answerWith(200, listing(`{`+row.fields+`,"instanceId":"i"}`)))
			listed, err := describe(t, newClient(t, transport))
			require.NoError(t, err)
			row.want.InstanceID = "i"
			assert.Equal(t, []computeunit.Instance{row.want}, listed.Result.Instances)
			transport.only(t)
		})
	}
}

func TestDescribeReadsAListingWhoseEnvelopeIsOdd(t *testing.T) {
	for name, body := range map[string]string{
		"request id is a number": `{"requestId":7,"result":{"instances":[]}}`,
		"request id is a list":   `{"requestId":[],"result":{"instances":[]}}`,
		"message is an object":   `{"message":{},"result":{"instances":[]}}`,
		"byte order mark":        "\ufeff" + listing(),
		"code is null":           `{"code":null,"error_code":0,"error":null,"result":{"instances":[]}}`,
		"a count beside it":      `{"result":{"total":0,"instances":[],"nextMarker":null}}`,
	} {
		t.Run(name, func(t *testing.T) {
			transport := record(answerWith(200, body))
			listed, err := describe(t, newClient(t, transport))
			require.NoError(t, err)
			assert.Equal(t, []computeunit.Instance{}, listed.Result.Instances, "empty, and not nil")
			transport.only(t)
		})
	}
}

// uncertain are responses to a listing that this package does not call certain. Another attempt may end in another way.
func uncertain() map[string]roundTripFunc {
	return map[string]roundTripFunc{
		"no connection":             failWith(errDial),
		"reset":                     failWith(io.EOF),
		"time-out":                  hang,
		"cut after the last byte":   cutAfter(200, listedBody),
		"cut refusal":               cutAfter(403, deniedBody),
		"cut 500":                   cutAfter(500, ``),
		"500":                       answerWith(500, internalBody),
		"503, denied":               answerWith(503, deniedBody),
		"504":                       answerWith(504, `<html>`),
		"599":                       answerWith(599, ``),
		"302":                       answerWith(302, ``),
		"303":                       answerWith(303, ``, "Location", "https://elsewhere.example"),
		"406":                       answerWith(406, ``),
		"408":                       answerWith(408, ``),
		"409":                       answerWith(409, deniedBody),
		"499":                       answerWith(499, ``),
		"400, InternalError":        answerWith(400, internalBody),
		"InternalError":             answerWith(200, internalBody),
		"336100":                    answerWith(200, `{"error_code":336100,"error_msg":"try again"}`),
		"336000":                    answerWith(200, `{"error_code":336000}`),
		"an error of another name":  answerWith(200, `{"errorCode":"Busy","result":{"instances":[]}}`),
		"no success":                answerWith(200, `{"success":false,"result":{"instances":[]}}`),
		"500000":                    answerWith(200, `{"code":500000}`),
		"an undocumented code":      answerWith(200, olderBody),
		"a code beside instances":   answerWith(200, `{"code":"X","result":{"instances":[{"instanceId":"i-1"}]}}`),
		"HTML":                      answerWith(200, `<html>`),
		"nothing":                   answerWith(200, ``),
		"no content":                answerWith(204, ``),
		"null":                      answerWith(200, `null`),
		"a list":                    answerWith(200, `[]`),
		"no result":                 answerWith(200, `{}`),
		"result is null":            answerWith(200, `{"result":null}`),
		"result is a list":          answerWith(200, `{"result":[]}`),
		"no instances":              answerWith(200, `{"result":{}}`),
		"instances are null":        answerWith(200, `{"result":{"instances":null}}`),
		"instances are text":        answerWith(200, `{"result":{"instances":"none"}}`),
		"instances are an object":   answerWith(200, `{"result":{"instances":{}}}`),
		"an instance is text":       answerWith(200, listing(`"i-1"`)),
		"an instance is null":       answerWith(200, listing(`null`)),
		"an instance without an id": answerWith(200, listing(`{"paymentTiming":"Prepaid","replicasCount":5,"status":"Running"}`)),
		"an empty id":               answerWith(200, listing(`{"instanceId":""}`)),
		"a blank id":                answerWith(200, listing(`{"instanceId":" "}`)),
		"an id of another type":     answerWith(200, listing(`{"instanceId":7}`)),
		"two ids of one instance":   answerWith(200, listing(`{"instanceId":"i-1","InstanceID":"i-2"}`)),
		"an invisible id":           answerWith(200, listing(`{"instanceId":"\u200b"}`)),
		"an id of broken text":      answerWith(200, listing("{\"instanceId\":\"\xff\"}")),
		"two lists":                 answerWith(200, `{"result":{"instances":[{"instanceId":"i-1"}],"instances":[]}}`),
		"two results":               answerWith(200, `{"result":{"instances":[{"instanceId":"i-1"}]},"result":{"instances":[]}}`),
		"more than JSON":            answerWith(200, listedBody+`x`),
		"too large":                 answerWith(200, listedBody+strings.Repeat(" ", 1<<20)),
		"an error without a code":   answerWith(200, `{"error":"no","result":{"instances":[]}}`),
	}
}

func TestDescribeIsTriedAgainAfterEverythingUncertain(t *testing.T) {
	for name, failure := range uncertain() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := record(failure, failure, answerWith(200, listedBody))
				_, err := describe(t, newClient(t, transport))
				assert.NoError(t, err)
				assert.Len(t, transport.requests(), 3)
				transport = record(failure)
				got, err := describe(t, newClient(t, transport, computeunit.WithMaxAttempts(4)))
				assertNoVerdict(t, err)
				assertOneLine(t, err)
				assert.Nil(t, got)
				assert.Len(t, transport.requests(), 4)
			})
		})
	}
}

// refusing are responses to a listing that another attempt cannot change.
func refusing() map[string]roundTripFunc {
	return map[string]roundTripFunc{
		"400":                     answerWith(400, `{"code":"MalformedJSON"}`),
		"401":                     answerWith(401, ``),
		"403":                     answerWith(403, deniedBody),
		"404, HTML":               answerWith(404, `<html>`),
		"412":                     answerWith(412, `{"code":"PreconditionFailed"}`),
		"RequestExpired, no Date": answerWith(400, `{"code":"RequestExpired"}`),
		"307":                     answerWith(307, ``, "Location", "https://elsewhere.example"),
		"403, HTML of HTTP/1.0":   unbounded(403, `<html>`),
		"403, a result":           answerWith(403, `{"code":"AccessDenied","message":"no","result":"Access denied."}`),
		"403, text in brackets":   answerWith(403, `{"code":"AccessDenied","message":"service=x, resource=instanceId/* {x}"}`),
		"400, digits in brackets": answerWith(400, `{"code":"X","message":"limit {500000} tokens"}`),
		"a documented code":       answerWith(200, deniedBody),
		"a code beside a list":    answerWith(200, `{"code":"AccessDenied","result":{"instances":[]}}`),
	}
}

func TestDescribeIsNotTriedAgainAfterARefusal(t *testing.T) {
	for name, refusal := range refusing() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := record(refusal)
				got, err := describe(t, newClient(t, transport))
				assertNoVerdict(t, err)
				assert.Nil(t, got)
				transport.only(t)
				apiError(t, err)
			})
		})
	}
}

func TestDescribeIsTriedAgainAfterA429OnlyWithARetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := record(answerWith(429, ``))
		_, err := describe(t, newClient(t, transport))
		assert.ErrorIs(t, err, computeunit.ErrThrottled)
		transport.only(t)
		transport = record(failWith(io.EOF), answerWith(429, ``, "Retry-After", "9"), answerWith(200, listedBody))
		started := time.Now()
		_, err = describe(t, newClient(t, transport))
		assert.NoError(t, err)
		assert.Len(t, transport.requests(), 3)
		assert.GreaterOrEqual(t, time.Since(started), 9*time.Second)
	})
}

func TestDescribeIsSignedAgainByTheServicesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{Now: func() time.Time { return time.Now().Add(-time.Hour) }})
		_, err := describe(t, client)
		assert.NoError(t, err)
		assert.Equal(t, 2, m.sim.Requests(), "the first was signed by this machine's clock")
		_, err = describe(t, client)
		assert.NoError(t, err)
		assert.Equal(t, 3, m.sim.Requests(), "the correction is kept")
	})
}

func TestDescribeAlwaysHasARequestID(t *testing.T) {
	const unnamed = `{"result":{"instances":[]}}`
	got, err := describe(t, newClient(t, answerWith(200, unnamed, "X-Bce-Request-Id", "from-the-header")))
	require.NoError(t, err)
	assert.Equal(t, "from-the-header", got.RequestID)
	transport := record(answerWith(200, unnamed))
	got, err = describe(t, newClient(t, transport))
	require.NoError(t, err)
	assert.Equal(t, transport.only(t).Header.Get("X-Bce-Request-Id"), got.RequestID)
}

func TestDescribeDropsTheVerdictOfSomeOtherPurchase(t *testing.T) {
	for _, foreign := range []error{
		&computeunit.OutcomeError{Outcome: computeunit.ErrNotPurchased, Err: errors.New("other")},
		computeunit.ErrOutcomeUnknown,
	} {
		_, err := describe(t, newClient(t, failWith(foreign), computeunit.WithMaxAttempts(1)))
		assertNoVerdict(t, err)
		assert.ErrorContains(t, err, foreign.Error())
	}
}

func TestDescribeLogsNoUnknownOutcome(t *testing.T) {
	var book logBook
	_, err := describe(t, newClient(t, failWith(io.EOF), book.option(), computeunit.WithMaxAttempts(1)))
	assertNoVerdict(t, err)
	assert.Equal(t, describeAction, book.only(t, slog.LevelDebug)["action"])
	assert.Empty(t, book.records(t, slog.LevelError))
}

func TestDescribeValidates(t *testing.T) {
	transport := record(answerWith(200, listedBody))
	_, err := newClient(t, transport).DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: " ", PaymentTiming: "Free"})
	assertNoVerdict(t, err)
	var invalid *computeunit.ValidationError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, []computeunit.Violation{
		{Path: "serviceId", Rule: "must not be blank", Value: `" "`},
		{Path: "paymentTiming", Rule: "must be Prepaid, Postpaid, or not given", Value: `"Free"`},
	}, invalid.Violations)
	assert.Empty(t, transport.requests())
}

func TestDescribeNamesTheServiceTheResponseAndTheAttemptInItsError(t *testing.T) {
	_, err := describe(t, newClient(t, answerWith(403, deniedBody)))
	assert.Equal(t, "AccessDenied", apiError(t, err).Code)
	assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
	for _, part := range []string{testService, "r-1", "HTTP 403", "AccessDenied", "attempt 1", "the service answered"} {
		assert.ErrorContains(t, err, part)
	}
}

func TestDescribeWithoutCredentialsOrContextFailsAtOnce(t *testing.T) {
	failing := providerFunc(func(context.Context) (computeunit.Credentials, error) { return computeunit.Credentials{}, errLost })
	transport := record(answerWith(200, listedBody))
	client := newClientWith(t, failing, transport)
	_, err := describe(t, client)
	assertNoVerdict(t, err)
	assert.ErrorIs(t, err, errLost)
	var none context.Context
	_, err = client.DescribeComputeUnits(none, computeunit.DescribeComputeUnitsRequest{ServiceID: testService})
	assertNoVerdict(t, err)
	assert.Empty(t, transport.requests())
}

func TestDescribeFailsAtOnceWithKeysThatCannotWork(t *testing.T) {
	keys := []simulator.Key{{AccessKeyID: "known", SecretAccessKey: "secret", Permission: simulator.NoPermission}}
	for name, row := range map[string]struct {
		credentials computeunit.CredentialsProvider
		want        error
	}{
		"unknown key":   {computeunit.StaticCredentials("other", "secret"), computeunit.ErrInvalidCredentials},
		"wrong secret":  {computeunit.StaticCredentials("known", "other"), computeunit.ErrInvalidCredentials},
		"no permission": {computeunit.StaticCredentials("known", "secret"), computeunit.ErrAccessDenied},
	} {
		t.Run(name, func(t *testing.T) {
			m := &inMemory{sim: simulator.New(simulator.Config{Keys: keys})}
			_, err := describe(t, newClientWith(t, row.credentials, m))
			assertNoVerdict(t, err)
			assert.ErrorIs(t, err, row.want)
			assert.Equal(t, 1, m.sim.Requests())
		})
	}
}

func TestAKeyThatMayOnlyReadListsAndDoesNotBuy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{Keys: []simulator.Key{{
			AccessKeyID: simulator.DefaultAccessKeyID, SecretAccessKey: simulator.DefaultSecretAccessKey, Permission: simulator.ServiceRead,
		}}})
		listed, err := describe(t, client)
		require.NoError(t, err)
		assert.Empty(t, listed.Result.Instances)
		err = buy(t, client)
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.Empty(t, m.sim.Orders())
	})
}

func TestDescribeOutlivesBrokenConnections(t *testing.T) {
	for _, kind := range []simulator.Kind{simulator.Reset, simulator.Close, simulator.CutLength, simulator.CutChunked} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			sim := simulator.New(simulator.Config{})
			server := httptest.NewServer(sim)
			t.Cleanup(server.Close)
			sim.InjectRead(simulator.Fault{Kind: kind})
			_, err := describe(t, newClientTo(t, server.URL))
			assert.NoError(t, err)
			assert.Equal(t, 2, sim.Requests())
		})
	}
}

func TestDescribeTriesARefusedConnectionAgain(t *testing.T) {
	_, err := describe(t, newClientTo(t, "http://"+closedPort, computeunit.WithMaxAttempts(2)))
	assertNoVerdict(t, err)
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.ErrorContains(t, err, "attempt 2")
}

// Waiting. Time is the bubble's; each wait has a deadline, so that one that does not end fails.

// within is a context for a wait.
func within(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// bought is a store with one instance, which runs a minute later.
func bought(t *testing.T) (m *inMemory, client *computeunit.Client, instanceID string) {
	t.Helper()
	m, client = store(t, simulator.Config{StartsAfter: time.Minute})
	response, err := client.PurchaseComputeUnit(t.Context(), documentedRequest())
	require.NoError(t, err)
	return m, client, response.Result.InstanceID
}
