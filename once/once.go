// Package once makes a purchase that outlives its process: "buy this, under this key, once, whoever asks and whatever
// crashes". A [Buyer] keeps each purchase in a [Journal] that several processes may share.
//
// For one key there is at most one order, and what [Buyer.Buy] says of a key is true, however many processes crash or
// pause. It rests on this; if one of these is broken, the harm stays at the service that it happened at:
//
//  1. The service refuses a request later than its signature's expiry and a margin ([WithFenceMargin]), by the clock of
//     its Date header.
//  2. Nobody outside the journal buys for the service, and nobody releases a new instance, from shortly before a key is
//     claimed until it is settled.
//  3. The journal keeps what it confirmed, and its reads are not stale.
//  4. One request sent makes at most one order: no proxy or gateway repeats it.
//  5. Each purchase makes a new instance id, and an instance that was listed is not missing from the next listing.
//  6. One journal serves one account and one endpoint.
//
// When an order is listed is not documented, so nothing follows from a listing that does not show one.
//
// The way of a purchase: [Buyer.Buy] claims the key and the service (buy.go), lists the service (candidates.go), and has
// each attempt written down before it is sent (attempts.go, fence.go). What is left open is looked after by listing
// (look.go, settle.go) or by a person (resolve.go). state.go has every change of a purchase, in one table; write.go makes
// it durable. The rules that the comments number are those of docs/once.md.
package once

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

const (
	defaultFenceMargin = 30 * time.Minute
	// takeoverMargin is for what a process does beside its attempt: it writes the journal.
	takeoverMargin = 15 * time.Second
)

// Buyer buys once for each key. It is safe for concurrent use; make one and share it. Nothing needs closing. The zero
// value is not usable: see [New].
type Buyer struct {
	client   *computeunit.Client
	store    store.Store
	logger   *slog.Logger
	takeover time.Duration
	margin   time.Duration

	mu       sync.Mutex
	endpoint bool             // the journal's endpoint is the client's
	watched  map[string]watch // open records, by key
}

// Option changes a default of [New]. New fails if one gets a nil or invalid value.
type Option func(*Buyer) error

// New returns a Buyer. It sends nothing, and reads nothing from the journal.
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
	for _, option := range options {
		if option == nil {
			return nil, errors.New("once: an option is nil")
		}
		if err := option(b); err != nil {
			return nil, fmt.Errorf("once: %w", err)
		}
	}
	return b, nil
}

// WithLogger writes a record for each step of a purchase: "claimed", "sending", "refused", "bought", "unknown",
// "settled", "resolved", with the attributes key, service_id, state, and if known evidence, instance_id, order_id,
// request_id and error. No record has a secret in it. The default is to write none.
func WithLogger(logger *slog.Logger) Option {
	return func(b *Buyer) error {
		if logger == nil {
			return errors.New("WithLogger: the logger is nil")
		}
		b.logger = logger
		return nil
	}
}

// WithTakeoverAfter sets how long the record of an open purchase must stay unchanged, as this process has watched it,
// before this process presumes that nobody works on it. The default is the client's time-out and 15 seconds. Too short a
// time costs work done twice, and a Buy that is slower than it, in its listing before or in the wait that a 429 asks for, can
// end as not purchased; it never costs an order.
func WithTakeoverAfter(unchanged time.Duration) Option {
	return func(b *Buyer) error {
		if unchanged <= 0 {
			return fmt.Errorf("WithTakeoverAfter: %s is not more than zero", unchanged)
		}
		b.takeover = unchanged
		return nil
	}
}

// WithFenceMargin sets how long after its signature's expiry an attempt may still make an order. The default is 30
// minutes: how much the service tolerates, and how far the clocks of its machines differ, is not documented. A margin
// that is too short breaks what [Buyer.ResolveNotPurchased] promises.
func WithFenceMargin(margin time.Duration) Option {
	return func(b *Buyer) error {
		if margin < 0 {
			return fmt.Errorf("WithFenceMargin: %s is less than zero", margin)
		}
		b.margin = margin
		return nil
	}
}
