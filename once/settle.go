package once

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// Lookup returns what the journal has of a key. It changes nothing and asks the service nothing. Bought by an answer is
// final; every other state can still change: bought by a listing can be opened again, and not purchased bought.
func (b *Buyer) Lookup(ctx context.Context, key string) (p Purchase, found bool, err error) {
	r, err := record{}, checkKey(key)
	if err == nil {
		r, err = b.lookup(ctx, key)
	}
	if err != nil {
		return Purchase{}, false, fmt.Errorf("once: key %q: %w", key, err)
	}
	return r.Purchase, r.version != "", nil
}

const (
	// settledAtOnce is how many purchases one Settle looks after at a time.
	settledAtOnce = 8
	// settleMargin is for what a look does beside its listing.
	settleMargin = 10 * time.Second
)

// Settle looks after every open purchase of the journal, and returns each of those that were open when it began, as it is
// now, the oldest first: see [Purchase.Open]. It never sends. Call it after a restart and from time to time, in any process, also in one that
// lives for this call.
//
// What was sent is settled if a listing names its order. What was claimed and not sent is closed as not purchased when its
// record has not changed for [WithTakeoverAfter]. An open purchase with Unknown set, or bought without an instance id, needs a
// person if it stays so: see [Buyer.ResolveBought] and [Buyer.ResolveNotPurchased].
//
// The error joins what kept it from looking; the other purchases were looked after all the same.
func (b *Buyer) Settle(ctx context.Context) ([]Purchase, error) {
	err := b.keepEndpoint(ctx)
	var rows []store.Record
	if err == nil {
		rows, err = b.store.Find(ctx, store.OpenService)
	}
	if err != nil {
		return nil, fmt.Errorf("once: reading the journal: %w", err)
	}
	unwritten := b.writeKept(ctx, "")
	purchases, errs := make([]Purchase, len(rows)), make([]error, len(rows))
	inTurn(len(rows), func(i int) {
		purchases[i].Key, errs[i] = rows[i].Key, errors.New("a hook ended the goroutine")
		defer func() {
			if errs[i] != nil {
				errs[i] = fmt.Errorf("once: key %q: %w", rows[i].Key, errs[i])
			}
		}()
		r, err := b.decode(rows[i])
		if err == nil { // what was kept has been written since
			if now, failed := b.owner(ctx, store.Key, r.Key); failed != nil || now.version == "" {
				err = cmp.Or(failed, errDeleted)
			} else {
				r = now
			}
		}
		if err == nil {
			ctx, cancel := context.WithTimeout(ctx, b.lookTimeout())
			defer cancel()
			r, err = b.tend(ctx, r)
		}
		if err == nil && r.version == "" {
			err = errDeleted
		}
		purchases[i], errs[i] = r.Purchase, err
	})
	slices.SortFunc(purchases, func(a, b Purchase) int { return a.Since.Compare(b.Since) })
	return purchases, errors.Join(append(errs, unwritten)...)
}

// inTurn does something for each of n, several at a time, beginning with any: what is slow must not be before the same ones
// each time. A panic goes on in the caller.
func inTurn(n int, do func(i int)) {
	var group sync.WaitGroup
	places, panics, first := make(chan struct{}, settledAtOnce), make(chan any, n), rand.N(max(n, 1))
	for i := range n {
		places <- struct{}{}
		group.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					panics <- p
				}
				<-places
			}()
			do((first + i) % n)
		})
	}
	group.Wait()
	close(panics)
	for p := range panics {
		panic(p)
	}
}

// tend does what anybody may do for an open purchase. It never sends. An error means that it could not.
func (b *Buyer) tend(ctx context.Context, r record) (record, error) {
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case r.State == StatePreparing && r.isUnchangedFor(b.takeover): // nothing was sent. If its process wakes, it has lost its claim
		return b.settle(ctx, r, func(next *record) {
			next.become(StateNotPurchased, "", Order{})
			next.Refusal, next.Claim = "nothing was sent", ""
		})
	case !r.isSent():
		return r, nil
	case r.service == parked(r.Key): // while another purchase has its service, what is new may be that one's
		regained, err := b.settle(ctx, r, func(next *record) { next.service = serviceOf(next.Request) })
		if err != nil || regained.service == r.service {
			return regained, err
		}
		r = regained
	}
	looked, err := b.look(ctx, r)
	late := len(looked.Candidates) > 1 || looked.isUnchangedFor(b.takeover) // else it may well settle itself
	if err != nil || !looked.needsSettling() || looked.Reported || !late {
		return looked, err
	}
	reported, err := b.swap(ctx, looked, func(next *record) { next.Reported = true })
	switch {
	case errors.Is(err, errLost): // who has changed it says what there is to say
		return reported, nil
	case err == nil:
		b.log(ctx, slog.LevelError, "not settled", reported, b.blocked(reported))
	}
	return reported, err
}

