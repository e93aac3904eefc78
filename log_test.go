package computeunit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
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

// values are those of these attributes, in each record of a level.
func (b *logBook) values(t *testing.T, level slog.Level, names ...string) (found [][]any) {
	t.Helper()
	for _, record := range b.records(t, level) {
		var values []any
		for _, name := range names {
			values = append(values, record[name])
		}
		found = append(found, values)
	}
	return found
}

// documentedAttributes are the names that WithLogger's comment lists for a record, and for all.
func documentedAttributes(t *testing.T, record string) (names []string) {
	t.Helper()
	comment := row(t, read(t, "client.go"), `(?s)\n// WithLogger (.+?)\nfunc `)
	line := regexp.MustCompile(`(?m)^//\t([a-z_, ]+?)  +(?:string  |int  )? *(?:(attempt|retry|outcome unknown|bought): )?`)
	for _, match := range line.FindAllStringSubmatch(comment, -1) {
		if match[2] == "" || match[2] == record {
			names = append(names, strings.Split(match[1], ", ")...)
		}
	}
	return append(names, slog.TimeKey, slog.LevelKey, slog.MessageKey)
}

func TestEveryRecordHasTheDocumentedAttributes(t *testing.T) {
	var book logBook
	require.NoError(t, buy(t, newClient(t, record(answerWith(429, ``, "Retry-After", "0"), answerBought()), book.option())))
	require.Error(t, buy(t, newClient(t, failWith(io.EOF), book.option())))
	require.Error(t, call(t, newClient(t, failWith(io.EOF), book.option()), nil, nil))
	for kind, level := range map[string]slog.Level{
		"attempt": slog.LevelDebug, "bought": slog.LevelInfo, "retry": slog.LevelWarn, "outcome unknown": slog.LevelError,
	} {
		documented := documentedAttributes(t, kind)
		assert.Contains(t, documented, "client_request_id")
		found := book.records(t, level)
		assert.NotEmpty(t, found, kind)
		for _, record := range found {
			assert.Equal(t, "computeunit: "+kind, record[slog.MessageKey])
			assert.ElementsMatch(t, documented, slices.Collect(maps.Keys(record)), kind)
		}
	}
}

// The service's request id is what Baidu's support asks for, the one that was sent is what the records of package once have.
func TestTheRecordsSayWhatHappenedAndTheRequestIDsJoinThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		slow := func(req *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second) // of the bubble's time
			return answerWith(429, `{"requestId":"r-429","code":"TooFast","message":"slow down"}`, "Retry-After", "7")(req)
		}
		seen := record(slow, answerWith(500, internalBody), answerWith(502, ``, "X-Bce-Request-Id", "header"), failWith(io.EOF))
		client := newClient(t, seen, book.option())
		for range 3 {
			require.Error(t, buy(t, client))
		}
		id := func(i int) any { return seen.requests()[i].Header.Get("X-Bce-Request-Id") }
		assert.Equal(t, [][]any{{1.0, 429.0, 2e9, "r-429", id(0)}, {2.0, 500.0, 0.0, "r-1", id(1)}, {1.0, 502.0, 0.0, "header", id(2)}, {1.0, 0.0, 0.0, "", id(3)}},
			book.values(t, slog.LevelDebug, "attempt", "status", "duration", "request_id", "client_request_id"))
		assert.Equal(t, [][]any{{1.0, testService, `the service answered HTTP 429 Too Many Requests, code "TooFast", message "slow down"`, 7e9, "r-429", id(0)}},
			book.values(t, slog.LevelWarn, "attempt", "service_id", "reason", "wait", "request_id", "client_request_id"))
		assert.Equal(t, [][]any{{2.0, "r-1", id(1)}, {1.0, "header", id(2)}, {1.0, "", id(3)}}, book.values(t, slog.LevelError, "attempt", "request_id", "client_request_id"))
		last := book.records(t, slog.LevelError)[2]
		assert.Equal(t, []any{"outcome unknown", "EOF"}, []any{last["outcome"], last["error"]})
	})
}

// Money leaves a trace.
func TestAPurchaseIsLoggedWithWhatWasBought(t *testing.T) {
	for body, want := range map[string][]any{
		documentedAnswer:                  {"44961088fxxxx9e9379f5daf", "7b468732xxxxxx8364292", "1bef3f87-c5b2-4419-936b-50f9884f10d4"},
		`{"result":{"instanceId":"i-1"}}`: {"i-1", "", ""},
		`{"result":{"orderId":"o-1"}}`:    {"", "o-1", ""},
	} {
		var book logBook
		require.NoError(t, buy(t, newClient(t, answerWith(200, body), book.from(slog.LevelInfo))))
		assert.Equal(t, [][]any{want}, book.values(t, slog.LevelInfo, "instance_id", "order_id", "request_id"))
	}
}

func TestEachCallWritesTheRecordsOfItsLevels(t *testing.T) {
	again := answerWith(429, ``, "Retry-After", "1")
	for name, row := range map[string]struct {
		do     func(context.Context, *computeunit.Client) error
		script []roundTripFunc
		want   string // debug, info, warn, error
	}{
		"bought":             {buyIn, []roundTripFunc{answerBought()}, "1 1 0 0"},
		"bought after a 429": {buyIn, []roundTripFunc{again, answerBought()}, "2 1 1 0"},
		"throttled":          {buyIn, []roundTripFunc{again}, "3 0 2 0"},
		"refused":            {buyIn, []roundTripFunc{answerWith(403, deniedBody)}, "1 0 0 0"},
		"unknown":            {buyIn, []roundTripFunc{answerWith(500, ``)}, "1 0 0 1"},
		"not sent":           {buyInNoContext, nil, "0 0 0 0"},
		"listed":             {list, []roundTripFunc{failWith(io.EOF), answerWith(200, listing())}, "2 0 1 0"},
		"not listed":         {list, []roundTripFunc{failWith(io.EOF)}, "3 0 2 0"},
	} {
		inBubble(t, name, func(t *testing.T) {
			levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
			for i, from := range levels {
				var book logBook
				_ = row.do(t.Context(), newClient(t, record(row.script...), book.from(from)))
				var counts []int
				for _, level := range levels {
					counts = append(counts, len(book.records(t, level)))
				}
				want := strings.Repeat("0 ", i) + row.want[2*i:]
				assert.Equal(t, "["+want+"]", fmt.Sprint(counts), "logged from %s", from)
			}
		})
	}
}

func buyInNoContext(_ context.Context, client *computeunit.Client) error {
	var none context.Context
	return buyIn(none, client)
}

func TestNothingIsLoggedWithoutALogger(t *testing.T) {
	var b bytes.Buffer
	oldSlog, oldWriter, oldFlags := slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.SetOutput(&b)
	defer func() {
		slog.SetDefault(oldSlog)
		log.SetOutput(oldWriter)
		log.SetFlags(oldFlags)
	}()
	require.Error(t, buy(t, newClient(t, record(answerWith(429, "", "Retry-After", "0"), answerWith(500, "")))))
	assert.Empty(t, b.String())
}
