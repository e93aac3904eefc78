package simulator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInstanceStartsAfterItsTime(t *testing.T) {
	c := newClock()
	s := New(Config{Now: c.Now, StartsAfter: 2 * time.Minute})
	id := buy(s, postpaidBody).Result.InstanceID
	creating := []instance{{id, Postpaid, 2, StatusCreating, ""}}

	assert.Equal(t, creating, list(s, service1).Result.Instances)
	c.move(2*time.Minute - 1)
	assert.Equal(t, creating, list(s, service1).Result.Instances)
	c.move(1)
	running := []instance{{id, Postpaid, 2, StatusRunning, "2026-11-22T08:02:00Z"}}
	assert.Equal(t, running, list(s, service1).Result.Instances)
}

func TestSetStatus(t *testing.T) {
	c := newClock()
	s := New(Config{Now: c.Now, StartsAfter: time.Hour})
	id := buy(s, postpaidBody).Result.InstanceID
	for _, status := range []string{StatusRunning, StatusDeleted, "Frozen"} {
		require.True(t, s.SetStatus(id, status))
		assert.Equal(t, []instance{{id, Postpaid, 2, status, startOfTest}}, list(s, service1).Result.Instances)
	}
	require.True(t, s.SetStatus(id, StatusCreating))
	assert.Equal(t, []instance{{id, Postpaid, 2, StatusCreating, ""}}, list(s, service1).Result.Instances)
	assert.False(t, s.SetStatus("other", StatusRunning))
}

func TestStartTimeIsNotMovedBySetStatus(t *testing.T) {
	c := newClock()
	s := New(Config{Now: c.Now})
	id := buy(s, postpaidBody).Result.InstanceID
	c.move(time.Minute)
	s.SetStatus(id, StatusDeleted)
	assert.Equal(t, startOfTest, list(s, service1).Result.Instances[0].StartTime)
}

func TestDelete(t *testing.T) {
	s := New(withClock(Config{}))
	id := buy(s, postpaidBody).Result.InstanceID
	assert.True(t, s.Delete(id))
	assert.Empty(t, list(s, service1).Result.Instances)
	assert.Len(t, s.Orders(), 1)
	assert.False(t, s.Delete("other"))
}

func TestAnOrderIsListedAfterItsTime(t *testing.T) {
	c := newClock()
	s := New(Config{Now: c.Now, ListedAfter: time.Minute})
	s.Inject(Fault{}, Fault{ListedAfter: 2 * time.Minute}, Fault{ListedAfter: -1})
	var ids []string
	for range 3 {
		ids = append(ids, buy(s, postpaidBody).Result.InstanceID)
	}
	assert.Equal(t, ids[2:], listedIDs(s))
	c.move(time.Minute - 1)
	assert.Equal(t, ids[2:], listedIDs(s))
	c.move(1)
	assert.Equal(t, []string{ids[0], ids[2]}, listedIDs(s))
	c.move(time.Minute)
	assert.Equal(t, ids, listedIDs(s))
	assert.Len(t, s.Orders(), 3)
}

func TestSetListedAt(t *testing.T) {
	c := newClock()
	s := New(Config{Now: c.Now})
	id := buy(s, postpaidBody).Result.InstanceID
	require.True(t, s.SetListedAt(id, testTime.Add(time.Minute)))
	assert.Empty(t, listedIDs(s))
	c.move(time.Minute)
	assert.Equal(t, []string{id}, listedIDs(s))
	assert.False(t, s.SetListedAt("other", testTime))
}

func listedIDs(s *Simulator) []string {
	ids := []string{}
	for _, listed := range list(s, service1).Result.Instances {
		ids = append(ids, listed.InstanceID)
	}
	return ids
}
