package proof

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
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
	s.simulator = simulator.New(simulator.Config{Fault: func(p simulator.Purchase) simulator.Fault {
		s.reached.Store(p.ServiceID, true)
		return s.faults[numberOf(p.ServiceID)].Fault
	}})
	server := httptest.NewUnstartedServer(s.simulator)
	server.Config.ErrorLog = quiet()
	server.Config.ConnState = s.watch
	server.Start()
	s.url = server.URL
	s.stop = sync.OnceFunc(func() { server.CloseClientConnections(); server.Close(); elsewhere.Close() })
	tb.Cleanup(s.stop)
	return s
}

// numberOf reads the number at the end of a service id: no table to keep, and a failure names its fault.
func numberOf(serviceID string) int {
	number, err := strconv.Atoi(serviceID[strings.LastIndexByte(serviceID, '-')+1:])
	if err != nil {
		panic(err)
	}
	return number
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
