package simulator

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBrokenAnswers(t *testing.T) {
	tests := []struct {
		fault Fault
		want  string // %s: the request id
	}{
		{Fault{Kind: EmptyAnswer, Status: 200}, ""},
		{Fault{Kind: HTMLAnswer, Status: 200}, "<html><head><title>OK</title></head></html>\n"},
		{Fault{Kind: HTMLAnswer, Status: 502}, "<html><head><title>Bad Gateway</title></head></html>\n"},
		{Fault{Kind: WrongTypes}, `{"requestId":"%s","result":{"instanceId":7,"orderId":["8"],"instances":"none"}}`},
		{Fault{Kind: EmptyIDs}, `{"requestId":"%s","result":{"instanceId":"","orderId":"","instances":[{"instanceId":""}]}}`},
		{Fault{Kind: NoResult}, `{"requestId":"%s"}`},
		{Fault{Kind: ErrorAnswer, Status: 200, Code: codeInternalError, Message: "try again"},
			`{"requestId":"%s","code":"InternalError","message":"try again"}`},
		{Fault{Kind: ErrorAnswer, Status: 500}, `{"requestId":"%s","code":"InternalError","message":"injected fault \"\""}`},
		{Fault{Kind: ErrorAnswer, Status: 409}, `{"requestId":"%s","code":"SimulatorFault","message":"injected fault \"\""}`},
	}
	for _, test := range tests {
		t.Run(string(test.fault.Kind), func(t *testing.T) {
			eachWhen(t, test.fault, func(t *testing.T, when When, answer *http.Response, body []byte, err error) {
				require.NoError(t, err)
				assert.Equal(t, max(test.fault.Status, 200), answer.StatusCode)
				id := answer.Header.Get("x-bce-request-id")
				assert.Equal(t, strings.Replace(test.want, "%s", id, 1), string(body))
			})
		})
	}
}

func TestRefusingAnswers(t *testing.T) {
	tests := map[string]struct {
		fault Fault
		code  string
	}{
		"code in 200": {Fault{Kind: ErrorAnswer, Status: 200, Code: "AccessDenied"}, "AccessDenied"},
		"usual 400":   {Fault{Kind: ErrorAnswer, Status: 400}, "InvalidHTTPRequest"},
		"usual 403":   {Fault{Kind: ErrorAnswer, Status: 403}, "AccessDenied"},
		"usual 404":   {Fault{Kind: ErrorAnswer, Status: 404}, "InvalidVersion"},
		"usual 412":   {Fault{Kind: ErrorAnswer, Status: 412}, "PreconditionFailed"},
		"usual 429":   {Fault{Kind: ErrorAnswer, Status: 429, RetryAfter: "3"}, "SimulatorThrottled"},
		"usual 418":   {Fault{Kind: ErrorAnswer, Status: 418}, "SimulatorFault"},
		"raw":         {Fault{Kind: RawAnswer, Status: 410, Body: `{"code":"Gone"}`}, "Gone"},
		"gzip":        {Fault{Kind: Gzip, Status: 403}, "AccessDenied"},
		"gateway":     {Fault{Kind: EmptyAnswer, Status: 403, Code: "IamSignatureInvalid", Message: "no"}, ""},
		"redirect":    {Fault{Kind: Redirect, Status: 307, Location: "http://127.0.0.1:1/"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, answer, body, err := meet(t, test.fault)
			require.NoError(t, err)
			assert.Empty(t, s.Orders())
			assert.Equal(t, test.fault.Status, answer.StatusCode)
			assert.Equal(t, test.fault.RetryAfter, answer.Header.Get("Retry-After"))
			assert.Equal(t, test.fault.Location, answer.Header.Get("Location"))
			if test.code != "" {
				assert.Contains(t, string(body), `"code":"`+test.code+`"`)
			}
		})
	}
	_, answer, body, _ := meet(t, tests["gateway"].fault)
	assert.Equal(t, "IamSignatureInvalid", answer.Header.Get("X-Bce-Error-Code"))
	assert.Equal(t, "no", answer.Header.Get("X-Bce-Error-Message"))
	assert.Empty(t, body)
}

func TestHugeBody(t *testing.T) {
	eachWhen(t, Fault{Kind: HugeBody}, func(t *testing.T, when When, answer *http.Response, body []byte, err error) {
		require.NoError(t, err)
		assert.Greater(t, len(body), 1<<20)
		var got gotAnswer
		require.NoError(t, json.Unmarshal(body, &got))
		assert.Equal(t, when == BeforeOrder, got.Result.InstanceID == "", "ids only if there is an order")
	})
}

func TestEndlessBodyIsBounded(t *testing.T) {
	eachWhen(t, Fault{Kind: EndlessBody}, func(t *testing.T, _ When, _ *http.Response, body []byte, err error) {
		require.NoError(t, err)
		assert.Greater(t, len(body), endlessBytes)
		assert.False(t, json.Valid(body))
	})
}

