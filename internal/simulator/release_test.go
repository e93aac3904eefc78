package simulator_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

func releasing(serviceID, instanceID string) string {
	return fmt.Sprintf(`{"serviceId":%q,"instanceId":%q}`, serviceID, instanceID)
}

func TestAPostpaidInstanceIsReleasedOnce(t *testing.T) {
	now, config := clock()
	s := serve(t, config)
	s.call(buying, postpaid)
	id := s.Orders()[0].InstanceID
	got := s.call(release, releasing("svco-1", id))
	assert.JSONEq(t, `{"requestId":"`+got.RequestID+`","result":true}`, got.body)
	assert.Empty(t, s.list(ofOne))
	assert.Equal(t, "SimulatorNotReleasable", s.call(release, releasing("svco-1", id)).Code)
	assert.Equal(t, []simulator.Release{{
		ServiceID: "svco-1", InstanceID: id, RequestID: got.RequestID, ClientRequestID: "of-the-client",
		AccessKeyID: keys.AccessKeyID, ReleasedAt: *now,
	}}, s.Releases())
	assert.Len(t, s.Orders(), 1, "it was bought")
}

func TestWhatIsNoPostpaidInstanceInUseIsNotReleased(t *testing.T) {
	s := serve(t, simulator.Config{})
	for _, body := range []string{example, postpaid, postpaid} {
		s.call(buying, body)
	}
	orders := s.Orders()
	s.Delete(orders[2].InstanceID)
	for body, code := range map[string]string{
		releasing("svco-1", orders[0].InstanceID): "SimulatorNotReleasable", // Prepaid
		releasing("svco-2", orders[1].InstanceID): "SimulatorNotReleasable", // of another service
		releasing("svco-1", orders[2].InstanceID): "SimulatorNotReleasable", // expired
		releasing("svco-1", "i-1"):                "SimulatorNotReleasable",
		releasing(" ", "i-1"):                     "InappropriateJSON",
		releasing("svco-1", ""):                   "InappropriateJSON",
	} {
		got := s.call(release, body)
		assert.Equal(t, code, got.Code, body)
		assert.Equal(t, 400, got.status, body)
	}
	assert.Empty(t, s.Releases())
}

func TestAFaultOfAReleaseComesBeforeOrAfterIt(t *testing.T) {
	s := serve(t, simulator.Config{})
	s.call(buying, postpaid)
	id := s.Orders()[0].InstanceID
	s.InjectRelease(simulator.Error(403, "AccessDenied", ""), simulator.Fault{Status: 500, Body: "{instanceId}", When: simulator.AfterOrder})
	assert.Equal(t, "AccessDenied", s.call(release, releasing("svco-1", id)).Code)
	assert.Empty(t, s.Releases())
	assert.Equal(t, id, s.call(release, releasing("svco-1", id)).body)
	assert.Len(t, s.Releases(), 1)
}
