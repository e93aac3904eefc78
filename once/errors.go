package once

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit"
)

var (
	// ErrPending means that the key is not finished: call [Buyer.Buy] again later, with the same key and the same request. It
	// is never a reason to call the client yourself, or to take another key. An error of Buy that does not match it is for a
	// person: calling again is not expected to help. It is not harmless either: a Buy of a key that has no order sends again.
	ErrPending = errors.New("the key is not finished")
	// ErrKeyReused means that the key was used for another request: the JSON that is sent differs, release times compared as
	// instants. Nothing was sent. It comes together with the outcome of what the key has: [computeunit.ErrOutcomeUnknown] if
	// that is bought or open, else [computeunit.ErrNotPurchased].
	ErrKeyReused = errors.New("the key was used for another request")
)

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
	// is not possible: the purchase is bought and only its instance is not known, or Candidates prevent it.
	NotBefore time.Time
	// Candidates are new instances of the service that belong to no key, and are or were listed.
	Candidates []string
}

// Error names the key to resolve, and what can be done.
func (e *BlockedError) Error() string {
	text := fmt.Sprintf("the purchase with key %q for service %q is open since %s", e.Key, e.ServiceID, e.Since.Format(time.RFC3339))
	if len(e.Candidates) > 0 {
		text += fmt.Sprintf(", and new instances were listed since then that belong to no key: %q", e.Candidates)
	}
	text += "; a listing may still settle it, or a person with ResolveBought"
	if !e.NotBefore.IsZero() {
		text += fmt.Sprintf(", or after %s with ResolveNotPurchased", e.NotBefore.Format(time.RFC3339))
	}
	return text
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

func (b *Buyer) blocked(r record) *BlockedError {
	blocked := &BlockedError{Key: r.Key, ServiceID: r.Request.ServiceID, Since: r.Since, Candidates: r.Candidates}
	if r.State == StateSending {
		blocked.NotBefore = r.SignatureExpires.Add(b.margin)
	}
	return blocked
}

// pendingError is a cause that may be gone when Buy is called again.
type pendingError struct{ error }

func again(err error) error {
	if err == nil {
		return nil
	}
	return pendingError{err}
}

func (e pendingError) Is(target error) bool { return target == ErrPending }
func (e pendingError) Unwrap() error        { return e.error }

// isPending reports whether it can help to call Buy again.
func isPending(cause error) bool {
	return errors.Is(cause, ErrPending) || errors.Is(cause, computeunit.ErrRetryable)
}

// buyError is what Buy returns: an error that matches exactly one of the two outcomes, and whatever the cause matches but for
// another outcome. It says what to do with the key, which is not what to do after one call.
type buyError struct {
	key   string
	known *computeunit.OutcomeError
}

// failed makes the error of a purchase. An unknown one is pending, but if nobody can finish it with this request and journal.
func failed(outcome error, p Purchase, cause error) error {
	pending := outcome == computeunit.ErrOutcomeUnknown || isPending(cause)
	for _, final := range []error{ErrKeyReused, errDeleted, errEndpoint, errNoContext} {
		pending = pending && !errors.Is(cause, final)
	}
	known := &computeunit.OutcomeError{
		Action: "PurchaseComputeUnit", Outcome: outcome, ServiceID: p.Request.ServiceID, RequestID: p.RequestID, ClientRequestID: p.RequestID,
		Err: causeError{cause, pending, outcome == computeunit.ErrNotPurchased},
	}
	if called := (*computeunit.OutcomeError)(nil); errors.As(cause, &called) {
		known.Attempts, known.RequestID = called.Attempts, cmp.Or(called.RequestID, p.RequestID)
	}
	return &buyError{p.Key, known}
}

// Error names the key, the outcome, the cause, and what to do.
func (e *buyError) Error() string {
	outcome, sent, advice := e.known.Outcome.Error()+": ", "", "nothing was sent"
	switch pending, notPurchased := errors.Is(e, ErrPending), e.known.Outcome == computeunit.ErrNotPurchased; {
	case errors.Is(e, ErrKeyReused):
		outcome, advice = "", "nothing was sent: ask with the request that the key has, or take another key for another purchase"
	case errors.Is(e, errDeleted):
		advice = "look what the service has before you buy again: nothing keeps the key from being sent now"
	case notPurchased && pending:
		advice = "the key has no order; call Buy again later with the same key and request"
	case notPurchased:
		advice = "the key has no order; correct what is named here"
	case pending:
		advice = "call Buy again with the same key and request: it looks for the order, and never sends again"
	}
	if e.known.RequestID != "" {
		sent = fmt.Sprintf(" (request id %q)", e.known.RequestID)
	}
	return fmt.Sprintf("once: key %q for service %q: %s%v%s; %s", e.key, e.known.ServiceID, outcome, e.known.Err, sent, advice)
}

// Unwrap returns a *computeunit.OutcomeError.
func (e *buyError) Unwrap() error { return e.known }

// MarshalJSON writes what that of computeunit.OutcomeError writes, and the key.
func (e *buyError) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal(e.known)
	key, keyErr := json.Marshal(e.key)
	if err = cmp.Or(err, keyErr); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"key":%s,%s`, key, data[1:]), nil
}

// LogValue gives slog what that of computeunit.OutcomeError gives it, and the key.
func (e *buyError) LogValue() slog.Value {
	return slog.GroupValue(append([]slog.Attr{slog.String("key", e.key)}, e.known.LogValue().Group()...)...)
}

// causeError is the cause of a buyError. What it says of one step, an outcome or that it may be tried again, is not said of
// the purchase.
type causeError struct {
	error
	pending, notPurchased bool
}

// Error is the cause's, without the advice of an OutcomeError, which is about one call, and without naming hooks, which are ours.
func (e causeError) Error() string {
	text, called := e.error.Error(), (*computeunit.OutcomeError)(nil)
	if errors.As(e.error, &called) {
		text = strings.Replace(text, called.Error(), fmt.Sprint(called.Err), 1)
	}
	return strings.NewReplacer("a hook prevented the attempt: ", "", "a hook prevented a further attempt: ", "").Replace(text)
}

func (e causeError) Is(target error) bool {
	switch target {
	case ErrPending:
		return e.pending
	case computeunit.ErrRetryable:
		return e.pending && e.notPurchased
	case computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown:
		return false
	}
	return errors.Is(e.error, target)
}

func (e causeError) As(target any) bool {
	_, isOutcome := target.(**computeunit.OutcomeError)
	return !isOutcome && errors.As(e.error, target)
}

// reused says in what a request differs from the one that the key has, if it has one: in the JSON that is sent, release times
// taken as instants.
func (r *record) reused(asked computeunit.PurchaseComputeUnitRequest) error {
	if r.version == "" {
		return nil
	}
	var texts []string
	has := r.Request
	has.Billing.ReleaseTime, asked.Billing.ReleaseTime = has.Billing.ReleaseTime.UTC(), asked.Billing.ReleaseTime.UTC()
	for _, field := range []struct {
		name       string
		has, asked any
	}{
		{"serviceId", has.ServiceID, asked.ServiceID}, {"billing", has.Billing, asked.Billing}, {"replicasCount", has.ReplicasCount, asked.ReplicasCount},
	} {
		is, _ := json.Marshal(field.has)
		wanted, err := json.Marshal(field.asked)
		if err != nil || string(is) != string(wanted) {
			texts = append(texts, fmt.Sprintf("%s is %s there and %s here", field.name, is, wanted))
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrKeyReused, strings.Join(texts, "; "))
}

// join is errors.Join on one line.
func join(errs ...error) (joined error) {
	for _, err := range errs {
		switch {
		case joined == nil:
			joined = err
		case err != nil:
			joined = fmt.Errorf("%w; %w", joined, err)
		}
	}
	return joined
}
