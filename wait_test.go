package computeunit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// Time is the bubble's; each wait has a deadline, so that one that does not end fails.

// within is a context for a wait.
func within(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

const (
	creating = `{"instanceId":"i-1","status":"Creating"}`
	running  = `{"instanceId":"i-1","status":"Running","startTime":"today"}`
)

// letters are what one listing each can be: the other instance never matters.
var letters = map[rune]roundTripFunc{
	'c': answerWith(200, listing(`{"instanceId":"i-2","status":"Deleted"}`, creating)),
	'r': answerWith(200, listing(`{"instanceId":"i-2","status":"Deleted"}`, running)),
	'd': answerWith(200, listing(`{"instanceId":"i-1","status":"Deleted"}`)),
	'p': answerWith(200, listing(`{"instanceId":"i-1","status":"Pondering"}`)), // not documented
	'n': answerWith(200, listing(`{"instanceId":"i-2","status":"Running"}`)),
	'x': answerWith(500, ``),
}

// lettered answers listing after listing; the last letter repeats.
func lettered(script string) *recorder {
	var responses []roundTripFunc
	for _, letter := range script {
		responses = append(responses, letters[letter])
	}
	return record(responses...)
}

func TestWaitUntilRunningEndsIfTheInstanceRunsOrIsGone(t *testing.T) {
	gone, late := computeunit.ErrInstanceGone, context.DeadlineExceeded
	for script, want := range map[string]error{
		"r": nil, "nr": nil, "nnnnnnnnnr": nil, "nnncr": nil, "cncr": nil, "cncncncr": nil, "cnr": nil, "cnxcr": nil,
		"ppppr": nil, "xxxxxr": nil,
		"d": gone, "cd": gone, "cnn": gone, "ncnn": gone, "cncnn": gone, "cnxn": gone,
		"n": late, "nx": late, "c": late, "p": late,
	} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := lettered(script)
				started := time.Now()
				instance, err := newClient(t, transport,
					computeunit.WithMaxAttempts(1)).WaitUntilRunning(within(t, 10*time.Minute), testService, "i-1")
				if want == nil {
					require.NoError(t, err)
					assert.Equal(t, computeunit.Instance{InstanceID: "i-1", Status: computeunit.InstanceRunning,
						StartTime: "today"}, *instance)
				} else {
					assert.Nil(t, instance)
					assert.ErrorIs(t, err, want)
					assertOneLine(t, err)
					assert.ErrorContains(t, err, "i-1")
					assert.Equal(t, !strings.ContainsAny(script, "cpd"), strings.Contains(err.Error(), "never listed"), err)
				}
				if want == late {
					assert.Equal(t, 10*time.Minute, time.Since(started))
				} else {
					assert.Len(t, transport.requests(), len(script))
				}
			})
		})
	}
}

func TestWaitUntilRunningFuncReportsItsProgressAndItsPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		var seen []computeunit.InstanceStatus
		var times []time.Duration
		_, err := newClient(t, lettered("ncncccccccr")).WaitUntilRunningFunc(within(t, time.Hour), testService, "i-1",
			func(status computeunit.InstanceStatus, elapsed time.Duration) {
				seen, times = append(seen, status), append(times, elapsed)
				assert.Equal(t, time.Since(started), elapsed)
			})
		require.NoError(t, err)
		const c = computeunit.InstanceCreating
		assert.Equal(t, []computeunit.InstanceStatus{"", c, "", c, c, c, c, c, c, c, computeunit.InstanceRunning}, seen)
		assert.Equal(t, []time.Duration{0, 200 * time.Millisecond, 600 * time.Millisecond, 1400 * time.Millisecond}, times[:4])
		assert.Equal(t, 5*time.Second, times[10]-times[9], "the longest")
	})
}

func TestWaitUntilRunningGoesOnThroughWhatMayPass(t *testing.T) {
	failures := uncertain()
	failures["no connection"] = failWith(errDial)
	failures["429"] = answerWith(429, ``)
	failures["RequestExpired"] = answerWith(400, `{"requestId":"r","code":"RequestExpired"}`)
	failures["429, with Retry-After"] = answerWith(429, ``, "Retry-After", "3")
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := slices.Repeat([]roundTripFunc{failure}, 7) // more than the attempts of two listings
				client := newClient(t, record(append(script, letters['r'])...))
				_, err := client.WaitUntilRunning(within(t, time.Hour), testService, "i-1")
				assert.NoError(t, err)
			})
		})
	}
}

func TestWaitUntilRunningEndsAfterARefusal(t *testing.T) {
	for name, refusal := range refusing() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := record(letters['c'], refusal)
				_, err := newClient(t, transport).WaitUntilRunning(within(t, time.Hour), testService, "i-1")
				assertPlain(t, err, false)
				assert.NotErrorIs(t, err, computeunit.ErrInstanceGone)
				assert.NotErrorIs(t, err, context.DeadlineExceeded)
				apiError(t, err)
				assert.Len(t, transport.requests(), 2)
			})
		})
	}
}

func TestWaitUntilRunningNamesTheFailureThatTheContextEndedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := newClient(t, answerWith(503, internalBody)).WaitUntilRunning(within(t, time.Minute), testService, "i-1")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 503, apiError(t, err).StatusCode)
	})
}

func TestWaitUntilRunningRefusesWhatItCannotWaitFor(t *testing.T) {
	var none context.Context
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	progress := func(computeunit.InstanceStatus, time.Duration) {}
	for name, row := range map[string]struct {
		ctx                   context.Context
		serviceID, instanceID string
		progress              func(computeunit.InstanceStatus, time.Duration)
		invalid               bool
	}{
		"no instance":      {t.Context(), testService, "", progress, true},
		"blank instance":   {t.Context(), testService, " \t", progress, true},
		"blank service":    {t.Context(), " ", "i-1", progress, true},
		"no context":       {none, testService, "i-1", progress, false},
		"an ended context": {ended, testService, "i-1", progress, false},
		"no progress":      {t.Context(), testService, "i-1", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			transport := record(letters['r'])
			_, err := newClient(t, transport).WaitUntilRunningFunc(row.ctx, row.serviceID, row.instanceID, row.progress)
			var invalid *computeunit.ValidationError
			assert.Equal(t, row.invalid, errors.As(err, &invalid), "%v", err)
			assertPlain(t, err, name == "an ended context")
			assert.Empty(t, transport.requests())
		})
	}
}
