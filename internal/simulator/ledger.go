package simulator

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// pricePerReplicaMonth is the price of a Prepaid replica for a month, in fen. It is invented, and so is that a Postpaid
// order costs nothing when it is placed.
const pricePerReplicaMonth int64 = 100_00

// Order is a purchase that was made.
type Order struct {
	OrderID    string
	InstanceID string
	RequestID  string // the service's, as in the answer
	// ClientRequestID is the x-bce-request-id of the request, and empty if it had none. That the answer has another one,
	// made by the service, is invented.
	ClientRequestID string
	AccessKeyID     string
	ServiceID       string
	PaymentTiming   string // Prepaid or Postpaid
	ReplicasCount   int
	Months          int // of the reservation; 0 if Postpaid
	AutoRenew       bool
	ReleaseTime     string // as it was sent; empty if it was not given
	CreatedAt       time.Time
	Price           int64 // in fen, invented
}

// Release is an instance that was released.
type Release struct {
	ServiceID       string
	InstanceID      string
	RequestID       string // the service's, as in the answer
	ClientRequestID string // as in Order
	AccessKeyID     string
	ReleasedAt      time.Time
}

// placed is an order and what became of it.
type placed struct {
	Order
	listedAt, startsAt time.Time
	status             string // if a test set it
	gone               bool   // out of use: not listed
}

// ledger is the account: what can be sold, what can be spent, and what was bought.
type ledger struct {
	config   Config
	mu       sync.Mutex
	stock    int
	balance  int64
	orders   []*placed
	releases []Release
	services map[string][]*placed // the orders of each
}

func newLedger(config Config) *ledger {
	return &ledger{
		config:   config,
		stock:    max(cmp.Or(config.Stock, 1_000_000_000), 0),
		balance:  max(cmp.Or(config.Balance, 1_000_000_000_000_000_000), 0),
		services: map[string][]*placed{},
	}
}

// place writes an order, or says what is missing. There is no idempotency: the same order placed twice is bought twice. A
// listing shows it after the lag, or after the usual one if that is 0.
func (l *ledger) place(order Order, lag time.Duration) *Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	if order.ReplicasCount > l.stock {
		return invented(CodeOutOfStock, "%d replicas wanted, %d in stock", order.ReplicasCount, l.stock)
	}
	monthly := pricePerReplicaMonth * int64(order.Months)
	if monthly > 0 && int64(order.ReplicasCount) > l.balance/monthly { // multiplied, it could overflow
		return invented(CodeOutOfBalance, "the balance of %d fen is too small", l.balance)
	}
	order.Price = monthly * int64(order.ReplicasCount)
	l.stock -= order.ReplicasCount
	l.balance -= order.Price
	p := &placed{
		Order:    order,
		listedAt: order.CreatedAt.Add(cmp.Or(lag, l.config.ListedAfter)),
		startsAt: order.CreatedAt.Add(l.config.StartsAfter),
	}
	l.orders = append(l.orders, p)
	l.services[order.ServiceID] = append(l.services[order.ServiceID], p)
	return nil
}

// release takes an instance out of use. What the service answers for one that is Prepaid, that was released before or that
// is none is not documented, nor when a listing stops showing it: here at once.
func (l *ledger) release(release Release) *Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.find(release.InstanceID)
	if p == nil || p.ServiceID != release.ServiceID || p.PaymentTiming != Postpaid || p.gone {
		return invented(CodeNotReleasable, "the service has no postpaid instance in use with this id")
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

// Orders is a copy of what was bought, in order of creation.
func (s *Simulator) Orders() []Order {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	orders := make([]Order, len(s.ledger.orders))
	for i, p := range s.ledger.orders {
		orders[i] = p.Order
	}
	return orders
}

// Releases is a copy of what was released, in turn.
func (s *Simulator) Releases() []Release {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return slices.Clone(s.ledger.releases)
}
