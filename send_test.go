package computeunit_test

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// Time stands still in these: a wait is seen by how far the clock moved.

func TestEveryRequestIsAPOSTThatNothingCanReplay(t *testing.T) {
	sent, _ := sentBy(t)
	assert.Equal(t, []string{http.MethodPost, "https://qianfan.baidubce.com/v2/serviceresources?Action=PurchaseComputeUnit", compact(t, documentedBody), "application/json"},
		[]string{sent.Method, sent.URL.String(), sent.body, sent.Header.Get("Content-Type")})
	assert.EqualValues(t, len(sent.body), sent.ContentLength)
	assert.Nil(t, sent.GetBody)
	for name := range sent.Header {
		assert.NotContains(t, strings.ToLower(name), "idempotency")
	}
}

func TestA429IsSentAgainOnlyWithARetryAfterAndAfterItSignedAfresh(t *testing.T) {
	for value, want := range map[string]int{"": 1, "soon": 1, "0s": 1, "0": 3, "600": 3} {
		inBubble(t, value, func(t *testing.T) {
			seen, now := record(answerWith(429, ``, "Retry-After", value)), time.Now().UTC()
			err := buy(t, newClient(t, seen))
			assertOutcome(t, notPurchased, err)
			assert.ErrorIs(t, err, computeunit.ErrThrottled)
			assert.Equal(t, []int{want, want}, []int{len(seen.requests()), outcomeError(t, err).Attempts})
			ids := map[string]bool{}
			for _, sent := range seen.requests() {
				assert.Contains(t, sent.Header.Get("Authorization"), "/"+now.Format(time.RFC3339)+"/300/")
				assert.Equal(t, compact(t, documentedBody), sent.body)
				ids[sent.Header.Get("X-Bce-Request-Id")] = true
				if value == "600" {
					now = now.Add(10 * time.Minute)
				}
			}
			assert.Len(t, ids, want)
		})
	}
}

func TestAWaitEndsWithItsContextAndAtOnceIfThatEndsBefore(t *testing.T) {
	for _, row := range []struct {
		deadline, cancelled, waited time.Duration
		cause                       error
	}{{time.Minute, time.Hour, 0, context.DeadlineExceeded}, {time.Hour, time.Second, time.Second, context.Canceled}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(within(t, row.deadline))
			time.AfterFunc(row.cancelled, cancel)
			seen, started := record(answerWith(429, "", "Retry-After", "61")), time.Now()
			err := buyIn(ctx, newClient(t, seen))
			assertOutcome(t, notPurchased, err)
			assertRetryable(t, true, err)
			assert.ErrorIs(t, err, computeunit.ErrThrottled)
			assert.ErrorIs(t, err, row.cause)
			assert.ErrorContains(t, err, "gave up")
			assert.Equal(t, row.waited, time.Since(started))
			seen.only(t)
		})
	}
}

func TestRequestExpiredIsSignedAgainOnceByTheServicesClock(t *testing.T) {
	const inAnHour = "Sat, 01 Jan 2000 01:00:00 GMT" // the fake clock starts at 2000-01-01
	synctest.Test(t, func(t *testing.T) {
		expired := answerWith(400, `{"code":"RequestExpired"}`, "Date", inAnHour, "X-Bce-Request-Id", "r")
		seen := record(expired, answerBought())
		client := newClient(t, seen)
		require.NoError(t, buy(t, client))
		require.NoError(t, buy(t, client), "the correction is kept")
		var signed []string
		for _, sent := range seen.requests() {
			signed = append(signed, sent.Header.Get("X-Bce-Date"))
		}
		assert.Equal(t, []string{"2000-01-01T00:00:00Z", "2000-01-01T01:00:00Z", "2000-01-01T01:00:00Z"}, signed)
		seen = record(expired)
		assertRetryable(t, true, buy(t, newClient(t, seen, computeunit.WithMaxAttempts(9))))
		assert.Len(t, seen.requests(), 2)
	})
	for _, body := range []string{
		`{"code":"requestexpired"}`, `{"code":"SignatureDoesNotMatch"}`, `{"error":{"code":"RequestExpired"}}`,
		`{"code":"RequestExpired","error":"InternalError"}`,
	} {
		seen := record(answerWith(400, body, "Date", inAnHour, "X-Bce-Request-Id", "r"))
		require.Error(t, buy(t, newClient(t, seen)), body)
		seen.only(t)
	}
}

// A correction ends when the clocks agree, and a proxy's Date makes none.
func TestAttemptsAreSignedWithTheTimeOfTheServicesLastDate(t *testing.T) {
	const now, inAnHour = "Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2000 01:00:00 GMT"
	synctest.Test(t, func(t *testing.T) {
		seen := record(answerWith(502, ``, "Date", inAnHour), answerWith(403, deniedBody, "Date", inAnHour), answerWith(403, deniedBody, "Date", now))
		client := newClient(t, seen)
		for hour, want := range []string{"00", "00", "01", "00"} {
			assert.Error(t, buy(t, client))
			assert.Equal(t, "2000-01-01T"+want+":00:00Z", seen.requests()[hour].Header.Get("X-Bce-Date"))
		}
	})
}

func TestWhatCannotBeSentIsNot(t *testing.T) {
	seen := record(answerBought())
	client := newClient(t, seen)
	assertUnsent(t, false, buyInNoContext(t.Context(), client))
	unencodable := client.Call(t.Context(), "/v2/service", "ModifyService", math.Inf(1), nil)
	assertUnsent(t, false, unencodable)
	assert.ErrorContains(t, unencodable, "encoding the request")
	_, err := client.PurchaseComputeUnit(t.Context(), withReplicas(0))
	assertUnsent(t, false, err)
	var invalid *computeunit.ValidationError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, []computeunit.Violation{{Path: "replicasCount", Rule: "must be at least 1", Value: "0"}}, invalid.Violations)
	assert.Empty(t, seen.requests())
}
