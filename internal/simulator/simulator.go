// Package simulator is a stand-in for the Qianfan compute unit service, for
// tests and examples on loopback.
//
// It answers PurchaseComputeUnit and DescribeComputeUnits with the documented
// bodies. It checks bce-auth-v1 signatures by its own code, keeps a stock and a
// balance, and writes every order in a ledger that a test can read. Faults can
// be injected before or after an order is written.
//
// What the service does is invented here if no page says it, and each such place
// says so. All error messages but "Access denied." are invented, and so is which
// documented code goes with which mistake. A refusal for a rule that no page has
// begins its message with "simulator: ".
package simulator

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// maxBody bounds what is read of a request. The bound is invented.
const maxBody = 64 << 10

// Simulator is an http.Handler that behaves like the service. It is safe for
// concurrent use. Make one with New.
type Simulator struct {
	config         Config
	keys           map[string]Key
	ledger         *ledger
	requests       atomic.Int64
	purchaseFaults faultQueue
	readFaults     faultQueue
}

// New makes a Simulator. The zero Config works.
func New(config Config) *Simulator {
	config = config.withDefaults()
	keys := make(map[string]Key, len(config.Keys))
	for _, key := range config.Keys {
		keys[key.AccessKeyID] = key
	}
	return &Simulator{config: config, keys: keys, ledger: newLedger(config)}
}

// exchange is one request, and what its answer needs.
type exchange struct {
	w         http.ResponseWriter
	r         *http.Request
	requestID string
	now       time.Time
	key       Key
	body      []byte
}

// ServeHTTP answers one request: it reads the body, checks the path, the
// signature, the action and the permission, in this order, and then does what
// was asked. It starts no goroutine and waits only for faults that wait.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	x := &exchange{w: w, r: r, requestID: newRequestID(), now: s.config.Now()}
	x.stampHeader()
	act, refusal := s.admit(x)
	if refusal != nil {
		x.refuse(refusal)
		return
	}
	act(x)
}

// admit is what the request may do, or why it may not.
func (s *Simulator) admit(x *exchange) (func(*exchange), *Refusal) {
	if refusal := x.readBody(); refusal != nil {
		return nil, refusal
	}
	if refusal := checkPath(x.r); refusal != nil {
		return nil, refusal
	}
	if refusal := s.authenticate(x); refusal != nil {
		return nil, refusal
	}
	action, refusal := route(x.r)
	if refusal != nil {
		return nil, refusal
	}
	if !x.key.Permission.allows(action) {
		return nil, refuse(codeAccessDenied, "Access denied.")
	}
	if action == actionPurchase {
		return s.purchase, nil
	}
	return s.describe, nil
}

// readBody takes the whole body first: a connection that is closed with unread
// bytes is reset by the kernel, and a fault that closes must not reset.
func (x *exchange) readBody() *Refusal {
	body, err := io.ReadAll(io.LimitReader(x.r.Body, maxBody+1))
	if err != nil {
		return refuse(codeInvalidHTTPRequest, "the body cannot be read: %v", err)
	}
	if len(body) > maxBody {
		return invented(codeInvalidHTTPRequest, "the body has more than %d bytes", maxBody)
	}
	x.body = body
	return nil
}

// Requests is the number of HTTP requests that arrived, whatever became of them.
func (s *Simulator) Requests() int { return int(s.requests.Load()) }
