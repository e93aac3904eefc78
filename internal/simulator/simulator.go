// Package simulator is the engine under computeunittest: a stand-in for the Qianfan compute unit service, for tests on
// loopback or in memory.
//
// It answers PurchaseComputeUnit, DescribeComputeUnits and ReleaseComputeUnit with the documented bodies. It checks
// bce-auth-v1 signatures by its own code, keeps a stock and a balance, and writes every order and every release in a
// ledger that a test can read. It misbehaves on demand: see Fault and Catalogue.
//
// What the service does is invented here if no page says it, and each such place says so. All messages but "Access
// denied." are invented, and so is which documented code goes with which mistake. A refusal for a rule that no page has
// begins its message with "simulator: ".
package simulator

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	resourcePath   = "/v2/serviceresources"
	actionPurchase = "PurchaseComputeUnit"
	actionDescribe = "DescribeComputeUnits"
	actionRelease  = "ReleaseComputeUnit"

	maxBody = 64 << 10 // of a request; invented
)

// Config is what a Simulator knows and how it misbehaves. The zero value has the default key, ample stock and balance,
// the real clock and no faults.
type Config struct {
	Keys         []Key            // nil: the default key
	Stock        int              // replicas to sell; 0: ample, negative: none
	Balance      int64            // in fen (1/100 CNY); 0: ample, negative: none
	Now          func() time.Time // nil: time.Now. It must be safe for concurrent use
	StartsAfter  time.Duration    // how long an instance is Creating before it is Running
	ListedAfter  time.Duration    // how long after its order an instance is listed
	ExpiryLeeway time.Duration    // how long after its expiry a signature is accepted

	// Fault is asked at each purchase that is well signed, permitted and valid, unless an injected fault waits. It must
	// be safe for concurrent use. A fault that is not Valid is answered with a 500. ReadFault is the same for listings.
	Fault     func(Request) Fault
	ReadFault func(Request) Fault
}

// Request is what Config.Fault is asked about.
type Request struct {
	ServiceID     string
	PaymentTiming string // of a listing: empty is both
	ReplicasCount int    // of a purchase
	Attempt       int    // 1 for the first valid request for this service id and action, 2 for the second, …
}

// Simulator is an http.Handler that behaves like the service. It is safe for concurrent use. Make one with New.
type Simulator struct {
	config   Config
	ledger   *ledger
	requests atomic.Int64
	actions  map[string]*action
}

// New makes a Simulator. The zero Config works.
func New(config Config) *Simulator {
	if config.Keys == nil {
		config.Keys = []Key{{AccessKeyID: DefaultAccessKeyID, SecretAccessKey: DefaultSecretAccessKey}}
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &Simulator{config: config, ledger: newLedger(config)}
	s.actions = map[string]*action{
		actionPurchase: newAction(s.purchase, config.Fault),
		actionDescribe: newAction(s.describe, config.ReadFault),
		actionRelease:  newAction(s.release, nil),
	}
	return s
}

// Requests is the number of HTTP requests that arrived, whatever became of them.
func (s *Simulator) Requests() int { return int(s.requests.Load()) }

// exchange is one request, and what its answer needs.
type exchange struct {
	w         http.ResponseWriter
	r         *http.Request
	now       time.Time
	key       Key
	action    *action
	body      []byte
	requestID string
	// The ids of what is bought or released: of nothing, if no order is made.
	instanceID, orderID string
	gone                bool // the connection was broken: nobody reads the answer
}

// ServeHTTP answers one request. It starts no goroutine, and waits only for faults that wait.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	x := &exchange{w: w, r: r, now: s.config.Now(), requestID: newID(), instanceID: newID(), orderID: newID()}
	x.setHeader()
	refusal := s.admit(x)
	if refusal == nil {
		refusal = x.action.answer(x)
	}
	if refusal != nil {
		x.refuse(refusal)
	}
}

// admit finds what the request asks for, or why it may not. The path comes before the signature, as it was observed; which
// codes go with another method and another action is invented.
func (s *Simulator) admit(x *exchange) *Refusal {
	// A connection that is closed with unread bytes is reset by the kernel, and a fault that closes must not reset.
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	x.body = body
	switch {
	case err != nil:
		return invented(codeInvalidHTTPRequest, "the body cannot be read: %v", err)
	case x.r.URL.Path != resourcePath:
		return refuse(codeResourceNotFound, "no such path: %s", x.r.URL.Path)
	}
	if refusal := s.authenticate(x); refusal != nil {
		return refusal
	}
	name := x.r.URL.Query().Get("Action")
	x.action = s.actions[name]
	switch {
	case x.r.Method != http.MethodPost:
		return invented(codeInvalidHTTPRequest, "%s is not POST", x.r.Method)
	case x.action == nil:
		return invented(codeInvalidURI, "no such action: %q", name)
	}
	return nil
}

// decode reads the body. That names may be in any case, and that unknown ones are ignored, is invented.
func (x *exchange) decode(body any) *Refusal {
	if !json.Valid(x.body) {
		return refuse(codeMalformedJSON, "the body is not JSON")
	}
	if err := json.Unmarshal(x.body, body); err != nil {
		return refuse(codeInappropriateJSON, "%v", err)
	}
	return nil
}

func isBlank(id string) bool { return strings.TrimSpace(id) == "" }

// newID is random text. No format of ids is documented.
func newID() string { return strings.ToLower(rand.Text()) }
