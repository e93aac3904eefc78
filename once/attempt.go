package once

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/transport"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// attempt is one claim of a call, and the attempts of one PurchaseComputeUnit under it.
type attempt struct {
	*call
	record    record    // as this call has written it last
	listed    time.Time // when the listing before was there, by this machine
	before    Listing   // what it had
	requestID string    // of the last attempt that was to be written down
}

// buy makes the key and its service this call's (rule 1), lists, and sends. What an earlier purchase left that was not
// purchased does not matter. An error of errLost means that the journal knows more than this call.
func (c *call) buy(r record) (bought record, outcome, why error) {
	if err := cmp.Or(checkRequest(c.asked.Request), c.ended()); err != nil {
		return r, computeunit.ErrNotPurchased, err
	}
	if !c.buyer.isOurs.Load() { // which takes time, in which the key may be bought
		c.over = again(c.buyer.keepEndpoint(c.ctx))
		return r, outcome, errLost
	}
	claimed, err := c.buyer.swap(c.ctx, r, func(next *record) {
		next.Purchase = Purchase{
			Key: r.Key, Request: c.asked.Request, State: StatePreparing, Since: time.Now().UTC().Round(0), Others: r.Others,
		}
		next.beside = beside{Claim: newVersion(), TimeoutMS: c.buyer.client.Timeout().Milliseconds()}
	})
	switch {
	case errors.Is(err, errTaken):
		c.taken = true
		return r, outcome, errLost
	case err != nil:
		return claimed, computeunit.ErrOutcomeUnknown, err
	}
	c.seen, c.attempt = true, &attempt{call: c, record: claimed} // whatever panics from here on: see recovered
	c.buyer.log(c.ctx, slog.LevelInfo, "claimed", claimed, nil)
	bought, outcome, why = c.attempt.listAndSend()
	c.attempt = nil
	c.underWay.Store(false)
	return bought, outcome, why
}

func (a *attempt) listAndSend() (bought record, outcome, why error) {
	ctx, cancel := context.WithTimeout(a.ctx, a.buyer.lookTimeout()) // a 429 can ask for hours
	defer cancel()
	before, _, err := a.buyer.list(ctx, a.record) // rule 2: after claiming
	if err != nil {
		return a.end(err)
	}
	a.listed, a.before = time.Now(), before
	response, err := a.send()
	if err != nil {
		return a.end(err)
	}
	return a.buyer.answered(a.ctx, a.record, response), nil, nil
}

// send is one call of PurchaseComputeUnit. The caller's context ends its waits and prevents an attempt, and never ends one
// (rule 9).
func (a *attempt) send() (*computeunit.PurchaseComputeUnitResponse, error) {
	hooked := computeunit.ContextWithHooks(a.ctx, computeunit.Hooks{BeforeAttempt: a.begin, AfterAttempt: a.refused})
	return a.buyer.client.PurchaseComputeUnit(transport.Lasting{Context: hooked}, a.record.Request)
}

// isOf reports whether hooks of this call's context are called for it: the caller's can make calls with that context, too.
func (a *attempt) isOf(info computeunit.AttemptInfo) bool {
	return info.Action == "PurchaseComputeUnit" && info.ServiceID == a.record.Request.ServiceID
}

// begin writes "sending", with everything that somebody else needs to look after the attempt, before a byte of it leaves
// (rule 3). The attempt is signed already: a process that sleeps from here on is refused by the service (rule 5).
func (a *attempt) begin(_ context.Context, info computeunit.AttemptInfo) error {
	if err := a.ended(); err != nil || !a.isOf(info) {
		return err
	}
	if err := checkFence(info.SignatureExpires, a.before.Date); err != nil {
		return again(err)
	}
	a.requestID = info.RequestID
	err := a.write(a.ctx, slog.LevelInfo, "sending", nil, func(next *record) {
		next.State, next.Before, next.Refusal = StateSending, a.before, ""
		next.RequestID, next.SignatureExpires = info.RequestID, info.SignatureExpires.UTC().Round(0)
	}, StatePreparing) // rule 4: who lost a claim finds out before it sends
	a.underWay.Store(err == nil)
	return err
}

