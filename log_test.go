package computeunit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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

// documentedAttributes are the names and, if one is given, the type that WithLogger's comment lists for a record, and for all.
func documentedAttributes(t *testing.T, record string) map[string]string {
	t.Helper()
	documented := map[string]string{}
	_, comment, _ := strings.Cut(read(t, "client.go"), "\n// WithLogger ")
	comment, _, _ = strings.Cut(comment, "\nfunc ")
	line := regexp.MustCompile(`(?m)^//\t([a-z_, ]+?)  +(string  |int  )? *(?:(attempt|retry|outcome unknown|bought): )?`)
	for _, match := range line.FindAllStringSubmatch(comment, -1) {
		for name := range strings.SplitSeq(match[1], ", ") {
			if match[3] == "" || match[3] == record {
				documented[name] = strings.TrimSpace(match[2])
			}
		}
	}
	return documented
}

func TestEveryRecordHasTheDocumentedAttributes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		require.NoError(t, buy(t, newClient(t, record(answerWith(429, ``, "Retry-After", "1"), answerBought()), book.option())))
		require.Error(t, buy(t, newClient(t, failWith(io.EOF), book.option())))
		require.Error(t, newClient(t, failWith(io.EOF), book.option()).Call(t.Context(), "/v2/service", "ModifyService", nil, nil))
		for kind, level := range map[string]slog.Level{
			"attempt": slog.LevelDebug, "bought": slog.LevelInfo, "retry": slog.LevelWarn, "outcome unknown": slog.LevelError,
		} {
			documented := documentedAttributes(t, kind)
			assert.Contains(t, documented, "client_request_id")
			found := book.records(t, level)
			assert.NotEmpty(t, found, kind)
			for _, record := range found {
				assert.Equal(t, "computeunit: "+kind, record[slog.MessageKey])
				for _, name := range []string{slog.TimeKey, slog.LevelKey, slog.MessageKey} {
					delete(record, name)
				}
				assert.ElementsMatch(t, slices.Collect(maps.Keys(documented)), slices.Collect(maps.Keys(record)), kind)
				for name, kind := range documented {
					want := map[string]any{"string": "", "int": 0.0, "": record[name]}[kind]
					assert.IsType(t, want, record[name], name)
				}
			}
		}
	})
}

// The service's request id is what Baidu's support asks for, the one that was sent is what the records of package once have.
func TestTheRequestIDsJoinAllRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, row := range map[string]struct {
			script []roundTripFunc
			want   []string // for each attempt
		}{
			"bought": {[]roundTripFunc{answerBought()}, []string{"1bef3f87-c5b2-4419-936b-50f9884f10d4"}},
			"retried": {[]roundTripFunc{answerWith(429, `{"requestId":"r-429"}`, "Retry-After", "1"),
				answerWith(500, internalBody)}, []string{"r-429", "r-1"}},
			"by a header": {[]roundTripFunc{answerWith(502, ``, "X-Bce-Request-Id", "from-the-header")}, []string{"from-the-header"}},
			"lost":        {[]roundTripFunc{failWith(io.EOF)}, []string{""}},
			"not named":   {[]roundTripFunc{answerWith(200, `{"result":{"orderId":"o"}}`)}, []string{""}},
		} {
			var book logBook
			transport := record(row.script...)
			_ = buy(t, newClient(t, transport, book.option()))
			for line := range strings.Lines(book.text.String()) {
				var record struct {
					RequestID       string `json:"request_id"`
					ClientRequestID string `json:"client_request_id"`
					ServiceID       string `json:"service_id"`
					Attempt         int
				}
				require.NoError(t, json.Unmarshal([]byte(line), &record))
				assert.Equal(t, row.want[record.Attempt-1], record.RequestID, name)
				assert.Equal(t, transport.requests()[record.Attempt-1].Header.Get("X-Bce-Request-Id"), record.ClientRequestID, name)
				assert.Equal(t, testService, record.ServiceID)
			}
		}
	})
}

func TestTheRecordsSayWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		slow := func(req *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second) // of the bubble's time
			return answerWith(429, `{"code":"TooFast","message":"slow down"}`, "Retry-After", "7")(req)
		}
		require.Error(t, buy(t, newClient(t, record(slow, answerWith(500, internalBody)), book.option())))
		attempts := book.records(t, slog.LevelDebug)
		assert.Equal(t, []any{1.0, 429.0, float64(2 * time.Second)},
			[]any{attempts[0]["attempt"], attempts[0]["status"], attempts[0]["duration"]})
		assert.Equal(t, []any{2.0, 500.0, 0.0}, []any{attempts[1]["attempt"], attempts[1]["status"], attempts[1]["duration"]})
		retry := book.only(t, slog.LevelWarn)
		assert.Equal(t, float64(7*time.Second), retry["wait"])
		assert.Contains(t, retry["reason"], `HTTP 429 Too Many Requests, code "TooFast"`)
		unknown := book.only(t, slog.LevelError)
		assert.Equal(t, "outcome unknown", unknown["outcome"])
		assert.Contains(t, unknown["error"], "InternalError")
	})
}

// Money leaves a trace.
func TestAPurchaseIsLoggedWithWhatWasBought(t *testing.T) {
	for body, want := range map[string][2]any{
		documentedAnswer:                  {"44961088fxxxx9e9379f5daf", "7b468732xxxxxx8364292"},
		`{"result":{"instanceId":"i-1"}}`: {"i-1", ""},
		`{"result":{"orderId":"o-1"}}`:    {"", "o-1"},
	} {
		var book logBook
		require.NoError(t, buy(t, newClient(t, answerWith(200, body), book.from(slog.LevelInfo))))
		bought := book.only(t, slog.LevelInfo)
		assert.Equal(t, want, [2]any{bought["instance_id"], bought["order_id"]})
	}
}

