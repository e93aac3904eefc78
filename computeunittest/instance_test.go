package computeunittest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestAListingIsOfOneServiceAndTiming(t *testing.T) {
	server := newServer(t)
	call(t, server, buying, prepaid)
	call(t, server, buying, postpaid)
	first, second := server.Orders()[0].InstanceID, server.Orders()[1].InstanceID
	for timing, want := range map[computeunit.PaymentTiming][]string{"": {first, second}, "Prepaid": {first}, "Postpaid": {second}} {
		var found []string
		for _, listed := range list(t, server, "svco-1", timing) {
			found = append(found, listed.InstanceID)
		}
		assert.Equal(t, want, found, timing)
	}
	assert.Equal(t, 2, list(t, server, "svco-1", "Postpaid")[0].ReplicasCount)
	assert.Empty(t, list(t, server, "svco-2", ""), "an empty list is one too")
	for _, body := range []string{`{}`, `{"serviceId":" "}`, `{"serviceId":"svco-1","paymentTiming":"Later"}`} {
		assert.Equal(t, "InappropriateJSON", call(t, server, listing, body).Code, body)
	}
}

func TestAnInstanceIsListedAndStartsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(t, computeunittest.WithListingLag(time.Minute), computeunittest.WithStartDelay(2*time.Minute))
		call(t, server, buying, postpaid)
		started := server.Orders()[0].CreatedAt.Add(2 * time.Minute).UTC().Format(time.RFC3339)
		for minute, want := range [][]computeunit.Instance{nil, {{Status: "Creating"}}, {{Status: "Running", StartTime: started}}} {
			var got []computeunit.Instance
			for _, listed := range list(t, server, "svco-1", "") {
				got = append(got, computeunit.Instance{Status: listed.Status, StartTime: listed.StartTime})
			}
			assert.Equal(t, want, got, minute)
			time.Sleep(time.Minute)
		}
	})
}

func TestATestSetsWhatBecomesOfAnInstance(t *testing.T) {
	server := newServer(t)
	call(t, server, buying, prepaid)
	id := server.Orders()[0].InstanceID
	for status, starts := range map[computeunit.InstanceStatus]bool{"Reconfiguring": true, computeunit.InstanceCreating: false} {
		assert.True(t, server.SetStatus(id, status))
		listed := list(t, server, "svco-1", "")[0]
		assert.Equal(t, status, listed.Status)
		assert.Equal(t, starts, listed.StartTime != "", status)
	}
	assert.True(t, server.Delete(id))
	assert.Empty(t, list(t, server, "svco-1", ""))
	assert.Len(t, server.Orders(), 1)
	assert.False(t, server.SetStatus("other", computeunit.InstanceDeleted))
	assert.False(t, server.Delete("other"))
}