// refused writes a certain refusal down before the wait for another attempt (rule 8), or there is none.
func (a *attempt) refused(_ context.Context, info computeunit.AttemptInfo, err error) error {
	if !errors.Is(err, computeunit.ErrNotPurchased) || !a.isOf(info) {
		return nil
	}
	a.underWay.Store(false)
	retryable := errors.Is(err, computeunit.ErrRetryable)
	written := a.write(a.ctx, slog.LevelWarn, "refused", err, func(next *record) {
		next.State, next.Refusal, next.Retryable = StatePreparing, err.Error(), retryable
		next.Unknown, next.Candidates, next.ListedAt, next.Reported = false, nil, time.Time{}, false
	}, StateSending)
	switch {
	case retryable:
		return join(a.worthWaiting(info.RetryAfter), written)
	case errors.Is(written, ErrPending):
		return errors.New(written.Error()) // the refusal is final, whatever becomes of the journal
	}
	return written
}

// write writes what happened to the purchase, if it still has this claim, and this attempt or, if "sending" has not arrived,
// the one before.
func (a *attempt) write(
	ctx context.Context, level slog.Level, what string, cause error, change func(next *record), from ...State,
) error {
	written, err := a.buyer.write(ctx, a.record, func(next *record) error {
		mine := next.RequestID == a.requestID || next.RequestID == a.record.RequestID
		if next.Claim != a.record.Claim || !mine || !slices.Contains(from, next.State) {
			return errLost
		}
		change(next)
		return nil
	})
	if err != nil {
		return err
	}
	a.record = written
	a.buyer.log(ctx, level, what, written, cause)
	return nil
}

// signatureLife is how long a signature of the client is valid.
const signatureLife = 5 * time.Minute

// checkFence refuses an attempt whose signature would expire long after the service's own time (rule 5): the fence, before
// which nobody can say that there is no order, would be as far away.
func checkFence(expires, listed time.Time) error {
	if expires.After(listed.Add(2 * signatureLife)) {
		return fmt.Errorf("the signature expires at %s, more than %s after the Date of the listing before (%s): fix this machine's "+
			"clock; if it was a long wait for another attempt, buy again", expires.UTC().Format(time.RFC3339), 2*signatureLife,
			listed.UTC().Format(time.RFC3339))
	}
	return nil
}

// worthWaiting says at once if the wait that the service asks for would end so long after the listing that the fence would be too
// far. The client says so of a wait that would end after the context's deadline.
func (a *attempt) worthWaiting(wait time.Duration) error {
	deadline, limited := a.ctx.Deadline()
	if limited && time.Until(deadline) <= wait || time.Since(a.listed)+wait <= signatureLife {
		return nil
	}
	return again(fmt.Errorf("the next attempt is due in %s, more than %s after the listing before", wait, signatureLife))
}

// end writes down what the claim came to: not purchased, or that nobody works on it any more. It returns errLost if there is
// more to find out.
func (a *attempt) end(cause error) (record, error, error) {
	if a.underWay.Load() {
		a.lost = cause
		err := a.write(a.ctx, slog.LevelWarn, "unknown", cause, func(next *record) { next.Unknown = true }, StateSending)
		if err == nil { // the order may be listed already
			err = errLost
		}
		return a.record, computeunit.ErrOutcomeUnknown, join(cause, err)
	}
	by := EvidenceAnswer
	if a.record.RequestID == "" || a.ended() != nil && isPending(cause) { // it did not come to send, or the caller left: nobody's answer
		by = ""
	}
	mine := a.record // which whoever writes what is kept changes
	err := a.buyer.finish(a.ctx, "not purchased", mine, cause, func(ctx context.Context) error {
		return a.write(ctx, slog.LevelWarn, "not purchased", cause, func(next *record) {
			next.become(StateNotPurchased, by, Order{})
			next.Refusal, next.Retryable = causeError{error: cause}.Error(), isPending(cause)
		}, StatePreparing, StateSending)
	})
	if err != nil {
		return mine, computeunit.ErrOutcomeUnknown, join(cause, err)
	}
	return a.record, computeunit.ErrNotPurchased, cause
}

// answered writes an answer with an id over whatever the record says (rule 7), and returns the purchase. It has no error:
// the answer is true whether or not it can be written.
func (b *Buyer) answered(ctx context.Context, mine record, response *computeunit.PurchaseComputeUnitResponse) record {
	o := Order{InstanceID: response.Result.InstanceID, OrderID: response.Result.OrderID, RequestID: mine.RequestID}
	told, written := mine, record{}
	told.answer(o)
	err := b.finish(ctx, "bought", told, nil, func(ctx context.Context) (err error) {
		written, err = b.writeAnswer(ctx, mine, o)
		return err
	})
	if err != nil {
		return told
	}
	return written
}

