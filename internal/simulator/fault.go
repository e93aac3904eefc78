package simulator

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Fault is one way in which the service, or what stands before it, misbehaves.
// The zero Fault is none.
type Fault struct {
	Name       string        // for test names and tables; see Catalogue
	Kind       Kind          // what goes wrong
	When       When          // whether an order is in the ledger by then
	Status     int           // see Kind; 0, if it may be left out, means 200
	Code       string        // for ErrorAnswer (empty: one that fits the status); for EmptyAnswer: the gateway's header
	Message    string        // beside Code
	Body       string        // for RawAnswer; {requestId}, {instanceId} and {orderId} stand for those of the request
	Location   string        // for Redirect
	RetryAfter string        // sent as the Retry-After header, if set
	DateOff    time.Duration // how far the Date header is off
	Delay      time.Duration // how late the answer comes; for SlowHeaders, SlowBody 0 means until the client goes away

	// Hold keeps the request back before it is judged: then, by the clock of that
	// moment, its signature may have expired. A client that Reset or Close leaves
	// without an answer sees that at once, and the request arrives after it.
	Hold time.Duration
	// ListedAfter is Config.ListedAfter for the order of this purchase. 0 leaves it
	// at that; less than 0 lists the order at once.
	ListedAfter time.Duration
	// Attempts, from Config, is how many requests for a service id meet the fault:
	// the first so many. 0 means all.
	Attempts int
}

// Kind is what goes wrong.
type Kind string

// The kinds of fault. Resets, closes, cuts and second answers need a connection
// to break: they work over HTTP/1.1 and InMemory, and are answered with a 500 if
// it cannot be taken over.
const (
	None         Kind = ""
	Reset        Kind = "reset"         // the connection is reset (RST) without an answer
	Close        Kind = "close"         // the connection is closed (FIN) without an answer
	CutLength    Kind = "cut-length"    // half of the body, fewer bytes than Content-Length says; with a Status, of an error body
	CutChunked   Kind = "cut-chunked"   // the same without the last chunk
	ErrorAnswer  Kind = "error"         // Status with the documented error body; 200 too
	RawAnswer    Kind = "raw"           // Status with Body
	EmptyAnswer  Kind = "empty"         // Status with an empty body; with Code: the gateway's X-Bce-Error headers
	HTMLAnswer   Kind = "html"          // Status with an HTML page
	WrongTypes   Kind = "wrong-types"   // a 200 whose ids, or instances, are not of the documented types
	NoResult     Kind = "no-result"     // a 200 with a request id only
	EmptyIDs     Kind = "empty-ids"     // a 200 whose ids are empty
	HugeBody     Kind = "huge-body"     // a body of more than 1 MiB; with a Status, an error body
	EndlessBody  Kind = "endless-body"  // a 200 that goes on until the client leaves, or for 8 MiB
	SlowHeaders  Kind = "slow-headers"  // no answer for Delay
	SlowBody     Kind = "slow-body"     // half of the body, then nothing for Delay
	Redirect     Kind = "redirect"      // Status with Location
	EarlyHints   Kind = "early-hints"   // a 103 and then the right answer
	EndlessHints Kind = "endless-hints" // 103s until the client leaves, or 16 MiB of them and then a 500
	Gzip         Kind = "gzip"          // the right answer in gzip that nobody asked for; with a Status, an error body
	Numbers      Kind = "numbers"       // the right answer with numbers for the text that decides nothing: request id, status, start time
	Twice        Kind = "twice"         // the right answer, sent two times
)

// When says whether the order is written before the fault. With AfterOrder it
// is in the ledger before the first byte, or the reset, leaves. Reads have no
// order: for them it does not matter.
type When int

// The two moments of a fault.
const (
	BeforeOrder When = iota // no order is written
	AfterOrder              // an order is written
)

// String is "before" or "after".
func (w When) String() string {
	if w == AfterOrder {
		return "after"
	}
	return "before"
}

// Valid reports what is wrong with a purchase's fault, if anything. A fault that
// says "nothing was bought" after the order contradicts the outcome contract, and
// so does one that says "bought" before it.
func (f Fault) Valid() error {
	if err := f.validKind(); err != nil {
		return err
	}
	if f.When == AfterOrder && f.refuses() {
		return fmt.Errorf("fault %q (%s %d %s): it says that nothing was bought, so it cannot come after the order",
			f.Name, f.Kind, f.Status, f.Code)
	}
	if f.When == BeforeOrder && f.confirms() {
		return fmt.Errorf("fault %q (%s): it says that it was bought, so it cannot come before the order", f.Name, f.Kind)
	}
	return nil
}

// validKind is the part of Valid that reads have too.
func (f Fault) validKind() error {
	if _, known := performances[f.Kind]; !known {
		return fmt.Errorf("fault %q: no such kind: %q", f.Name, f.Kind)
	}
	if f.Attempts < 0 || f.Delay < 0 || f.Hold < 0 || f.When != BeforeOrder && f.When != AfterOrder {
		return fmt.Errorf("fault %q (%s): Attempts, Delay, Hold or When is out of range", f.Name, f.Kind)
	}
	if !f.statusFits() {
		return fmt.Errorf("fault %q (%s): the status cannot be %d", f.Name, f.Kind, f.Status)
	}
	if f.Kind == Redirect && (!isRedirect(f.Status) || f.Location == "") {
		return fmt.Errorf("fault %q (%s): it needs a status that is followed, not %d, and a location", f.Name, f.Kind, f.Status)
	}
	return nil
}

// statusFits wants 101 or 200 to 599 from what sends a status of its own, and
// nothing or an error of what can also send the right answer.
func (f Fault) statusFits() bool {
	switch f.Kind {
	case ErrorAnswer, EmptyAnswer, HTMLAnswer, RawAnswer:
		return f.Status >= 200 && f.Status <= 599 || f.Status == http.StatusSwitchingProtocols
	case CutLength, CutChunked, HugeBody, Gzip:
		return f.Status == 0 || f.Status >= 400 && f.Status <= 599
	default:
		return true
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// at is the fault that the attempt meets.
func (f Fault) at(attempt int) Fault {
	if f.Attempts > 0 && attempt > f.Attempts {
		return Fault{}
	}
	return f
}

// faultQueue holds the faults that tests injected.
type faultQueue struct {
	mu     sync.Mutex
	faults []Fault
}

func (q *faultQueue) add(faults []Fault) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.faults = append(q.faults, faults...)
}

func (q *faultQueue) take() (fault Fault, waits bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.faults) == 0 {
		return Fault{}, false
	}
	fault, q.faults = q.faults[0], q.faults[1:]
	return fault, true
}

// Inject queues faults for the next valid purchases, one each, whatever their
// Attempts; a zero Fault lets one pass. Config.Fault is not asked meanwhile.
// It panics on a fault that is not Valid.
func (s *Simulator) Inject(faults ...Fault) {
	for _, fault := range faults {
		if err := fault.Valid(); err != nil {
			panic("simulator: " + err.Error())
		}
	}
	s.purchaseFaults.add(faults)
}

// InjectRead is Inject for DescribeComputeUnits. When does not matter.
func (s *Simulator) InjectRead(faults ...Fault) {
	for _, fault := range faults {
		if err := fault.validKind(); err != nil {
			panic("simulator: " + err.Error())
		}
	}
	s.readFaults.add(faults)
}
