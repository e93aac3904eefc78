package computeunit

import (
	"slices"
	"sync"
)

// buyers remembers which purchases of this Client could have left an instance behind, and the instances that were
// named to their callers. [Client.Reconcile] needs it: two callers who buy the same for the same service cannot tell
// their instances apart.
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
	lastEnds [2]int64 // the last two that were not refused, newest first
	// open ended without an instance being named, and were not reconciled since: their instances can still turn up.
	open    []int64
	dropped bool    // one had to go for want of room: it stays open for good
	named   []named // the last, in a ring
	next    int     // where the ring goes on
}

// What one tally keeps is bounded: a service that buys for years must not grow by it.
const (
	maxOpen  = 64
	maxNamed = 256
)

// named is an instance that the service named in its answer, and when.
type named struct {
	instanceID string
	end        int64
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

func (b *buyers) end(t *tally, instanceID string, outcome error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.running--
	b.clock++
	if outcome == ErrNotPurchased {
		return // it leaves nothing behind
	}
	t.lastEnds = [2]int64{b.clock, t.lastEnds[0]}
	if outcome != nil || instanceID == "" {
		t.keepOpen(b.clock)
	} else {
		t.keepNamed(named{instanceID, b.clock})
	}
}

func (t *tally) keepOpen(end int64) {
	if len(t.open) == maxOpen {
		t.open, t.dropped = t.open[1:], true
	}
	t.open = append(t.open, end)
}

func (t *tally) keepNamed(n named) {
	if len(t.named) < maxNamed {
		t.named = append(t.named, n)
		return
	}
	t.named[t.next] = n
	t.next = (t.next + 1) % maxNamed
}

// reconciled closes one open purchase since the mark, the oldest: its caller has looked as long as it wanted to.
func (b *buyers) reconciled(request PurchaseComputeUnitRequest, since mark) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.wants[wantOf(request)]
	if t == nil || since.of != b {
		return
	}
	if i := slices.IndexFunc(t.open, func(end int64) bool { return end > since.clock }); i >= 0 {
		t.open = slices.Delete(t.open, i, i+1)
	}
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

// several tells whether more than one purchase of the same can have left something since the mark. A mark that is
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
	for _, end := range t.open {
		if end <= since.clock {
			going++
		}
	}
	if t.dropped {
		going++
	}
	return going > 1
}

// namedBefore tells whether the instance was named to the caller of a purchase that ended before the mark, or, where
// the mark is not of this Client, ever: the purchase in question was named nothing.
func (b *buyers) namedBefore(request PurchaseComputeUnitRequest, since mark, instanceID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.wants[wantOf(request)]
	if t == nil {
		return false
	}
	for _, n := range t.named {
		if n.instanceID == instanceID && (since.of != b || n.end <= since.clock) {
			return true
		}
	}
	return false
}
