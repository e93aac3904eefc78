package once

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/qianfan-go/computeunit"
)

// follow returns the outcome of a key that another call has, or had, in its hands. It waits while that may still be at
// work, takes over what stands still before anything was sent, and looks after what was sent.
func (c *call) follow(r record) (record, error) {
	var seen watch
	for wait := newPauses(); ; {
		if err := c.check(r); err != nil && r.State != StateNotPurchased || errors.Is(err, ErrKeyReused) {
			return r, failure(outcomeOf(r), r, err)
		}
		idle := seen.unchanged(r.version) >= c.buyer.takeover
		switch {
		case r.State == StateBought:
			return r, nil
		case r.State == StateNotPurchased:
			return r, failure(computeunit.ErrNotPurchased, r, refusalOf(r))
		case r.State == StatePreparing && idle && !r.foreign():
			return c.takeOver(r)
		case r.State == StateSending && (idle || r.Unknown):
			looked, err := c.buyer.look(c.ctx, r, true)
			if looked.State == StateSending {
				blocked := join(c.buyer.blocked(looked, looked.Candidates), err)
				return looked, failure(computeunit.ErrOutcomeUnknown, looked, join(c.lost, blocked))
			}
			r = looked
			continue
		}
		if err := wait.next(c.ctx); err != nil {
			return r, failure(computeunit.ErrOutcomeUnknown, r, fmt.Errorf("waiting for another process that buys under the key: %w", err))
		}
		fresh, err := c.buyer.read(c.ctx, r.Key)
		if err == nil && fresh.version == "" {
			err = errors.New("the open record was deleted from the journal")
		}
		if err != nil {
			return r, failure(computeunit.ErrOutcomeUnknown, r, err)
		}
		r = fresh
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
		return c.send(taken)
	case errors.Is(err, errLost):
		return c.follow(taken)
	default:
		return taken, failure(computeunit.ErrOutcomeUnknown, taken, err)
	}
}

// serviceWait waits until a call's service is free.
type serviceWait struct {
	call    *call
	service string
	seen    watch
	pauses  *pauses
}

func newServiceWait(c *call) *serviceWait {
	return &serviceWait{call: c, service: serviceOf(c.asked), pauses: newPauses()}
}

// next returns nil when it is worth trying to claim the service again, and an error when the wait is over: the context
// ended, or a *BlockedError.
func (w *serviceWait) next() error {
	b, ctx := w.call.buyer, w.call.ctx
	row, found, err := b.store.ReadOpenService(ctx, w.service)
	if err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	if !found {
		return w.pauses.next(ctx)
	}
	r := decode(row)
	idle := w.seen.unchanged(r.version) >= b.takeover
	switch {
	case r.needsSettling() || r.State == StateSending && idle:
		return w.settle(ctx, r)
	case r.State == StatePreparing && idle:
		return ignoreLost(b.closeIdle(ctx, r))
	default:
		return w.pauses.next(ctx)
	}
}

// settle is for a purchase that nobody works on. If a listing does not settle it, a person has to.
func (w *serviceWait) settle(ctx context.Context, r record) error {
	looked, err := w.call.buyer.look(ctx, r, true)
	if !looked.isOpen() {
		return nil
	}
	if looked.needsSettling() {
		return join(w.call.buyer.blocked(looked, looked.Candidates), err)
	}
	if err != nil {
		return err
	}
	return w.pauses.next(ctx)
}

func ignoreLost(_ record, err error) error {
	if errors.Is(err, errLost) {
		return nil
	}
	return err
}
