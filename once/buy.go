package once

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// Buy buys what a request asks for, once for its key, and returns the purchase. A nil error means: bought, with at least
// one id. Every other return matches exactly one of
//
//   - [computeunit.ErrNotPurchased]: the key has no order. With a [*BlockedError]: another key's purchase keeps the service
//     closed.
//   - [computeunit.ErrOutcomeUnknown]: the key may have an order. While the journal has its record, Buy with the same key
//     goes on looking, and never sends again. Do not take another key for the same purchase.
//
// and [ErrPending] exactly if calling again may help. It matches [computeunit.ErrRetryable] if it does and nothing was
// bought. [errors.As] finds a [*computeunit.OutcomeError] in every error.
//
// Buy reads the key before anything else, even before it checks the request. A bought key returns the same Purchase, and
// nothing is sent. [ErrKeyReused] means that the key has another request. While another process works on the key or on
// the service, Buy waits. If the service refused that process's attempt, or a person said that there is no order, Buy
// returns that outcome; else it goes on and buys.
//
// When the context ends, Buy returns at once with the context's own error. An attempt that has begun goes on in the
// background to the client's time-out, with its writes, and no further attempt follows; until that end is written, Buy says
// unknown. So loggers, hooks and values of the context may be used after Buy has returned: see [Buyer.Shutdown].
//
// If the journal can't be written after the answer, Buy returns nil with the ids, logs an error, and writes it when the next
// call reads the key. Should an answer name a second order for a key, it is logged as an error and kept in Purchase.Others.
//
// A key is 1 to 255 bytes of UTF-8 without control characters. Make it from what the purchase is for, not from the time
// of the call: a new key is a new purchase. That holds for a request's release time, too: one that is computed anew for
// each call makes another request.
func (b *Buyer) Buy(ctx context.Context, key string, request computeunit.PurchaseComputeUnitRequest) (Purchase, error) {
	asked := Purchase{Key: key, Request: request}
	if err := checkKey(key); err != nil { // no journal has such a key
		return asked, failed(computeunit.ErrNotPurchased, asked, err)
	}
	if ctx == nil {
		return asked, failed(computeunit.ErrOutcomeUnknown, asked, errNoContext)
	}
	if err := b.begin(); err != nil {
		return asked, failed(computeunit.ErrOutcomeUnknown, asked, err)
	}
	c := &call{buyer: b, caller: ctx, asked: asked, wait: firstPause, done: make(chan struct{})}
	c.ctx, c.stop = context.WithCancelCause(ctx)
	go c.run()
	select {
	case <-c.done:
	case <-ctx.Done():
		if c.leave() {
			return asked, failed(computeunit.ErrOutcomeUnknown, asked, again(ctx.Err()))
		}
	}
	switch {
	case c.panicked != nil:
		panic(c.panicked)
	case !c.finished: // a hook has ended its goroutine
		runtime.Goexit()
	}
	return c.purchase, c.err
}

// call is one call of Buy. It runs on a goroutine of its own, because an attempt goes on when the caller's context ends.
type call struct {
	buyer  *Buyer
	caller context.Context
	ctx    context.Context // ends with the caller's, or by Shutdown
	stop   context.CancelCauseFunc
	asked  Purchase

	seen  bool // the journal had the key
	taken bool // another key has the service
	wait  time.Duration
	lost  error // why this call's own attempt has no clear answer
	over  error // why it does not wait any longer

	attempt  *attempt    // from its claim until its end is written
	underWay atomic.Bool // it may have left this machine, and has no clear answer
	left     atomic.Bool // Buy has returned

	done     chan struct{}
	purchase Purchase // what Buy returns
	err      error
	finished bool // not by a panic
	panicked any
}

var errNoContext = errors.New("the context is nil")

// leaving limits what a call still does when its context has ended and no attempt is under way: it reads the key once more, or
// writes that nothing was sent.
const leaving = 100 * time.Millisecond

// leave is for the end of the caller's context. It reports whether Buy returns while the call goes on.
func (c *call) leave() bool {
	if !c.underWay.Load() {
		select {
		case <-c.done:
			return false
		case <-time.After(leaving):
		}
	}
	c.left.Store(true)
	return true
}

func (c *call) run() {
	defer c.buyer.calls.Done()
	defer close(c.done)
	defer c.stop(nil)
	defer context.AfterFunc(c.buyer.closing, func() { c.stop(errShutdown) })()
	defer c.recovered()
	r, outcome, why := c.loop()
	if ended := c.ended(); isPending(why) && !errors.Is(why, errors.Unwrap(ended)) {
		why = join(ended, why) // its own error, whatever the client or a driver says
	}
	if c.purchase = r.Purchase; outcome != nil {
		c.err = failed(outcome, r.Purchase, why)
	}
	c.finished = true
}

