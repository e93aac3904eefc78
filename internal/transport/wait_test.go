package transport_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/transport"
)

func TestRetryAfter(t *testing.T) {
	const aYear = 365 * 24 * time.Hour
	at := func(clock string) string { return "Sat, 01 Jan 2000 " + clock + " GMT" } // where each bubble of synctest begins
	for _, row := range []struct {
		name, value, date string
		want              time.Duration // negative: none
	}{
		{"no seconds", "0", "", 0},
		{"seconds", "120", "", 2 * time.Minute},
		{"seconds, whatever the date", "120", at("01:00:00"), 2 * time.Minute},
		{"more seconds than a number holds", "99999999999999999999", "", aYear},
		{"more seconds than a duration holds", "9223372036854775807", "", aYear},
		{"date, and no Date", at("00:00:30"), "", 30 * time.Second},
		{"date, and no Date to read", at("00:00:30"), "soon", 30 * time.Second},
		{"date, of a clock an hour ahead", at("01:00:30"), at("01:00:00"), 30 * time.Second},
		{"date in the past", "Fri, 31 Dec 1999 23:00:00 GMT", "", 0},
		{"date in the past of Date", at("00:00:00"), at("01:00:00"), 0},
		{"date too far away", "Fri, 31 Dec 9999 07:00:00 GMT", "", aYear},
		{"none", "", "", -1},
		{"negative", "-1", "", -1},
		{"text", "soon", "", -1},
		{"fraction", "1.5", "", -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				via := newTransport(t, transport.Config{
					MaxAttempts: 2, RoundTripper: answering(429, "", "Retry-After", row.value, "Date", row.date),
				})
				got := do(t.Context(), t, via, host, transport.AfterRetryAfter, nil)
				if row.want < 0 {
					assert.Empty(t, got.waits)
					return
				}
				assert.Equal(t, []time.Duration{row.want}, got.waits)
			})
		})
	}
}

// The backoff is random, from nothing to twice as much as before, and at most ten seconds.
func TestBackoffGrowsToItsMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		most := make([]time.Duration, 7)
		for range 200 {
			via := newTransport(t, transport.Config{MaxAttempts: 8, RoundTripper: answering(500, "")})
			for i, wait := range do(t.Context(), t, via, host, transport.AfterBackoff, nil).waits {
				most[i] = max(most[i], wait)
			}
		}
		for i, seconds := range []float64{0.5, 1, 2, 4, 8, 10, 10} {
			limit := time.Duration(seconds * float64(time.Second))
			assert.LessOrEqual(t, most[i], limit)
			assert.Greater(t, most[i], limit/2, "of 200")
		}
	})
}

func TestAWaitEndsWithTheContext(t *testing.T) {
	const wait = "60"
	for name, row := range map[string]struct {
		limit func(context.Context) (context.Context, context.CancelFunc)
		want  error
		after time.Duration
		waits int
	}{
		"a deadline before the next attempt is due: at once": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Minute)
			},
			context.DeadlineExceeded, 0, 0,
		},
		"cancelled": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			},
			context.Canceled, time.Second, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := row.limit(t.Context())
				defer cancel()
				started := time.Now()
				got := do(ctx, t, through(t, answering(http.StatusTooManyRequests, "", "Retry-After", wait)), host, transport.AfterRetryAfter, nil)
				assert.Len(t, got.attempts, 1)
				assert.Len(t, got.waits, row.waits)
				assert.ErrorIs(t, got.gaveUp, row.want)
				assert.ErrorContains(t, got.gaveUp, "gave up: the next attempt was due in 1m0s")
				assert.Equal(t, row.after, time.Since(started))
			})
		})
	}
}
