package computeunit_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

type modified struct {
	RequestID string `json:"requestId"`
	Result    struct {
		Name string `json:"name"`
	} `json:"result"`
}

func TestCallSendsTheRequestAndReadsTheAnswer(t *testing.T) {
	for want, request := range map[string]any{`{"name":"x"}`: map[string]string{"name": "x"}, `{}`: nil} {
		transport := record(answerWith(200, `{"requestId":"r-7","result":{"name":"y"}}`))
		var answer modified
		require.NoError(t, newClient(t, transport).Call(t.Context(), "/v2/service", "ModifyService", request, &answer))
		sent := transport.only(t)
		assert.Equal(t, want, sent.body)
		assert.Equal(t, "https://qianfan.baidubce.com/v2/service?Action=ModifyService", sent.URL.String())
		assert.Contains(t, sent.Header.Get("Authorization"), "/content-type;host;x-bce-date/")
		assert.Equal(t, "r-7", answer.RequestID)
		assert.Equal(t, "y", answer.Result.Name)
	}
}

func TestCallDropsAResponseThatNobodyWants(t *testing.T) {
	assert.NoError(t, newClient(t, answerWith(200, `{"result":7}`)).Call(t.Context(), "/v2/service", "ModifyService", nil, nil))
}

// Every outcome takes one attempt: the package does not know what the action does.
func TestCallMakesOneAttemptAndReportsTheOutcome(t *testing.T) {
	done, not, unknown := error(nil), computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown
	for name, row := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"done":                    {200, `{"requestId":"r","result":{}}`, done},
		"done, no result":         {200, `{"requestId":"r"}`, done},
		"done, a release":         {200, `{"requestId":"r","code":0,"result":null}`, done},
		"result is text":          {202, `{"requestId":"r","result":"ok"}`, unknown}, // it does not fit modified
		"does not fit":            {200, `{"requestId":"r","result":{"name":7}}`, unknown},
		"documented code":         {200, deniedBody, not},
		"undocumented code":       {200, olderBody, unknown},
		"documented code, an id":  {200, `{"code":"AccessDenied","result":{"instanceId":7}}`, unknown},
		"InternalError":           {200, internalBody, unknown},
		"error without a code":    {200, `{"error":"no"}`, unknown},
		"error of another name":   {200, `{"errorCode":"X"}`, unknown},
		"no success":              {200, `{"success":false}`, unknown},
		"errors in the result":    {200, `{"success":true,"result":{"code":7,"errors":["x"]}}`, done},
		"refused, with a result":  {400, `{"code":"X","result":true}`, unknown},
		"empty":                   {200, ``, unknown},
		"HTML":                    {200, `<html>`, unknown},
		"refused":                 {403, deniedBody, not},
		"refused, failure inside": {400, internalBody, unknown},
		"throttled":               {429, ``, not},
		"expired":                 {400, `{"code":"RequestExpired"}`, not},
		"redirect":                {307, ``, not},
		"redirect, see other":     {303, ``, unknown},
		"conflict":                {409, deniedBody, unknown},
		"time-out":                {408, deniedBody, unknown},
		"server error":            {500, internalBody, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			transport := record(answerWith(row.status, row.body,
				"Date", time.Now().UTC().Format(http.TimeFormat), "Retry-After", "0"))
			err := newClient(t, transport).Call(t.Context(), "/v2/service", "ModifyService", nil, new(modified))
			transport.only(t)
			assertOutcome(t, row.want, err)
			if row.want != nil {
				assertCallsOutcome(t, row.want, err)
			}
		})
	}
}

