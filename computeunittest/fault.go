package computeunittest

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// Fault is one way in which the service, or what stands before it, misbehaves once. The zero Fault is none: the request
// passes.
type Fault struct{ engine simulator.Fault }

func engineFaults(faults []Fault) (engine []simulator.Fault) {
	for _, f := range faults {
		engine = append(engine, f.engine)
	}
	return engine
}

// LoseRequest breaks the connection before an order is made: computeunit.ErrOutcomeUnknown, and there is no order.
func LoseRequest() Fault { return Fault{simulator.Fault{Kind: simulator.Reset}} }

// LoseAnswer makes an order, and then breaks the connection: computeunit.ErrOutcomeUnknown, and there is an order.
func LoseAnswer() Fault { return LoseRequest().AfterOrder() }

// Answer sends this status (200 to 599, or 101) and body, and makes no order. In the body, {requestId}, {instanceId} and
// {orderId} stand for those of the request, which are real after [Fault.AfterOrder]. What the answer says is yours to
// decide: it may claim an order that is not there, but not deny one that is. A code in a 2xx that only the client's
// computeunit.WithRefusalCodes knows denies one too, and cannot be seen here: do not send it after an order.
func Answer(status int, body string) Fault {
	return Fault{simulator.Fault{Status: cmp.Or(status, -1), Body: body}} // to the engine 0 is the right answer
}

// Denied is the documented refusal of a key that may not buy: computeunit.ErrAccessDenied.
func Denied() Fault {
	return Fault{simulator.Error(http.StatusForbidden, "AccessDenied", "Access denied.")}
}

// Expired is the documented refusal of a signature whose time has passed: computeunit.ErrRequestExpired. A client sends
// once more after the first.
func Expired() Fault {
	return Fault{simulator.Error(http.StatusBadRequest, "RequestExpired", "the signature has expired")}
}

// OutOfStock is a refusal for a shortage of stock. Its code and its status are invented.
func OutOfStock() Fault {
	return Fault{simulator.Error(http.StatusBadRequest, simulator.CodeOutOfStock, "simulator: out of stock")}
}

// OutOfBalance is a refusal for a shortage of balance. Its code and its status are invented.
func OutOfBalance() Fault {
	return Fault{simulator.Error(http.StatusBadRequest, simulator.CodeOutOfBalance, "simulator: the balance is too small")}
}

// Throttled is a 429 with a Retry-After in whole seconds, after which a client sends again: computeunit.ErrThrottled
// once it gives up. Its code is invented.
func Throttled(retryAfter time.Duration) Fault {
	f := simulator.Error(http.StatusTooManyRequests, simulator.CodeThrottled, "simulator: too many requests")
	f.Header = fmt.Sprintf("Retry-After: %d", retryAfter/time.Second)
	return Fault{f}
}

// Delay makes the order, and gives the right answer that much later.
func Delay(by time.Duration) Fault { return Fault{}.Delayed(by) }

// Delayed is the fault that much later. An order that it makes is made at once.
func (f Fault) Delayed(by time.Duration) Fault {
	f.engine.Delay = by
	return f
}

// AfterOrder is the fault with an order made before it: Answer(500, "").AfterOrder() is a failure that hides an order. Of a
// release it is the fault with the instance released before it. A refusal (Denied, Expired, OutOfStock, OutOfBalance,
// Throttled, and an Answer that proves that nothing was bought) cannot come after an order: see [Fault.Valid].
func (f Fault) AfterOrder() Fault {
	f.engine.When = simulator.AfterOrder
	return f
}

// Valid reports what is wrong with the fault, if anything: it denies an order that it makes, or has a status that no answer
// has. [Server.NextPurchases] panics then; what [WithPurchaseFaults] returns is answered with a 500 that says so.
func (f Fault) Valid() error { return f.engine.Valid() }
