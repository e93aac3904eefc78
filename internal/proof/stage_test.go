package proof

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
)

// stage is the service behind a network that misbehaves by service id, and an address to be redirected to.
type stage struct {
	service   model.Service
	network   *model.Network
	url       string
	secure    string // the address of the same over TLS
	faults    []model.Fault
	broken    []model.Fault // those without a whole answer
	planned   sync.Map      // by service id
	elsewhere *httptest.Server
	redirects atomic.Int64 // requests there
}

func startStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{}
	s.elsewhere = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.redirects.Add(1) }))
	t.Cleanup(s.elsewhere.Close)
	s.faults = model.Faults(s.elsewhere.URL)
	s.broken = slices.DeleteFunc(slices.Clone(s.faults), func(f model.Fault) bool { return f.Act == nil })
	s.network = &model.Network{Service: &s.service, Fault: func(serviceID string) model.Fault {
		planned, _ := s.planned.Load(serviceID)
		return planned.(model.Fault)
	}}
	plain, secure := listen(t), listen(t)
	s.url, s.secure = "http://"+plain.Addr().String(), secure.Addr().String()
	s.network.Listen(plain)
	s.network.Listen(tls.NewListener(secure, &tls.Config{Certificates: certificate()}))
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return listener
}

// certificate is that of every TLS server of httptest.
func certificate() []tls.Certificate {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return server.TLS.Certificates
}

// audit holds each purchase against the ledger.
func (s *stage) audit(result *audit, purchases []purchase) {
	orders := map[string][]*model.Order{} // by service id
	for _, order := range s.service.Orders(0) {
		orders[order.ServiceID] = append(orders[order.ServiceID], order)
	}
	for _, p := range purchases {
		p.reached = s.network.Reached(p.serviceID)
		result.add(p, orders[p.serviceID])
	}
}

func newClient(tb testing.TB, endpoint string, options ...computeunit.Option) *computeunit.Client {
	tb.Helper()
	options = append(options, computeunit.WithEndpoint(endpoint), computeunit.WithRefusalCodes(model.RefusalCodes...))
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), options...)
	require.NoError(tb, err)
	return client
}

// prepaidFor is the documented example for another service.
func prepaidFor(serviceID string) computeunit.PurchaseComputeUnitRequest {
	return computeunit.PurchaseComputeUnitRequest{ServiceID: serviceID, Billing: computeunit.Prepaid(5), ReplicasCount: 5}
}
