package computeunit

import "sync"

// buyers remembers which purchases of this Client overlapped, and nothing of what came of them. [Client.Reconcile]
// needs it: two callers who buy the same for the same service cannot tell their instances apart.
type buyers struct {
	mu    sync.Mutex
	clock int64 // counts beginnings and ends
	wants map[want]*tally
}

// want is what the service's listing can tell purchases apart by.
type want struct {
	serviceID string
	timing    PaymentTiming
	replicas  int
}

type tally struct {
	running  int
	lastEnds [2]int64 // the last two, newest first
}

func wantOf(r PurchaseComputeUnitRequest) want {
	return want{r.ServiceID, r.Billing.PaymentTiming, r.ReplicasCount}
}

// begin counts a purchase as running until end gets the tally back.
func (b *buyers) begin(request PurchaseComputeUnitRequest) *tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wants == nil {
		b.wants = map[want]*tally{}
	}
	t := b.wants[wantOf(request)]
	if t == nil {
		t = new(tally)
		b.wants[wantOf(request)] = t
	}
	t.running++
	b.clock++
	return t
}

func (b *buyers) end(t *tally) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.running--
	b.clock++
	t.lastEnds = [2]int64{b.clock, t.lastEnds[0]}
}

// mark is a moment in the count of one Client.
type mark struct {
	of    *buyers
	clock int64
}

func (b *buyers) mark() mark {
	b.mu.Lock()
	defer b.mu.Unlock()
	return mark{b, b.clock}
}

// several tells whether more than one purchase of the same went on at any time since the mark. A mark that is
// not of this Client counts as the beginning.
func (b *buyers) several(request PurchaseComputeUnitRequest, since mark) bool {
	if since.of != b {
		since.clock = 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.wants[wantOf(request)]
	if t == nil {
		return false
	}
	going := t.running
	for _, end := range t.lastEnds {
		if end > since.clock {
			going++
		}
	}
	return going > 1
}
