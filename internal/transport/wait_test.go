package transport_test

import (
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
		{"seconds, whatever the date", "120", at("01:00:00"), 2 * time.Minute},
		{"more seconds than a number holds", "99999999999999999999", "", aYear},
		{"more seconds than a duration holds", "9223372036854775807", "", aYear},
		{"date, and no Date", at("00:00:30"), "", 30 * time.Second},
		{"date, and no Date to read", at("00:00:30"), "soon", 30 * time.Second},
		{"date, of a clock an hour ahead", at("01:00:30"), at("01:00:00"), 30 * time.Second},
		{"date in the past of Date", at("00:00:00"), at("01:00:00"), 0},
		{"date too far away", "Fri, 31 Dec 9999 07:00:00 GMT", "", aYear},
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
