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
	Status     int           // for ErrorAnswer, EmptyAnswer, HTMLAnswer: 200 to 599; for Redirect: 301, 302, 303, 307, 308
	Code       string        // for ErrorAnswer (empty: one that fits the status); for EmptyAnswer: the gateway's header
	Message    string        // beside Code
	Location   string        // for Redirect
	RetryAfter string        // sent as the Retry-After header, where set
	Delay      time.Duration // for SlowHeaders, SlowBody; 0: until the client goes away
	Attempts   int           // from Config: met by the first so many requests for a service id only; 0: by all
}

// Kind is what goes wrong.
type Kind string

// The kinds of fault. Resets, closes and cuts need a connection to break: they
// work over HTTP/1.1 and are answered with a 500 where it cannot be taken over.
const (
	None         Kind = ""
	Reset        Kind = "reset"         // the connection is reset (RST) without an answer
	Close        Kind = "close"         // the connection is closed (FIN) without an answer
	CutLength    Kind = "cut-length"    // half of the body, fewer bytes than Content-Length says
	CutChunked   Kind = "cut-chunked"   // half of the body, without the last chunk
	ErrorAnswer  Kind = "error"         // Status with the documented error body; 200 too
	OlderError   Kind = "older-error"   // a 200 with error_code and error_msg, as older endpoints answer
	EmptyAnswer  Kind = "empty"         // Status with an empty body; with Code: the gateway's X-Bce-Error headers
	HTMLAnswer   Kind = "html"          // Status with an HTML page
	WrongTypes   Kind = "wrong-types"   // a 200 whose ids, or instances, are not of the documented types
	NoResult     Kind = "no-result"     // a 200 with a request id only
	EmptyIDs     Kind = "empty-ids"     // a 200 whose ids are empty
	HugeBody     Kind = "huge-body"     // a 200 of more than 1 MiB
	EndlessBody  Kind = "endless-body"  // a 200 that goes on until the client leaves, or for 8 MiB
	SlowHeaders  Kind = "slow-headers"  // no answer for Delay
	SlowBody     Kind = "slow-body"     // half of the body, then nothing for Delay
	Redirect     Kind = "redirect"      // Status with Location
	EarlyHints   Kind = "early-hints"   // a 103 and then the right answer
	EndlessHints Kind = "endless-hints" // 103s until the client leaves, or 16 MiB of them and then a 500
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

// Valid says what is wrong with a purchase's fault, if anything. A fault that
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
	if f.When == BeforeOrder && f.Kind == EarlyHints {
		return fmt.Errorf("fault %q (%s): it says that it was bought, so it cannot come before the order", f.Name, f.Kind)
	}
	return nil
}

// validKind is the part of Valid that reads have too.
func (f Fault) validKind() error {
	if _, known := performances[f.Kind]; !known {
		return fmt.Errorf("fault %q: no such kind: %q", f.Name, f.Kind)
	}
	if f.Attempts < 0 || f.Delay < 0 || f.When != BeforeOrder && f.When != AfterOrder {
		return fmt.Errorf("fault %q (%s): Attempts, Delay or When is out of range", f.Name, f.Kind)
	}
	if f.hasStatus() && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("fault %q (%s): the status must be 200 to 599, not %d", f.Name, f.Kind, f.Status)
	}
	if f.Kind == Redirect && (!isRedirect(f.Status) || f.Location == "") {
		return fmt.Errorf("fault %q (%s): it needs a status that is followed, not %d, and a location", f.Name, f.Kind, f.Status)
	}
	return nil
}

func (f Fault) hasStatus() bool {
	return f.Kind == ErrorAnswer || f.Kind == EmptyAnswer || f.Kind == HTMLAnswer
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// refuses says whether the fault tells the client that nothing was bought, by
// the outcome table: 3xx, 4xx but 408 and 409, a 2xx with an error in it.
func (f Fault) refuses() bool {
	if f.Kind == OlderError || f.Kind == Redirect {
		return true
	}
	if !f.hasStatus() || f.Status == http.StatusRequestTimeout || f.Status == http.StatusConflict {
		return false
	}
	if f.Status < 300 {
		return f.Kind == ErrorAnswer && f.refusal().Code != codeInternalError
	}
	return f.Status < 500
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
