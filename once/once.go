// Package once makes a purchase that outlives its process: "buy this, under this key, once, whoever asks and whatever
// crashes". A [Buyer] keeps each purchase in a [Journal] that several processes may share.
//
// For one key there is at most one order, and you can rely on what [Buyer.Buy] says of a key, however many processes crash
// or pause. It rests on this; if one of these is broken, the harm stays at the service that it happened at:
//
//  1. The service refuses a request later than its signature's expiry and a margin ([WithFenceMargin]), by the clock of
//     its Date header.
//  2. Nobody outside the journal buys for the service, and nobody releases an instance that is not in the listing before of
//     every open key of the service, or bought by a settled one. So an old instance may be released at any time.
//  3. The journal keeps what it confirmed, and its reads are not stale.
//  4. One request sent makes at most one order: no proxy or gateway repeats it.
//  5. Each purchase makes a new instance id, which is never given again; a listing is whole, and a new instance that was
//     listed is in the next listing until it is released.
//  6. One journal serves one account at one endpoint, and one account has one journal.
//
// When an order is listed is not documented, so nothing follows from a listing that does not show one.
//
// A row that is deleted, and a person's "not purchased", allow the key to be sent again by whoever asks next.
//
// The way of a purchase: [Buyer.Buy] reads the key, and claims it and the service (buy.go), lists the service, and has each
// attempt written down before it is sent (attempt.go). What is left open is looked after by listing (settle.go) or by a
// person (resolve.go). record.go makes each change of a purchase durable. The rules that the comments number are those of
// docs/once-design.md.
package once

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

const (
	defaultFenceMargin = 30 * time.Minute
	// takeoverMargin is for what a process does beside its attempt: it writes the journal.
	takeoverMargin = 15 * time.Second
)

// Buyer buys once for each key. It is safe for concurrent use; make one for a process, and call [Buyer.Shutdown] at its end.
// The zero value is not usable: see [New].
type Buyer struct {
	client   *computeunit.Client
	store    store.Store
	logger   *slog.Logger
	takeover time.Duration
	margin   time.Duration

	isOurs  atomic.Bool     // the journal is the client's endpoint's: see lookup
	closing context.Context // ends when Shutdown begins
	close   context.CancelFunc
	mu      sync.Mutex
	calls   sync.WaitGroup // of Buy
	kept    sync.Map       // outcomes that are not written yet, of type *kept (rule 8)
}

// Option changes a default of [New]. New fails if one gets a nil or invalid value.
type Option func(*Buyer)

// New returns a Buyer. It sends nothing, and reads nothing from the journal: see [Buyer.Check].
func New(client *computeunit.Client, journal Journal, options ...Option) (*Buyer, error) {
	if client == nil {
		return nil, errors.New("once: the client is nil")
	}
	if journal == nil || journal == (*SQLJournal)(nil) {
		return nil, errors.New("once: the journal is nil: use SQL, or InMemory for tests")
	}
	b := &Buyer{
		client:   client,
		store:    journal.store(),
		logger:   slog.New(slog.DiscardHandler),
		takeover: client.Timeout() + takeoverMargin,
		margin:   defaultFenceMargin,
	}
	b.closing, b.close = context.WithCancel(context.Background())
	for _, option := range options {
		if option == nil {
			return nil, errors.New("once: an option is nil")
		}
		option(b)
	}
	switch {
	case b.logger == nil:
		return nil, errors.New("once: WithLogger: the logger is nil")
	case b.takeover <= 0:
		return nil, fmt.Errorf("once: WithTakeoverAfter: %s is not more than zero", b.takeover)
	case b.margin < 0:
		return nil, fmt.Errorf("once: WithFenceMargin: %s is less than zero", b.margin)
	}
	return b, nil
}

