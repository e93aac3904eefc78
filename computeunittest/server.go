package computeunittest

import (
	"context"
	"fmt"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// Server is a stand-in for the service on a loopback address. It is safe for concurrent use. Make one with
// [NewServer], and call Close at the end.
type Server struct {
	URL         string                  // for computeunit.WithEndpoint, http://127.0.0.1:port
	Credentials computeunit.Credentials // what Client signs with: the first of WithKeys, else a key of the server's own

	simulator *simulator.Simulator
	stop      func() error
}

// NewServer starts a Server: one with ample stock and balance, whose instances run and are listed at once. It panics
// if it cannot listen or if an option is wrong.
func NewServer(options ...Option) *Server {
	s := settings{addr: "127.0.0.1:0"}
	for _, option := range options {
		option(&s)
	}
	credentials := computeunit.Credentials{
		AccessKeyID: simulator.DefaultAccessKeyID, SecretAccessKey: simulator.DefaultSecretAccessKey,
	}
	if len(s.keys) > 0 {
		credentials = s.keys[0]
	}
	engine := simulator.New(s.config)
	url, stop, err := simulator.ServeAt(s.addr, engine)
	if err != nil {
		panic(fmt.Sprintf("computeunittest: %v", err))
	}
	return &Server{URL: url, Credentials: credentials, simulator: engine, stop: stop}
}

// Close stops the server and closes every connection to it, those with a request on them too. It may be called again.
func (s *Server) Close() {
	_ = s.stop() // of a listener that is closed already: there is nothing to do about it
}

// Client is a new client of the server. Options may change everything, its endpoint too. It panics if one is wrong.
func (s *Server) Client(options ...computeunit.Option) *computeunit.Client {
	options = append([]computeunit.Option{computeunit.WithEndpoint(s.URL)}, options...)
	client, err := computeunit.NewClient(key{s.Credentials}, options...)
	if err != nil {
		panic(fmt.Sprintf("computeunittest: %v", err))
	}
	return client
}

// key is the provider of the credentials, which may have a session token.
type key struct{ credentials computeunit.Credentials }

func (k key) Credentials(context.Context) (computeunit.Credentials, error) { return k.credentials, nil }

// NextPurchases queues faults for the next purchases that are signed, permitted and valid, one for each request: the
// zero Fault lets one pass. A client that sends again meets the next. It panics on a fault that cannot be: see
// [Fault.AfterOrder].
func (s *Server) NextPurchases(faults ...Fault) { s.simulator.Inject(engineFaults(faults)...) }

// NextListings queues faults for the next listings, as NextPurchases does for purchases.
func (s *Server) NextListings(faults ...Fault) { s.simulator.InjectRead(engineFaults(faults)...) }

// Requests is the number of HTTP requests that arrived, whatever became of them.
func (s *Server) Requests() int { return s.simulator.Requests() }

// SetStatus gives an instance a status, and reports whether there is such an instance. Which listings show a Deleted
// instance is not documented: here all do, and only Delete takes one away.
func (s *Server) SetStatus(instanceID string, status computeunit.InstanceStatus) bool {
	return s.simulator.SetStatus(instanceID, string(status))
}

// Delete takes an instance out of the listings, and reports whether there was one. Its order stays: it was bought.
func (s *Server) Delete(instanceID string) bool { return s.simulator.Delete(instanceID) }

// Order is a purchase that was made.
type Order struct {
	OrderID         string
	InstanceID      string
	RequestID       string // the server's, as in the answer
	ClientRequestID string // the x-bce-request-id that the client sent: computeunit.OutcomeError has the same
	AccessKeyID     string
	ServiceID       string
	PaymentTiming   computeunit.PaymentTiming
	ReplicasCount   int
	Months          int    // of a reservation; 0 if Postpaid
	AutoRenew       bool   // of a reservation
	ReleaseTime     string // as it was sent; empty if it was not
	CreatedAt       time.Time
	Price           int64 // in fen (1/100 CNY), invented: 100 yuan for a Prepaid replica and month, nothing if Postpaid
}

// Orders is what was bought, in order of creation.
func (s *Server) Orders() []Order {
	var orders []Order
	for _, o := range s.simulator.Orders() {
		orders = append(orders, Order{
			OrderID: o.OrderID, InstanceID: o.InstanceID, RequestID: o.RequestID, ClientRequestID: o.ClientRequestID,
			AccessKeyID: o.AccessKeyID, ServiceID: o.ServiceID, PaymentTiming: computeunit.PaymentTiming(o.PaymentTiming),
			ReplicasCount: o.ReplicasCount, Months: o.Months, AutoRenew: o.AutoRenew, ReleaseTime: o.ReleaseTime,
			CreatedAt: o.CreatedAt, Price: o.Price,
		})
	}
	return orders
}
