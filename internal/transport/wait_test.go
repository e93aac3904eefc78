package transport_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/transport"
)

func TestWhenARequestIsSentAgain(t *testing.T) {
	const aYear, never = 365 * 24 * time.Hour, -1
	at := func(clock string) string { return "Sat, 01 Jan 2000 " + clock + " GMT" } // where each bubble of synctest begins
	for name, row := range map[string]struct {
		again            transport.Again
		retryAfter, date string
		want             time.Duration
	}{
		"never":                              {transport.Never, "60", "", never},
		"after backoff":                      {transport.AfterBackoff, "60", "", time.Minute},
		"with the clock corrected":           {transport.WithClockCorrected, "", at("00:01:00"), 0},
		"with the clock corrected, no Date":  {transport.WithClockCorrected, "", "soon", never},
		"none":                               {transport.AfterRetryAfter, "", "", never},
		"a fraction":                         {transport.AfterRetryAfter, "1.5", "", never},
		"seconds, whatever the date":         {transport.AfterRetryAfter, "120", at("01:00:00"), 2 * time.Minute},
		"more seconds than a number holds":   {transport.AfterRetryAfter, "99999999999999999999", "", aYear},
		"more seconds than a duration holds": {transport.AfterRetryAfter, "9223372036854775807", "", aYear},
		"date, and no Date":                  {transport.AfterRetryAfter, at("00:00:30"), "", 30 * time.Second},
		"date, and no Date to read":          {transport.AfterRetryAfter, at("00:00:30"), "soon", 30 * time.Second},
		"date, of a clock an hour ahead":     {transport.AfterRetryAfter, at("01:00:30"), at("01:00:00"), 30 * time.Second},
		"date in the past of Date":           {transport.AfterRetryAfter, at("00:00:00"), at("01:00:00"), 0},
		"date too far away":                  {transport.AfterRetryAfter, "Fri, 31 Dec 9999 07:00:00 GMT", "", aYear},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := answering(429, "", "Retry-After", row.retryAfter, "Date", row.date)
				got := do(t.Context(), t, newTransport(t, transport.Config{MaxAttempts: 2, RoundTripper: answer}), host, row.again, nil)
				assert.NoError(t, got.gaveUp)
				if row.want == never {
					assert.Len(t, got.attempts, 1)
					return
				}
				assert.Len(t, got.attempts, 2)
				assert.Equal(t, []time.Duration{row.want}, got.waits)
			})
		})
	}
}

// A code that rejects the time is the service's, whatever else the response has.
func TestTheClockFollowsTheService(t *testing.T) {
	for name, row := range map[string]struct {
		ahead       string // how far each response's Date is
		fromService bool
		again       transport.Again
		want        time.Duration
	}{
		"a minute ahead":                   {"1m", true, transport.Never, time.Minute},
		"an hour behind":                   {"-1h", true, transport.Never, -time.Hour},
		"less than a minute":               {"59s", true, transport.Never, 0},
		"right again":                      {"1h 30s", true, transport.Never, 0},
		"otherwise wrong":                  {"1h -1h", true, transport.Never, -time.Hour},
		"the Date of something on the way": {"1h", false, transport.Never, 0},
		"the Date of a rejected time":      {"1h", false, transport.WithClockCorrected, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				date := ""
				via := through(t, roundTrip(func(req *http.Request) (*http.Response, error) { return answering(200, "", "Date", date)(req) }))
				for text := range strings.FieldsSeq(row.ahead) {
					ahead, err := time.ParseDuration(text)
					require.NoError(t, err)
					date = time.Now().Add(ahead).UTC().Format(http.TimeFormat)
					do(t.Context(), t, via, host, transport.Never, func(r *transport.Request) {
						r.After = func(a *transport.Attempt) transport.Again { a.FromService = row.fromService; return row.again }
					})
				}
				expires := send(t.Context(), t, via, host).SignatureExpires
				assert.Equal(t, row.want, time.Until(expires)-5*time.Minute)
			})
		})
	}
}
