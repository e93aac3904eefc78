package once

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Settle looks after every open purchase of the journal, and returns those that are still open, the longest unchanged
// first. It never sends. Call it after a restart and from time to time, in any process.
//
// What was sent is settled if a listing names its order. What was claimed and not sent is closed as not purchased, once
// its record has not changed for [WithTakeoverAfter] from one call of this Buyer to a later one: so the first Settle
// after a restart closes none. An open purchase with Unknown set, or bought without an instance id, needs a person if it
// stays so: see [Buyer.ResolveBought] and [Buyer.ResolveNotPurchased].
//
// The error joins what kept it from looking; the other purchases were looked after all the same.
func (b *Buyer) Settle(ctx context.Context) (open []Purchase, err error) {
	if err := b.checkEndpoint(ctx); err != nil {
		return nil, fmt.Errorf("once: %w", err)
	}
	rows, err := b.store.ReadOpen(ctx)
	if err != nil {
		return nil, fmt.Errorf("once: reading the journal: %w", err)
	}
	records := make([]record, len(rows))
	for i, row := range rows {
		records[i] = decode(row)
	}
	b.watchOnly(records)
	var errs []error
	for _, found := range records {
		r, err := b.settle(ctx, found, b.idle(found))
		if err != nil {
			errs = append(errs, fmt.Errorf("once: key %q: %w", r.Key, err))
		}
		if r.isOpen() {
			open = append(open, r.Purchase)
		}
	}
	return open, errors.Join(errs...)
}

func (b *Buyer) settle(ctx context.Context, r record, idle bool) (record, error) {
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case r.State != StatePreparing:
		return b.look(ctx, r, idle)
	case idle:
		return b.closeIdle(ctx, r)
	default:
		return r, nil
	}
}

// closeIdle closes a purchase as not purchased that was claimed and not sent. If its process wakes, it has lost its claim.
func (b *Buyer) closeIdle(ctx context.Context, r record) (record, error) {
	closed, err := b.write(ctx, r, func(next *record) error {
		if next.version != r.version {
			return errLost
		}
		return next.apply(abandon)
	})
	if errors.Is(err, errLost) {
		return closed, nil
	}
	if err == nil {
		b.log(ctx, slog.LevelWarn, "settled", closed, nil)
	}
	return closed, err
}