// assertCallsOutcome checks that an error of Call says "not done" or "unknown" everywhere, and nothing of purchases.
func assertCallsOutcome(t *testing.T, want, err error) {
	t.Helper()
	var failed *computeunit.OutcomeError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "ModifyService", failed.Action)
	assert.Empty(t, failed.ServiceID)
	text := map[error]string{computeunit.ErrNotPurchased: "not done", computeunit.ErrOutcomeUnknown: "unknown"}[want]
	assert.Contains(t, err.Error(), "computeunit: ModifyService: "+text+": ")
	assert.Equal(t, text, attributes(failed.LogValue())["outcome"])
	assert.Contains(t, marshal(t, err), `{"outcome":"`+text+`","action":"ModifyService","serviceId":"",`)
	for how, print := range map[string]string{"error": err.Error(), "JSON": marshal(t, err), "slog": fmt.Sprint(failed.LogValue())} {
		for _, word := range []string{"purchase", "bought", "buying", "order"} {
			assert.NotContains(t, print, word, how)
		}
	}
}

func TestCallLogsAnUnknownOutcomeInItsOwnWords(t *testing.T) {
	var book logBook
	err := newClient(t, failWith(io.EOF), book.option()).Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
	assertCallsOutcome(t, computeunit.ErrOutcomeUnknown, err)
	logged := book.only(t, slog.LevelError)
	assert.Equal(t, "unknown", logged["outcome"])
	assert.Equal(t, "ModifyService", logged["action"])
}

func TestCallIsNotDecidedByTheOptionWithRefusalCodes(t *testing.T) {
	err := newClient(t, answerWith(200, `{"code":"OutOfStock"}`), computeunit.WithRefusalCodes("OutOfStock")).
		Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
}

func TestCallThatLosesItsAnswerIsUnknown(t *testing.T) {
	transport := record(failWith(io.EOF))
	err := newClient(t, transport).Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
	assert.ErrorIs(t, err, io.EOF)
	transport.only(t)
}

func TestCallThatDoesNotConnectIsNotDoneAndTriedOnce(t *testing.T) {
	err := newClientTo(t, "http://"+closedPort).Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.Equal(t, 1, attemptsOf(t, err))
}

func TestCallRefusesWhatItCannotSend(t *testing.T) {
	var none context.Context
	for name, row := range map[string]struct {
		ctx          context.Context
		path, action string
		request      any
	}{
		"relative path":     {t.Context(), "v2/service", "ModifyService", nil},
		"no path":           {t.Context(), "", "ModifyService", nil},
		"query in the path": {t.Context(), "/v2/service?x=y", "ModifyService", nil},
		"blank in the path": {t.Context(), "/v2/ser vice", "ModifyService", nil},
		"escape in a path":  {t.Context(), "/v2/%2fservice", "ModifyService", nil},
		"no action":         {t.Context(), "/v2/service", "", nil},
		"odd action":        {t.Context(), "/v2/service", "Modify\nService", nil},
		"no JSON":           {t.Context(), "/v2/service", "ModifyService", math.Inf(1)},
		"no context":        {none, "/v2/service", "ModifyService", nil},
		"no context either": {none, "v2/service", "ModifyService", nil},
	} {
		t.Run(name, func(t *testing.T) {
			transport := record(answerWith(200, `{}`))
			err := newClient(t, transport).Call(row.ctx, row.path, row.action, row.request, nil)
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.Zero(t, attemptsOf(t, err))
			assert.Empty(t, transport.requests())
		})
	}
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

func TestCallIsSignedWithTheSessionTokenAndThePathOfTheEndpoint(t *testing.T) {
	seen := record(answerWith(200, `{}`))
	client := newClientWith(t, providerFunc(func(context.Context) (computeunit.Credentials, error) { return testCredentials(), nil }),
		seen, computeunit.WithEndpoint("https://gateway.example/qianfan"))
	require.NoError(t, client.Call(t.Context(), "/v2/service", "A&B=c/d", nil, nil))
	sent := seen.only(t)
	assert.Equal(t, "/qianfan/v2/service", sent.URL.Path)
	assert.Equal(t, map[string][]string{"Action": {"A&B=c/d"}}, map[string][]string(sent.URL.Query()))
	assert.Equal(t, testSessionToken, sent.Header.Get("X-Bce-Security-Token"))
	assert.NoError(t, simulator.Verify(sent.Request, testSecretKey, time.Now()))
}

func TestCallIsUnknownWithoutAWholeObjectInASuccess(t *testing.T) {
	for name, answer := range map[string]roundTripFunc{
		"null":       answerWith(200, `null`),
		"list":       answerWith(200, `[{}]`),
		"text":       answerWith(200, `"ok"`),
		"no content": answerWith(204, ``),
		"cut JSON":   answerWith(200, `{"requestId":"r"`),
		"cut body":   cutAfter(200, `{}`),
		"too large":  answerWith(200, `{}`+strings.Repeat(" ", 1<<20)),
		"time-out":   hang,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := record(answer)
				err := newClient(t, seen, computeunit.WithMaxAttempts(9)).Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
				assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
				assert.Len(t, seen.requests(), 1)
			})
		})
	}
}

