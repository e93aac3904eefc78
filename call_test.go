package computeunit_test

import (
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

func mockedCall(t *testing.T, responder httpmock.Responder) (*computeunit.Client, *httpmock.MockTransport) {
	t.Helper()
	transport := httpmock.NewMockTransport()
	transport.RegisterResponder(http.MethodPost, "https://qianfan.baidubce.com/v2/service?Action=ModifyService", responder)
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), withTransport(transport))
	require.NoError(t, err)
	return client, transport
}

type modified struct {
	RequestID string `json:"requestId"`
	Result    struct {
		Name string `json:"name"`
	} `json:"result"`
}

func TestCallSendsTheRequestAndReadsTheAnswer(t *testing.T) {
	for want, request := range map[string]any{`{"name":"x"}`: map[string]string{"name": "x"}, `{}`: nil} {
		client, _ := mockedCall(t, func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			assert.Equal(t, want, string(body))
			assert.Contains(t, r.Header.Get("Authorization"), "/content-type;host;x-bce-date/")
			return httpmock.NewStringResponse(200, `{"requestId":"r-7","result":{"name":"y"}}`), nil
		})
		var answer modified
		require.NoError(t, client.Call(t.Context(), "/v2/service", "ModifyService", request, &answer))
		assert.Equal(t, "r-7", answer.RequestID)
		assert.Equal(t, "y", answer.Result.Name)
		assert.NoError(t, client.Call(t.Context(), "/v2/service", "ModifyService", request, nil))
	}
}

// Every outcome takes one attempt: the package does not know what the action does.
func TestCallMakesOneAttemptAndTellsTheOutcome(t *testing.T) {
	done, not, unknown := error(nil), computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown
	for name, row := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"done":                {200, `{"requestId":"r","result":{}}`, done},
		"done, no result":     {200, `{"requestId":"r"}`, done},
		"result is text":      {202, `{"requestId":"r","result":"ok"}`, unknown}, // it does not fit modified
		"does not fit":        {200, `{"requestId":"r","result":{"name":7}}`, unknown},
		"code in a 200":       {200, deniedBody, not},
		"error_code in a 200": {200, olderBody, not},
		"InternalError":       {200, internalBody, unknown},
		"empty":               {200, ``, unknown},
		"HTML":                {200, `<html>`, unknown},
		"refused":             {403, deniedBody, not},
		"throttled":           {429, ``, not},
		"expired":             {400, `{"code":"RequestExpired"}`, not},
		"redirect":            {307, ``, not},
		"conflict":            {409, deniedBody, unknown},
		"time-out":            {408, deniedBody, unknown},
		"server error":        {500, internalBody, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			client, transport := mockedCall(t, httpmock.NewStringResponder(row.status, row.body).
				HeaderSet(http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}))
			err := client.Call(t.Context(), "/v2/service", "ModifyService", nil, new(modified))
			assert.Equal(t, 1, transport.GetTotalCallCount())
			if row.want == nil {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, row.want)
			var failed *computeunit.OutcomeError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, "ModifyService", failed.Action)
			assert.Equal(t, row.want == not, strings.Contains(err.Error(), "ModifyService: not done"), err)
			assert.NotContains(t, err.Error(), "purchase")
			assert.NotContains(t, err.Error(), "buying")
		})
	}
}

func TestCallThatLosesItsAnswerIsUnknown(t *testing.T) {
	client, transport := mockedCall(t, httpmock.NewErrorResponder(io.EOF))
	err := client.Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
	assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
	assert.ErrorIs(t, err, io.EOF)
	assert.Equal(t, 1, transport.GetTotalCallCount())
}

func TestCallThatDoesNotConnectIsNotDoneAndTriedOnce(t *testing.T) {
	client := newClientTo(t, "http://"+closedPort(t))
	err := client.Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
	assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
	assert.Equal(t, 1, attemptsOf(t, err))
}

func TestCallRefusesWhatItCannotSend(t *testing.T) {
	client, transport := mockedCall(t, httpmock.NewStringResponder(200, "{}"))
	for name, row := range map[string]struct {
		path, action string
		request      any
	}{
		"relative path":     {"v2/service", "ModifyService", nil},
		"no path":           {"", "ModifyService", nil},
		"query in the path": {"/v2/service?x=y", "ModifyService", nil},
		"blank in the path": {"/v2/ser vice", "ModifyService", nil},
		"escape in a path":  {"/v2/%2fservice", "ModifyService", nil},
		"no action":         {"/v2/service", "", nil},
		"odd action":        {"/v2/service", "Modify\nService", nil},
		"no JSON":           {"/v2/service", "ModifyService", math.Inf(1)},
	} {
		err := client.Call(t.Context(), row.path, row.action, row.request, nil)
		assert.ErrorIs(t, err, computeunit.ErrNotPurchased, name)
		assert.Zero(t, attemptsOf(t, err), name)
	}
	assert.Zero(t, transport.GetTotalCallCount())
}

// The signature holds over real HTTP for any action.
func TestCallIsSignedAsTheServiceWantsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := store(t, simulator.Config{})
		var answer computeunit.DescribeComputeUnitsResponse
		err := client.Call(t.Context(), "/v2/serviceresources", describeAction, map[string]string{"serviceId": "svco-1"}, &answer)
		assert.NoError(t, err)
		assert.NotEmpty(t, answer.RequestID)
		err = client.Call(t.Context(), "/v2/serviceresources", "Odd&Action=1", nil, nil)
		assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
		assert.NotErrorIs(t, err, computeunit.ErrInvalidCredentials, "the signature was right, the action is not")
	})
}
