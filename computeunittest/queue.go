package computeunittest

import "sync"

// NextPurchases queues faults for the next purchases that are signed, permitted and valid, one for each request: the
// zero Fault lets one pass. A client that sends again meets the next. It panics on a fault that cannot be: see
// [Fault.AfterOrder].
func (s *Server) NextPurchases(faults ...Fault) { s.purchases.add(faults) }

// NextListings queues faults for the next listings, as NextPurchases does for purchases.
func (s *Server) NextListings(faults ...Fault) { s.listings.add(faults) }

// NextReleases queues faults for the next releases, as NextPurchases does for purchases.
func (s *Server) NextReleases(faults ...Fault) { s.releases.add(faults) }

// queue is the faults that the next valid requests of an action meet.
type queue struct {
	mu       sync.Mutex
	faults   []Fault
	attempts map[string]int // of valid requests, by service id
}

func (q *queue) add(faults []Fault) {
	for _, fault := range faults {
		if err := fault.Valid(); err != nil {
			panic("computeunittest: " + err.Error())
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.faults = append(q.faults, faults...)
}

// next is what a request meets: the first in the queue, or else what an option has for the attempt.
func (q *queue) next(serviceID string, option func(attempt int) Fault) Fault {
	attempt, queued := q.take(serviceID)
	if len(queued) == 0 {
		return option(attempt) // without the lock: it may take its time, and queue faults
	}
	return queued[0]
}

func (q *queue) take(serviceID string) (attempt int, first []Fault) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.attempts == nil {
		q.attempts = map[string]int{}
	}
	q.attempts[serviceID]++
	n := min(len(q.faults), 1)
	first, q.faults = q.faults[:n], q.faults[n:]
	return q.attempts[serviceID], first
}
