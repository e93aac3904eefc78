package once

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Found is what a person has found of a purchase. One of the two ids may be empty.
type Found struct {
	InstanceID string
	OrderID    string
	// Unlisted says that the instance is the right one although the service does not list it now: it was released, or it is
	// not listed yet.
	Unlisted bool
}

// ResolveBought records that a person has found the order of an open purchase. Without an instance id the purchase stays
// open until a listing or a person names it; an order id can't be checked. An instance that the service had before the
// purchase, that belongs to another key, or that is not listed now is refused; the last not if Unlisted is set. A person may
// say the same twice. Copy the ids: nothing corrects a purchase that was resolved with a wrong one, but for an answer of the
// service.
func (b *Buyer) ResolveBought(ctx context.Context, key string, found Found) (Purchase, error) {
	o := Order{InstanceID: strings.TrimSpace(found.InstanceID), OrderID: strings.TrimSpace(found.OrderID)} // as a person copies them
	p, err := b.resolve(ctx, key, func(r record) error {
		if err := r.mayBe(o); err != nil || found.Unlisted || o.InstanceID == "" || o.InstanceID == r.InstanceID {
			return err
		}
		listed, err := b.list(ctx, r.Request.ServiceID)
		if err == nil && !slices.Contains(ids(listed.Result.Instances), o.InstanceID) {
			err = fmt.Errorf("instance %q is not listed for service %q: compare the id, or set Unlisted if it is right", o.InstanceID, r.Request.ServiceID)
		}
		return err
	}, func(next *record) error {
		if err := next.mayBe(o); err != nil {
			return err
		}
		if named := *next; next.State == StateBought {
			if named.become(StateBought, EvidencePerson, o); named.InstanceID == next.InstanceID && named.OrderID == next.OrderID {
				return errResolved
			}
		}
		next.become(StateBought, EvidencePerson, o)
		return nil
	})
	if errors.Is(err, errTaken) {
		err = fmt.Errorf("once: key %q: instance %q belongs to another key", key, o.InstanceID)
	}
	return p, err
}

// mayBe refuses what can't be the order of the purchase.
func (p *Purchase) mayBe(o Order) error {
	switch {
	case o == Order{}:
		return errors.New("an instance id or an order id is needed")
	case !isID(o.InstanceID) || !isID(o.OrderID):
		return fmt.Errorf("instance %q, order %q: an id is at most %d printable characters of ASCII without spaces", o.InstanceID, o.OrderID, most)
	case p.State != StateSending && p.State != StateBought:
		return fmt.Errorf("it is %s", p.State)
	case p.State == StateBought && !p.agrees(o):
		return fmt.Errorf("it is bought as instance %q, order %q", p.InstanceID, p.OrderID)
	case slices.Contains(p.Before.InstanceIDs, o.InstanceID):
		return fmt.Errorf("instance %q was there before the purchase", o.InstanceID)
	}
	return nil
}

// isID refuses what can be no id: nothing corrects a record that has a wrong one. What the service's ids look like is not
// documented.
func isID(id string) bool {
	return len(id) <= most && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// ResolveNotPurchased records that a person has found no order for an open purchase: the service is free again, and a
// Buy of the key sends again, whoever asks. Look for the order after the time that the [*BlockedError] names NotBefore, and
// then call: until then this fails with a [*TooEarlyError], because a process that stood still could still send. It lists the
// service first, and fails with a [*BlockedError] if a new instance, of any timing and size, belongs to no key.
//
// An empty listing is no proof: when an order is listed is not documented. Ask Baidu, or look at the bill.
func (b *Buyer) ResolveNotPurchased(ctx context.Context, key string) (Purchase, error) {
	said, version := time.Now(), ""
	return b.resolve(ctx, key, func(r record) error {
		version = r.version
		if r.State != StateSending {
			return nil
		}
		return b.checkNotPurchased(ctx, r, said) // rule 10
	}, func(next *record) error {
		switch {
		case next.State == StateNotPurchased:
			return errResolved
		case next.State == StateBought:
			return fmt.Errorf("it is bought as instance %q, order %q", next.InstanceID, next.OrderID)
		case next.version != version:
			return fmt.Errorf("%w: look again", errLost)
		}
		next.become(StateNotPurchased, EvidencePerson, Order{})
		next.Retryable = false
		return nil
	})
}

// checkNotPurchased is about a purchase with an attempt. What a person said is as old as the call: the fence must have
// passed before that.
func (b *Buyer) checkNotPurchased(ctx context.Context, r record, said time.Time) error {
	listed, err := b.list(ctx, r.Request.ServiceID)
	if err != nil {
		return err
	}
	// The wall clock counts the time that this machine slept, too, which Go's monotonic clock can leave out.
	age := max(time.Since(said), time.Now().Round(0).Sub(said.Round(0)))
	if until := r.SignatureExpires.Add(b.margin); !listed.Date.Add(-age).After(until) {
		return &TooEarlyError{Until: until}
	}
	_, unowned, err := b.unowned(ctx, r, listed.Result.Instances)
	if err == nil && len(unowned) > 0 {
		blocked := b.blocked(r.Purchase)
		blocked.NotBefore, blocked.Candidates = time.Time{}, ids(unowned) // it has passed
		return blocked
	}
	return err
}

// resolve is what both have in common. A person may say the same twice.
func (b *Buyer) resolve(ctx context.Context, key string, check func(record) error, say func(next *record) error) (Purchase, error) {
	r, err := b.resolvable(ctx, key)
	if err == nil && r.version == "" {
		err = errors.New("the journal has no such key")
	}
	if err == nil {
		err = check(r)
	}
	if err == nil {
		r, err = b.write(ctx, r, say)
	}
	switch {
	case errors.Is(err, errResolved):
		return r.Purchase, nil
	case err != nil:
		return r.Purchase, fmt.Errorf("once: key %q: %w", key, err)
	}
	b.log(ctx, slog.LevelWarn, "resolved", r.Purchase, nil)
	return r.Purchase, nil
}

// errResolved means that the record says already what a person says.
var errResolved = errors.New("resolved already")

// resolvable returns the record of a key that a person named.
func (b *Buyer) resolvable(ctx context.Context, key string) (record, error) {
	if err := checkKey(key); err != nil {
		return record{}, err
	}
	r, _, err := b.lookup(ctx, key)
	return r, err
}
