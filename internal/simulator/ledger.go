package simulator

import (
	"slices"
	"sync"
	"time"
)

// PricePerReplicaMonth is the price of a Prepaid replica for a month, in fen.
// It is invented, and so is that a Postpaid order costs nothing when it is placed.
const PricePerReplicaMonth int64 = 100_00

// Order is one line of the ledger: a purchase that was made.
type Order struct {
	OrderID    string
	InstanceID string
	RequestID  string // the service's, as in the answer
	// ClientRequestID is the x-bce-request-id of the request, and empty if it had
	// none. It is for tests, which find out by it whose order this is. That the
	// answer has another one, made by the service, is invented.
	ClientRequestID string
	AccessKeyID     string
	ServiceID       string
	PaymentTiming   string // Prepaid or Postpaid
	ReplicasCount   int
	Months          int // of the reservation; 0 when Postpaid
	AutoRenew       bool
	ReleaseTime     string // as it was sent; empty when not given
	CreatedAt       time.Time
	Price           int64 // in fen, invented
}

// ledger is the account: what can be sold, what can be spent, and what was bought.
type ledger struct {
	startsAfter time.Duration
	listedAfter time.Duration

	mu         sync.Mutex
	stock      int
	balance    int64
	orders     []Order
	byService  map[string][]int // indexes of orders
	byInstance map[string]int
	changes    map[int]change    // what tests did to an instance, by index
	listedAt   map[int]time.Time // by index, if not listedAfter the order
	purchases  map[string]int    // valid requests, by service id
	reads      map[string]int
}

func newLedger(config Config) *ledger {
	return &ledger{
		startsAfter: config.StartsAfter,
		listedAfter: config.ListedAfter,
		stock:       config.Stock,
		balance:     config.Balance,
		byService:   map[string][]int{},
		byInstance:  map[string]int{},
		changes:     map[int]change{},
		listedAt:    map[int]time.Time{},
		purchases:   map[string]int{},
		reads:       map[string]int{},
	}
}

// count adds one to the attempts for a service id and returns how many there are.
func (l *ledger) count(attempts map[string]int, serviceID string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	attempts[serviceID]++
	return attempts[serviceID]
}

// place writes an order, or says what is missing. There is no idempotency: the
// same order placed twice is bought twice. A listing shows it listedAfter its
// creation, or by the lag if that is not 0.
func (l *ledger) place(order Order, lag time.Duration) *Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	if order.ReplicasCount > l.stock {
		return invented(CodeOutOfStock, "%d replicas wanted, %d in stock", order.ReplicasCount, l.stock)
	}
	monthly := PricePerReplicaMonth * int64(order.Months)
	// Dividing cannot overflow as multiplying could.
	if monthly > 0 && int64(order.ReplicasCount) > l.balance/monthly {
		return invented(CodeOutOfBalance, "the balance of %d fen is too small", l.balance)
	}
	order.Price = monthly * int64(order.ReplicasCount)
	l.stock -= order.ReplicasCount
	l.balance -= order.Price
	if lag != 0 {
		l.listedAt[len(l.orders)] = order.CreatedAt.Add(lag)
	}
	l.byInstance[order.InstanceID] = len(l.orders)
	l.byService[order.ServiceID] = append(l.byService[order.ServiceID], len(l.orders))
	l.orders = append(l.orders, order)
	return nil
}

// Orders is a copy of the ledger, in order of creation.
func (s *Simulator) Orders() []Order { return s.OrdersFrom(0) }

// OrdersFrom is a copy of the ledger without its first n orders: for a reader
// of a long ledger that knows those already.
func (s *Simulator) OrdersFrom(n int) []Order {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return slices.Clone(s.ledger.orders[min(max(n, 0), len(s.ledger.orders)):])
}

// OrdersOf is a copy of the orders for a service, in order of creation. It takes
// no time for the orders of other services.
func (s *Simulator) OrdersOf(serviceID string) []Order {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	indexes := s.ledger.byService[serviceID]
	orders := make([]Order, len(indexes))
	for i, index := range indexes {
		orders[i] = s.ledger.orders[index]
	}
	return orders
}

// Stock is the number of replicas that are left to sell.
func (s *Simulator) Stock() int {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.stock
}

// Balance is what is left to spend, in fen.
func (s *Simulator) Balance() int64 {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.balance
}
