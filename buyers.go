package computeunit

import (
	"slices"
	"sync"
)

// buyers remembers which purchases of this Client could have left an instance behind, and the instances that were
// named to their callers. [Client.Reconcile] needs it: two callers who buy the same for the same service cannot tell
// their instances apart.
//
// What it keeps is bounded, but for services with open purchases: a Client that buys for years must not grow by it.
type buyers struct {
	mu        sync.Mutex
	clock     int64 // counts beginnings and ends
	wants     map[want]*tally
	older     map[want]*tally // the generation before; what is asked for again goes back to wants
	young     int             // how many tallies came into this generation, new or from the one before
	forgotten int64           // when the last purchase ended of which nothing is known any more
	named     []named         // the last, in a ring
	next      int             // where the ring goes on
}

const (
	maxYoung = 1024
	maxNamed = 1024
	maxOpen  = 16 // of one tally
)

// want is what the service's listing can tell purchases apart by.
type want struct {
	serviceID string
	timing    PaymentTiming
	replicas  int
}

type tally struct {
	made     int64 // when counting began
	running  int
	lastEnds [2]int64 // the last two that were not refused, newest first
	// open ended without an instance being named, and were not reconciled since: their instances can still turn up.
	open    []int64
	dropped bool // one had to go for want of room: it stays open for good
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
	t := b.find(wantOf(request))
	if t == nil {
		t = &tally{made: b.clock}
		b.keep(wantOf(request), t)
	}
	t.running++
	b.clock++
	return t
}

// find returns nil where nothing is known.
func (b *buyers) find(w want) *tally {
	if t := b.wants[w]; t != nil {
		return t
	}
	t := b.older[w]
	if t != nil {
		delete(b.older, w)
		b.keep(w, t)
	}
	return t
}

func (b *buyers) keep(w want, t *tally) {
	if b.wants == nil || b.young == maxYoung {
		b.age()
	}
	b.young++
	b.wants[w] = t
}

// age begins a new generation. Of the one before the last it keeps what is running or open.
func (b *buyers) age() {
	kept := map[want]*tally{}
	for w, t := range b.older {
		if t.running > 0 || len(t.open) > 0 || t.dropped {
			kept[w] = t
		} else {
			b.forgotten = max(b.forgotten, t.lastEnds[0])
		}
	}
	b.older, b.wants, b.young = b.wants, kept, 0
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
		b.keepNamed(named{instanceID, b.clock})
	}
}

func (t *tally) keepOpen(end int64) {
	if len(t.open) == maxOpen {
		t.open, t.dropped = slices.Delete(t.open, 0, 1), true
	}
	t.open = append(t.open, end)
}

func (b *buyers) keepNamed(n named) {
	if len(b.named) < maxNamed {
		b.named = append(b.named, n)
		return
	}
	b.named[b.next] = n
	b.next = (b.next + 1) % maxNamed
}

// reconciled closes one open purchase since the mark, the oldest: its caller has looked as long as it wanted to.
func (b *buyers) reconciled(request PurchaseComputeUnitRequest, since mark) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.find(wantOf(request))
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
	t := b.find(wantOf(request))
	if t == nil {
		return b.forgotten > since.clock
	}
	going := t.running + t.possible(since.clock)
	if t.made > since.clock && b.forgotten > since.clock {
		going++ // one of the same may be among what was forgotten
	}
	return going > 1
}

// possible counts what ended and can have left something that was not listed at a moment.
func (t *tally) possible(since int64) (count int) {
	for _, end := range t.lastEnds {
		if end > since {
			count++
		}
	}
	for _, end := range t.open {
		if end <= since {
			count++
		}
	}
	if t.dropped {
		count++
	}
	return count
}

// namedBefore tells whether the instance was named to the caller of a purchase that ended before the mark, or, where
// the mark is not of this Client, ever: the purchase in question was named nothing.
func (b *buyers) namedBefore(since mark, instanceID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.named, func(n named) bool {
		return n.instanceID == instanceID && (since.of != b || n.end <= since.clock)
	})
}
