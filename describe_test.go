package computeunit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

const listedBody = `{"requestId":"r-5","result":{"instances":[
	{"instanceId":"i-1","paymentTiming":"Prepaid","replicasCount":5,"status":"Running","startTime":"yesterday","more":1},
	{"instanceId":"i-2","paymentTiming":"Postpaid","replicasCount":1,"status":"Resting","startTime":""}]}}`

var listing = computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-48exxxa594", PaymentTiming: computeunit.PaymentTimingPrepaid}

func mockedListing(t *testing.T, responder httpmock.Responder) (*computeunit.Client, *httpmock.MockTransport) {
	t.Helper()
	transport := httpmock.NewMockTransport()
	transport.RegisterResponder(http.MethodPost, "https://qianfan.baidubce.com/v2/serviceresources?Action=DescribeComputeUnits", responder)
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), withTransport(transport))
	require.NoError(t, err)
	return client, transport
}

func TestDescribeSendsTheDocumentedBody(t *testing.T) {
	for want, request := range map[string]computeunit.DescribeComputeUnitsRequest{
		`{"serviceId":"svco-48exxxa594","paymentTiming":"Prepaid"}`: listing,
		`{"serviceId":"svco-1"}`:                                    {ServiceID: "svco-1"},
	} {
		client, _ := mockedListing(t, func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			assert.Equal(t, want, string(body))
			return httpmock.NewStringResponse(200, listedBody), nil
		})
		_, err := client.DescribeComputeUnits(t.Context(), request)
		assert.NoError(t, err)
	}
}

func TestDescribeReadsInstancesAsTheServiceWroteThem(t *testing.T) {
	client, _ := mockedListing(t, httpmock.NewStringResponder(200, listedBody))
	listed, err := client.DescribeComputeUnits(t.Context(), listing)
	require.NoError(t, err)
	assert.Equal(t, "r-5", listed.RequestID)
	assert.Equal(t, []computeunit.Instance{
		{InstanceID: "i-1", PaymentTiming: computeunit.PaymentTimingPrepaid, ReplicasCount: 5, Status: computeunit.InstanceRunning, StartTime: "yesterday"},
		{InstanceID: "i-2", PaymentTiming: computeunit.PaymentTimingPostpaid, ReplicasCount: 1, Status: "Resting"},
	}, listed.Result.Instances)
}

func TestDescribeTellsAnEmptyListFromNone(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"result":{"instances":[]}}`:   true,
		`{"result":{"instances":null}}`: true,
		`{"result":{}}`:                 false,
		`{"result":null}`:               false,
		`{}`:                            false,
		``:                              false,
		`{"result":{"instances":{}}}`:   false,
		`{"result":[]}`:                 false,
		`{"code":"AccessDenied","result":{"instances":[]}}`: false,
		`{"code":"AccessDenied","result":{"instances":{}}}`: false,
	} {
		t.Run(body, func(t *testing.T) {
			client, transport := mockedListing(t, httpmock.NewStringResponder(200, body))
			listed, err := client.DescribeComputeUnits(t.Context(), listing)
			assert.Equal(t, 1, transport.GetTotalCallCount(), "undocumented JSON is not asked for again")
			if ok {
				require.NoError(t, err)
				assert.Empty(t, listed.Result.Instances)
				return
			}
			assertNoVerdict(t, err)
			assert.Nil(t, listed)
		})
	}
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

func TestDescribeIsTriedAgainWhereThatCanHelp(t *testing.T) {
	cut := func(*http.Request) (*http.Response, error) {
		response := httpmock.NewStringResponse(200, "")
		response.Body = io.NopCloser(failingReader{})
		return response, nil
	}
	for name, row := range map[string]struct {
		answer httpmock.Responder
		sent   int
	}{
		"reset":          {httpmock.NewErrorResponder(io.EOF), 3},
		"cut off":        {cut, 3},
		"500":            {httpmock.NewStringResponder(500, ""), 3},
		"503":            {httpmock.NewStringResponder(503, deniedBody), 3},
		"429":            {httpmock.NewStringResponder(429, ""), 3},
		"internal error": {httpmock.NewStringResponder(200, internalBody), 3},
		"403":            {httpmock.NewStringResponder(403, deniedBody), 1},
		"404":            {httpmock.NewStringResponder(404, ""), 1},
		"302":            {httpmock.NewStringResponder(302, ""), 1},
		"code in a 200":  {httpmock.NewStringResponder(200, deniedBody), 1},
		"HTML":           {httpmock.NewStringResponder(200, "<html>"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, transport := mockedListing(t, row.answer)
				_, err := client.DescribeComputeUnits(t.Context(), listing)
				assertNoVerdict(t, err)
				assert.Equal(t, row.sent, transport.GetTotalCallCount())
			})
		})
	}
}

func TestDescribeSucceedsAfterFailuresThatPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, transport := mockedListing(t, httpmock.NewErrorResponder(io.EOF).
			Then(httpmock.NewStringResponder(429, "").HeaderSet(http.Header{"Retry-After": {"9"}})).
			Then(httpmock.NewStringResponder(200, listedBody)))
		started := time.Now()
		_, err := client.DescribeComputeUnits(t.Context(), listing)
		assert.NoError(t, err)
		assert.Equal(t, 3, transport.GetTotalCallCount())
		assert.GreaterOrEqual(t, time.Since(started), 9*time.Second)
	})
}

func TestDescribeValidates(t *testing.T) {
	client, transport := mockedListing(t, httpmock.NewStringResponder(200, listedBody))
	_, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: " ", PaymentTiming: "Free"})
	assertNoVerdict(t, err)
	var invalid *computeunit.ValidationError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, []computeunit.Violation{
		{Path: "serviceId", Rule: "must not be blank", Value: `" "`},
		{Path: "paymentTiming", Rule: "must be Prepaid, Postpaid, or not given", Value: `"Free"`},
	}, invalid.Violations)
	assert.Zero(t, transport.GetTotalCallCount())
}

func TestDescribeNamesTheAnswerInItsError(t *testing.T) {
	client, _ := mockedListing(t, httpmock.NewStringResponder(403, deniedBody))
	_, err := client.DescribeComputeUnits(t.Context(), listing)
	var api *computeunit.APIError
	require.ErrorAs(t, err, &api)
	assert.Equal(t, "AccessDenied", api.Code)
	assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
	assert.ErrorContains(t, err, "svco-48exxxa594")
	assert.ErrorContains(t, err, "r-1")
}

func TestDescribeWithoutCredentialsOrContextFailsAtOnce(t *testing.T) {
	client, err := computeunit.NewClient(failingProvider{errLost}, withTransport(httpmock.NewMockTransport()))
	require.NoError(t, err)
	_, err = client.DescribeComputeUnits(t.Context(), listing)
	assertNoVerdict(t, err)
	assert.ErrorIs(t, err, errLost)
	var none context.Context
	_, err = client.DescribeComputeUnits(none, listing)
	assertNoVerdict(t, err)
}

func TestAKeyThatMayOnlyReadListsAndDoesNotBuy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{Keys: []simulator.Key{{
			AccessKeyID: simulator.DefaultAccessKeyID, SecretAccessKey: simulator.DefaultSecretAccessKey, Permission: simulator.ServiceRead,
		}}})
		assert.Empty(t, list(t, client).Result.Instances)
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.Empty(t, m.sim.Orders())
	})
}
