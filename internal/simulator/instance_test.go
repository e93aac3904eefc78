package simulator_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// instance is one in a listing.
type instance struct {
	InstanceID, PaymentTiming, Status, StartTime string
	ReplicasCount                                int
}

func (s *service) list(body string) []instance {
	s.Helper()
	got := s.call(listing, body)
	require.Equal(s, 200, got.status, got.body)
	var result struct{ Instances []instance }
	require.NoError(s, json.Unmarshal(got.Result, &result))
	require.NotNil(s, result.Instances, "an empty list is one too")
	return result.Instances
}

func TestAListingIsOfOneServiceAndTiming(t *testing.T) {
	s := serve(t, simulator.Config{})
	s.call(buying, example)
	s.call(buying, postpaid)
	ids := func(body string) (ids []string) {
		for _, listed := range s.list(body) {
			ids = append(ids, listed.InstanceID)
		}
		return ids
	}
	first, second := s.Orders()[0].InstanceID, s.Orders()[1].InstanceID
	assert.Equal(t, []string{first, second}, ids(ofOne))
	assert.Equal(t, []string{first}, ids(`{"serviceId":"svco-1","paymentTiming":"Prepaid"}`))
	assert.Equal(t, []string{second}, ids(`{"serviceId":"svco-1","paymentTiming":"Postpaid"}`))
	assert.Empty(t, ids(`{"serviceId":"svco-2"}`))
	for _, body := range []string{`{}`, `{"serviceId":" "}`, `{"serviceId":"svco-1","paymentTiming":"Later"}`} {
		assert.Equal(t, "InappropriateJSON", s.call(listing, body).Code, body)
	}
}

func TestAnInstanceIsListedAndStartsByTheClock(t *testing.T) {
	now, config := clock()
	config.ListedAfter, config.StartsAfter = time.Minute, 2*time.Minute
	s := serve(t, config)
	started := now.Add(2 * time.Minute).UTC().Format(time.RFC3339)
	s.Inject(simulator.Fault{}, simulator.Fault{ListedAfter: -1}, simulator.Fault{ListedAfter: time.Hour})
	for range 3 {
		s.call(buying, postpaid)
	}
	states := func() (states []string) {
		for _, listed := range s.list(ofOne) {
			states = append(states, listed.Status+listed.StartTime)
		}
		return states
	}
	assert.Equal(t, []string{"Creating"}, states())
	*now = now.Add(time.Minute)
	assert.Equal(t, []string{"Creating", "Creating"}, states())
	*now = now.Add(time.Minute)
	assert.Equal(t, []string{"Running" + started, "Running" + started}, states())
}

func TestATestSetsWhatBecomesOfAnInstance(t *testing.T) {
	s := serve(t, simulator.Config{})
	s.call(buying, example)
	id := s.Orders()[0].InstanceID
	assert.True(t, s.SetStatus(id, "Reconfiguring"))
	assert.Equal(t, "Reconfiguring", s.list(ofOne)[0].Status)
	assert.True(t, s.SetStatus(id, simulator.StatusCreating))
	assert.Empty(t, s.list(ofOne)[0].StartTime)
	assert.True(t, s.Delete(id))
	assert.Empty(t, s.list(ofOne))
	assert.Len(t, s.Orders(), 1, "it was bought")
	assert.False(t, s.SetStatus("other", "Running"))
	assert.False(t, s.Delete("other"))
}
