package once

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// ResolveBought records that a person has found the order of an open purchase. One of the two ids may be empty; without
// an instance id the purchase stays open until a listing or a person names it. An instance that the service had before
// the purchase, or that belongs to another key, is refused. Copy the ids: nothing corrects a purchase that was resolved
// with a wrong one, but for an answer of the service.
func (b *Buyer) ResolveBought(ctx context.Context, key, instanceID, orderID string) (Purchase, error) {
	instanceID, orderID = strings.TrimSpace(instanceID), strings.TrimSpace(orderID) // as a person copies them
	r, err := b.resolve(ctx, key, func(r record) (record, error) {
		return b.write(ctx, r, func(next *record) error { return next.resolveBought(instanceID, orderID) })
	})
	if errors.Is(err, errTaken) {
		err = fmt.Errorf("once: key %q: instance %q belongs to another key", key, instanceID)
	}
	return r.Purchase, err
}

func (p *Purchase) resolveBought(instanceID, orderID string) error {
	switch {
	case instanceID == "" && orderID == "":
		return errors.New("an instance id or an order id is needed")
	case !isID(instanceID) || !isID(orderID):
		return fmt.Errorf("instance %q, order %q: an id is at most %d printable characters of ASCII without spaces", instanceID, orderID, maxID)
	case p.State == StateBought && !p.agrees(Order{InstanceID: instanceID, OrderID: orderID}):
		return fmt.Errorf("it is bought as instance %q, order %q", p.InstanceID, p.OrderID)
	case p.stage() == StateBought && p.OrderID == "" && orderID != "":
		return fmt.Errorf("it is bought as instance %q, and not open: its order id is not recorded any more", p.InstanceID)
	case p.stage() == StateBought:
		return errResolved
	case slices.Contains(p.Before.InstanceIDs, instanceID):
		return fmt.Errorf("instance %q was there before the purchase", instanceID)
	}
	if p.State == StateBought && instanceID != "" {
		p.NamedBy = EvidencePerson
	}
	candidates := p.Candidates
	if err := p.apply(sayBought); err != nil {
		return err
	}
	p.keepLag(instanceID, candidates)
	p.InstanceID, p.OrderID = cmp.Or(instanceID, p.InstanceID), cmp.Or(orderID, p.OrderID)
	p.forget()
	return nil
}

const maxID = 255

// isID refuses what can be no id: nothing corrects a record that has a wrong one. What the service's ids look like is not
// documented.
func isID(id string) bool {
	return len(id) <= maxID && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// errResolved means that the record says already what a person says.
var errResolved = errors.New("resolved already")

// ResolveNotPurchased records that a person has found no order for an open purchase: the service is free again, and a
// Buy of the key may try again. Look for the order after the time that the [*BlockedError] names NotBefore, and then
// call: until then this fails with a [*TooEarlyError], because a process that stood still could still send. It lists the
// service first, and fails with a [*BlockedError] if a new instance, of any timing and size, belongs to no key.
//
// An empty listing is no proof: when an order is listed is not documented. Ask Baidu, or look at the bill.
func (b *Buyer) ResolveNotPurchased(ctx context.Context, key string) (Purchase, error) {
	said := time.Now()
	r, err := b.resolve(ctx, key, func(r record) (record, error) {
		if r.State == StateNotPurchased {
			return r, errResolved
		}
		if err := b.checkNotPurchased(ctx, r, said); err != nil { // rule 10
			return r, err
		}
		return b.write(ctx, r, func(next *record) error {
			if next.version != r.version {
				return fmt.Errorf("%w: look again", errLost)
			}
			return next.apply(sayNotPurchased)
		})
	})
	return r.Purchase, err
}

// checkNotPurchased is about a purchase with an attempt. What a person said is as old as the call: the fence must have
// passed before that.
func (b *Buyer) checkNotPurchased(ctx context.Context, r record, said time.Time) error {
	if r.State != StateSending {
		return nil // the machine decides
	}
	listed, err := b.list(ctx, r.Request.ServiceID)
	if err != nil {
		return err
	}
	if listed.Date.IsZero() {
		return errors.New("the listing has no Date header, so nothing is known of the service's clock: " +
			"look for a proxy that removes it")
	}
	until := r.fence(b.margin)
	if until.IsZero() {
		return errForeign
	}
	if !listed.Date.Add(-age(said)).After(until) {
		return &TooEarlyError{Until: until}
	}
	unowned, err := b.unowned(ctx, r, listed.Result.Instances)
	if err != nil {
		return err
	}
	if len(unowned) > 0 {
		blocked := b.blocked(r, idsOf(unowned))
		blocked.NotBefore = time.Time{} // it has passed
		return blocked
	}
	return nil
}

// age counts the time that this machine slept, too, which Go's monotonic clock can leave out.
func age(said time.Time) time.Duration {
	return max(time.Since(said), time.Now().Round(0).Sub(said.Round(0)))
}

// resolve is what both have in common. A person may say the same twice.
func (b *Buyer) resolve(ctx context.Context, key string, say func(record) (record, error)) (record, error) {
	r, found, err := b.lookup(ctx, key)
	if err == nil && !found {
		err = errors.New("the journal has no such key")
	}
	if err == nil {
		r, err = say(r)
	}
	switch {
	case errors.Is(err, errResolved):
		return r, nil
	case err != nil:
		return r, fmt.Errorf("once: key %q: %w", key, err)
	}
	b.log(ctx, slog.LevelWarn, "resolved", r, nil)
	return r, nil
}
