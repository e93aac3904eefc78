package computeunit_test

import (
	"context"
	"errors"
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

func TestTheShorterLimitEndsAnAttempt(t *testing.T) {
	for _, limit := range []time.Duration{time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			seen, started := record(hang), time.Now()
			_, err := newClient(t, seen).PurchaseComputeUnit(ctx, documentedRequest())
			assert.Equal(t, min(limit, 30*time.Second), time.Since(started))
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			seen.only(t)
		})
	}
}

func TestEveryRequestIsASignedPOSTThatNothingCanReplay(t *testing.T) {
	seen := record(answerBought())
	require.NoError(t, buy(t, newClient(t, seen)))
	sent := seen.only(t)
	assert.Equal(t, []string{http.MethodPost, "https://qianfan.baidubce.com/v2/serviceresources?Action=PurchaseComputeUnit", compact(t, documentedBody)},
		[]string{sent.Method, sent.URL.String(), sent.body})
	assert.Equal(t, []string{"application/json"}, sent.Header["Content-Type"])
	assert.EqualValues(t, len(sent.body), sent.ContentLength)
	assert.Nil(t, sent.GetBody)
	for name := range sent.Header {
		assert.NotContains(t, strings.ToLower(name), "idempotency")
	}
	assert.Equal(t, []string{"content-type", "host", "x-bce-date"}, signedHeaders(t, sent))
}

func TestEveryAttemptIsSignedAfreshWithAnIDOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := record(answerWith(429, "", "Retry-After", "600"))
		started := time.Now().UTC()
		assertOutcome(t, computeunit.ErrNotPurchased, buy(t, newClient(t, seen, computeunit.WithMaxAttempts(9))))
		ids := map[string]bool{}
		for i, sent := range seen.requests() {
			date := started.Add(time.Duration(i) * 10 * time.Minute).Format(time.RFC3339)
			assert.Equal(t, date, sent.Header.Get("X-Bce-Date"))
			assert.Contains(t, sent.Header.Get("Authorization"), "/"+date+"/300/")
			assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, sent.Header.Get("X-Bce-Request-Id"))
			assert.Equal(t, compact(t, documentedBody), sent.body)
			ids[sent.Header.Get("X-Bce-Request-Id")] = true
		}
		assert.Len(t, ids, 9)
	})
}

func TestA429IsSentAgainOnlyWithARetryAfterAndAfterIt(t *testing.T) {
	for value, row := range map[string]struct {
		sent   int
		waited time.Duration
	}{
		"": {1, 0}, "-1": {1, 0}, "soon": {1, 0},
		"0": {3, 0}, "7": {3, 14 * time.Second}, "86400": {3, 48 * time.Hour},
		"Sat, 01 Jan 2000 00:01:00 GMT": {3, time.Minute}, // the fake clock starts at 2000-01-01
		"Fri, 31 Dec 1999 23:00:00 GMT": {3, 0},
	} {
		t.Run(value, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen, started := record(answerWith(429, ``, "Retry-After", value)), time.Now()
				err := buy(t, newClient(t, seen))
				assertOutcome(t, computeunit.ErrNotPurchased, err)
				assert.ErrorIs(t, err, computeunit.ErrThrottled)
				assert.Equal(t, []int{row.sent, row.sent}, []int{len(seen.requests()), attemptsOf(t, err)})
				assert.Equal(t, row.waited, time.Since(started))
			})
		})
	}
}

// A listing shows it: a purchase without a connection would need a network.
func TestBackoffGrowsWithFullJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var longest [8]time.Duration
		for range 50 {
			var last time.Time
			attempt := -1
			_, err := describe(t, newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
				if attempt >= 0 {
					wait, limit := time.Since(last), min(500*time.Millisecond<<attempt, 10*time.Second)
					assert.LessOrEqual(t, wait, limit)
					longest[attempt] = max(longest[attempt], wait)
				}
				last = time.Now()
				attempt++
				return nil, errLost
			}), computeunit.WithMaxAttempts(9)))
			require.ErrorIs(t, err, errLost)
		}
		for attempt, wait := range longest {
			assert.Greater(t, wait, min(500*time.Millisecond<<attempt, 10*time.Second)/2)
		}
	})
}

