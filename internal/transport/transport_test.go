package transport_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/transport"
)

func TestATransportThatExcludesHTTP1IsRefused(t *testing.T) {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	_, err := transport.New(transport.Config{RoundTripper: &http.Transport{Protocols: protocols}})
	assert.ErrorContains(t, err, "exclude HTTP/1")
	protocols.SetHTTP1(true)
	_, err = transport.New(transport.Config{RoundTripper: &http.Transport{Protocols: protocols}})
	assert.NoError(t, err)
}

// A program for js/wasm, where fetch follows redirects, cannot send: it is run by node, with what comes with Go for that.
func TestOnJSNothingCanBeSent(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no node to run it")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	execute := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "go_js_wasm_exec")
	command := exec.Command("go", "run", "-exec", execute, "./testdata/js")
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
	assert.Equal(t, 2, strings.Count(string(output), "js/wasm is not supported"), string(output))
}

func TestDoWaitsAsItsCallerAndTheResponseSay(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // as in every bubble of synctest
	inAMinute := now.Add(time.Minute).Format(http.TimeFormat)
	twoMinutes := []time.Duration{time.Minute, time.Minute}
	for name, row := range map[string]struct {
		again   transport.Again
		headers []string
		want    []time.Duration
	}{
		"never":                          {transport.Never, []string{"Retry-After", "60"}, nil},
		"after backoff":                  {transport.AfterBackoff, []string{"Retry-After", "60"}, twoMinutes},
		"after Retry-After, seconds":     {transport.AfterRetryAfter, []string{"Retry-After", "60"}, twoMinutes},
		"after Retry-After, none":        {transport.AfterRetryAfter, nil, nil},
		"with the clock corrected, once": {transport.WithClockCorrected, []string{"Date", inAMinute}, []time.Duration{0}},
		"with the clock corrected, none": {transport.WithClockCorrected, []string{"Date", "soon"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := do(t.Context(), t, through(t, answering(429, "", row.headers...)), host, row.again, nil)
				assert.Equal(t, row.want, got.waits)
				assert.Len(t, got.attempts, 1+len(row.want))
				assert.NoError(t, got.gaveUp)
			})
		})
	}
}

// A code that rejects the time is the service's, whatever else the response has.
func TestTheClockFollowsTheService(t *testing.T) {
	for name, row := range map[string]struct {
		ahead       []time.Duration // each response's Date
		fromService bool
		again       transport.Again
		want        time.Duration
	}{
		"a minute ahead":                   {[]time.Duration{time.Minute}, true, transport.Never, time.Minute},
		"an hour behind":                   {[]time.Duration{-time.Hour}, true, transport.Never, -time.Hour},
		"less than a minute":               {[]time.Duration{59 * time.Second}, true, transport.Never, 0},
		"right again":                      {[]time.Duration{time.Hour, 30 * time.Second}, true, transport.Never, 0},
		"otherwise wrong":                  {[]time.Duration{time.Hour, -time.Hour}, true, transport.Never, -time.Hour},
		"the Date of something on the way": {[]time.Duration{time.Hour}, false, transport.Never, 0},
		"the Date of a rejected time":      {[]time.Duration{time.Hour}, false, transport.WithClockCorrected, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				date := ""
				via := through(t, roundTrip(func(req *http.Request) (*http.Response, error) { return answering(200, "", "Date", date)(req) }))
				for _, ahead := range row.ahead {
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
