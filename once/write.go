package once

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// journalTimeout limits one change of a record, with all its tries.
const journalTimeout = 10 * time.Second

var (
	// errLost means that somebody else has changed the record.
	errLost = errors.New("another Buyer has changed the purchase")
	// errTaken means that the service, or the instance, is another record's.
	errTaken = errors.New("another key has the service or the instance")
)

// journalContext ends by its own limit and not with the caller (rule 9): a caller that disconnects must not leave a
// record that says less than is known.
func journalContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), journalTimeout)
}

// read returns a record without a version if the journal has no such key.
func (b *Buyer) read(ctx context.Context, key string) (record, error) {
	row, found, err := b.store.Read(ctx, key)
	if err != nil {
		return record{Purchase: Purchase{Key: key}}, fmt.Errorf("reading the journal: %w", err)
	}
	if !found {
		return record{Purchase: Purchase{Key: key}}, nil
	}
	return decode(row), nil
}

// write makes a change of a record durable, by compare-and-swap (rule 4). If the record is not what r says any more, the
// change is asked again with what it has become; its error ends the write, and the record is then returned as it is.
// After an error the journal is read: the new version in it means that the write was done.
func (b *Buyer) write(ctx context.Context, r record, change func(*record) error) (record, error) {
	ctx, cancel := journalContext(ctx)
	defer cancel()
	version := newVersion()
	for wait := newPauses(); ; {
		next := r
		if err := change(&next); err != nil {
			return r, err
		}
		done, err := b.put(ctx, r.version, &next, version)
		if done {
			return next, nil
		}
		fresh, readErr := b.readAfter(ctx, err, r.Key, wait)
		switch {
		case readErr != nil && ctx.Err() != nil:
			return r, fmt.Errorf("writing the journal: %w", join(err, readErr))
		case readErr != nil: // once more
		case fresh.version == version:
			return fresh, nil
		case err == nil && fresh.version == r.version:
			return fresh, errTaken
		default:
			r = fresh
		}
	}
}

// readAfter reads a record that could not be written. After an error it waits first, so that nothing is decided by what
// was read before a pause.
func (b *Buyer) readAfter(ctx context.Context, writeErr error, key string, wait *pauses) (record, error) {
	if writeErr != nil {
		if err := wait.next(ctx); err != nil {
			return record{}, err
		}
	}
	r, err := b.read(ctx, key)
	if err != nil {
		_ = wait.next(ctx) // before the next try, if there is one
	}
	return r, err
}

// put writes next over the version that was read, or adds it if there was none.
func (b *Buyer) put(ctx context.Context, version string, next *record, newVersion string) (bool, error) {
	row, err := next.encode(newVersion)
	if err != nil {
		return false, err
	}
	next.version, next.service = newVersion, row.OpenService
	if next.foreign() {
		next.data = row.Data
	}
	if version == "" {
		return b.store.Insert(ctx, row)
	}
	return b.store.Replace(ctx, version, row)
}