// recovered writes the end of an attempt that a panic ended, of a hook or while signing: no state may be left by it. The
// panic goes on in Buy.
func (c *call) recovered() {
	if c.finished {
		return
	}
	c.panicked = recover()
	defer func() { // of the logger: on this goroutine nobody could catch it
		c.panicked = cmp.Or(c.panicked, recover())
	}()
	if c.attempt != nil {
		c.attempt.end(fmt.Errorf("the call ended in a panic: %v", c.panicked))
	}
	if c.panicked != nil && c.left.Load() {
		c.buyer.log(c.ctx, slog.LevelError, "a panic after Buy had returned", record{Purchase: c.asked}, fmt.Errorf("%v", c.panicked))
	}
}

// ended is why the call must not wait any longer, nor begin an attempt.
func (c *call) ended() error { return again(cmp.Or(c.caller.Err(), context.Cause(c.ctx))) }

// loop reads the key again after each step and each wait, so that nothing is said by what was read before. It returns an
// outcome and why, or no outcome if it is bought.
func (c *call) loop() (r record, outcome, why error) {
	first := "" // the version of the key at first
	for begun := false; ; begun = true {
		r, err := c.read()
		if r.version == "" {
			r.Purchase = c.asked
		}
		if !begun {
			first = r.version
		}
		if blocked := (*BlockedError)(nil); errors.As(c.over, &blocked) && blocked.Key == r.Key && !r.Open() {
			c.over = nil // it was about what the key was
		}
		reused, outcome := r.reused(c.asked.Request), computeunit.ErrNotPurchased
		if r.Open() || r.State == StateBought {
			outcome = computeunit.ErrOutcomeUnknown
		}
		switch {
		case errors.Is(err, errEndpoint):
			return r, outcome, err
		case err != nil:
			return r, computeunit.ErrOutcomeUnknown, join(c.lost, c.over, again(err))
		case r.version == "" && c.seen:
			return r, computeunit.ErrOutcomeUnknown, join(c.lost, errDeleted)
		case reused != nil:
			return r, outcome, reused
		case r.State == StateBought:
			return r, nil, nil
		case r.State == StateNotPurchased && r.Evidence != "" && r.version != first: // what this call waited for
			return r, outcome, r.refused()
		case c.over != nil:
			return r, outcome, join(c.lost, again(c.over))
		}
		c.seen = r.version != ""
		switch {
		case r.Open():
			c.over = c.standBy(r)
		case c.taken:
			c.over = c.makeWay()
		default:
			if r, outcome, why = c.buy(r); !errors.Is(why, errLost) {
				return r, outcome, why
			}
		}
	}
}

// read also writes what is to be written before anybody reads the key (rule 8). It does not end with the caller's context:
// who has left is to hear what has become of what it waited for, if that takes no longer than leaving.
func (c *call) read() (record, error) {
	ctx, cancel := journalContext(c.ctx)
	defer cancel()
	if err := c.buyer.writeKept(ctx, c.asked.Key); err != nil {
		return record{}, err
	}
	return c.buyer.lookup(ctx, c.asked.Key)
}

// refused is why somebody else's attempt was not purchased.
func (r *record) refused() error {
	if r.Retryable {
		return again(errors.New(r.Refusal))
	}
	return errors.New(r.Refusal)
}

// blockedAfter limits how long another key's purchase is looked after: who waits for it is to hear at once that it is open,
// also from a service that does not answer.
const blockedAfter = 5 * time.Second

// makeWay looks after the purchase that keeps the service closed, if there is one.
func (c *call) makeWay() error {
	service, other := serviceOf(c.asked.Request), record{}
	err := c.buyer.writeKept(c.ctx, service) // this process may know better (rule 8)
	if err == nil {
		other, err = c.buyer.owner(c.ctx, store.OpenService, service)
	}
	if c.taken = err == nil && other.version != ""; !c.taken {
		return again(err)
	}
	return c.standBy(other)
}

// standBy does what anybody may do for an open purchase that is in the way, or gives its process time. Its error ends the
// waiting.
func (c *call) standBy(r record) error {
	ctx, cancel := c.ctx, context.CancelFunc(func() {})
	if r.Key != c.asked.Key {
		ctx, cancel = context.WithTimeout(ctx, blockedAfter)
	}
	defer cancel()
	tended, err := r, error(nil)
	if r.State == StatePreparing || r.needsSettling() { // else its process may be at work
		tended, err = c.buyer.tend(ctx, r)
	}
	switch {
	case tended.needsSettling():
		return join(c.buyer.blocked(tended), err)
	case err != nil || tended.version != r.version:
		c.wait = firstPause
		return err
	}
	if pause(c.ctx, c.wait) != nil {
		return fmt.Errorf("waiting for the purchase with key %q: %w", r.Key, c.ended())
	}
	c.wait = min(2*c.wait, lastPause)
	return nil
}
