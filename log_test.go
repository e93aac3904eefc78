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

func (b *logBook) option() computeunit.Option {
	return computeunit.WithLogger(slog.New(slog.NewJSONHandler(&b.text, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// levels are those of the records, in order.
func (b *logBook) levels() string {
	return strings.Join(all(`"level":"(\w+)"`, b.text.String()), " ")
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
	require.Error(t, call(t, newClient(t, failWith(io.EOF), book.option()), nil, nil))
	require.Equal(t, "DEBUG WARN DEBUG INFO DEBUG ERROR", book.levels())
	for line := range strings.Lines(book.text.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		kind := strings.TrimPrefix(record[slog.MessageKey].(string), "computeunit: ")
		documented := documentedAttributes(t, kind)
		assert.Contains(t, documented, "client_request_id")
		assert.ElementsMatch(t, documented, slices.Collect(maps.Keys(record)), kind)
	}
}

// The service's request id is what Baidu's support asks for, the one that was sent is what the records of package once have.
func TestTheRecordsSayWhatHappenedAndTheRequestIDsJoinThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(req *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second) // of the bubble's time
			return answerWith(429, `{"requestId":"r-429","code":"TooFast"}`, "Retry-After", "7")(req)
		}
		seen := record(slow, failWith(io.EOF), answerWith(502, ``, "X-Bce-Request-Id", "header"), answerBought())
		var log bytes.Buffer
		handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
		client := newClient(t, seen, computeunit.WithLogger(slog.New(handler)))
		for range 3 {
			_ = buy(t, client)
		}
		text := regexp.MustCompile(`time=\S+ `).ReplaceAllString(log.String(), "")
		for i, sent := range seen.requests() {
			text = strings.ReplaceAll(text, sent.Header.Get("X-Bce-Request-Id"), fmt.Sprint("sent-", i))
		}
		assert.Equal(t, strings.Fields(`
			level=DEBUG msg="computeunit: attempt" action=PurchaseComputeUnit service_id=svco-48esssdpa594
				request_id=r-429 client_request_id=sent-0 attempt=1 status=429 duration=2s
			level=WARN msg="computeunit: retry" action=PurchaseComputeUnit service_id=svco-48esssdpa594
				request_id=r-429 client_request_id=sent-0 attempt=1
				reason="the service answered HTTP 429 Too Many Requests, code \"TooFast\"" wait=7s
			level=DEBUG msg="computeunit: attempt" action=PurchaseComputeUnit service_id=svco-48esssdpa594
				request_id="" client_request_id=sent-1 attempt=2 status=0 duration=0s
			level=ERROR msg="computeunit: outcome unknown" action=PurchaseComputeUnit service_id=svco-48esssdpa594
				request_id="" client_request_id=sent-1 attempt=2 outcome="outcome unknown" error=EOF
			level=DEBUG msg="computeunit: attempt" action=PurchaseComputeUnit service_id=svco-48esssdpa594
				request_id=header client_request_id=sent-2 attempt=1 status=502 duration=0s
			level=ERROR msg="computeunit: outcome unknown" action=PurchaseComputeUnit service_id=svco-48esssdpa594
				request_id=header client_request_id=sent-2 attempt=1 outcome="outcome unknown"
				error="the service or its gateway answered HTTP 502 Bad Gateway, content type \"\", 0 bytes: \"\""
			level=DEBUG msg="computeunit: attempt" action=PurchaseComputeUnit service_id=svco-48esssdpa594
				request_id=1bef3f87-c5b2-4419-936b-50f9884f10d4 client_request_id=sent-3 attempt=1 status=200 duration=0s
			level=INFO msg="computeunit: bought" action=PurchaseComputeUnit service_id=svco-48esssdpa594
				request_id=1bef3f87-c5b2-4419-936b-50f9884f10d4 client_request_id=sent-3 attempt=1
				instance_id=44961088fxxxx9e9379f5daf order_id=7b468732xxxxxx8364292
		`), strings.Fields(text))
	})
}

func TestEachCallWritesItsRecordsAtTheirLevels(t *testing.T) {
	again := answerWith(429, ``, "Retry-After", "1")
	for name, row := range map[string]struct {
		do     func(context.Context, *computeunit.Client) error
		script *recorder
		want   string
	}{
		"bought":             {buyIn, record(answerBought()), "DEBUG INFO"},
		"bought after a 429": {buyIn, record(again, answerBought()), "DEBUG WARN DEBUG INFO"},
		"throttled":          {buyIn, record(again), "DEBUG WARN DEBUG WARN DEBUG"},
		"refused":            {buyIn, record(answerWith(403, deniedBody)), "DEBUG"},
		"unknown":            {buyIn, record(answerWith(500, ``)), "DEBUG ERROR"},
		"not sent":           {buyInNoContext, record(), ""},
		"listed":             {list, record(failWith(io.EOF), answerWith(200, listing())), "DEBUG WARN DEBUG"},
		"not listed":         {list, record(failWith(io.EOF)), "DEBUG WARN DEBUG WARN DEBUG"},
	} {
		inBubble(t, name, func(t *testing.T) {
			var book logBook
			_ = row.do(t.Context(), newClient(t, row.script, book.option()))
			assert.Equal(t, row.want, book.levels())
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
	// It takes what package log writes, too.
	slog.SetDefault(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer func() {
		slog.SetDefault(oldSlog)
		log.SetOutput(oldWriter)
		log.SetFlags(oldFlags)
	}()
	require.Error(t, buy(t, newClient(t, record(answerWith(429, "", "Retry-After", "0"), answerWith(500, "")))))
	assert.Empty(t, b.String())
}
