package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// History is what was ordered, written and said, in order. Its violations are the promises that were broken.
type History struct {
	Violations []string
	Counters   map[string]int

	mu     sync.Mutex               // for what goes on without the scheduler: the end of a time-out
	now    int                      // counts what happens
	sent   map[string]int           // by request id: when "sending" was written
	denied map[string]int           // by key: when it was last said that it has no order
	last   map[string]once.Purchase // by key: as it was written last
	said   map[string]once.Purchase // by key: what a Buy was told by an answer
	known  []*order

	strangers map[string]bool // by id: instances from outside; true if it stays listed, so that a key can be given it
	harmed    bool            // one was given to a key, or a person was believed who overlooked an order
}

// Count counts something that a search must have seen.
func (h *History) Count(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count(what)
}

func (h *History) count(what string) {
	if h.Counters == nil {
		h.Counters = map[string]int{}
	}
	h.Counters[what]++
}

// Violate notes a promise that was broken.
func (h *History) Violate(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.violate(format, args...)
}

func (h *History) violate(format string, args ...any) {
	h.Violations = append(h.Violations, fmt.Sprintf(format, args...))
}

func (h *History) tick() int {
	h.now++
	return h.now
}

// wrote notes when an attempt was put down, holds the record against what was said, and counts what a search must have
// seen.
func (h *History) wrote(by *Process, record store.Record) {
	var p once.Purchase
	if json.Unmarshal(record.Data, &p) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		h.last = map[string]once.Purchase{}
	}
	was := h.last[p.Key]
	h.last[p.Key] = p
	h.changed(by, was, p)
	switch {
	case p.State == once.StateSending && p.RequestID != "":
		h.put(p.RequestID)
	case p.State == once.StatePreparing && was.State == once.StateNotPurchased && was.Evidence == "":
		h.count("taken over")
	case p.State == once.StateNotPurchased && p.Evidence == "":
		h.count("closed before anything was sent")
	case p.Evidence == once.EvidenceListing:
		h.count("settled by a listing")
	case p.Evidence == once.EvidenceAnswer && was.State == once.StateBought:
		h.count("answers after a listing or a person")
	}
}

// changed holds a record against what was said of it before (rule 7), and notes what harms its service.
func (h *History) changed(by *Process, was, is once.Purchase) {
	if said, known := h.said[is.Key]; known && !keeps(is, said) {
		h.violate("key %s was said to be %s, and its record has become %s", is.Key, brief(said), brief(is))
	}
	if was.InstanceID != "" && is.InstanceID == "" {
		h.count("opened again")
	}
	if is.InstanceID != was.InstanceID && h.strangers[is.InstanceID] {
		h.count("given an instance from outside")
		h.harmed = true
	}
	if is.State == once.StateNotPurchased && is.Evidence == once.EvidencePerson && by.overlooks != nil {
		h.overlooked(by)
	}
}

// keeps reports whether a record has what an answer named.
func keeps(record, said once.Purchase) bool {
	return record.State == once.StateBought && record.OrderID == said.OrderID &&
		(said.InstanceID == "" || record.InstanceID == said.InstanceID)
}

// brief is what a violation says of a purchase.
func brief(p once.Purchase) string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s by %s %s %s", p.State, p.Evidence, p.InstanceID, p.OrderID)), " ")
}

// overlooked notes that a person was believed who overlooked an order. It must not have been listed (rule 10).
func (h *History) overlooked(by *Process) {
	h.count("overlooked an order")
	if by.listed {
		h.violate("key %s was said to have no order, and its instance was listed: %s", by.overlooks.key, by.overlooks.instance.InstanceID)
	}
	by.overlooks.overlooked = true
	h.harmed = true
}

// left notes an attempt that is being sent, if writes can't be observed.
func (h *History) left(requestID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		h.put(requestID)
	}
}

// put notes when an attempt was put down, the first time.
func (h *History) put(requestID string) {
	if h.sent == nil {
		h.sent = map[string]int{}
	}
	if _, known := h.sent[requestID]; !known {
		h.sent[requestID] = h.tick()
	}
}

