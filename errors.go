package computeunit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
)

// The two outcomes of a purchase that did not end with a nil error. Every error that
// [Client.PurchaseComputeUnit] returns matches exactly one of them with [errors.Is].
var (
	// ErrNotPurchased means that it is certain: nothing was bought.
	ErrNotPurchased = errors.New("not purchased")
	// ErrOutcomeUnknown means that an order may exist. No idempotency token is documented for the call, so buying
	// again may buy twice. Package once keeps a purchase from being sent again, and finds out what became of it.
	ErrOutcomeUnknown = errors.New("outcome unknown")
)

// ErrRetryable is matched, beside [ErrNotPurchased], by an error after which the same call may succeed later: no connection was
// made, the service answered 429 or RequestExpired, the context ended before anything was sent, or a
// [CredentialsProvider] of your own failed. Whoever retries waits in between, and limits how often. An unknown outcome never matches it. An error of a call that
// may be repeated ([Client.DescribeComputeUnits], [Client.ReleaseComputeUnit]) matches it after whatever is not a refusal, too.
var ErrRetryable = errors.New("retryable")

// Families of documented error codes, for [errors.Is]. They say why, not whether something was bought.
// Codes are an open set: for others see [APIError.Code].
var (
	// ErrAccessDenied is code AccessDenied: the keys are right but have no permission for this.
	ErrAccessDenied = errors.New("access denied")
	// ErrInvalidCredentials is code InvalidAccessKeyId, InvalidHTTPAuthHeader, SignatureDoesNotMatch or
	// IamSignatureInvalid: an unknown key, a wrong secret, or an address that the key may not be used from.
	ErrInvalidCredentials = errors.New("invalid credentials")
	// ErrRequestExpired is code RequestExpired: this machine's clock is off.
	ErrRequestExpired = errors.New("request expired")
	// ErrThrottled is HTTP status 429. It need not mean too many requests: a neighbouring Baidu service
	// answers so for an empty balance too.
	ErrThrottled = errors.New("throttled")
)

// ErrInstanceGone is what [Client.WaitUntilRunning] ends with if the instance is Deleted, or was listed and is no longer.
var ErrInstanceGone = errors.New("the instance is gone")

// codeFamilies are the documented codes that have a family; IamSignatureInvalid is what the gateway was seen to answer.
// Source: https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8
var codeFamilies = map[string]error{
	"AccessDenied":          ErrAccessDenied,
	"InvalidAccessKeyId":    ErrInvalidCredentials,
	"InvalidHTTPAuthHeader": ErrInvalidCredentials,
	"SignatureDoesNotMatch": ErrInvalidCredentials,
	"IamSignatureInvalid":   ErrInvalidCredentials,
	"RequestExpired":        ErrRequestExpired,
}

// OutcomeError is every error that [Client.PurchaseComputeUnit] and [Client.Call] return. [errors.Is] with [ErrNotPurchased]
// or [ErrOutcomeUnknown] says what it means for the money, and with [ErrRetryable] whether to call again; [errors.As] finds the
// cause: [*ValidationError], [*APIError] or the transport's.
type OutcomeError struct {
	// Action is the API's: PurchaseComputeUnit, or the one given to [Client.Call].
	Action string
	// Outcome is ErrNotPurchased or ErrOutcomeUnknown. Anything else, nil too, counts as ErrOutcomeUnknown.
	Outcome error
	// ServiceID is the request's; empty after [Client.Call].
	ServiceID string
	// RequestID is what Baidu's support asks for: the service's, or if it named none the same as ClientRequestID.
	RequestID string
	// ClientRequestID is the x-bce-request-id that was sent with the last attempt, or was about to be. Empty if it did not
	// come to that.
	ClientRequestID string
	// Attempts is how many attempts were made: 0 if the request was not valid, or the context had ended.
	Attempts int
	// Err is the cause, never nil in an error that this package returns. One made for a test may leave it out, or be
	// ErrRetryable.
	Err error

	isCall bool // by Call: what the action does is not known, and it is named as it was given
}

// Error names the service, the outcome, the cause, the request id, and what to do now.
func (e *OutcomeError) Error() string {
	var b strings.Builder
	b.WriteString("computeunit: " + e.actionText())
	if e.ServiceID != "" {
		fmt.Fprintf(&b, " for service %q", e.ServiceID)
	}
	b.WriteString(": " + e.outcomeText())
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String() + e.attemptText() + "; " + e.advice()
}

// Is makes the outcome match, and no other: see [errors.Is].
func (e *OutcomeError) Is(target error) bool { return target == e.outcome() }

// Unwrap returns the cause.
func (e *OutcomeError) Unwrap() error { return e.Err }

// LogValue gives slog the fields one by one, under the same names as the client's own records: see [WithLogger].
func (e *OutcomeError) LogValue() slog.Value {
	cause := ""
	if e.Err != nil {
		cause = e.Err.Error()
	}
	return slog.GroupValue(
		slog.String("action", e.Action),
		slog.String("outcome", e.outcomeText()),
		slog.Bool("retryable", errors.Is(e, ErrRetryable)),
		slog.String("service_id", e.ServiceID),
		slog.String("request_id", e.RequestID),
		slog.String("client_request_id", e.ClientRequestID),
		slog.Int("attempt", e.Attempts),
		slog.String("error", cause),
	)
}

// MarshalJSON writes the fields of LogValue, under the names that the API has for such: serviceId, requestId, clientRequestId,
// attempts.
func (e *OutcomeError) MarshalJSON() ([]byte, error) {
	names := strings.NewReplacer("_request", "Request", "_id", "Id", "attempt", "attempts")
	fields := map[string]any{}
	for _, field := range e.LogValue().Group() {
		fields[names.Replace(field.Key)] = field.Value.Any()
	}
	return json.Marshal(fields)
}

