package once

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/qianfan-go/computeunit"
)

// Buy buys what a request asks for, once for its key, and returns the purchase. A nil error means: bought, with at least
// one id. Every other return matches exactly one of
//
//   - [computeunit.ErrNotPurchased]: the key has no order. The same key may try again. With a [*BlockedError]: another
//     key's purchase keeps the service closed.
//   - [computeunit.ErrOutcomeUnknown]: the key may have an order. It stays open: Buy with the same key goes on looking, and
//     never sends again. Do not take another key for the same purchase. It also means that the journal can't be read or
//     written, or that the context ended before another process, which works on the key, was done.
//
// Buy reads the key before anything else, even before it checks the request. A bought key returns the same Purchase, and
// nothing is sent. [ErrKeyReused] means that the key has another request. While another process works on the key or on
// the service, Buy waits as long as the context lets it, and returns the outcome that it waited for. The context prevents
// an attempt and ends waiting; it does not end an attempt that has begun, which runs to the client's time-out.
//
// If the journal can't be written after the answer, Buy returns nil with the ids and logs an error; a listing settles the
// record later. Should an answer name a second order for a key, it is logged as an error and kept in Purchase.Others.
//
// A key is 1 to 255 bytes of UTF-8 without control characters. Make it from what the purchase is for, not from the time
// of the call: a new key is a new purchase. That holds for a request's release time, too: one that is computed anew for
// each call makes another request.
func (b *Buyer) Buy(ctx context.Context, key string, request computeunit.PurchaseComputeUnitRequest) (Purchase, error) {
	c := &call{buyer: b, ctx: ctx, asked: request}
	r, err := c.run(key)
	if err != nil {
		return r.Purchase, err
	}
	return r.Purchase, nil
}

// call is one call of Buy.
type call struct {
	buyer *Buyer
	ctx   context.Context
	asked computeunit.PurchaseComputeUnitRequest
	lost  error // why this call's own attempt has no clear answer
}

func (c *call) run(key string) (record, error) {
	none := record{Purchase: Purchase{Key: key, Request: c.asked}}
	if err := checkKey(key); err != nil { // no journal has such a key
		return none, failure(computeunit.ErrNotPurchased, none, err)
	}
	if c.ctx == nil {
		return none, failure(computeunit.ErrOutcomeUnknown, none, errNoContext)
	}
	if err := c.ctx.Err(); err != nil {
		return none, failure(computeunit.ErrOutcomeUnknown, none, err)
	}
	other := c.buyer.checkEndpoint(c.ctx)
	if other != nil && !errors.Is(other, errEndpoint) {
		return none, failure(computeunit.ErrOutcomeUnknown, none, other)
	}
	r, err := c.read(c.ctx, key)
	if err != nil {
		return none, failure(computeunit.ErrOutcomeUnknown, none, err)
	}
	if other != nil {
		return r, failure(outcomeOf(r), r, other)
	}
	switch r.State {
	case unclaimed, StateNotPurchased:
		return c.claim(r)
	default:
		return c.follow(r)
	}
}

// outcomeOf is what is known of a key that this call does nothing about.
func outcomeOf(r record) error {
	if r.State == unclaimed || r.State == StateNotPurchased {
		return computeunit.ErrNotPurchased
	}
	return computeunit.ErrOutcomeUnknown
}

// check refuses what is not sent under the key of a record.
func (c *call) check(r record) error {
	if r.State != unclaimed && !sameRequest(r.Request, c.asked) {
		return fmt.Errorf("%w; it has one for service %q", ErrKeyReused, r.Request.ServiceID)
	}
	if r.isOpen() || r.State == StateBought {
		return nil
	}
	if r.foreign() {
		return errForeign
	}
	if err := c.asked.Validate(); err != nil {
		return err
	}
	return checkService(c.asked)
}

var errForeign = errors.New("a later version of this package wrote the record: use that version")