func TestEachCallWritesTheRecordsOfItsLevels(t *testing.T) {
	again := answerWith(429, ``, "Retry-After", "1")
	buys := func(t *testing.T, client *computeunit.Client) { _ = buy(t, client) }
	for name, row := range map[string]struct {
		do     func(*testing.T, *computeunit.Client)
		script []roundTripFunc
		want   string // debug, info, warn, error
	}{
		"bought":             {buys, []roundTripFunc{answerBought()}, "1 1 0 0"},
		"bought after a 429": {buys, []roundTripFunc{again, answerBought()}, "2 1 1 0"},
		"throttled":          {buys, []roundTripFunc{again}, "3 0 2 0"},
		"refused":            {buys, []roundTripFunc{answerWith(403, deniedBody)}, "1 0 0 0"},
		"unknown":            {buys, []roundTripFunc{answerWith(500, ``)}, "1 0 0 1"},
		"invalid": {func(t *testing.T, client *computeunit.Client) {
			_, _ = client.PurchaseComputeUnit(t.Context(), withReplicas(0))
		}, nil, "0 0 0 0"},
		"listed": {func(t *testing.T, client *computeunit.Client) { _, _ = describe(t, client) },
			[]roundTripFunc{failWith(io.EOF), answerWith(200, listing())}, "2 0 1 0"},
		"not listed": {func(t *testing.T, client *computeunit.Client) { _, _ = describe(t, client) },
			[]roundTripFunc{failWith(io.EOF)}, "3 0 2 0"},
		"not released": {func(t *testing.T, client *computeunit.Client) { _ = release(t.Context(), client) },
			[]roundTripFunc{failWith(io.EOF)}, "3 0 2 0"},
		"called": {func(t *testing.T, client *computeunit.Client) {
			_ = client.Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
		},
			[]roundTripFunc{answerWith(200, `{}`)}, "1 0 0 0"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
				for i, from := range levels {
					var book logBook
					row.do(t, newClient(t, record(row.script...), book.from(from)))
					var counts []int
					for _, level := range levels {
						counts = append(counts, len(book.records(t, level)))
					}
					want := strings.Repeat("0 ", i) + row.want[2*i:]
					assert.Equal(t, "["+want+"]", fmt.Sprint(counts), "logged from %s", from)
				}
			})
		})
	}
}

// everyKindOfRecord is what a purchase logs, as JSON and as text, and its error.
func everyKindOfRecord(t *testing.T, script ...roundTripFunc) (text string, sent []sentRequest) {
	t.Helper()
	var asJSON, asText logBook
	for _, option := range []computeunit.Option{
		asJSON.option(),
		computeunit.WithLogger(slog.New(slog.NewTextHandler(&asText.text,
			&slog.HandlerOptions{Level: slog.LevelDebug - 8, AddSource: true}))),
	} {
		transport := record(script...)
		text += fmt.Sprint(buy(t, newClientWith(t, provide(testCredentials()), transport, option)))
		sent = append(sent, transport.requests()...)
	}
	require.NotEmpty(t, asText.text.String())
	return text + asJSON.text.String() + asText.text.String(), sent
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
func TestNoSignatureTokenOrBodyStandsInALogOrAnError(t *testing.T) {
	for name, respond := range map[string]func(authorization string) roundTripFunc{
		"bought":     func(string) roundTripFunc { return answerBought() },
		"unreadable": func(string) roundTripFunc { return answerWith(200, `nonsense`) },
		"lost":       func(string) roundTripFunc { return failWith(errLost) },
		"error page": func(a string) roundTripFunc { return answerWith(502, "Authorization: "+a) },
		"cut page":   func(a string) roundTripFunc { return answerWith(502, strings.Repeat("x", 100)+a) },
		"message": func(a string) roundTripFunc {
			return answerWith(500, fmt.Sprintf(`{"code":"InternalError","message":"bad header %s"}`, a))
		},
		"JSON in a message": func(a string) roundTripFunc {
			return answerWith(500, fmt.Sprintf(`{"code":"InternalError","message":%q}`,
				`{"authorization":"`+strings.ReplaceAll(a, "/", `\/`)+`"}`))
		},
		"code":       func(a string) roundTripFunc { return answerWith(500, fmt.Sprintf(`{"code":%q}`, a)) },
		"request id": func(a string) roundTripFunc { return answerWith(500, fmt.Sprintf(`{"requestId":%q}`, a)) },
		"location": func(a string) roundTripFunc {
			return answerWith(302, "", "Location", "/login?from="+url.QueryEscape(a))
		},
		"error": func(a string) roundTripFunc { return failWith(fmt.Errorf("malformed MIME header line: %s", a)) },
		"429": func(a string) roundTripFunc {
			return answerWith(429, fmt.Sprintf(`{"message":"bad %s"}`, a), "Retry-After", "1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, sent := everyKindOfRecord(t, func(req *http.Request) (*http.Response, error) {
					return respond(req.Header.Get("Authorization") + " " + testSessionToken)(req)
				})
				for _, req := range sent {
					assert.NotContains(t, text, signatureOf(t, req)[:32])
				}
				for _, part := range []string{testSessionToken, testSecretKey, "replicasCount"} {
					assert.NotContains(t, text, part)
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