func (b *Buyer) writeAnswer(ctx context.Context, mine record, o Order) (record, error) {
	answer := func(next *record) error {
		if next.version == "" { // its row was deleted
			next.Purchase = mine.Purchase
		}
		next.answer(o)
		return nil
	}
	r, err := b.over(ctx, mine, answer)
	for try := 0; errors.Is(err, errTaken) && try < 3; try++ {
		if err = b.disown(ctx, o.InstanceID); err == nil {
			r, err = b.over(ctx, mine, answer)
		}
	}
	switch {
	case err != nil:
	case len(r.Others) > 0:
		b.log(ctx, slog.LevelError, "bought twice", r, fmt.Errorf("the service named further orders for the key: %+v", r.Others))
	default:
		b.log(ctx, slog.LevelInfo, "bought", r, nil)
	}
	return r, err
}

// disown takes an instance from the purchase that only a listing or a person gave it, and opens that one again.
func (b *Buyer) disown(ctx context.Context, instanceID string) error {
	ctx, cancel := journalContext(ctx)
	defer cancel()
	r, err := b.owner(ctx, store.InstanceID, instanceID)
	if err != nil || r.version == "" {
		return err
	}
	r, err = b.over(ctx, r, func(next *record) error {
		byAnswer := next.Evidence == EvidenceAnswer && next.NamedBy == "" // two answers name it: the journal can't say so
		if next.InstanceID != instanceID || byAnswer {
			return errLost
		}
		next.disown()
		next.Reported = true // by the record below
		return nil
	})
	switch {
	case errors.Is(err, errLost):
		return nil
	case err == nil:
		b.log(ctx, slog.LevelError, "opened again: its instance is another key's", r, nil)
	}
	return err
}

// over writes a change that may open a purchase again whose service another key has meanwhile. It is parked then: what is new
// may be the other's.
func (b *Buyer) over(ctx context.Context, r record, change func(next *record) error) (record, error) {
	written, err := b.write(ctx, r, change)
	if !errors.Is(err, errTaken) {
		return written, err
	}
	return b.write(ctx, written, func(next *record) error {
		if !next.Open() {
			next.service = parked(next.Key)
		}
		return change(next)
	})
}

// kept is an outcome until the journal has it (rule 8).
type kept struct {
	record
	write func(ctx context.Context) error
	turn  chan struct{} // has room while nobody writes it. No mutex: it is held over pauses, and a context must end the wait
}

// finish writes an outcome, or keeps it. What somebody else has changed since is not written.
func (b *Buyer) finish(ctx context.Context, what string, r record, cause error, write func(context.Context) error) error {
	k := &kept{r, write, make(chan struct{}, 1)}
	k.turn <- struct{}{}
	defer func() { <-k.turn }()
	b.kept.Store(k, true)
	err := write(ctx)
	if err == nil || errors.Is(err, errLost) {
		b.kept.Delete(k)
		return err
	}
	b.log(ctx, slog.LevelError, what+", but the journal can't be written", r, join(cause, err))
	return err
}

// writeKept writes the outcomes that are kept for a key or a service, or all of them. What somebody else has changed since is
// dropped.
func (b *Buyer) writeKept(ctx context.Context, of string) (err error) {
	b.kept.Range(func(keep, _ any) bool {
		if k := keep.(*kept); of == "" || of == k.Key || of == serviceOf(k.Request) {
			if failed := b.writeOne(ctx, k); failed != nil {
				err = errors.Join(err, fmt.Errorf("once: key %q, instance %q, order %q, request id %q: %w",
					k.Key, k.InstanceID, k.OrderID, k.RequestID, failed))
			}
		}
		return true
	})
	return err
}

// writeOne returns an error if the journal is still away. Until it is written nobody reads the key.
func (b *Buyer) writeOne(ctx context.Context, k *kept) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case k.turn <- struct{}{}:
	}
	defer func() { <-k.turn }()
	if _, still := b.kept.Load(k); !still || ctx.Err() != nil {
		return ctx.Err()
	}
	err := k.write(ctx)
	if errors.Is(err, ErrPending) {
		return err
	}
	b.kept.Delete(k)
	if err != nil {
		b.log(ctx, slog.LevelWarn, "dropped what could not be written", k.record, err)
	}
	return nil
}
