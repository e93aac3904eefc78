package computeunit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// logBook keeps what a client logs, from debug up.
type logBook struct{ text bytes.Buffer }

func (b *logBook) option() computeunit.Option { return b.from(slog.LevelDebug) }

func (b *logBook) from(level slog.Level) computeunit.Option {
	return computeunit.WithLogger(slog.New(slog.NewJSONHandler(&b.text, &slog.HandlerOptions{Level: level})))
}

// records are the records of a level.
func (b *logBook) records(t *testing.T, level slog.Level) (found []map[string]any) {
	t.Helper()
	for line := range strings.Lines(b.text.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if record[slog.LevelKey] == level.String() {
			found = append(found, record)
		}
	}
	return found
}

func (b *logBook) only(t *testing.T, level slog.Level) map[string]any {
	t.Helper()
	found := b.records(t, level)
	require.Len(t, found, 1)
	return found[0]
}

func TestTheAttributeNamesAreWhatDashboardsAreBuiltOn(t *testing.T) {
	assert.Equal(t,
		[]string{
			"action", "service_id", "attempt", "status", "duration", "request_id", "reason", "wait", "outcome", "error", "instance_id", "order_id",
		},
		[]string{
			"action", "service_id", "attempt", "status", "duration", "request_id",
			"reason", "wait", "outcome", "error",
			"instance_id", "order_id",
		})
}

func TestAPurchaseLogsItsAttemptAtDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		slow := func(req *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second) // of the bubble's time
			return answerBought()(req)
		}
		require.NoError(t, buy(t, newClient(t, roundTripFunc(slow), book.option())))
		attempt := book.only(t, slog.LevelDebug)
		assert.Equal(t, "svco-48esssdpa594", attempt["service_id"])
		assert.Equal(t, 1.0, attempt["attempt"])
		assert.Equal(t, 200.0, attempt["status"])
		assert.Equal(t, float64(2*time.Second), attempt["duration"])
		assert.Equal(t, "1bef3f87-c5b2-4419-936b-50f9884f10d4", attempt["request_id"])
		assert.Len(t, strings.Split(strings.TrimSpace(book.text.String()), "\n"), 2, "the attempt and the purchase")
	})
}

func TestAnAttemptWithoutAnAnswerIsLoggedWithStatusZeroAndTheRequestIDThatWasSent(t *testing.T) {
	var book logBook
	transport := record(failWith(errors.New("reset")))
	require.Error(t, buy(t, newClient(t, transport, book.option())))
	attempt := book.only(t, slog.LevelDebug)
	assert.Equal(t, 0.0, attempt["status"])
	assert.Equal(t, transport.only(t).Header.Get("X-Bce-Request-Id"), attempt["request_id"])
}

func TestARetryIsLoggedAtWarnWithItsReasonAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		transport := record(answerWith(429, `{"code":"TooFast","message":"slow down"}`, "Retry-After", "7"), answerBought())
		require.NoError(t, buy(t, newClient(t, transport, book.option())))
		retry := book.only(t, slog.LevelWarn)
		assert.Equal(t, "svco-48esssdpa594", retry["service_id"])
		assert.Equal(t, 1.0, retry["attempt"])
		assert.Equal(t, float64(7*time.Second), retry["wait"])
		assert.Contains(t, retry["reason"], "HTTP 429")
		assert.Contains(t, retry["reason"], "TooFast")
		assert.Len(t, book.records(t, slog.LevelDebug), 2)
		assert.Empty(t, book.records(t, slog.LevelError))
	})
}

func TestTheLastAttemptIsNotLoggedAsARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		assertOutcome(t, computeunit.ErrNotPurchased, buy(t, newClient(t, answerWith(429, "", "Retry-After", "1"), book.option(), computeunit.WithMaxAttempts(3))))
		assert.Len(t, book.records(t, slog.LevelWarn), 2)
		assert.Len(t, book.records(t, slog.LevelDebug), 3)
	})
}

func TestAnUnknownOutcomeIsLoggedAtErrorOnce(t *testing.T) {
	var book logBook
	assertOutcome(t, computeunit.ErrOutcomeUnknown, buy(t, newClient(t, answerWith(500, `{"requestId":"r-1","code":"InternalError"}`), book.option())))
	unknown := book.only(t, slog.LevelError)
	assert.Equal(t, "svco-48esssdpa594", unknown["service_id"])
	assert.Equal(t, "outcome unknown", unknown["outcome"])
	assert.Equal(t, "r-1", unknown["request_id"])
	assert.Equal(t, 1.0, unknown["attempt"])
	assert.Contains(t, unknown["error"], "InternalError")
	assert.Empty(t, book.records(t, slog.LevelWarn))
}

