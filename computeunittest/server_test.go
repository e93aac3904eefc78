package computeunittest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestCloseEndsARequestThatIsDelayed(t *testing.T) {
	var server *computeunittest.Server
	server = newServer(t, computeunittest.WithPurchaseFaults(func(computeunittest.Purchase) computeunittest.Fault {
		go server.Close()
		return computeunittest.Delay(time.Hour)
	}))
	assert.Equal(t, "unknown", buy(server.Client()))
	server.Close()
	assert.Equal(t, "not purchased", buy(server.Client(computeunit.WithMaxAttempts(1))))
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
