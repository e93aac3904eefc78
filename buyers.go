package computeunit

import "sync"

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
	lastEnds [2]int64  // the last two that were not refused, newest first
	open     [8]int64  // the last that ended unknown and were not reconciled since: their orders can still turn up
	named    [16]named // newest first
}

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
	if outcome != nil {
		copy(t.open[1:], t.open[:])
		t.open[0] = b.clock
	} else if instanceID != "" {
		copy(t.named[1:], t.named[:])
		t.named[0] = named{instanceID, b.clock}
	}
}

// reconciled closes one purchase of unknown outcome since the mark: its caller has looked as long as it wanted to.
func (b *buyers) reconciled(request PurchaseComputeUnitRequest, since mark) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.wants[wantOf(request)]
	if t == nil || since.of != b {
		return
	}
	for i := len(t.open) - 1; i >= 0; i-- {
		if t.open[i] > since.clock {
			t.open[i] = 0
			return
		}
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
		if 0 < end && end <= since.clock {
			going++
		}
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
