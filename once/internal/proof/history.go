package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// History is what was ordered, written and said, in order. Its violations are the promises that were broken.
type History struct {
	Violations []string
	Counters   map[string]int

	now    int                      // counts what happens
	sent   map[string]int           // by request id: when "sending" was written
	denied map[string]int           // by key: when it was last said that it has no order
	last   map[string]once.Purchase // by key: as it was written last
	known  []*order
}

// Count counts something that a search must have seen.
func (h *History) Count(what string) {
	if h.Counters == nil {
		h.Counters = map[string]int{}
	}
	h.Counters[what]++
}

func (h *History) violate(format string, args ...any) {
	h.Violations = append(h.Violations, fmt.Sprintf(format, args...))
}

func (h *History) tick() int {
	h.now++
	return h.now
}

// wrote notes when an attempt was put down, and counts what a search must have seen.
func (h *History) wrote(record store.Record) {
	var p once.Purchase
	if json.Unmarshal(record.Data, &p) != nil {
		return
	}
	if h.last == nil {
		h.last = map[string]once.Purchase{}
	}
	was := h.last[p.Key]
	h.last[p.Key] = p
	switch {
	case p.State == once.StateSending && p.RequestID != "":
		h.put(p.RequestID)
	case p.State == once.StatePreparing && was.State == once.StatePreparing:
		h.Count("taken over")
	case p.State == once.StateNotPurchased && p.Evidence == "":
		h.Count("closed before anything was sent")
	case p.Evidence == once.EvidenceListing:
		h.Count("settled by a listing")
	case p.Evidence == once.EvidenceAnswer && was.State == once.StateBought:
		h.Count("answers after a listing or a person")
	}
}

// left notes an attempt that is being sent, if writes can't be observed.
func (h *History) left(requestID string) {
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
		if other.key == o.key {
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

// Bought checks that a key has what somebody was told.
func (h *History) Bought(p once.Purchase) {
	h.tick()
	var mine *order
	for _, o := range h.known {
		if o.key == p.Key {
			mine = o
		}
	}
	switch {
	case p.State != once.StateBought || p.InstanceID == "" && p.OrderID == "":
		h.violate("key %s was said to be bought, as %+v", p.Key, p)
	case mine == nil:
		h.violate("key %s was said to be bought (%s), and has no order", p.Key, p.InstanceID)
	case p.InstanceID != "" && p.InstanceID != mine.instance.InstanceID, p.OrderID != "" && p.OrderID != mine.orderID:
		h.violate("key %s was told of an order that is not its own: %s %s", p.Key, p.InstanceID, p.OrderID)
	}
}

// NotPurchased checks that a key has no order.
func (h *History) NotPurchased(key string) {
	for _, o := range h.known {
		if o.key == key {
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
	refused, unknown := errors.Is(err, computeunit.ErrNotPurchased), errors.Is(err, computeunit.ErrOutcomeUnknown)
	switch {
	case err == nil:
		h.Count("bought")
		h.Bought(p)
	case refused == unknown:
		h.violate("an error without exactly one outcome: %v", err)
	case refused:
		h.Count("not purchased")
		h.NotPurchased(key)
	default:
		h.Count("unknown")
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
