package once

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit"
)

// ErrKeyReused means that the key was used for another request: the JSON that is sent differs, release times compared as
// instants. Nothing was sent. It comes together with the outcome of what the key has:
// [computeunit.ErrOutcomeUnknown] if that is bought or open, else [computeunit.ErrNotPurchased].
var ErrKeyReused = errors.New("the key was used for another request")

// BlockedError means that a purchase is open that only a listing or a person can settle, and that no listing has.
// [Buyer.Buy] returns it for another key of the same service, with [computeunit.ErrNotPurchased], and for the open key
// itself, with [computeunit.ErrOutcomeUnknown]; [Buyer.ResolveNotPurchased] if a new instance is listed.
type BlockedError struct {
	// Key is the open purchase's: the one to resolve.
	Key string
	// ServiceID is the service that it keeps closed.
	ServiceID string
	// Since is when the key was claimed.
	Since time.Time
	// NotBefore is when [Buyer.ResolveNotPurchased] is possible: the service refuses the attempt from then on. Zero if it
	// is not possible: no attempt is known, the purchase is bought and only its instance is not known, or Candidates
	// prevent it.
	NotBefore time.Time
	// Candidates are new instances of the service that belong to no key, and are or were listed.
	Candidates []string
}

// Error names the key to resolve, and what can be done.
func (e *BlockedError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "the purchase with key %q for service %q is open since %s", e.Key, e.ServiceID, e.Since.Format(time.RFC3339))
	if len(e.Candidates) > 0 {
		fmt.Fprintf(&text, ", and new instances were listed since then that belong to no key: %q", e.Candidates)
	}
	text.WriteString("; a listing may still settle it, or a person with ResolveBought")
	if !e.NotBefore.IsZero() {
		fmt.Fprintf(&text, ", or after %s with ResolveNotPurchased", e.NotBefore.Format(time.RFC3339))
	}
	return text.String()
}

// TooEarlyError means that an attempt of the purchase could still make an order. [Buyer.ResolveNotPurchased] returns it.
type TooEarlyError struct {
	// Until is when that ends, by the service's clock. Look again after it, and only then say that nothing was bought.
	Until time.Time
}

// Error says when it is no longer too early.
func (e *TooEarlyError) Error() string {
	return "too early: an attempt can still make an order until " + e.Until.Format(time.RFC3339) +
		" by the service's clock; look for an order after that, and call again"
}

// blocked describes an open purchase.
func (b *Buyer) blocked(r record, candidates []string) *BlockedError {
	blocked := &BlockedError{Key: r.Key, ServiceID: r.Request.ServiceID, Since: r.Since, Candidates: candidates}
	if r.State == StateSending {
		blocked.NotBefore = r.fence(b.margin)
	}
	return blocked
}

// outcomeError is what Buy returns: it says what to do with the key, which is not what to do after one call.
type outcomeError struct {
	key   string
	known *computeunit.OutcomeError // matches the outcome
	cause error                     // matches whatever else
}

// Error names the key, the outcome, the cause, and what to do.
func (e *outcomeError) Error() string {
	advice := "call Buy again with the same key: it looks for the order, and never sends again"
	switch {
	case errors.Is(e.cause, ErrKeyReused):
		advice = "nothing was sent: ask with the request that the key has, or take another key for another purchase"
	case e.known.Outcome == computeunit.ErrNotPurchased:
		advice = "the key has no order, and may be bought again"
	}
	cause := e.cause.Error()
	var called *computeunit.OutcomeError
	if errors.As(e.cause, &called) {
		cause = strings.Replace(cause, called.Error(), fmt.Sprint(called.Err), 1)
	}
	sent := ""
	if e.known.RequestID != "" {
		sent = fmt.Sprintf(" (request id %q)", e.known.RequestID)
	}
	return fmt.Sprintf("once: key %q for service %q: %v: %s%s; %s", e.key, e.known.ServiceID, e.known.Outcome, cause, sent, advice)
}

func (e *outcomeError) Unwrap() []error {
	if errors.Is(e.cause, e.known) {
		return []error{e.cause}
	}
	return []error{e.known, e.cause}
}

// failure is what Buy returns: an error that matches exactly one of the two outcomes, and whatever the cause matches but
// for another outcome.
func failure(outcome error, r record, cause error) error {
	var called *computeunit.OutcomeError
	if errors.As(cause, &called) && errors.Is(cause, outcome) && !errors.Is(cause, otherThan(outcome)) {
		return &outcomeError{r.Key, called, cause}
	}
	if errors.Is(cause, computeunit.ErrNotPurchased) || errors.Is(cause, computeunit.ErrOutcomeUnknown) {
		cause = errors.New(cause.Error()) // an outcome of one step, which is not the purchase's
	}
	return &outcomeError{r.Key, &computeunit.OutcomeError{
		Action:    "PurchaseComputeUnit",
		Outcome:   outcome,
		ServiceID: r.Request.ServiceID,
		RequestID: r.RequestID,
		Err:       cause,
	}, cause}
}

func otherThan(outcome error) error {
	if outcome == computeunit.ErrNotPurchased {
		return computeunit.ErrOutcomeUnknown
	}
	return computeunit.ErrNotPurchased
}

// join is errors.Join on one line.
func join(first, second error) error {
	if first == nil || second == nil {
		return cmp.Or(first, second)
	}
	return fmt.Errorf("%w; %w", first, second)
}
