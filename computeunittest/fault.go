package computeunittest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit"
)

// Fault is one way in which the service, or what stands before it, misbehaves once. The zero Fault is none: the request
// passes.
type Fault struct {
	lost       bool // the connection breaks in the place of an answer
	status     int  // of an answer in the place of the right one; 0: the right one
	body       string
	retryAfter string
	afterOrder bool
	delay      time.Duration
}

// LoseRequest breaks the connection before an order is made: computeunit.ErrOutcomeUnknown, and there is no order.
func LoseRequest() Fault { return Fault{lost: true} }

// LoseAnswer makes an order, and then breaks the connection: computeunit.ErrOutcomeUnknown, and there is an order.
func LoseAnswer() Fault { return LoseRequest().AfterOrder() }

// Answer sends this status (200 to 599, or 101) and body, and makes no order. In the body, {requestId}, {instanceId} and
// {orderId} stand for those of the request, which are real after [Fault.AfterOrder]. What the answer says is yours to
// decide: it may claim an order that is not there, but not deny one that is. A code in a 2xx that only the client's
// computeunit.WithRefusalCodes knows denies one too, and cannot be seen here: do not send it after an order.
func Answer(status int, body string) Fault {
	return Fault{status: cmp.Or(status, -1), body: body} // 0 is the right answer
}

// Denied is the documented refusal of a key that may not buy: computeunit.ErrAccessDenied.
func Denied() Fault { return refuse(codeAccessDenied, "Access denied.").fault() }

// Expired is the documented refusal of a signature whose time has passed: computeunit.ErrRequestExpired. A client sends
// once more after the first.
func Expired() Fault { return refuse(codeRequestExpired, "the signature has expired").fault() }

// OutOfStock is a refusal for a shortage of stock. Its code and its status are invented.
func OutOfStock() Fault { return invented(codeOutOfStock, "out of stock").fault() }

// OutOfBalance is a refusal for a shortage of balance. Its code and its status are invented.
func OutOfBalance() Fault { return invented(codeOutOfBalance, "the balance is too small").fault() }

// Throttled is a 429 with a Retry-After in whole seconds, after which a client sends again: computeunit.ErrThrottled
// once it gives up. Its code is invented.
func Throttled(retryAfter time.Duration) Fault {
	f := invented(codeThrottled, "too many requests").fault()
	f.retryAfter = fmt.Sprint(int64(retryAfter / time.Second))
	return f
}

// Delay makes the order, and gives the right answer that much later.
func Delay(by time.Duration) Fault { return Fault{delay: by} }

// Delayed is the fault that much later. An order that it makes is made at once.
func (f Fault) Delayed(by time.Duration) Fault {
	f.delay = by
	return f
}

// AfterOrder is the fault with an order made before it: Answer(500, "").AfterOrder() is a failure that hides an order. Of a
// release it is the fault with the instance released before it. A refusal (Denied, Expired, OutOfStock, OutOfBalance,
// Throttled, and an Answer that proves that nothing was bought) cannot come after an order: see [Fault.Valid].
func (f Fault) AfterOrder() Fault {
	f.afterOrder = true
	return f
}

// Valid reports what is wrong with the fault, if anything: it denies an order that it makes, or has a status that no answer
// has. [Server.NextPurchases] panics then; what [WithPurchaseFaults] returns is answered with a 500 that says so.
func (f Fault) Valid() error {
	switch {
	case f.delay < 0:
		return errors.New("a delay is negative")
	case f.status != 0 && f.status != http.StatusSwitchingProtocols && (f.status < 200 || f.status > 599):
		return fmt.Errorf("the status of an answer cannot be %d", f.status)
	case f.afterOrder && f.denies():
		return fmt.Errorf("%d %s: it says that nothing was bought, so it cannot come after the order", f.status, f.body)
	}
	return nil
}

// fill puts the ids of a request into the body.
func (f Fault) fill(requestID, instanceID, orderID string) string {
	return strings.NewReplacer("{requestId}", requestID, "{instanceId}", instanceID, "{orderId}", orderID).Replace(f.body)
}

// orders reports whether the fault lets the order be made.
func (f Fault) orders() bool { return f.afterOrder || f.status == 0 && !f.lost }

// denies asks a client what it makes of the answer. Where it is certain that nothing was bought, an order would be hidden.
func (f Fault) denies() bool {
	client, err := computeunit.NewClient(key{ownKey}, computeunit.WithEndpoint("http://127.0.0.1"),
		computeunit.WithHTTPClient(&http.Client{Transport: reply(f)}))
	if err == nil {
		_, err = client.PurchaseComputeUnit(context.Background(), computeunit.PurchaseComputeUnitRequest{
			ServiceID: "svco-1", Billing: computeunit.Postpaid(), ReplicasCount: 1,
		})
	}
	return errors.Is(err, computeunit.ErrNotPurchased)
}

// reply is a transport that has the fault's answer for every request.
type reply Fault

func (r reply) RoundTrip(*http.Request) (*http.Response, error) {
	body := Fault(r).fill("r-1", "i-1", "o-1")
	return &http.Response{StatusCode: r.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}