// isOther reports whether it was no purchase. An error made for a test may leave the action out.
func (e *OutcomeError) isOther() bool {
	return e.isCall || e.Action != "" && e.Action != purchaseAction
}

// actionText quotes a name that would break a line of a log.
func (e *OutcomeError) actionText() string {
	switch {
	case e.Action == "" && !e.isCall:
		return purchaseAction
	case e.Action == "" || !printable(e.Action):
		return strconv.Quote(e.Action)
	}
	return e.Action
}

// outcomeText speaks of purchases only if it was one.
func (e *OutcomeError) outcomeText() string {
	switch outcome := e.outcome(); {
	case !e.isOther():
		return outcome.Error()
	case outcome == ErrNotPurchased:
		return "not done"
	}
	return "unknown"
}

// attemptText names the request, if there was one.
func (e *OutcomeError) attemptText() string {
	id := cmp.Or(e.RequestID, e.ClientRequestID)
	if id == "" {
		return ""
	}
	return fmt.Sprintf(" (request id %.100q, attempt %d)", id, e.Attempts)
}

func (e *OutcomeError) advice() string {
	switch {
	case e.outcome() == ErrNotPurchased && errors.Is(e.Err, ErrRetryable):
		return "nothing was done, and a later try can succeed"
	case e.outcome() == ErrNotPurchased:
		return "it is safe to correct this and try again"
	case e.isOther():
		return "it may have been done: look before trying again"
	}
	return "an order may exist: list the service's instances before buying again"
}

// outcome reads an OutcomeError without one as the outcome that is safe to act on.
func (e *OutcomeError) outcome() error {
	if e.Outcome == ErrNotPurchased {
		return ErrNotPurchased
	}
	return ErrOutcomeUnknown
}

// ValidationError lists all documented rules that a request breaks. Nothing was sent.
type ValidationError struct {
	// Violations has at least one entry.
	Violations []Violation
}

// Violation is one broken rule.
type Violation struct {
	// Path is the place in the JSON body, such as "billing.reservation.reservationLength".
	Path string
	// Rule is what must hold, such as "must be 1 to 12".
	Rule string
	// Value is what was found there, in the syntax of Go: strings are quoted.
	Value string
}

// Error lists every violation.
func (e *ValidationError) Error() string {
	texts := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		texts[i] = v.String()
	}
	return "invalid request: " + strings.Join(texts, "; ")
}

// String is one line: path, rule, value.
func (v Violation) String() string { return fmt.Sprintf("%s %s (found %s)", v.Path, v.Rule, v.Value) }

// APIError is a response of the service, or of something on the way to it, that is not a success.
type APIError struct {
	// StatusCode is the HTTP status. It can be 200: some responses hide an error code in a success.
	StatusCode int
	// Code is the raw error code, such as "AccessDenied", or the digits of an integer one. Empty if the response had none.
	// Codes are an open set; those for a shortage of stock (库存不足) or of balance (余额不足) are not documented.
	Code string
	// Message is the raw message for people, in whatever language the service chose.
	Message string
	// RequestID is the service's, or the one that was sent if the response named none.
	RequestID string
	// Evidence describes a response that was not understood: its content type, its length, and the beginning of its body
	// without signatures. Empty if the other fields say all.
	Evidence string

	sender string // who seems to have answered, with a comma if more follows
}

// Error names the sender, status, code and message. Long texts are cut; the fields have them whole.
func (e *APIError) Error() string {
	var b strings.Builder
	if e.sender != "" {
		b.WriteString(e.sender + " answered ")
	}
	fmt.Fprintf(&b, "HTTP %d", e.StatusCode)
	if text := http.StatusText(e.StatusCode); text != "" {
		b.WriteString(" " + text)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, ", code %.80q", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ", message %.400q", e.Message)
	}
	if e.Evidence != "" {
		b.WriteString(", " + e.Evidence)
	}
	return b.String()
}

// Is matches the family of the code, and ErrThrottled for status 429.
func (e *APIError) Is(target error) bool {
	if target == ErrThrottled {
		return e.StatusCode == http.StatusTooManyRequests
	}
	return target != nil && codeFamilies[e.Code] == target
}

// retryable makes a cause match ErrRetryable, with the text that it has.
type retryable struct{ error }

func (r retryable) Unwrap() error { return r.error }

func (r retryable) Is(target error) bool { return target == ErrRetryable }

// err is the cause as it is wrapped in what the caller gets.
func (v *verdict) err() error {
	cause := withoutVerdict(v.Err)
	switch matches := errors.Is(cause, ErrRetryable); {
	case v.retryable && !matches:
		return retryable{cause}
	case v.Outcome == ErrOutcomeUnknown && !v.retryable && matches:
		return foreign{cause.Error()}
	}
	return cause
}

// foreign is a cause whose own verdict about some other purchase must not be taken for this one's. It happens:
// an errgroup cancels its context with the first purchase's error as the cause, and net/http returns that cause.
type foreign struct{ text string }

func (f foreign) Error() string { return f.text }

// withoutVerdict keeps the text of a foreign verdict and drops its chain; other causes stay as they are.
func withoutVerdict(err error) error {
	var other *OutcomeError
	if errors.As(err, &other) || errors.Is(err, ErrNotPurchased) || errors.Is(err, ErrOutcomeUnknown) {
		return foreign{err.Error()}
	}
	return err
}
