package computeunit_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// bought is a store with one instance, which runs a minute later.
func bought(t *testing.T) (m *inMemory, client *computeunit.Client, instanceID string) {
	t.Helper()
	m, client = store(t, simulator.Config{StartsAfter: time.Minute})
	response, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	require.NoError(t, err)
	return m, client, response.Result.InstanceID
}

func TestWaitUntilRunningReportsItsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, id := bought(t)
		started := time.Now()
		var seen []computeunit.InstanceStatus
		var times []time.Duration
		instance, err := client.WaitUntilRunning(t.Context(), "svco-48esssdpa594", id, func(status computeunit.InstanceStatus, elapsed time.Duration) {
			seen, times = append(seen, status), append(times, elapsed)
			assert.Equal(t, time.Since(started), elapsed)
		})
		require.NoError(t, err)
		assert.Equal(t, id, instance.InstanceID)
		assert.Equal(t, computeunit.InstanceRunning, instance.Status)
		assert.NotEmpty(t, instance.StartTime)
		assert.Greater(t, len(seen), 10)
		assert.Less(t, len(seen), 20, "pauses grow")
		for i, status := range seen[:len(seen)-1] {
			assert.Equal(t, computeunit.InstanceCreating, status)
			assert.Less(t, times[i], times[i+1])
		}
		assert.GreaterOrEqual(t, time.Since(started), time.Minute)
		assert.Less(t, time.Since(started), 66*time.Second)
	})
}

func TestWaitUntilRunningEndsAtOnceWhereTheInstanceIsGone(t *testing.T) {
	for name, remove := range map[string]func(*simulator.Simulator, string){
		"deleted":    func(s *simulator.Simulator, id string) { s.SetStatus(id, simulator.StatusDeleted) },
		"not listed": func(s *simulator.Simulator, id string) { s.Delete(id) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, client, id := bought(t)
				remove(m.sim, id)
				started := time.Now()
				instance, err := client.WaitUntilRunning(t.Context(), "svco-48esssdpa594", id, nil)
				assert.ErrorIs(t, err, computeunit.ErrInstanceGone)
				assert.Nil(t, instance)
				assert.ErrorContains(t, err, id)
				assert.Zero(t, time.Since(started))
			})
		})
	}
}

func TestWaitUntilRunningSeesAnInstanceGoWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client, id := bought(t)
		time.AfterFunc(10*time.Second, func() { m.sim.SetStatus(id, simulator.StatusDeleted) })
		started := time.Now()
		_, err := client.WaitUntilRunning(t.Context(), "svco-48esssdpa594", id, nil)
		assert.ErrorIs(t, err, computeunit.ErrInstanceGone)
		assert.ErrorContains(t, err, "Deleted")
		assert.Less(t, time.Since(started), 16*time.Second)
	})
}

func TestWaitUntilRunningKeepsWaitingOnAStatusItDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client, id := bought(t)
		m.sim.SetStatus(id, "Pondering")
		time.AfterFunc(time.Hour, func() { m.sim.SetStatus(id, simulator.StatusRunning) })
		instance, err := client.WaitUntilRunning(t.Context(), "svco-48esssdpa594", id, nil)
		require.NoError(t, err)
		assert.Equal(t, computeunit.InstanceRunning, instance.Status)
	})
}

func TestWaitUntilRunningEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, id := bought(t)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		started := time.Now()
		_, err := client.WaitUntilRunning(ctx, "svco-48esssdpa594", id, nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, computeunit.ErrInstanceGone)
		assert.ErrorContains(t, err, "Creating")
		assert.Equal(t, 30*time.Second, time.Since(started))
	})
}

func TestWaitUntilRunningGoesOnThroughPassingFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client, id := bought(t)
		until := time.Now().Add(30 * time.Second)
		m.lost = func(string) loss {
			if time.Now().Before(until) {
				return requestLost
			}
			return nothingLost
		}
		_, err := client.WaitUntilRunning(t.Context(), "svco-48esssdpa594", id, nil)
		assert.NoError(t, err)
	})
}

func TestWaitUntilRunningEndsWhereListingCannotWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client, id := bought(t)
		m.sim.InjectRead(simulator.Fault{Kind: simulator.ErrorAnswer, Status: 403, Code: "AccessDenied"})
		_, err := client.WaitUntilRunning(t.Context(), "svco-48esssdpa594", id, nil)
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.NotErrorIs(t, err, computeunit.ErrInstanceGone)
	})
}

func TestWaitUntilRunningRefusesBlanks(t *testing.T) {
	m, client, id := bought(t)
	sent := m.count(describeAction)
	var invalid *computeunit.ValidationError
	_, err := client.WaitUntilRunning(t.Context(), "svco-48esssdpa594", "", nil)
	assert.ErrorAs(t, err, &invalid)
	_, err = client.WaitUntilRunning(t.Context(), " ", id, nil)
	assert.ErrorAs(t, err, &invalid)
	var none context.Context
	_, err = client.WaitUntilRunning(none, "svco-48esssdpa594", id, nil)
	assert.Error(t, err)
	assert.Equal(t, sent, m.count(describeAction))
}