// What can be known beforehand must not end in an unknown outcome.
func TestCallSendsNothingWhoseAnswerItCannotDecode(t *testing.T) {
	var typedNil *modified
	for name, response := range map[string]any{"no pointer": modified{}, "nil pointer": typedNil} {
		t.Run(name, func(t *testing.T) {
			seen := record(answerWith(200, `{}`))
			err := newClient(t, seen).Call(t.Context(), "/v2/service", "ModifyService", nil, response)
			assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
			assert.Empty(t, seen.requests())
		})
	}
}

// repeating is a type of the caller's whose errors repeat what they read.
type repeating struct{}

func (*repeating) UnmarshalJSON(data []byte) error { return fmt.Errorf("%w: %s", errLost, data) }

// What does not fit is shown as any other response is: with its evidence, and without what a response repeats of the request.
func TestCallShowsAResponseThatDoesNotFitWithoutItsSecrets(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for name, row := range map[string]struct {
		response any
		want     string
	}{
		"a time":                  {new(struct{ Echo time.Time }), "parsing time"},
		"a number":                {new(struct{ Echo int }), `json: unexpected string in "Echo"`},
		"a type of the caller's":  {new(struct{ Echo repeating }), errLost.Error() + ": "},
		"one that stands deep":    {new(struct{ Result struct{ Name []int } }), `json: unexpected string in "Result.Name"`},
		"one whose error is long": {new(struct{ Long repeating }), errLost.Error() + ": "},
	} {
		t.Run(name, func(t *testing.T) {
			var sent http.Header
			var book logBook
			client := newClientWith(t, provide(testCredentials()), roundTripFunc(func(req *http.Request) (*http.Response, error) {
				sent = req.Header.Clone()
				echo := sent.Get("Authorization") + " " + sent.Get("X-Bce-Security-Token")
				body := `{"requestId":"r","echo":"` + echo + `","result":{"name":"n"},"long":"` + echo + long + `"}`
				return answerWith(200, body, "Content-Type", "application/json")(req)
			}), book.option())
			err := client.Call(t.Context(), "/v2/service", "ModifyService", nil, row.response)
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			assert.ErrorContains(t, err, "the response does not fit: "+row.want)
			answered := apiError(t, err)
			assert.Equal(t, 200, answered.StatusCode)
			assert.Contains(t, answered.Evidence, `content type "application/json"`)
			assert.Contains(t, answered.Evidence, `(signature) (session token)`)
			for how, text := range map[string]string{
				"error": err.Error(), "JSON": marshal(t, err), "log": fmt.Sprint(book.only(t, slog.LevelError)), "%+v": fmt.Sprintf("%+v %#v", err, err),
			} {
				assertNoSecret(t, text)
				assert.NotContains(t, text, "bce-auth", how)
				assert.NotContains(t, text, sent.Get("Authorization")[len(sent.Get("Authorization"))-64:], how)
				assert.Less(t, len(text), 2000, how)
			}
		})
	}
}
