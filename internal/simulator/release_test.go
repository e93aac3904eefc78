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

func TestWhatIsNoPostpaidInstanceInUseIsNotReleased(t *testing.T) {
	s := serve(t, simulator.Config{})
	for _, body := range []string{example, postpaid, postpaid, postpaid} {
		s.call(buying, body)
	}
	orders := s.Orders()
	s.Delete(orders[2].InstanceID)
	assert.Equal(t, `true`, string(s.call(release, releasing("svco-1", orders[3].InstanceID)).Result))
	for body, code := range map[string]string{
		releasing("svco-1", orders[0].InstanceID): "SimulatorNotReleasable", // Prepaid
		releasing("svco-2", orders[1].InstanceID): "SimulatorNotReleasable", // of another service
		releasing("svco-1", orders[2].InstanceID): "SimulatorNotReleasable", // expired
		releasing("svco-1", orders[3].InstanceID): "SimulatorNotReleasable", // released
		releasing("svco-1", "i-1"):                "SimulatorNotReleasable",
		releasing(" ", "i-1"):                     "InappropriateJSON",
		releasing("svco-1", ""):                   "InappropriateJSON",
	} {
		got := s.call(release, body)
		assert.Equal(t, code, got.Code, body)
		assert.Equal(t, 400, got.status, body)
	}
	assert.Len(t, s.Releases(), 1)
}
