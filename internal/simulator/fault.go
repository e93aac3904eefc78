package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Fault is one way in which the service, or what stands before it, misbehaves once. The zero Fault is none. One with
// Status 0 that ends with a whole answer gives the right one, so it makes an order whatever its When.
type Fault struct {
	Name    string        // for test names and tables; see Catalogue
	When    When          // whether the order is made (or the instance released) before the first byte, or the reset, leaves
	Status  int           // of an answer in the place of the right one; 0: the right one
	Header  string        // lines such as "Retry-After: 0" for the answer; an empty value leaves a header out
	Body    string        // with Status; {requestId}, {instanceId} and {orderId} stand for those of the request
	Kind    Kind          // what becomes of the answer
	DateOff time.Duration // how far the Date header is off
	Delay   time.Duration // how late the answer comes; of one that is cut, its end

	// Hold keeps the request back before it is judged: then, by the clock of that moment, its signature may have expired. A
	// client that Reset or Close leaves without an answer sees that at once, and the request arrives after it.
	Hold        time.Duration
	ListedAfter time.Duration // Config.ListedAfter for this order, if not 0; negative: at once
	Attempts    int           // how many of the requests for a service id meet the fault of Config: the first so many. 0: all
}

// Kind is what becomes of an answer on its way.
type Kind string

// The kinds of fault. All but Whole, Gzip and the cuts need a connection of HTTP/1.1 to break, and are answered with a 500
// if there is none.
const (
	Whole      Kind = ""
	Reset      Kind = "reset"       // no answer: the connection is reset (RST)
	Close      Kind = "close"       // no answer: the connection is closed (FIN)
	CutLength  Kind = "cut-length"  // half of the body, fewer bytes than Content-Length says
	CutChunked Kind = "cut-chunked" // the same without the last chunk
	Gzip       Kind = "gzip"        // in gzip, if the request asks for it
	Twice      Kind = "twice"       // sent two times
	ThenClose  Kind = "then-close"  // whole, and then the connection is closed without a word of it
)

// When is BeforeOrder or AfterOrder.
type When int

// The two moments of a fault.
const (
	BeforeOrder When = iota // no order is made
	AfterOrder              // an order is made
)

// Error is an answer with the documented error body.
func Error(status int, code, message string) Fault {
	return Fault{Status: status, Body: fmt.Sprintf(`{"requestId":"{requestId}","code":%q,"message":%q}`, code, message)}
}

// orders reports whether the fault lets the order be made.
func (f Fault) orders() bool { return f.When == AfterOrder || f.Status == 0 && f.arrives() }

// arrives reports whether the client gets a whole answer, if it waits for it.
func (f Fault) arrives() bool {
	return slices.Contains([]Kind{Whole, Gzip, Twice, ThenClose}, f.Kind)
}

// Valid reports what is wrong with a fault, if anything. One that proves that nothing was bought contradicts the outcome
// contract after an order.
func (f Fault) Valid() error {
	_, broken := breaks[f.Kind]
	switch {
	case !broken && !f.arrives():
		return fmt.Errorf("fault %q: no such kind: %q", f.Name, f.Kind)
	case min(f.Delay, f.Hold, time.Duration(f.Attempts)) < 0:
		return fmt.Errorf("fault %q: Attempts, Delay or Hold is negative", f.Name)
	case f.Status != 0 && f.Status != http.StatusSwitchingProtocols && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("fault %q: the status cannot be %d", f.Name, f.Status)
	case f.When == AfterOrder && f.denies():
		return fmt.Errorf("fault %q (%d %s): it says that nothing was bought, so it cannot come after the order",
			f.Name, f.Status, f.Body)
	}
	return nil
}
