package once

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit"
)

var (
	// ErrPending means that the key is not finished: call [Buyer.Buy] again later, with the same key and the same request. It
	// is never a reason to call the client yourself, or to take another key. An error of Buy that does not match it stays what
	// it is, however often one asks.
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

func (b *Buyer) blocked(p Purchase) *BlockedError {
	blocked := &BlockedError{Key: p.Key, ServiceID: p.Request.ServiceID, Since: p.Since, Candidates: p.Candidates}
	if p.State == StateSending {
		blocked.NotBefore = p.SignatureExpires.Add(b.margin)
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

// buyError is what Buy returns: an error that matches exactly one of the two outcomes, ErrPending if it is, and whatever the
// cause matches but for those. It says what to do with the key, which is not what to do after one call.
type buyError struct {
	key     string
	known   *computeunit.OutcomeError
	pending bool
}

// failed makes the error of a purchase. An unknown one is pending, but if nobody can finish it with this request and journal.
func failed(outcome error, p Purchase, cause error) error {
	pending := outcome == computeunit.ErrOutcomeUnknown || isPending(cause)
	for _, final := range []error{ErrKeyReused, errDeleted, errEndpoint, errNoContext} {
		pending = pending && !errors.Is(cause, final)
	}
	known := &computeunit.OutcomeError{
		Action: "PurchaseComputeUnit", Outcome: outcome, ServiceID: p.Request.ServiceID, RequestID: p.RequestID, Err: causeError{cause},
	}
	if called := (*computeunit.OutcomeError)(nil); errors.As(cause, &called) && called.Action == known.Action {
		known.Attempts = called.Attempts
	}
	return &buyError{p.Key, known, pending}
}

// Error names the key, the outcome, the cause, and what to do.
func (e *buyError) Error() string {
	notPurchased := e.known.Outcome == computeunit.ErrNotPurchased
	outcome, advice := e.known.Outcome.Error()+": ", "nothing was sent"
	switch {
	case errors.Is(e, ErrKeyReused):
		outcome, advice = "", "nothing was sent: ask with the request that the key has, or take another key for another purchase"
	case notPurchased && e.pending:
		advice = "the key has no order; call Buy again later with the same key and request"
	case notPurchased:
		advice = "the key has no order; correct what is named here"
	case e.pending:
		advice = "call Buy again with the same key and request: it looks for the order, and never sends again"
	case errors.Is(e, errDeleted):
		advice = "look what the service has before you buy again: nothing keeps the key from being sent now"
	}
	sent := ""
	if e.known.RequestID != "" {
		sent = fmt.Sprintf(" (request id %q)", e.known.RequestID)
	}
	return fmt.Sprintf("once: key %q for service %q: %s%v%s; %s", e.key, e.known.ServiceID, outcome, e.known.Err, sent, advice)
}

// Is matches ErrPending, and computeunit.ErrRetryable if it is pending and nothing was bought.
func (e *buyError) Is(target error) bool {
	return e.pending && (target == ErrPending || target == errRetryable && e.known.Outcome == computeunit.ErrNotPurchased)
}

// Unwrap returns a *computeunit.OutcomeError.
func (e *buyError) Unwrap() error { return e.known }

// MarshalJSON writes what that of computeunit.OutcomeError writes, and the key.
func (e *buyError) MarshalJSON() ([]byte, error) {
	fields := map[string]any{}
	data, err := json.Marshal(e.known)
	if err == nil {
		err = json.Unmarshal(data, &fields)
	}
	fields["key"] = e.key
	if err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// LogValue gives slog what that of computeunit.OutcomeError gives it, and the key.
func (e *buyError) LogValue() slog.Value {
	return slog.GroupValue(append([]slog.Attr{slog.String("key", e.key)}, e.known.LogValue().Group()...)...)
}

// errRetryable and isRetryable stand in for computeunit.ErrRetryable.
var errRetryable = errors.New("retryable")

func isRetryable(err error) bool {
	var answered *computeunit.APIError
	var invalid *computeunit.ValidationError
	return errors.Is(err, computeunit.ErrThrottled) || errors.Is(err, computeunit.ErrRequestExpired) ||
		errors.Is(err, computeunit.ErrNotPurchased) && !errors.As(err, &answered) && !errors.As(err, &invalid)
}

func isPending(err error) bool { return errors.Is(err, ErrPending) || isRetryable(err) }

// causeError is the cause of a buyError. What it says of one step, an outcome or that it may be tried again, is not said of
// the purchase.
type causeError struct{ error }

// Error is the cause's, without the advice of an OutcomeError, which is about one call.
func (e causeError) Error() string {
	text, called := e.error.Error(), (*computeunit.OutcomeError)(nil)
	if errors.As(e.error, &called) {
		text = strings.Replace(text, called.Error(), fmt.Sprint(called.Err), 1)
	}
	return text
}

func (e causeError) Is(target error) bool {
	for _, of := range []error{computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown, errRetryable, ErrPending} {
		if target == of {
			return false
		}
	}
	return errors.Is(e.error, target)
}

func (e causeError) As(target any) bool {
	if _, outcome := target.(**computeunit.OutcomeError); outcome {
		return false
	}
	return errors.As(e.error, target)
}

// reused says in what a request differs from the one that the key has.
func reused(kept, asked computeunit.PurchaseComputeUnitRequest) error {
	has, wants := fieldsOf(kept), fieldsOf(asked)
	var differences []string
	for _, field := range slices.Sorted(maps.Keys(merged(has, wants))) {
		if has[field] != wants[field] {
			differences = append(differences, fmt.Sprintf("%s is %s there and %s here", field, cmp.Or(has[field], "missing"), cmp.Or(wants[field], "missing")))
		}
	}
	return fmt.Errorf("%w: %s", ErrKeyReused, strings.Join(differences, "; "))
}

// fieldsOf is the JSON of a request, by path.
func fieldsOf(request computeunit.PurchaseComputeUnitRequest) map[string]string {
	request.Billing.ReleaseTime = request.Billing.ReleaseTime.UTC()
	data, err := json.Marshal(request)
	if err != nil {
		return map[string]string{"request": err.Error()}
	}
	var document any
	_ = json.Unmarshal(data, &document) // it was just encoded
	fields := map[string]string{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		if object, ok := value.(map[string]any); ok {
			for name, inner := range object {
				walk(strings.TrimPrefix(path+"."+name, "."), inner)
			}
			return
		}
		text, _ := json.Marshal(value)
		fields[path] = string(text)
	}
	walk("", document)
	return fields
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
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