func TestAWaitEndsWithItsContextAndAtOnceIfThatEndsBefore(t *testing.T) {
	for _, row := range []struct{ deadline, cancelled, want time.Duration }{{time.Minute, time.Hour, 0}, {time.Hour, time.Second, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), row.deadline)
			defer cancel()
			time.AfterFunc(row.cancelled, cancel)
			seen, started := record(answerWith(429, "", "Retry-After", "61")), time.Now()
			_, err := newClient(t, seen).PurchaseComputeUnit(ctx, documentedRequest())
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.ErrorIs(t, err, computeunit.ErrThrottled)
			assert.ErrorContains(t, err, "gave up")
			assert.Equal(t, row.want == 0, errors.Is(err, context.DeadlineExceeded))
			assert.Equal(t, row.want > 0, errors.Is(err, context.Canceled))
			assert.Equal(t, row.want, time.Since(started))
			seen.only(t)
		})
	}
}

// clockedService rejects a timestamp that is more than five minutes off its own clock.
func clockedService(offset time.Duration) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		now := time.Now().Add(offset)
		headers := []string{"Date", now.UTC().Format(http.TimeFormat), "X-Bce-Request-Id", "r"}
		sent, err := time.Parse(time.RFC3339, req.Header.Get("X-Bce-Date"))
		if err != nil || sent.Sub(now).Abs() > 5*time.Minute {
			return answerWith(400, `{"code":"RequestExpired"}`, headers...)(req)
		}
		return answerWith(200, documentedAnswer, headers...)(req)
	}
}

func TestRequestExpiredIsSignedAgainOnceByTheServicesClock(t *testing.T) {
	for _, offset := range []time.Duration{-time.Hour, time.Hour, 400 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			seen := record(clockedService(offset))
			client := newClient(t, seen)
			require.NoError(t, buy(t, client))
			require.NoError(t, buy(t, client), "the correction is kept")
			require.Len(t, seen.requests(), 3)
			assert.Equal(t, time.Now().Add(offset).UTC().Format(time.RFC3339), seen.requests()[1].Header.Get("X-Bce-Date"))
		})
	}
	for name, row := range map[string]struct {
		body, date string
		sent       int
	}{
		"still":         {`{"code":"RequestExpired"}`, "Sat, 01 Jan 2000 00:00:00 GMT", 2},
		"no Date":       {`{"code":"RequestExpired"}`, "", 1},
		"a bad Date":    {`{"code":"RequestExpired"}`, "now", 1},
		"another case":  {`{"code":"requestexpired"}`, "Sat, 01 Jan 2000 00:00:00 GMT", 1},
		"another code":  {`{"code":"SignatureDoesNotMatch"}`, "Sat, 01 Jan 2000 00:00:00 GMT", 1},
		"in an error":   {`{"error":{"code":"RequestExpired"}}`, "Sat, 01 Jan 2000 00:00:00 GMT", 1},
		"a failure too": {`{"code":"RequestExpired","error":"InternalError"}`, "Sat, 01 Jan 2000 00:00:00 GMT", 1},
	} {
		t.Run(name, func(t *testing.T) {
			seen := record(answerWith(400, row.body, "Date", row.date, "X-Bce-Request-Id", "r"))
			require.Error(t, buy(t, newClient(t, seen, computeunit.WithMaxAttempts(9))))
			assert.Len(t, seen.requests(), row.sent)
		})
	}
}

func TestWhatCannotBeSentIsNot(t *testing.T) {
	seen := record(answerBought())
	var none context.Context
	_, err := newClient(t, seen).PurchaseComputeUnit(none, documentedRequest())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	err = newClient(t, seen).Call(t.Context(), "/v2/service", "ModifyService", math.Inf(1), nil)
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorContains(t, err, "encoding the request")
	assert.Zero(t, attemptsOf(t, err))
	assert.Empty(t, seen.requests())
}