// WithLogger writes a record for each step of a purchase, with the attributes key, service_id, state, and if known evidence,
// instance_id, order_id, client_request_id and error. No record has a secret in it. The default is to write none.
//
// An error record is one that needs a person, and each such event has one: "not settled" (it was looked for, and its record
// has not changed for [WithTakeoverAfter], or several instances could be it), "bought twice", "opened again", an outcome that
// the journal can't take, and a panic after Buy has returned. What may settle itself is at most a warning, also in the
// client's records of these calls. Set this logger or the client's: the second says the same in other words.
//
// Logger, hooks and values of the context of [Buyer.Buy] may be used after it has returned: see there.
func WithLogger(logger *slog.Logger) Option { return func(b *Buyer) { b.logger = logger } }

// WithTakeoverAfter sets how long the record of an open purchase must stay unchanged, by the journal's clock, before this
// process presumes that nobody works on it. The default is the client's time-out and 15 seconds. Too short a time costs work
// done twice, and a Buy that is slower than it, in its listing before or in the wait that a 429 asks for, can end as not
// purchased; it never costs an order. What was sent is looked for as soon as its sender's time-out has passed.
func WithTakeoverAfter(unchanged time.Duration) Option {
	return func(b *Buyer) { b.takeover = unchanged }
}

// WithFenceMargin sets how long after its signature's expiry an attempt may still make an order. The default is 30
// minutes: how much the service tolerates, and how far the clocks of its machines differ, is not documented. A margin
// that is too short breaks what [Buyer.ResolveNotPurchased] promises.
func WithFenceMargin(margin time.Duration) Option { return func(b *Buyer) { b.margin = margin } }

// Check returns an error if purchases would fail: the journal can't be reached or written, has no table, settings by which it
// can forget, another endpoint than the client's, or records of a later version of this package. Call it at the start of a
// program. It does not ask the service. A journal that is nobody's yet becomes the client's endpoint's.
func (b *Buyer) Check(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("once: %w", err)
		}
	}()
	if table, ok := b.store.(interface {
		Check(context.Context) (string, error)
	}); ok {
		place, err := table.Check(ctx)
		if err != nil {
			return err
		}
		b.logger.InfoContext(ctx, "once: the journal is there", "schema", place)
	}
	if err := b.keepEndpoint(ctx); err != nil {
		return err
	}
	rows, err := b.store.Find(ctx, store.Key, endpointKey)
	for _, row := range rows {
		err = b.rewriteEndpoint(ctx, row)
	}
	if err != nil {
		return err
	}
	rows, err = b.store.Find(ctx, store.OpenService)
	for _, row := range rows {
		_, later := b.decode(row)
		err = join(err, later)
	}
	return err
}

// errShutdown is why a call is refused, or ends its waits.
var errShutdown = errors.New("Shutdown was called")

// begin counts a call of Buy, which Shutdown waits for.
func (b *Buyer) begin() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing.Err() != nil {
		return again(errShutdown)
	}
	b.calls.Add(1)
	return nil
}

// Shutdown ends the waits of calls of [Buyer.Buy], and refuses new ones. It waits for attempts that are under way, also those
// whose Buy has returned, and writes outcomes that the journal could not take. Its error names each key, with its ids, that
// could not be written, and is the context's too if that ended first. In a synctest bubble call it before the bubble ends.
func (b *Buyer) Shutdown(ctx context.Context) error {
	b.mu.Lock()
	b.close()
	b.mu.Unlock()
	var unwritten error
	var panicked any
	ended, lasting := make(chan struct{}), context.WithoutCancel(ctx)
	go func() {
		defer close(ended)
		defer func() { panicked = recover() }() // of the logger: it goes on in the caller
		b.calls.Wait()
		unwritten = b.writeKept(lasting, "")
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		select {
		case <-ended: // at once: nothing was left to do
		case <-time.After(leaving):
			late := fmt.Errorf("once: an attempt is under way still, or an outcome not written: %w", ctx.Err())
			return errors.Join(late, b.writeKept(ctx, ""))
		}
	}
	if panicked != nil {
		panic(panicked)
	}
	return unwritten
}