func TestARefusalIsNotLoggedAtError(t *testing.T) {
	var book logBook
	assertOutcome(t, computeunit.ErrNotPurchased, buy(t, newClient(t, answerWith(403, `{"code":"AccessDenied"}`), book.option())))
	assert.Empty(t, book.records(t, slog.LevelError))
	assert.Empty(t, book.records(t, slog.LevelWarn))
}

func TestAnInvalidRequestLogsNothing(t *testing.T) {
	var book logBook
	_, err := newClient(t, answerBought(), book.option()).PurchaseComputeUnit(t.Context(), withReplicas(0))
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.Empty(t, book.text.String())
}

func TestTheLoggersLevelIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		transport := record(answerWith(429, "", "Retry-After", "1"), answerWith(500, ""))
		assertOutcome(t, computeunit.ErrOutcomeUnknown, buy(t, newClient(t, transport, book.from(slog.LevelError))))
		assert.Empty(t, book.records(t, slog.LevelDebug))
		assert.Empty(t, book.records(t, slog.LevelWarn))
		book.only(t, slog.LevelError)
	})
}

// The service id is in every record, so that the records of concurrent purchases can be kept apart.
func TestEveryRecordNamesTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		require.Error(t, buy(t, newClient(t, record(answerWith(429, "", "Retry-After", "1"), answerWith(500, "")), book.option())))
		for line := range strings.Lines(book.text.String()) {
			assert.Contains(t, line, `"service_id":"svco-48esssdpa594"`)
			assert.Contains(t, line, `"msg":"computeunit: `)
		}
	})
}

// everyKindOfRecord buys in ways that write each kind of record.
func everyKindOfRecord(t *testing.T, script ...roundTripFunc) (text string, sent []sentRequest) {
	t.Helper()
	var asJSON, asText logBook
	for _, option := range []computeunit.Option{
		asJSON.option(),
		computeunit.WithLogger(slog.New(slog.NewTextHandler(&asText.text, &slog.HandlerOptions{Level: slog.LevelDebug - 8, AddSource: true}))),
	} {
		transport := record(script...)
		_ = buy(t, newClientWith(t, provide(testCredentials()), transport, option))
		sent = append(sent, transport.requests()...)
	}
	return asJSON.text.String() + asText.text.String(), sent
}

func TestNoKeySecretSignatureOrBodyStandsInALog(t *testing.T) {
	date := []string{"Date", "Sat, 01 Jan 2000 00:10:00 GMT"}
	for name, script := range map[string][]roundTripFunc{
		"bought":        {answerBought()},
		"retried":       {answerWith(429, `{"code":"TooFast"}`), answerBought()},
		"clock off":     {answerWith(400, `{"code":"RequestExpired"}`, date...), answerBought()},
		"refused":       {answerWith(403, `{"code":"AccessDenied"}`)},
		"unknown":       {answerWith(500, `{"code":"InternalError"}`)},
		"unreadable":    {answerWith(200, `nonsense`)},
		"redirected":    {answerWith(307, "", "Location", "https://elsewhere.example.com")},
		"lost":          {failWith(errors.New("connection reset"))},
		"lost at retry": {answerWith(429, "", "Retry-After", "1"), failWith(errors.New("connection reset"))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, sent := everyKindOfRecord(t, script...)
				require.NotEmpty(t, text)
				assertNoSecret(t, text)
				assert.NotContains(t, text, "bce-auth-v1")
				assert.NotContains(t, strings.ToLower(text), "authorization")
				for _, req := range sent {
					assert.NotContains(t, text, signatureOf(t, req))
					assert.NotContains(t, text, req.body)
				}
				for _, field := range []string{"replicasCount", "paymentTiming", "reservationLength", "instanceId"} {
					assert.NotContains(t, text, field)
				}
			})
		})
	}
}

func signatureOf(t *testing.T, req sentRequest) string {
	t.Helper()
	authorization := req.Header.Get("Authorization")
	signature := authorization[strings.LastIndexByte(authorization, '/')+1:]
	require.Len(t, signature, 64)
	return signature
}