// The server's Close waits for the handler: it returns only because the handler saw the client leave.
func TestEndlessFaultsEndWithClient(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{Kind: EndlessBody}, Fault{Kind: SlowBody})
	server, client := newServer(t, s)
	for range 2 {
		answer, err := client.Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
		require.NoError(t, err)
		_, err = io.ReadFull(answer.Body, make([]byte, 10))
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	server.Close()
	assert.Empty(t, s.Orders())
}

func TestSlowHeadersEndWithClient(t *testing.T) {
	for orders, when := range []When{BeforeOrder, AfterOrder} {
		ctx, cancel := context.WithCancel(t.Context())
		s := New(withClock(Config{Fault: func(Purchase) Fault {
			cancel()
			return Fault{Kind: SlowHeaders, When: when}
		}}))
		server, client := newServer(t, s)
		_, err := client.Do(wireRequest(ctx, server.URL, purchasePath, postpaidBody))
		assert.ErrorIs(t, err, context.Canceled)
		server.Close()
		assert.Len(t, s.Orders(), orders)
	}
}

func TestSlowFaultsWithPatientClient(t *testing.T) {
	eachWhen(t, Fault{Kind: SlowHeaders, Delay: 1}, func(t *testing.T, when When, answer *http.Response, body []byte, err error) {
		require.NoError(t, err)
		bought := strings.Contains(string(body), "orderId")
		assert.Equal(t, when == AfterOrder, bought)
		assert.Equal(t, bought, answer.StatusCode == http.StatusOK)
	})
	eachWhen(t, Fault{Kind: SlowBody, Delay: 1}, func(t *testing.T, when When, answer *http.Response, body []byte, err error) {
		assert.Equal(t, http.StatusOK, answer.StatusCode)
		if when == AfterOrder {
			assert.NoError(t, err)
			assert.True(t, json.Valid(body))
			return
		}
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

func TestEarlyHints(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{Kind: EarlyHints, When: AfterOrder})
	server, client := newServer(t, s)
	hints := 0
	trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(status int, _ textproto.MIMEHeader) error {
			assert.Equal(t, http.StatusEarlyHints, status)
			hints++
			return nil
		},
	})
	answer, err := client.Do(wireRequest(trace, server.URL, purchasePath, postpaidBody))
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, 1, hints)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Contains(t, string(body), s.Orders()[0].OrderID)
	assert.Empty(t, answer.Header.Get("Link"))
}

func TestEndlessHints(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{Kind: EndlessHints}, Fault{Kind: EndlessHints, When: AfterOrder})
	server, client := newServer(t, s)
	_, err := client.Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
	assert.Error(t, err, "the client gives up")

	patient := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { return nil },
	})
	answer, err := client.Do(wireRequest(patient, server.URL, purchasePath, postpaidBody))
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusInternalServerError, answer.StatusCode)
	assert.Len(t, s.Orders(), 1)
}

func TestADateThatIsOff(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{DateOff: -time.Hour})
	assert.Equal(t, "Sun, 22 Nov 2026 07:00:00 GMT", buy(s, postpaidBody).Header.Get("Date"))
	assert.Equal(t, "Sun, 22 Nov 2026 08:00:00 GMT", buy(s, postpaidBody).Header.Get("Date"))
}

func TestAnyFaultCanBeDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		for _, fault := range []Fault{{}, {Kind: ErrorAnswer, Status: 403}, {Kind: Reset}} {
			fault.Delay = 10 * time.Second
			s.Inject(fault, fault)
			started := time.Now()
			_, err := sendInMemory(t, s, 9*time.Second)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			_, err = sendInMemory(t, s, time.Minute)
			assert.Equal(t, fault.Kind == Reset, err != nil)
			assert.Equal(t, 19*time.Second, time.Since(started))
		}
		assert.Len(t, s.Orders(), 2, "the order is made before the wait")
	})
}

func TestNumbersForTextInAListing(t *testing.T) {
	s := New(withClock(Config{}))
	id := buy(s, postpaidBody).Result.InstanceID
	s.InjectRead(Fault{Kind: Numbers})
	assert.JSONEq(t, `{"requestId":7,"result":{"instances":[{"instanceId":"`+id+
		`","paymentTiming":"Postpaid","replicasCount":2,"status":2,"startTime":1795334400}]}}`, list(s, service1).Body)

	s.SetStatus(id, "Frozen")
	s.InjectRead(Fault{Kind: Numbers})
	assert.Contains(t, list(s, service1).Body, `"status":"Frozen"`)
	s.SetStatus(id, StatusCreating)
	s.InjectRead(Fault{Kind: Numbers})
	assert.Contains(t, list(s, service1).Body, `"startTime":"","status":1`)
}
