package computeunit_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// idleCloser is a server that closes its idle connections when told to.
type idleCloser struct {
	mu     sync.Mutex
	idle   map[net.Conn]struct{}
	became chan struct{} // a connection became idle
}

func (c *idleCloser) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateIdle {
		c.idle[conn] = struct{}{}
		c.became <- struct{}{}
	} else {
		delete(c.idle, conn)
	}
}

func (c *idleCloser) close() (closed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.idle {
		conn.Close()
		delete(c.idle, conn)
		closed++
	}
	return closed
}

// The server closes its idle connections right before each purchase: none of them may cost a purchase.
func TestClosedIdleConnectionCostsNoPurchase(t *testing.T) {
	const purchases = 200
	sim := simulator.New(simulator.Config{})
	idle := &idleCloser{idle: map[net.Conn]struct{}{}, became: make(chan struct{}, purchases)}
	server := httptest.NewUnstartedServer(sim)
	server.Config.ConnState = idle.state
	server.Start()
	t.Cleanup(server.Close)
	client := newClientTo(t, server.URL, computeunit.WithMaxAttempts(1))

	closed := 0
	for range purchases {
		_, err := client.PurchaseComputeUnit(t.Context(), computeunit.PurchaseComputeUnitRequest{
			ServiceID: "svco-idle", Billing: computeunit.Postpaid(), ReplicasCount: 1,
		})
		require.NoError(t, err)
		<-idle.became
		closed += idle.close()
	}
	assert.Len(t, sim.Orders(), purchases)
	assert.Equal(t, purchases, closed)
}

// The server is gone, and only an idle connection remembers it: nothing was written, so nothing was bought.
func TestServerThatWentAwayIsNotPurchased(t *testing.T) {
	for range 50 {
		server := httptest.NewServer(simulator.New(simulator.Config{}))
		client := newClientTo(t, server.URL, computeunit.WithMaxAttempts(1))
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		require.NoError(t, err)
		server.Close()
		_, err = client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrNotPurchased, err)
	}
}

// A burst opens no more connections than it has callers.
func TestBurstOpensAConnectionACallerAtMost(t *testing.T) {
	const callers, purchases = 64, 50
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(simulator.New(simulator.Config{}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClientTo(t, server.URL)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range purchases {
				_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
				assert.NoError(t, err)
			}
		})
	}
	group.Wait()
	assert.LessOrEqual(t, opened.Load(), int64(callers))
}
