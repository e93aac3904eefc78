package once

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
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
	return b.resolve(ctx, key, func(next *record) error {
		switch {
		case o == Order{}:
			return errors.New("an instance id or an order id is needed")
		case !isID(o.InstanceID) || !isID(o.OrderID):
			return fmt.Errorf("instance %q, order %q: an id is at most %d printable characters of ASCII without spaces", o.InstanceID, o.OrderID, most)
		case next.State != StateSending && next.State != StateBought:
			return fmt.Errorf("it is %s", next.State)
		case next.State == StateBought && !next.agrees(o):
			return fmt.Errorf("it is bought as instance %q, order %q", next.InstanceID, next.OrderID)
		case next.wasThere(o.InstanceID):
			return fmt.Errorf("instance %q was there before the purchase", o.InstanceID)
		}
		next.become(StateBought, EvidencePerson, o)
		return nil
	}, func(r record) error {
		if found.Unlisted || o.InstanceID == "" || o.InstanceID == r.InstanceID {
			return nil
		}
		listed, _, err := b.list(ctx, r)
		if err == nil && !slices.Contains(listed.InstanceIDs, o.InstanceID) {
			err = fmt.Errorf("instance %q is not listed for service %q: compare the id, or set Unlisted if it is right", o.InstanceID, r.Request.ServiceID)
		}
		return err
	})
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
	said := time.Now()
	return b.resolve(ctx, key, func(next *record) error {
		switch next.State {
		case StateBought:
			return fmt.Errorf("it is bought as instance %q, order %q", next.InstanceID, next.OrderID)
		case StateNotPurchased:
			return nil
		}
		next.become(StateNotPurchased, EvidencePerson, Order{})
		next.Refusal, next.Retryable = "a person said so", false
		return nil
	}, func(r record) error {
		if r.State != StateSending {
			return nil
		}
		return b.checkNotPurchased(ctx, r, said) // rule 10
	})
}

// checkNotPurchased is about a purchase with an attempt. What a person said is as old as the call: the fence must have
// passed before that.
func (b *Buyer) checkNotPurchased(ctx context.Context, r record, said time.Time) error {
	listed, _, err := b.list(ctx, r)
	if err != nil {
		return err
	}
	// The wall clock counts the time that this machine slept, too, which Go's monotonic clock can leave out.
	age := max(time.Since(said), time.Now().Round(0).Sub(said.Round(0)))
	if until := r.SignatureExpires.Add(b.margin); !listed.Date.Add(-age).After(until) {
		return &TooEarlyError{Until: until}
	}
	unowned, err := b.unowned(ctx, slices.DeleteFunc(listed.InstanceIDs, r.wasThere))
	if err == nil && len(unowned) > 0 {
		blocked := b.blocked(r)
		blocked.NotBefore, blocked.Candidates = time.Time{}, unowned // it has passed
		return blocked
	}
	return err
}

// resolve makes of the record of a key what a person says, if it may be that, is checked, and is as it was read. A person may say
// the same twice: that changes nothing.
func (b *Buyer) resolve(ctx context.Context, key string, say func(next *record) error, check func(r record) error) (Purchase, error) {
	r, err := record{}, checkKey(key)
	if err == nil && ctx != nil {
		err = b.writeKept(ctx, key) // this process may know better than the person (rule 8)
	}
	if err == nil {
		r, err = b.lookup(ctx, key)
	}
	if err == nil && r.version == "" {
		err = errors.New("the journal has no such key")
	}
	said := r
	if err == nil {
		err = say(&said)
	}
	if err == nil && reflect.DeepEqual(said.Purchase, r.Purchase) {
		return r.Purchase, nil
	}
	if err == nil {
		err = check(r)
	}
	if err == nil {
		r, err = b.swap(ctx, r, func(next *record) { *next = said })
	}
	if err != nil {
		return r.Purchase, fmt.Errorf("once: key %q: %w", key, err)
	}
	b.log(ctx, slog.LevelWarn, "resolved", r, nil)
	return r.Purchase, nil
}
