package once

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/qianfan-go/computeunit"
)

// attempts is one call of PurchaseComputeUnit. It writes each attempt into the journal before it is sent, and its refusal
// before there is another.
type attempts struct {
	buyer     *Buyer
	caller    context.Context
	before    Listing
	record    record // as this call has written it last
	requestID string // of the last attempt that was about to be written

	stop     context.CancelFunc // ends the call's waits
	mu       sync.Mutex
	underWay bool // an attempt is being sent

	unconfirmed bool // a refusal may have been written down, and the journal did not say so
}

// purchase sends. What the caller's context does is up to rule 9: it prevents an attempt, and ends the wait for one, but
// an attempt that has begun runs to the client's time-out.
func (a *attempts) purchase() (*computeunit.PurchaseComputeUnitResponse, error) {
	ctx, stop := context.WithCancel(context.WithoutCancel(a.caller))
	defer stop()
	a.stop = stop
	defer context.AfterFunc(a.caller, a.callerLeft)()
	traced := computeunit.ContextWithHooks(ctx, computeunit.Hooks{BeforeAttempt: a.begin, AfterAttempt: a.end})
	return a.buyer.client.PurchaseComputeUnit(traced, a.record.Request)
}

// begin writes "sending", with everything that somebody else needs to look after the attempt, before a byte of it leaves
// (rule 3). The attempt is signed already: a process that sleeps from here on is refused by the service (rule 5).
func (a *attempts) begin(ctx context.Context, info computeunit.AttemptInfo) error {
	signed := time.Now()
	if err := a.caller.Err(); err != nil {
		return err
	}
	if err := checkFence(info.SignatureExpires, a.before.Date); err != nil { // rule 5
		return err
	}
	claimed := a.record.version
	a.requestID = info.RequestID
	r, err := a.buyer.write(ctx, a.record, func(next *record) error {
		if next.version != claimed { // rule 4: who lost a claim finds out before it sends
			return errLost
		}
		next.Before = a.before // rule 2
		next.RequestID = info.RequestID
		next.SignatureExpires = info.SignatureExpires.UTC().Round(0)
		next.ListedWithin, next.Refusal = 0, ""
		return next.apply(send)
	})
	if err != nil {
		return err
	}
	a.record = r
	a.buyer.log(ctx, slog.LevelInfo, "sending", r, nil)
	if err := checkLeft(signed); err != nil { // rule 5
		return err
	}
	return a.enter()
}

// end writes a certain refusal down before the wait for another attempt (rule 8). Its error prevents that attempt.
func (a *attempts) end(ctx context.Context, info computeunit.AttemptInfo, err error) error {
	a.leave()
	if !errors.Is(err, computeunit.ErrNotPurchased) {
		return nil
	}
	r, writeErr := a.buyer.write(ctx, a.record, func(next *record) error {
		if next.RequestID != info.RequestID {
			return errLost
		}
		next.Refusal = err.Error()
		return next.apply(refuse)
	})
	if writeErr != nil {
		a.unconfirmed = true
		return fmt.Errorf("a refusal could not be written down: %w", writeErr)
	}
	a.record = r
	a.buyer.log(ctx, slog.LevelWarn, "refused", r, err)
	return nil
}

// enter is the last moment at which the caller's context prevents the attempt.
func (a *attempts) enter() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.caller.Err(); err != nil {
		return err
	}
	a.underWay = true
	return nil
}

func (a *attempts) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.underWay = false
	if a.caller.Err() != nil {
		a.stop()
	}
}

// callerLeft leaves an attempt alone that is under way: leave ends the call after it.
func (a *attempts) callerLeft() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.underWay {
		a.stop()
	}
}

// isMine reports whether a record is what this call made of it: claimed and not changed since, or sending its attempt,
// which others may have looked after meanwhile.
func (a *attempts) isMine(r *record) bool {
	switch r.State {
	case StatePreparing:
		return r.version == a.record.version || a.unconfirmed && r.RequestID == a.requestID
	case StateSending:
		return r.RequestID == a.requestID
	default:
		return false
	}
}
