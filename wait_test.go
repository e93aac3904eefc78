package computeunit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestWaitUntilRunningReportsItsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, id := bought(t)
		started := time.Now()
		var seen []computeunit.InstanceStatus
		var times []time.Duration
		instance, err := client.WaitUntilRunningFunc(within(t, time.Hour), testService, id, func(status computeunit.InstanceStatus, elapsed time.Duration) {
			seen, times = append(seen, status), append(times, elapsed)
			assert.Equal(t, time.Since(started), elapsed)
		})
		require.NoError(t, err)
		assert.Equal(t, id, instance.InstanceID)
		assert.Equal(t, computeunit.InstanceRunning, instance.Status)
		assert.NotEmpty(t, instance.StartTime)
		assert.Greater(t, len(seen), 10)
		assert.Less(t, len(seen), 20, "pauses grow")
		assert.Equal(t, computeunit.InstanceRunning, seen[len(seen)-1])
		for i, status := range seen[:len(seen)-1] {
			assert.Equal(t, computeunit.InstanceCreating, status)
			assert.Less(t, times[i], times[i+1])
		}
		assert.GreaterOrEqual(t, time.Since(started), time.Minute)
		assert.Less(t, time.Since(started), 66*time.Second)
	})
}

func TestWaitUntilRunningEndsAtOnceIfTheInstanceIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client, id := bought(t)
		m.sim.SetStatus(id, simulator.StatusDeleted)
		started := time.Now()
		instance, err := client.WaitUntilRunning(within(t, time.Hour), testService, id)
		assert.ErrorIs(t, err, computeunit.ErrInstanceGone)
		assert.Nil(t, instance)
		assert.ErrorContains(t, err, id)
		assert.Zero(t, time.Since(started))
	})
}

func TestWaitUntilRunningSeesAnInstanceGoWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client, id := bought(t)
		time.AfterFunc(10*time.Second, func() { m.sim.SetStatus(id, simulator.StatusDeleted) })
		started := time.Now()
		_, err := client.WaitUntilRunning(within(t, time.Hour), testService, id)
		assert.ErrorIs(t, err, computeunit.ErrInstanceGone)
		assert.ErrorContains(t, err, "Deleted")
		assert.Less(t, time.Since(started), 16*time.Second)
	})
}

const (
	creating = `{"instanceId":"i-1","status":"Creating"}`
	running  = `{"instanceId":"i-1","status":"Running"}`
	other    = `{"instanceId":"i-2","status":"Running"}`
)

// Each letter is one listing: c and r list the instance as Creating and Running, n does not list it, x fails.
func TestWaitUntilRunningTakesAnInstanceForGoneOnlyIfItWasListedAndIsMissingTwiceInARow(t *testing.T) {
	letters := map[rune]roundTripFunc{
		'c': answerWith(200, listing(other, creating)),
		'r': answerWith(200, listing(other, running)),
		'n': answerWith(200, listing(other)),
		'x': answerWith(500, ``),
	}
	for script, want := range map[string]error{
		"r":           nil,
		"nr":          nil,
		"nnnnnnnnnr":  nil,
		"nnncr":       nil,
		"cncr":        nil,
		"cncncncr":    nil,
		"cnr":         nil,
		"cnxcr":       nil,
		"cnn":         computeunit.ErrInstanceGone,
		"ncnn":        computeunit.ErrInstanceGone,
		"cncnn":       computeunit.ErrInstanceGone,
		"cnxn":        computeunit.ErrInstanceGone,
		"n":           context.DeadlineExceeded,
		"nx":          context.DeadlineExceeded,
		"c":           context.DeadlineExceeded,
		"nnnnnnnnnnc": context.DeadlineExceeded,
	} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var responses []roundTripFunc
				for _, letter := range script {
					responses = append(responses, letters[letter])
				}
				transport := record(responses...)
				client := newClient(t, transport, computeunit.WithMaxAttempts(1))
				instance, err := client.WaitUntilRunning(within(t, 10*time.Minute), testService, "i-1")
				if want == nil {
					require.NoError(t, err)
					assert.Equal(t, "i-1", instance.InstanceID)
					assert.Len(t, transport.requests(), len(script))
					return
				}
				assert.Nil(t, instance)
				assert.ErrorIs(t, err, want)
				assert.Equal(t, !strings.Contains(script, "c"), strings.Contains(err.Error(), "never listed"), err)
				if want == computeunit.ErrInstanceGone {
					assert.Len(t, transport.requests(), len(script))
				}
			})
		})
	}
}

func TestWaitUntilRunningReportsAnEmptyStatusWhileTheInstanceIsNotListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []computeunit.InstanceStatus
		client := newClient(t, record(answerWith(200, listing()), answerWith(200, listing(creating)), answerWith(200, listing()), answerWith(200, listing(running))))
		_, err := client.WaitUntilRunningFunc(within(t, time.Hour), testService, "i-1", func(status computeunit.InstanceStatus, _ time.Duration) {
			seen = append(seen, status)
		})
		require.NoError(t, err)
		assert.Equal(t, []computeunit.InstanceStatus{"", computeunit.InstanceCreating, "", computeunit.InstanceRunning}, seen)
	})
}

func TestWaitUntilRunningReadsNumericStatuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, record(answerWith(200, listing(`{"instanceId":"i-1","status":1}`)), answerWith(200, listing(`{"instanceId":"i-1","status":2}`))))
		instance, err := client.WaitUntilRunning(within(t, time.Hour), testService, "i-1")
		require.NoError(t, err)
		assert.Equal(t, computeunit.InstanceRunning, instance.Status)
		_, err = newClient(t, answerWith(200, listing(`{"instanceId":"i-1","status":3}`))).WaitUntilRunning(within(t, time.Hour), testService, "i-1")
		assert.ErrorIs(t, err, computeunit.ErrInstanceGone)
	})
}

func TestWaitUntilRunningLooksAtItsOwnInstanceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client, id := bought(t)
		other, err := client.PurchaseComputeUnit(t.Context(), documentedRequest())
		require.NoError(t, err)
		require.True(t, m.sim.SetStatus(other.Result.InstanceID, simulator.StatusDeleted))
		instance, err := client.WaitUntilRunning(within(t, time.Hour), testService, id)
		require.NoError(t, err)
		assert.Equal(t, id, instance.InstanceID)
	})
}

func TestWaitUntilRunningKeepsWaitingOnAStatusItDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client, id := bought(t)
		m.sim.SetStatus(id, "Pondering")
		time.AfterFunc(time.Hour, func() { m.sim.SetStatus(id, simulator.StatusRunning) })
		instance, err := client.WaitUntilRunning(within(t, 2*time.Hour), testService, id)
		require.NoError(t, err)
		assert.Equal(t, computeunit.InstanceRunning, instance.Status)
	})
}

func TestWaitUntilRunningEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, id := bought(t)
		started := time.Now()
		_, err := client.WaitUntilRunning(within(t, 30*time.Second), testService, id)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, computeunit.ErrInstanceGone)
		assert.ErrorContains(t, err, "Creating")
		assert.NotContains(t, err.Error(), "never listed")
		assert.Equal(t, 30*time.Second, time.Since(started))
	})
}

func TestWaitUntilRunningWithAContextThatIsDoneSendsNothing(t *testing.T) {
	transport := record(answerWith(200, listing(running)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newClient(t, transport).WaitUntilRunning(ctx, testService, "i-1")
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, transport.requests())
}

func TestWaitUntilRunningGoesOnThroughEverythingUncertain(t *testing.T) {
	failures := uncertain()
	failures["429"] = answerWith(429, ``)
	failures["429, with Retry-After"] = answerWith(429, ``, "Retry-After", "3")
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := slices.Repeat([]roundTripFunc{failure}, 7) // more than the attempts of two listings
				client := newClient(t, record(append(script, answerWith(200, listedBody))...))
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
				transport := record(answerWith(200, listing(creating)), refusal)
				_, err := newClient(t, transport).WaitUntilRunning(within(t, time.Hour), testService, "i-1")
				assertNoVerdict(t, err)
				assert.NotErrorIs(t, err, computeunit.ErrInstanceGone)
				assert.NotErrorIs(t, err, context.DeadlineExceeded)
				apiError(t, err)
				assert.Len(t, transport.requests(), 2)
			})
		})
	}
}

// A clock that cannot be corrected is not corrected by waiting.
func TestWaitUntilRunningEndsIfTheServiceRejectsTheCorrectedClockToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := record(answerWith(400, `{"code":"RequestExpired"}`, "Date", "Sat, 01 Jan 2000 01:00:00 GMT"))
		_, err := newClient(t, transport).WaitUntilRunning(within(t, time.Hour), testService, "i-1")
		assert.ErrorIs(t, err, computeunit.ErrRequestExpired)
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.Len(t, transport.requests(), 2)
	})
}

func TestWaitUntilRunningNamesTheFailureThatTheContextEndedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := newClient(t, answerWith(503, internalBody)).WaitUntilRunning(within(t, time.Minute), testService, "i-1")
		assertNoVerdict(t, err)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 503, apiError(t, err).StatusCode)
	})
}

func TestWaitUntilRunningRefusesBlanksAndNoContext(t *testing.T) {
	var none context.Context
	for name, row := range map[string]struct {
		ctx                 context.Context
		serviceID, instance string
		invalid             bool
	}{
		"no instance":    {t.Context(), testService, "", true},
		"blank instance": {t.Context(), testService, " \t", true},
		"blank service":  {t.Context(), " ", "i-1", true},
		"no context":     {none, testService, "i-1", false},
	} {
		t.Run(name, func(t *testing.T) {
			transport := record(answerWith(200, listing(running)))
			_, err := newClient(t, transport).WaitUntilRunning(row.ctx, row.serviceID, row.instance)
			var invalid *computeunit.ValidationError
			assert.Equal(t, row.invalid, errors.As(err, &invalid), fmt.Sprint(err))
			assertNoVerdict(t, err)
			assert.Empty(t, transport.requests())
		})
	}
}