// lookTimeout limits what is looked for at one service: slowness costs its own keys only.
func (b *Buyer) lookTimeout() time.Duration { return b.client.Timeout() + settleMargin }

// settle changes a purchase that is as it was read: what was listed is about that. Else it returns what it has become.
func (b *Buyer) settle(ctx context.Context, r record, change func(next *record)) (record, error) {
	r, err := b.swap(ctx, r, change)
	switch {
	case errors.Is(err, errLost), errors.Is(err, errTaken): // the instance may have become another key's
		return r, nil
	case err == nil && !r.Open():
		b.log(ctx, slog.LevelWarn, "settled", r, nil)
	}
	return r, err
}

var errNoDate = errors.New("the listing has no Date header, so nothing is known of the service's clock: look for a proxy that removes it")

// list returns everything that the service of a purchase has, whatever its payment timing, and never without the service's
// time.
func (b *Buyer) list(ctx context.Context, r record) (listed Listing, instances []computeunit.Instance, err error) {
	response, err := b.client.DescribeComputeUnits(ctx, computeunit.DescribeComputeUnitsRequest{ServiceID: r.Request.ServiceID})
	switch {
	case err != nil && ctx.Err() != nil: // whose cause can be another key's error
		return listed, nil, again(fmt.Errorf("%w: %v", ctx.Err(), err))
	case err != nil:
		return listed, nil, err
	case response.Date.IsZero():
		return listed, nil, again(errNoDate)
	}
	listed = Listing{Date: response.Date.UTC(), InstanceIDs: []string{}}
	for _, i := range response.Result.Instances {
		listed.InstanceIDs = append(listed.InstanceIDs, i.InstanceID)
	}
	return listed, response.Result.Instances, nil
}

// betweenLooks is how far apart the Dates of the two listings are that a candidate has to be in.
const betweenLooks = time.Second

// look lists the service of a purchase, and takes the one candidate that there ever was when it is listed a second time.
func (b *Buyer) look(ctx context.Context, r record) (record, error) {
	for range 3 {
		listed, instances, err := b.list(ctx, r)
		if err != nil {
			return r, err
		}
		var fitting []string
		candidates := slices.Clone(r.Candidates)
		for _, i := range instances {
			if i.PaymentTiming == r.Request.Billing.PaymentTiming && i.ReplicasCount == r.Request.ReplicasCount && !r.wasThere(i.InstanceID) {
				fitting = append(fitting, i.InstanceID)
				if !slices.Contains(candidates, i.InstanceID) {
					candidates = append(candidates, i.InstanceID)
				}
			}
		}
		if candidates, err = b.unowned(ctx, candidates); err != nil {
			return r, err
		}
		only := len(candidates) == 1 && slices.Contains(fitting, candidates[0])
		switch known := slices.Equal(candidates, r.Candidates); {
		case only && known && listed.Date.Sub(r.ListedAt) >= betweenLooks:
			return b.settle(ctx, r, func(next *record) { next.become(StateBought, EvidenceListing, Order{InstanceID: candidates[0]}) })
		case !known:
			r, err = b.settle(ctx, r, func(next *record) { next.saw(candidates, listed.Date) })
		}
		if err != nil || !only || !r.isSent() {
			return r, err
		}
		if err := pause(ctx, betweenLooks); err != nil {
			return r, err
		}
	}
	return r, nil
}

// wasThere reports whether an instance was in the listing before.
func (p *Purchase) wasThere(instanceID string) bool {
	return slices.Contains(p.Before.InstanceIDs, instanceID)
}

// saw keeps every candidate that there ever was, and when the first was listed.
func (p *Purchase) saw(candidates []string, date time.Time) {
	switch {
	case len(candidates) == 0:
		date = time.Time{}
	case len(p.Candidates) > 0 && p.Candidates[0] == candidates[0]:
		date = p.ListedAt
	}
	p.Candidates, p.ListedAt = candidates, date
}

// unowned returns those of the instances that are no key's (rule 6).
func (b *Buyer) unowned(ctx context.Context, instanceIDs []string) ([]string, error) {
	if len(instanceIDs) == 0 {
		return nil, nil
	}
	owned, err := b.store.Find(ctx, store.InstanceID, instanceIDs...)
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	return slices.DeleteFunc(instanceIDs, func(id string) bool {
		return slices.ContainsFunc(owned, func(row store.Record) bool { return row.InstanceID == id })
	}), nil
}
