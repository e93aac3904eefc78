package transport

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	const aYear = maxRetryAfter
	for _, row := range []struct {
		name, value, date string
		want              time.Duration // negative: none
	}{
		{"no seconds", "0", "", 0},
		{"seconds", "120", "", 2 * time.Minute},
		{"seconds, whatever the date", "120", "Sun, 22 Nov 2026 09:00:00 GMT", 2 * time.Minute},
		{"more seconds than a number holds", "99999999999999999999", "", aYear},
		{"more seconds than a duration holds", "9223372036854775807", "", aYear},
		{"date, and no Date", "Sun, 22 Nov 2026 08:00:30 GMT", "", 30 * time.Second},
		{"date, and no Date to read", "Sun, 22 Nov 2026 08:00:30 GMT", "soon", 30 * time.Second},
		{"date, of a clock an hour ahead", "Sun, 22 Nov 2026 09:00:30 GMT", "Sun, 22 Nov 2026 09:00:00 GMT", 30 * time.Second},
		{"date, of a clock an hour behind", "Sun, 22 Nov 2026 07:00:30 GMT", "Sun, 22 Nov 2026 07:00:00 GMT", 30 * time.Second},
		{"date in the past", "Sun, 22 Nov 2026 07:00:00 GMT", "", 0},
		{"date in the past of Date", "Sun, 22 Nov 2026 08:00:00 GMT", "Sun, 22 Nov 2026 09:00:00 GMT", 0},
		{"date too far away", "Sun, 22 Nov 9999 07:00:00 GMT", "", aYear},
		{"none", "", "", -1},
		{"negative", "-1", "", -1},
		{"text", "soon", "", -1},
		{"fraction", "1.5", "", -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			wait, ok := retryAfter(http.Header{"Retry-After": {row.value}, "Date": {row.date}}, now)
			assert.Equal(t, row.want >= 0, ok)
			assert.Equal(t, max(row.want, 0), wait)
		})
	}
}

func TestBackoffStaysUnderItsMaximum(t *testing.T) {
	for attempt, most := range map[int]time.Duration{1: firstBackoff, 2: 2 * firstBackoff, 5: 8 * time.Second, 6: maxBackoff, 1 << 40: maxBackoff} {
		for range 1000 {
			assert.LessOrEqual(t, backoff(attempt), most)
		}
	}
}
