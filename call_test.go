package computeunit_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

// call calls an action of another path of the API.
func call(t *testing.T, client *computeunit.Client, request, response any) error {
	t.Helper()
	return client.Call(t.Context(), "/v2/service", "ModifyService", request, response)
}

func TestCallSendsTheRequestAndReadsTheWholeResponse(t *testing.T) {
	for want, request := range map[string]any{`{"name":"x"}`: map[string]string{"name": "x"}, `{}`: nil} {
		seen := record(answerWith(200, "\ufeff"+`{"requestId":"r-7","result":{"name":"y"}}`))
		client := newClient(t, seen, computeunit.WithEndpoint("https://gateway.example/qianfan"))
		var whole map[string]any
		require.NoError(t, client.Call(t.Context(), "/v2/service", "A&B=c/d", request, &whole))
		assert.Equal(t, map[string]any{"requestId": "r-7", "result": map[string]any{"name": "y"}}, whole)
		sent := seen.only(t)
		assert.Equal(t, want+" https://gateway.example/qianfan/v2/service?Action=A%26B%3Dc%2Fd", sent.body+" "+sent.URL.String())
		require.NoError(t, client.Call(t.Context(), "/v2/service", "A", request, nil), "a response that nobody wants")
	}
}

func TestCallIsSignedAsTheServiceWantsIt(t *testing.T) {
	server := computeunittest.NewServer(computeunittest.WithKeys(testCredentials()))
	t.Cleanup(server.Close)
	client := server.Client()
	require.NoError(t, client.Call(t.Context(), "/v2/serviceresources", describeAction, map[string]string{"serviceId": "svco-1"}, nil))
	err := client.Call(t.Context(), "/v2/serviceresources", "Odd&Action=1", nil, nil)
	assertOutcome(t, notPurchased, err)
	assert.NotErrorIs(t, err, computeunit.ErrInvalidCredentials, "the signature was right, the action is not")
}

// Every outcome takes one attempt, and no error of Call speaks of a purchase: the package does not know what the action does.
func TestCallMakesOneAttemptAndNeverSpeaksOfAPurchase(t *testing.T) {
	fits := new(struct{ Result struct{ Name string } })
	check := func(want error, answer roundTripFunc) {
		var book logBook
		seen := record(answer)
		err := call(t, newClient(t, seen, book.option(), computeunit.WithRefusalCodes("OutOfStock")), nil, fits)
		seen.only(t)
		assertOutcome(t, want, err)
		if err != nil {
			outcome := map[bool]string{true: "not done", false: "unknown"}[want == notPurchased]
			assert.ErrorContains(t, err, "computeunit: ModifyService: "+outcome+": ")
			assert.Contains(t, marshal(t, err), `"outcome":"`+outcome+`"`)
			assertNoPurchase(t, err.Error()+marshal(t, err)+book.text.String())
		}
	}
	for want, bodies := range map[error]map[int][]string{
		nil: {
			200: {`{"result":{"name":"x"}}`, `{"code":0,"success":true,"result":null}`, documentedAnswer, `{"errorCode":"X","result":{"code":7}}`},
			202: {`{}`},
		},
		notPurchased: {200: {deniedBody}, 403: {deniedBody}, 429: {``}, 307: {``}, 400: {`{"code":"RequestExpired"}`}},
		unknown: {
			200: {
				`{"result":"ok"}`, `{"result":{"name":7}}`, olderBody, `{"success":false}`, `{"error":"no"}`, `null`, `[{}]`, `{"a":"b"`, ``, `{"code":"OutOfStock"}`,
			},
			400: {`{"code":"X","result":true}`, internalBody}, 303: {``}, 409: {``}, 500: {``},
		},
	} {
		for status, bodies := range bodies {
			for _, body := range bodies {
				check(want, answerWith(status, body, "Retry-After", "0", "Date", time.Now().UTC().Format(http.TimeFormat)))
			}
		}
	}
	check(unknown, failWith(computeunit.ErrRetryable))
	check(unknown, cutAfter(200, `{}`))
}

func assertNoPurchase(t *testing.T, text string) {
	t.Helper()
	for _, word := range []string{"urchase", "bought", "buying", "order"} {
		assert.NotContains(t, text, word)
	}
}

// What can be known beforehand must not end in an unknown outcome. The error names the action as it was given.
func TestCallRefusesWhatItCannotSendOrRead(t *testing.T) {
	seen := record(answerWith(200, `{}`))
	client := newClient(t, seen)
	refused := func(path, action string, request, response any) {
		t.Helper()
		err := client.Call(t.Context(), path, action, request, response)
		assertUnsent(t, false, err)
		assertNoPurchase(t, err.Error())
		assert.Equal(t, action, outcomeError(t, err).Action)
		assert.Regexp(t, `^computeunit: (Modify|""|"Modify\\nService"): not done: `, err.Error())
	}
	for _, path := range []string{"v2/service", "", "/v2/service?x=y", "/v2/ser vice", "/v2/%2fservice", "/v2/service#x"} {
		refused(path, "Modify", nil, nil)
	}
	refused("/v2/service", "", nil, nil)
	refused("/v2/service", "Modify\nService", nil, nil)
	refused("/v2/service", "Modify", func() {}, nil)
	refused("/v2/service", "Modify", nil, struct{}{})
	refused("/v2/service", "Modify", nil, (*int)(nil))
	assert.Empty(t, seen.requests())
}

// repeating is a type of the caller's whose errors repeat what they read.
type repeating struct{}

func (*repeating) UnmarshalJSON(data []byte) error { return errors.New(string(data)) }

func TestCallShowsAResponseThatDoesNotFitWithoutItsSecrets(t *testing.T) {
	var book logBook
	client := newClientWith(t, provide(testCredentials()), roundTripFunc(func(req *http.Request) (*http.Response, error) {
		echo := req.Header.Get("Authorization") + " " + req.Header.Get("X-Bce-Security-Token")
		return answerWith(200, `{"requestId":"r","echo":"`+echo+strings.Repeat("x", 250)+echo+strings.Repeat("x", 100_000)+`"}`)(req) // the second is cut
	}), book.option())
	for _, response := range []any{new(struct{ Echo time.Time }), new(struct{ Echo int }), new(struct{ Echo repeating })} {
		err := call(t, client, nil, response)
		assertOutcome(t, unknown, err)
		assert.ErrorContains(t, err, "the response does not fit: ")
		assert.Contains(t, apiError(t, err).Evidence, `(signature) (session token)`)
		assert.Less(t, len(err.Error()), 2000)
		text := fmt.Sprintf("%+v %#v", err, err) + marshal(t, err) + book.text.String()
		assertNoSecret(t, text)
		assert.NotContains(t, text, "bce-auth")
	}
}
