package computeunit_test

import (
	"context"
	"errors"
	"net/http"
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

func waitUntilRunning(ctx context.Context, client *computeunit.Client) error {
	_, err := client.WaitUntilRunning(ctx, testService, "i-1")
	return err
}

func TestWaitUntilRunningEndsIfTheInstanceRunsOrIsGone(t *testing.T) {
	gone, late := computeunit.ErrInstanceGone, context.DeadlineExceeded
	for script, want := range map[string]error{
		"r": nil, "nr": nil, "nnnnnnnnnr": nil, "nnncr": nil, "cncr": nil, "cncncncr": nil, "cnr": nil, "cnxcr": nil,
		"ppppr": nil, "xxxxxr": nil,
		"d": gone, "cd": gone, "cnn": gone, "ncnn": gone, "cncnn": gone, "cnxn": gone,
		"n": late, "nx": late, "c": late, "p": late,
	} {
		inBubble(t, script, func(t *testing.T) {
			transport, ctx := lettered(script), within(t, 10*time.Minute)
			instance, err := newClient(t, transport, computeunit.WithMaxAttempts(1)).WaitUntilRunning(ctx, testService, "i-1")
			assert.ErrorIs(t, err, want)
			assert.Equal(t, want == late, errors.Is(err, computeunit.ErrRetryable), "waiting again may help")
			if want == nil {
				assert.Equal(t, computeunit.Instance{InstanceID: "i-1", Status: computeunit.InstanceRunning, StartTime: "today"}, *instance)
			} else {
				assert.Nil(t, instance)
				assertOneLine(t, err)
				assert.ErrorContains(t, err, "i-1")
				assert.Equal(t, !strings.ContainsAny(script, "cpd"), strings.Contains(err.Error(), "never listed"), err)
			}
			if want != late {
				assert.NoError(t, ctx.Err())
				assert.Len(t, transport.requests(), len(script))
			}
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
	failures["429"] = answerWith(429, ``)
	failures["RequestExpired"] = answerWith(400, `{"requestId":"r","code":"RequestExpired"}`)
	failures["429, with Retry-After"] = answerWith(429, ``, "Retry-After", "3")
	for name, failure := range failures {
		inBubble(t, name, func(t *testing.T) {
			script := slices.Repeat([]roundTripFunc{failure}, 7) // more than the attempts of two listings
			assert.NoError(t, waitUntilRunning(within(t, time.Hour), newClient(t, record(append(script, letters['r'])...))))
		})
	}
}

func TestWaitUntilRunningEndsAfterARefusal(t *testing.T) {
	for name, refusal := range refusing() {
		inBubble(t, name, func(t *testing.T) {
			transport := record(letters['c'], refusal)
			err := waitUntilRunning(within(t, time.Hour), newClient(t, transport))
			assertPlain(t, err, false)
			assert.NotErrorIs(t, err, computeunit.ErrInstanceGone)
			apiError(t, err)
			assert.Len(t, transport.requests(), 2)
		})
	}
}

func TestWaitUntilRunningNamesTheFailureThatTheContextEndedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := waitUntilRunning(within(t, time.Minute), newClient(t, answerWith(503, internalBody)))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 503, apiError(t, err).StatusCode)
	})
}

func TestTheStatusOfAnInstanceShowsNothingThatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := waitUntilRunning(within(t, time.Minute), newClient(t, roundTripFunc(func(req *http.Request) (*http.Response, error) {
			return answerWith(200, listing(`{"instanceId":"i-1","status":"`+req.Header.Get("Authorization")+`"}`))(req)
		})))
		assert.NotContains(t, err.Error(), "bce-auth-v1")
		assert.ErrorContains(t, err, "(signature)")
	})
}

func TestWaitUntilRunningRefusesWhatItCannotWaitFor(t *testing.T) {
	var none context.Context
	transport := record(letters['r'])
	client := newClient(t, transport)
	for _, ids := range [][2]string{{testService, ""}, {testService, " \t"}, {" ", "i-1"}} {
		_, err := client.WaitUntilRunning(t.Context(), ids[0], ids[1])
		assertPlain(t, err, false)
		var invalid *computeunit.ValidationError
		assert.ErrorAs(t, err, &invalid)
	}
	assertPlain(t, waitUntilRunning(none, client), false)
	assertPlain(t, waitUntilRunning(endedContext(t), client), true)
	_, err := client.WaitUntilRunningFunc(t.Context(), testService, "i-1", nil)
	assertPlain(t, err, false)
	assert.Empty(t, transport.requests())
}
