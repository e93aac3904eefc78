package once

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/qianfan-go/computeunit"
)

// follow returns the outcome of a key that another call has, or had, in its hands. It waits while that may still be at
// work, takes over what stands still before anything was sent, and looks after what was sent.
func (c *call) follow(r record) (record, error) {
	for wait := newPauses(); ; {
		if err := c.check(r); err != nil && r.State != StateNotPurchased || errors.Is(err, ErrKeyReused) {
			return r, failure(outcomeOf(r), r, err)
		}
		switch {
		case r.State == StateBought:
			return r, nil
		case r.State == StateNotPurchased:
			return r, failure(computeunit.ErrNotPurchased, r, refusalOf(r))
		case r.State == StatePreparing && c.buyer.idle(r) && !r.foreign():
			return c.takeOver(r)
		case r.State == StateSending && (r.Unknown || c.buyer.idle(r)):
			looked, err := c.buyer.look(c.ctx, r, true)
			if looked.State == StateSending {
				blocked := join(c.buyer.blocked(looked, looked.Candidates), err)
				return looked, failure(computeunit.ErrOutcomeUnknown, looked, join(c.lost, blocked))
			}
			r = looked
			continue
		}
		var err error
		if r, err = c.readLater(r, wait); err != nil {
			return r, failure(computeunit.ErrOutcomeUnknown, r, err)
		}
	}
}

// readLater reads the key of an open record after a pause.
func (c *call) readLater(r record, wait *pauses) (record, error) {
	if err := wait.next(c.ctx); err != nil {
		return r, fmt.Errorf("waiting for another process that buys under the key: %w", err)
	}
	fresh, err := c.buyer.read(c.ctx, r.Key)
	switch {
	case err != nil:
		return r, err
	case fresh.version == "":
		return r, errors.New("the open record was deleted from the journal")
	default:
		return fresh, nil
	}
}

func refusalOf(r record) error {
	switch {
	case r.Evidence == EvidencePerson:
		return errors.New("a person said so")
	case r.Refusal == "":
		return errors.New("nothing was sent")
	default:
		return errors.New(r.Refusal)
	}
}

// takeOver goes on with a key whose process stood still before it sent. If that one wakes, it has lost its claim.
func (c *call) takeOver(r record) (record, error) {
	taken, err := c.buyer.write(c.ctx, r, func(next *record) error {
		if next.version != r.version {
			return errLost
		}
		return next.apply(takeOver)
	})
	switch {
	case err == nil:
		c.buyer.log(c.ctx, slog.LevelWarn, "claimed from a process that stood still", taken, nil)
		return c.listAndPurchase(taken)
	case errors.Is(err, errLost):
		return c.follow(taken)
	default:
		return taken, failure(computeunit.ErrOutcomeUnknown, taken, err)
	}
}

// blockedAfter limits how long another key's purchase is looked after: who waits for it is to hear at once that it is open,
// also from a service that does not answer.
const blockedAfter = 5 * time.Second

// serviceWait waits until a call's service is free.
type serviceWait struct {
	call    *call
	service string
	pauses  *pauses
}

func newServiceWait(c *call) *serviceWait {
	return &serviceWait{call: c, service: serviceOf(c.asked), pauses: newPauses()}
}

// untilFree returns nil when the service was free, and an error when the wait is over: the context ended, or a
// *BlockedError, because only a person can settle the purchase that keeps the service closed.
func (w *serviceWait) untilFree() error {
	for {
		row, found, err := w.call.buyer.store.ReadOpenService(w.call.ctx, w.service)
		if err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		if !found {
			return w.pauses.next(w.call.ctx) // so that a journal whose reads are behind is not asked without a pause
		}
		open, err := w.lookAfter(decode(row))
		if err != nil || !open {
			return err
		}
		if err := w.pauses.next(w.call.ctx); err != nil {
			return fmt.Errorf("waiting for the purchase with key %q for the same service: %w", row.Key, err)
		}
	}
}

// lookAfter does what another key's Buy may do for the purchase that keeps the service closed: nothing while its process
// may be at work; else to close what was not sent, or to look for what was.
func (w *serviceWait) lookAfter(r record) (open bool, err error) {
	b, ctx := w.call.buyer, w.call.ctx
	idle := b.idle(r)
	switch {
	case r.State == StatePreparing && idle:
		r, err = b.closeIdle(ctx, r)
		return r.isOpen(), err
	case !r.needsSettling() && !idle:
		return true, nil
	}
	looking, cancel := context.WithTimeout(ctx, blockedAfter)
	defer cancel()
	r, err = b.look(looking, r, true)
	if r.needsSettling() || err != nil && r.State == StateSending {
		err = join(b.blocked(r, r.Candidates), err)
	}
	return r.isOpen(), err
}
