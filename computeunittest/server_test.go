package computeunittest_test

import (
	"context"
	"net/http"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
	"github.com/qianfan-go/computeunit/once"
)

func TestStatusAndDelete(t *testing.T) {
	server := newServer(t)
	client := server.Client()
	require.Equal(t, "bought", buy(client))
	id := server.Orders()[0].InstanceID
	assert.True(t, server.SetStatus(id, computeunit.InstanceDeleted))
	assert.False(t, server.SetStatus("other", computeunit.InstanceDeleted))
	assert.Equal(t, computeunit.InstanceDeleted, list(t, client)[0].Status)
	assert.True(t, server.Delete(id))
	assert.False(t, server.Delete("other"))
	assert.Empty(t, list(t, client))
	assert.Len(t, server.Orders(), 1)
}

func TestAClosedServerIsNotReached(t *testing.T) {
	server := newServer(t)
	client := server.Client(computeunit.WithMaxAttempts(1))
	server.Close()
	server.Close()
	assert.Equal(t, "not purchased", buy(client))
}

func TestCloseEndsARequestThatIsDelayed(t *testing.T) {
	var server *computeunittest.Server
	server = newServer(t, computeunittest.WithPurchaseFaults(func(computeunittest.Purchase) computeunittest.Fault {
		go server.Close()
		return computeunittest.Delay(time.Hour)
	}))
	assert.Equal(t, "unknown", buy(server.Client()))
}

// Another test of the same binary may have replaced http.DefaultTransport.
func TestAMockOfAnotherTestGetsNoRequestOfAClient(t *testing.T) {
	httpmock.Activate(t)
	server := newServer(t)
	assert.Equal(t, "bought", buy(server.Client()))
	assert.Len(t, server.Orders(), 1)
	assert.Zero(t, httpmock.GetTotalCallCount())
}

func TestAClientTakesOptions(t *testing.T) {
	server := newServer(t)
	own := &http.Transport{}
	t.Cleanup(own.CloseIdleConnections)
	assert.Equal(t, "bought", buy(server.Client(computeunit.WithHTTPClient(&http.Client{Transport: own}))))
	assert.PanicsWithValue(t, "computeunittest: computeunit: WithMaxAttempts: 0 is less than 1",
		func() { server.Client(computeunit.WithMaxAttempts(0)) })
}

func TestAPurchaseInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(t, computeunittest.WithStartDelay(time.Hour))
		client := server.Client()
		assert.Equal(t, "bought", buy(client))
		assert.Equal(t, computeunit.InstanceCreating, list(t, client)[0].Status)
		time.Sleep(time.Hour)
		assert.Equal(t, computeunit.InstanceRunning, list(t, client)[0].Status)
	})
}

func TestAThrottledPurchaseInABubbleIsSentAgainAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(t)
		server.NextPurchases(computeunittest.Throttled(20 * time.Second))
		began := time.Now()
		assert.Equal(t, "bought", buy(server.Client()))
		assert.GreaterOrEqual(t, time.Since(began), 20*time.Second)
		assert.Equal(t, 2, server.Requests())
	})
}

func TestALostAnswerInABubbleIsFoundByOnce(t *testing.T) {
	for name, fault := range map[string]computeunittest.Fault{
		"reset": computeunittest.LoseAnswer(), "late": computeunittest.Delay(time.Hour),
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newServer(t)
			server.NextPurchases(fault)
			buyer, err := once.New(server.Client(computeunit.WithTimeout(10*time.Second)), once.InMemory())
			require.NoError(t, err)
			bought, err := buyer.Buy(t.Context(), "order-1", fiveMonths)
			require.NoError(t, err, name)
			assert.Equal(t, server.Orders()[0].InstanceID, bought.InstanceID, name)
			assert.Len(t, server.Orders(), 1, name)
		})
	}
}

// Only the server's own client gets to a server in memory; any other finds nobody, and at once.
func TestNobodyListensInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(t)
		client := server.Client(computeunit.WithMaxAttempts(1), computeunit.WithHTTPClient(&http.Client{Transport: &http.Transport{}}))
		_, err := client.PurchaseComputeUnit(context.Background(), fiveMonths)
		assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
	})
}

// A user cannot name what is internal, so nothing exported may have it in its type.
func TestNothingExportedIsInternal(t *testing.T) {
	documented, err := exec.Command("go", "doc", "-all", ".").Output()
	require.NoError(t, err)
	assert.Contains(t, string(documented), "func NewServer(")
	assert.NotContains(t, string(documented), "simulator.")
}
