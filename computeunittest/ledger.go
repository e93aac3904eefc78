package computeunittest

import (
	"slices"
	"sync"
	"time"

	"github.com/qianfan-go/computeunit"
)

// pricePerReplicaMonth is the price of a Prepaid replica for a month, in fen. It is invented, and so is that a Postpaid
// order costs nothing when it is placed.
const pricePerReplicaMonth int64 = 100_00

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

// Release is an instance that was released. Its order stays among the orders: it was bought.
type Release struct {
	ServiceID       string
	InstanceID      string
	RequestID       string // the server's, as in the answer
	ClientRequestID string // the x-bce-request-id that the client sent
	AccessKeyID     string
	ReleasedAt      time.Time
}

// placed is an order and what became of it.
type placed struct {
	Order
	status computeunit.InstanceStatus // if a test set it
	gone   bool                       // out of use: not listed
}

// ledger is the account: what can be sold, what can be spent, and what was bought.
type ledger struct {
	mu       sync.Mutex
	stock    int
	balance  int64
	orders   []*placed
	releases []Release
}

// place writes an order, or says what is missing. There is no idempotency: the same order placed twice is bought twice.
func (l *ledger) place(order Order) *refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	if order.ReplicasCount > l.stock {
		return invented(codeOutOfStock, "%d replicas wanted, %d in stock", order.ReplicasCount, l.stock)
	}
	monthly := pricePerReplicaMonth * int64(order.Months)
	if monthly > 0 && int64(order.ReplicasCount) > l.balance/monthly { // multiplied, it could overflow
		return invented(codeOutOfBalance, "the balance of %d fen is too small", l.balance)
	}
	order.Price = monthly * int64(order.ReplicasCount)
	l.stock -= order.ReplicasCount
	l.balance -= order.Price
	l.orders = append(l.orders, &placed{Order: order})
	return nil
}

// release takes an instance out of use. What the service answers for one that is Prepaid, that was released before or that
// is none is not documented, nor when a listing stops showing it: here at once.
func (l *ledger) release(release Release) *refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.find(release.InstanceID)
	if p == nil || p.ServiceID != release.ServiceID || p.PaymentTiming != computeunit.PaymentTimingPostpaid || p.gone {
		return invented(codeNotReleasable, "the service has no postpaid instance in use with this id")
	}
	p.gone = true
	l.releases = append(l.releases, release)
	return nil
}

// find is called with the lock held, and returns nil if there is none.
func (l *ledger) find(instanceID string) *placed {
	for _, p := range l.orders {
		if p.InstanceID == instanceID {
			return p
		}
	}
	return nil
}

func (l *ledger) change(instanceID string, change func(*placed)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.find(instanceID)
	if p != nil {
		change(p)
	}
	return p != nil
}

// Orders is what was bought, in order of creation.
func (s *Server) Orders() []Order {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	var orders []Order
	for _, p := range s.ledger.orders {
		orders = append(orders, p.Order)
	}
	return orders
}

// Releases is what was released, in turn. What the service answers to a release of an instance that is Prepaid, that was
// released before, or that is none, is not documented: here it is a 400, and not in this ledger.
func (s *Server) Releases() []Release {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return slices.Clone(s.ledger.releases)
}