// claim makes the key and its service this call's (rule 1), and sends. The record was read just now.
func (c *call) claim(r record) (record, error) {
	for wait := newServiceWait(c); ; {
		if err := c.check(r); err != nil {
			return r, failure(outcomeOf(r), r, err)
		}
		before := r.version
		claimed, err := c.buyer.write(c.ctx, r, func(next *record) error {
			if next.version != before && next.version != "" { // another Buy has had the key meanwhile: its outcome is this one's
				return errLost
			}
			return c.claimed(next)
		})
		switch {
		case err == nil:
			c.buyer.log(c.ctx, slog.LevelInfo, "claimed", claimed, nil)
			return c.listAndPurchase(claimed)
		case errors.Is(err, errLost):
			return c.follow(claimed)
		case !errors.Is(err, errTaken):
			return claimed, failure(computeunit.ErrOutcomeUnknown, claimed, err)
		}
		waited := wait.untilFree()
		if r, err = c.readAgain(r.Key); err != nil {
			return r, failure(computeunit.ErrOutcomeUnknown, r, join(waited, err))
		}
		switch {
		case r.version != before && r.version != "": // another Buy has had the service for this key meanwhile
			return c.follow(r)
		case waited != nil:
			return r, failure(computeunit.ErrNotPurchased, r, waited)
		}
	}
}

// readAgain is for the end of a wait: what was read before it may be out of date.
func (c *call) readAgain(key string) (record, error) {
	ctx, cancel := journalContext(c.ctx)
	defer cancel()
	return c.read(ctx, key)
}

// read returns what is asked for as the request of a key that the journal has not.
func (c *call) read(ctx context.Context, key string) (record, error) {
	r, err := c.buyer.read(ctx, key)
	if err == nil && r.State == unclaimed {
		r.Request = c.asked
	}
	return r, err
}

// claimed begins the purchase anew: what an earlier one that was not purchased left does not matter.
func (c *call) claimed(next *record) error {
	if next.isOpen() || next.State == StateBought {
		return errLost
	}
	if next.State != unclaimed && (next.foreign() || !sameRequest(next.Request, c.asked)) {
		return errLost
	}
	request, err := asSent(c.asked)
	if err != nil {
		return err
	}
	state := next.State
	next.Purchase = Purchase{Key: next.Key, Request: request, State: state, Since: time.Now().UTC().Round(0), Others: next.Others}
	next.service = ""
	return next.apply(claim)
}

// listAndPurchase sends. The record is claimed by this call.
func (c *call) listAndPurchase(r record) (record, error) {
	a := &attempts{buyer: c.buyer, caller: c.ctx, record: r}
	var err error
	if a.before, err = c.buyer.listBefore(c.ctx, r); err != nil { // rule 2: after claiming
		return c.notPurchased(a, abandon, err)
	}
	response, err := a.purchase()
	switch {
	case err == nil:
		return c.buyer.answered(c.ctx, a.record, *response, a.requestID), nil
	case errors.Is(err, computeunit.ErrNotPurchased):
		return c.notPurchased(a, end, err)
	default:
		return c.unknown(a, err)
	}
}

// notPurchased releases the service after a certain refusal, or if nothing was sent.
func (c *call) notPurchased(a *attempts, e event, cause error) (record, error) {
	r, err := c.buyer.write(c.ctx, a.record, func(next *record) error {
		if !a.isMine(next) {
			return errLost
		}
		next.Refusal, next.ListedWithin = cause.Error(), 0
		if next.State == StatePreparing && c.ctx.Err() != nil {
			return next.apply(abandon) // the caller left, which is nobody's answer
		}
		return next.apply(e)
	})
	switch {
	case errors.Is(err, errLost):
		return c.follow(r)
	case err != nil:
		return r, failure(computeunit.ErrOutcomeUnknown, r, join(cause, err))
	}
	c.buyer.log(c.ctx, slog.LevelWarn, "not purchased", r, cause)
	return r, failure(computeunit.ErrNotPurchased, r, cause)
}

// unknown says in the record that nobody works on it any more, and looks once whether the order is listed already.
func (c *call) unknown(a *attempts, cause error) (record, error) {
	r, err := c.buyer.write(c.ctx, a.record, func(next *record) error {
		if !a.isMine(next) {
			return errLost
		}
		next.Unknown = true
		return next.apply(lose)
	})
	if r.State != StateBought { // a listing was faster
		c.buyer.log(c.ctx, slog.LevelError, "unknown", r, failure(computeunit.ErrOutcomeUnknown, r, join(cause, err)))
	}
	if err != nil && !errors.Is(err, errLost) {
		return r, failure(computeunit.ErrOutcomeUnknown, r, join(cause, err))
	}
	c.lost = cause
	return c.follow(r)
}