// A verbose proxy or gateway repeats the request's headers in its error page. The signature is good for five
// minutes and for any body: whoever reads it in a log can buy with it.
func TestASignatureThatAnAnswerRepeatsStandsInNoLogAndNoError(t *testing.T) {
	for name, respond := range map[string]func(authorization string) roundTripFunc{
		"in an error page": func(authorization string) roundTripFunc {
			return answerWith(502, "Authorization: "+authorization)
		},
		"in a message": func(authorization string) roundTripFunc {
			return answerWith(500, fmt.Sprintf(`{"code":"InternalError","message":"bad header %s"}`, authorization))
		},
		"in escaped JSON in a message": func(authorization string) roundTripFunc {
			return answerWith(500, fmt.Sprintf(`{"code":"InternalError","message":%q}`,
				`{"authorization":"`+strings.ReplaceAll(authorization, "/", `\/`)+`"}`))
		},
		"in a code": func(authorization string) roundTripFunc {
			return answerWith(500, fmt.Sprintf(`{"code":%q}`, authorization))
		},
		"in a request id": func(authorization string) roundTripFunc {
			return answerWith(500, fmt.Sprintf(`{"requestId":%q}`, authorization))
		},
		"in a location": func(authorization string) roundTripFunc {
			return answerWith(302, "", "Location", "/login?from="+url.QueryEscape(authorization))
		},
		"in an error of the transport": func(authorization string) roundTripFunc {
			return failWith(fmt.Errorf("malformed MIME header line: %s", authorization))
		},
		"in the message of a 429": func(authorization string) roundTripFunc {
			return answerWith(429, fmt.Sprintf(`{"code":"TooFast","message":"bad header %s"}`, authorization))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				repeat := func(req *http.Request) (*http.Response, error) {
					return respond(req.Header.Get("Authorization"))(req)
				}
				text, sent := everyKindOfRecord(t, repeat)
				transport := record(repeat)
				text += buy(t, newClientWith(t, provide(testCredentials()), transport)).Error()
				sent = append(sent, transport.requests()...)
				assertNoSecret(t, text)
				for _, req := range sent {
					assert.NotContains(t, text, signatureOf(t, req))
				}
			})
		})
	}
}

func TestNothingIsLoggedWithoutALogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		oldSlog, oldWriter, oldFlags := slog.Default(), log.Writer(), log.Flags()
		slog.SetDefault(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))
		log.SetOutput(&b)
		defer func() {
			slog.SetDefault(oldSlog)
			log.SetOutput(oldWriter)
			log.SetFlags(oldFlags)
		}()
		require.Error(t, buy(t, newClient(t, record(answerWith(429, "", "Retry-After", "1"), answerWith(500, "")))))
		assert.Empty(t, b.String())
	})
}

// Money leaves a trace.
func TestAPurchaseWritesOneInfoRecordThatNamesWhatWasBought(t *testing.T) {
	for body, want := range map[string][3]any{
		documentedAnswer: {"44961088fxxxx9e9379f5daf", "7b468732xxxxxx8364292", "1bef3f87-c5b2-4419-936b-50f9884f10d4"},
		`{"requestId":"r","result":{"instanceId":"i"}}`: {"i", "", "r"},
		`{"requestId":"r","result":{"orderId":"o"}}`:    {"", "o", "r"},
	} {
		var book logBook
		require.NoError(t, buy(t, newClient(t, answerWith(200, body), book.from(slog.LevelInfo))))
		bought := book.only(t, slog.LevelInfo)
		assert.Len(t, strings.Split(strings.TrimSpace(book.text.String()), "\n"), 1)
		assert.Equal(t, "computeunit: bought", bought[slog.MessageKey])
		assert.Equal(t, purchaseAction, bought["action"])
		assert.Equal(t, testService, bought["service_id"])
		assert.Equal(t, want, [3]any{bought["instance_id"], bought["order_id"], bought["request_id"]})
	}
}

func TestOnlyAPurchaseIsLoggedAsBought(t *testing.T) {
	var book logBook
	client := newClient(t, record(answerWith(200, listing()), answerWith(200, `{}`), answerWith(403, deniedBody), answerWith(500, ``)), book.option())
	_, err := describe(t, client)
	require.NoError(t, err)
	require.NoError(t, client.Call(t.Context(), "/v2/service", "ModifyService", nil, nil))
	require.Error(t, buy(t, client))
	require.Error(t, buy(t, client))
	assert.Empty(t, book.records(t, slog.LevelInfo))
}
