package computeunittest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func release(t *testing.T, server *computeunittest.Server, serviceID, instanceID string) computeunit.APIError {
	t.Helper()
	return call(t, server, releasing, fmt.Sprintf(`{"serviceId":%q,"instanceId":%q}`, serviceID, instanceID))
}

func TestWhatIsNoPostpaidInstanceInUseIsNotReleased(t *testing.T) {
	server := newServer(t)
	for _, body := range []string{prepaid, postpaid, postpaid, postpaid} {
		call(t, server, buying, body)
	}
	orders := server.Orders()
	server.Delete(orders[2].InstanceID)
	for i, test := range []struct{ serviceID, instanceID, code string }{
		{"svco-1", orders[3].InstanceID, ""},
		{"svco-1", orders[3].InstanceID, "SimulatorNotReleasable"}, // released
		{"svco-1", orders[0].InstanceID, "SimulatorNotReleasable"}, // Prepaid
		{"svco-2", orders[1].InstanceID, "SimulatorNotReleasable"}, // of another service
		{"svco-1", orders[2].InstanceID, "SimulatorNotReleasable"}, // out of use
		{"svco-1", "i-1", "SimulatorNotReleasable"},
		{" ", "i-1", "InappropriateJSON"},
		{"svco-1", "", "InappropriateJSON"},
	} {
		assert.Equal(t, test.code, release(t, server, test.serviceID, test.instanceID).Code, i)
	}
	assert.Len(t, server.Releases(), 1)
	assert.Len(t, list(t, server, "svco-1", "Postpaid"), 1, "what was released is not listed")
}

func TestAReleaseMeetsAFaultBeforeOrAfterIt(t *testing.T) {
	for fault, releases := range map[computeunittest.Fault]int{
		computeunittest.Denied():                     0,
		computeunittest.LoseRequest():                0,
		computeunittest.LoseAnswer():                 1,
		computeunittest.Answer(500, "").AfterOrder(): 1,
	} {
		server := newServer(t)
		call(t, server, buying, postpaid)
		server.NextReleases(fault)
		err := server.Client(computeunit.WithMaxAttempts(1)).ReleaseComputeUnit(t.Context(), computeunit.ReleaseComputeUnitRequest{
			ServiceID: "svco-1", InstanceID: server.Orders()[0].InstanceID,
		})
		assert.Error(t, err, fault)
		assert.Len(t, server.Releases(), releases, fault)
	}
}

func TestAnAnswerToAReleaseHasTheIDOfItsInstance(t *testing.T) {
	server := newServer(t)
	server.NextReleases(computeunittest.Answer(400, `{"code":"{instanceId}"}`))
	assert.Equal(t, "i-1", release(t, server, "svco-1", "i-1").Code)
}
