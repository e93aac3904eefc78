package simulator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// list is what a service has of a payment timing, or of both.
func (s *service) list(serviceID string, timing computeunit.PaymentTiming) []computeunit.Instance {
	s.Helper()
	got, err := s.client().DescribeComputeUnits(s.Context(),
		computeunit.DescribeComputeUnitsRequest{ServiceID: serviceID, PaymentTiming: timing})
	require.NoError(s, err)
	return got.Result.Instances
}

func TestAListingIsOfOneServiceAndTiming(t *testing.T) {
	s := serve(t, simulator.Config{})
	s.call(buying, example)
	s.call(buying, postpaid)
	first, second := s.Orders()[0].InstanceID, s.Orders()[1].InstanceID
	listed := s.list("svco-1", "")
	assert.Equal(t, []string{first, second}, []string{listed[0].InstanceID, listed[1].InstanceID})
	for timing, id := range map[computeunit.PaymentTiming]string{"Prepaid": first, "Postpaid": second} {
		listed := s.list("svco-1", timing)
		require.Len(t, listed, 1)
		assert.Equal(t, id, listed[0].InstanceID)
	}
	assert.Empty(t, s.list("svco-2", ""), "an empty list is one too")
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
	for _, want := range [][]string{{"Creating"}, {"Creating", "Creating"}, {"Running" + started, "Running" + started}} {
		var states []string
		for _, listed := range s.list("svco-1", "") {
			states = append(states, string(listed.Status)+listed.StartTime)
		}
		assert.Equal(t, want, states)
		*now = now.Add(time.Minute)
	}
}

func TestATestSetsWhatBecomesOfAnInstance(t *testing.T) {
	s := serve(t, simulator.Config{})
	s.call(buying, example)
	id := s.Orders()[0].InstanceID
	for status, starts := range map[string]bool{"Reconfiguring": true, simulator.StatusCreating: false} {
		assert.True(t, s.SetStatus(id, status))
		listed := s.list("svco-1", "")[0]
		assert.Equal(t, status, string(listed.Status))
		assert.Equal(t, starts, listed.StartTime != "", status)
	}
}
