package computeunittest

import (
	"time"

	"github.com/qianfan-go/computeunit"
)

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
			o.OrderID, o.InstanceID, o.RequestID, o.ClientRequestID, o.AccessKeyID, o.ServiceID,
			computeunit.PaymentTiming(o.PaymentTiming), o.ReplicasCount, o.Months, o.AutoRenew, o.ReleaseTime, o.CreatedAt, o.Price,
		})
	}
	return orders
}

// Release is an instance that was released. Its order stays among the orders: it was bought.
type Release struct {
	ServiceID       string
	InstanceID      string
	RequestID       string // the server's, as in the answer
	ClientRequestID string // the x-bce-request-id that the client sent
	AccessKeyID     string
	ReleasedAt      time.Time
}

// Releases is what was released, in turn. What the service answers to a release of an instance that is Prepaid, that was
// released before, or that is none, is not documented: here it is a 400, and not in this ledger.
func (s *Server) Releases() []Release {
	var releases []Release
	for _, r := range s.simulator.Releases() {
		releases = append(releases, Release(r))
	}
	return releases
}
