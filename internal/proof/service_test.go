package proof

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// faultyService is a simulator that misbehaves by service id, and an address to be redirected to.
type faultyService struct {
	simulator *simulator.Simulator
	url       string
	tlsURL    string                     // the same over TLS, HTTP/2 too
	faults    []simulator.CatalogueEntry // the last is none
	reached   sync.Map                   // the service ids of the purchases that came here
	redirects atomic.Int64               // requests at the other address
	busy      sync.Map                   // connections with a request on them
	stop      func()
}

// startFaultyService starts one whose slow faults last for delay, or as long as the client waits.
func startFaultyService(tb testing.TB, delay time.Duration) *faultyService {
	s := &faultyService{}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.redirects.Add(1) }))
	s.faults = append(simulator.Catalogue(elsewhere.URL, delay),
		simulator.CatalogueEntry{Fault: simulator.Fault{Name: "none"}, Truth: simulator.MustBuy})
	s.simulator = simulator.New(simulator.Config{Fault: func(p simulator.Request) simulator.Fault {
		s.reached.Store(p.ServiceID, true)
		return s.faults[planOf(p.ServiceID).fault].Fault
	}})
	plain, secure := httptest.NewUnstartedServer(s.simulator), httptest.NewUnstartedServer(s.simulator)
	for _, server := range []*httptest.Server{plain, secure} {
		server.Config.ErrorLog = quiet()
		server.Config.ConnState = s.watch
	}
	plain.Start()
	secure.EnableHTTP2 = true
	secure.StartTLS()
	s.url, s.tlsURL = plain.URL, secure.URL
	s.stop = sync.OnceFunc(func() {
		for _, server := range []*httptest.Server{plain, secure, elsewhere} {
			server.CloseClientConnections()
			server.Close()
		}
	})
	tb.Cleanup(s.stop)
	return s
}

// plan is what a service id says of its purchase: no table to keep, and a failure names its fault.
type plan struct{ number, disturbance, fault int }

func (p plan) serviceID() string {
	return fmt.Sprintf("svco-%d-%d-%d", p.number, p.disturbance, p.fault)
}

func planOf(serviceID string) (p plan) {
	if _, err := fmt.Sscanf(serviceID, "svco-%d-%d-%d", &p.number, &p.disturbance, &p.fault); err != nil {
		panic(err)
	}
	return p
}

func (s *faultyService) watch(c net.Conn, state http.ConnState) {
	if state == http.StateActive {
		s.busy.Store(c, true)
	} else {
		s.busy.Delete(c)
	}
}

// awaitQuiet waits until no request is under way: from then on the ledger is complete.
func (s *faultyService) awaitQuiet(t *testing.T) {
	t.Helper()
	assert.Eventually(t, func() bool {
		quiet := true
		s.busy.Range(func(any, any) bool { quiet = false; return false })
		return quiet
	}, 10*time.Second, time.Millisecond, "connections that still have a request on them")
}

// orders are the ledger's, by service id.
func (s *faultyService) orders() map[string][]simulator.Order {
	orders := map[string][]simulator.Order{}
	for _, order := range s.simulator.Orders() {
		orders[order.ServiceID] = append(orders[order.ServiceID], order)
	}
	return orders
}