// ordered checks an order against what was said before.
func (h *History) ordered(o *order) {
	h.tick()
	for _, other := range h.known {
		if other.key == o.key && !other.overlooked {
			h.violate("two orders for key %s: %s and %s", o.key, other.orderID, o.orderID)
		}
	}
	h.known = append(h.known, o)
	// An attempt that was put down later than somebody said "not purchased" belongs to a Buy that was running then, or
	// began later.
	if denied, said := h.denied[o.key]; said && h.sent[o.requestID] <= denied {
		h.violate("an order appeared for key %s after it was said to have none", o.key)
	}
}

// bought checks that a key has what somebody was told. After harm that is sure of an answer only.
func (h *History) bought(p once.Purchase) {
	h.tick()
	mine := slices.DeleteFunc(slices.Clone(h.known), func(o *order) bool { return o.key != p.Key })
	switch {
	case p.State != once.StateBought || p.InstanceID == "" && p.OrderID == "":
		h.violate("key %s was said to be bought, as %+v", p.Key, p)
	case h.harmed && !answered(p):
	case len(mine) == 0:
		h.violate("key %s was said to be bought (%s), and has no order", p.Key, p.InstanceID)
	case !slices.ContainsFunc(mine, func(o *order) bool { return o.is(p) }):
		h.violate("key %s was told of an order that is not its own: %s %s", p.Key, p.InstanceID, p.OrderID)
	}
}

// answered reports whether an answer named everything that a purchase has.
func answered(p once.Purchase) bool { return p.Evidence == once.EvidenceAnswer && p.NamedBy == "" }

// NotPurchased checks that a key has no order.
func (h *History) NotPurchased(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notPurchased(key)
}

func (h *History) notPurchased(key string) {
	for _, o := range h.known {
		if o.key == key && !o.overlooked {
			h.violate("key %s was said to have no order, and has %s", key, o.orderID)
		}
	}
	if h.denied == nil {
		h.denied = map[string]int{}
	}
	h.denied[key] = h.tick()
}

// Answered holds an answer of Buy against the history.
func (h *History) Answered(key string, p once.Purchase, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	refused, unknown := errors.Is(err, computeunit.ErrNotPurchased), errors.Is(err, computeunit.ErrOutcomeUnknown)
	switch {
	case err == nil:
		h.count("bought")
		h.bought(p)
	case refused == unknown:
		h.violate("an error without exactly one outcome: %v", err)
	case refused:
		h.count("not purchased")
		h.notPurchased(key)
	default:
		h.count("unknown")
	}
}

// kept checks that the journal has what a Buy heard of its attempt, unless the journal failed meanwhile: an answer is
// written over every state (rule 7), and a caller that disconnects leaves nothing open that was answered (rule 9).
func (h *History) kept(p *Process, key string, bought once.Purchase, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	is, observed := h.last[key]
	if !observed || p.unsure {
		return
	}
	if p.answered != "" && is.State == once.StateSending && is.RequestID == p.answered {
		h.violate("key %s is open, and its attempt was answered: %v", key, err)
	}
	if err != nil || !answered(bought) {
		return
	}
	if !keeps(is, bought) {
		h.violate("key %s was said to be %s, and its record is %s", key, brief(bought), brief(is))
	}
	if h.said == nil {
		h.said = map[string]once.Purchase{}
	}
	h.said[key] = bought
}

// mustSettle reports whether listings have to settle an open purchase whose order is listed: not if one of several
// candidates is an instance from outside.
func (h *History) mustSettle(p once.Purchase) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.harmed && !slices.ContainsFunc(p.Candidates, func(id string) bool {
		_, outside := h.strangers[id]
		return outside
	})
}

// stateOf is what the journal says of a key.
func (h *History) stateOf(key string) once.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last[key].State
}

// unharmed reports whether a truthful person can settle everything.
func (h *History) unharmed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.harmed
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
