package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// History is what was ordered, written and said, in order. The ledger holds answers against orders; the history holds records
// against the table of docs/once-design.md, and answers against the records that their call has read and written.
type History struct {
	*model.Ledger

	mu       sync.Mutex // for what goes on without the scheduler: the end of a time-out
	now      int64      // counts what happens
	last     map[string]written
	said     map[string]once.Purchase // by key: what a Buy was told by an answer
	attempts map[string]*attempt      // by request id: those that were put down

	strangers map[string]bool // by id: instances from outside; true if it stays listed, so that a key can be given it
	harmed    bool            // one was given to a key, or a person was believed who overlooked an order
}

func newHistory(ledger *model.Ledger) History {
	return History{Ledger: ledger, said: map[string]once.Purchase{}, attempts: map[string]*attempt{}, strangers: map[string]bool{}}
}

// written is a record as it was written last.
type written struct {
	once.Purchase
	at int64
	by *call
}

type attempt struct {
	process        *Process
	key            string
	left, answered bool
}

// Violate notes that what was written or said is not as docs/once-design.md has it.
func (h *History) Violate(format string, args ...any) {
	h.Ledger.Violate(model.NotByDesign, format, args...)
}

func (h *History) tick() int64 {
	h.now++
	return h.now
}

// purchaseOf reads a row. The row that keeps the endpoint is none.
func purchaseOf(row store.Record) (p once.Purchase, is bool) {
	if strings.HasPrefix(row.Key, "\x01") || json.Unmarshal(row.Data, &p) != nil {
		return p, false
	}
	p.Key, p.State, p.InstanceID = row.Key, once.State(row.State), row.InstanceID
	return p, true
}

// wrote notes what a call has written, holds it against what was there, and counts what a search must have seen.
func (w *World) wrote(c *call, row store.Record) {
	p, is := purchaseOf(row)
	if !is {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.last = map[string]written{}
	}
	was := w.last[p.Key]
	w.last[p.Key] = written{p, w.tick(), c}
	if !reflect.DeepEqual(p, was.Purchase) { // else it is written once more
		w.changed(c, was, p)
	}
	switch {
	case p.State == once.StateSending && p.RequestID != was.RequestID:
		w.put(c, p.Key, p.RequestID)
	case p.State == once.StateNotPurchased && p.Evidence == "":
		w.Count("closed before anything was sent")
	case p.Evidence == once.EvidenceListing:
		w.Count("settled by a listing")
	case p.Evidence == once.EvidenceAnswer && was.State == once.StateBought:
		w.Count("answers after a listing or a person")
	}
}

// put notes an attempt that was put down.
func (w *World) put(c *call, key, requestID string) {
	w.attempts[requestID] = &attempt{process: c.process, key: key}
	w.Sent(requestID, model.Attempt{Key: key, At: w.tick()})
}

// left notes an attempt that is being sent.
func (w *World) left(c *call, requestID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil { // the journal's writes can't be observed
		w.put(c, c.key, requestID)
	}
	if a := w.attempts[requestID]; a != nil {
		a.left = true
	} else {
		w.Violate("an attempt of key %s left, and no record has it", c.key)
	}
}

// answered notes that an attempt was answered.
func (w *World) answered(requestID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.attempts[requestID]; a != nil {
		a.answered = true
	}
}

// mayOrder reports whether an attempt has left, and no answer says what became of it.
func (w *World) mayOrder(requestID string) bool {
	a := w.attempts[requestID]
	return w.onItsWay(requestID) || a != nil && a.left && !a.answered
}

// stage is a state, with "bought, and no instance is known" apart.
func stage(p once.Purchase) string {
	if p.State == once.StateBought && p.InstanceID == "" {
		return "unnamed"
	}
	return string(p.State)
}

// table is that of docs/once-design.md: what a record may become, and by which evidence; "=" is what it had.
var table = map[string][]string{
	"":              {"preparing", "bought answer", "unnamed answer"},
	"not_purchased": {"preparing", "bought answer", "unnamed answer"},
	"preparing": {"sending", "not_purchased", "not_purchased answer", "not_purchased person", "bought answer",
		"unnamed answer"},
	"sending": {"sending", "preparing", "not_purchased answer", "not_purchased person", "bought answer", "bought listing",
		"bought person", "unnamed answer", "unnamed person", "not_purchased"},
	"unnamed":       {"unnamed =", "bought =", "bought answer", "unnamed answer"},
	"bought":        {"bought =", "bought answer", "unnamed answer", "sending"},
	"bought answer": {"bought =", "bought answer", "unnamed answer", "unnamed ="}, // which is final
}

// changed holds what a record has become against what it was and what was said of it.
func (w *World) changed(c *call, was written, is once.Purchase) {
	to := strings.TrimSpace(stage(is) + " " + string(is.Evidence))
	from := stage(was.Purchase)
	if from == "bought" && was.Evidence == once.EvidenceAnswer {
		from = "bought answer"
	}
	if !slices.Contains(table[from], to) &&
		(is.Evidence != was.Evidence || !slices.Contains(table[from], stage(is)+" =")) {
		w.Violate("key %s: %s became %s, which is in no row of the table", is.Key, brief(was.Purchase), brief(is))
	}
	if said, known := w.said[is.Key]; known && !keeps(is, said) {
		w.Violate("key %s was said to be %s, and its record has become %s", is.Key, brief(said), brief(is))
	}
	if was.State == once.StateSending {
		w.notSending(was.Purchase, is)
	}
	if is.State == once.StatePreparing && was.State == once.StateNotPurchased && was.Evidence != "" &&
		was.at > c.firstRead && !was.isOf(c) {
		w.Violate("key %s was %s, for which a Buy has waited, and that claims it again", is.Key, brief(was.Purchase))
	}
	if was.InstanceID != "" && is.InstanceID == "" {
		w.Count("opened again")
	}
	if is.InstanceID != was.InstanceID && w.strangers[is.InstanceID] {
		w.Count("given an instance from outside")
		w.harmed = true
	}
	if is.State == once.StateNotPurchased && is.Evidence == once.EvidencePerson && c.overlooks != nil {
		w.overlooked(c)
	}
}

// isOf reports whether a call has written it, or another one of the same process that had ended by then: the call had to write
// that before it read its key.
func (was written) isOf(c *call) bool {
	return was.by == c || was.by.process == c.process && was.by.err() != nil
}

// notSending holds against the service that an attempt is said to be refused or prevented (rule 8), and that another
// follows only then.
func (w *World) notSending(was, is once.Purchase) {
	switch {
	case is.State == once.StateSending && is.RequestID != was.RequestID:
		w.Violate("key %s: an attempt was put down while another may be on its way", is.Key)
	case (is.State == once.StatePreparing || is.State == once.StateNotPurchased && is.Evidence != once.EvidencePerson) &&
		w.mayOrder(was.RequestID):
		w.Violate("key %s: an attempt is called refused that was not: %s", is.Key, brief(is))
	}
}

// keeps reports whether a record has what an answer named.
func keeps(record, said once.Purchase) bool {
	return record.State == once.StateBought && record.OrderID == said.OrderID &&
		(said.InstanceID == "" || record.InstanceID == said.InstanceID)
}

// brief is what a violation says of a purchase.
func brief(p once.Purchase) string {
	return strings.Join(strings.Fields(fmt.Sprintf("%q by %s %s %s", p.State, p.Evidence, p.InstanceID, p.OrderID)), " ")
}

// overlooked notes that a person was believed who overlooked an order. It must not have been listed (rule 10).
func (h *History) overlooked(c *call) {
	h.Count("overlooked an order")
	if c.listed {
		h.Violate("key %s was said to have no order, and its instance was listed: %s", c.key, c.overlooks.Instance.InstanceID)
	}
	h.Overlook(c.overlooks)
	h.harmed = true
}

// byAnswer reports whether an answer named everything that a purchase has.
func byAnswer(p once.Purchase) bool { return p.Evidence == once.EvidenceAnswer && p.NamedBy == "" }

// Moment is one that later answers can be about.
func (h *History) Moment() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tick()
}

// Told holds a purchase that Settle or Lookup returned against the ledger: it was so at some time since a moment.
func (h *History) Told(p once.Purchase, since int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case p.State == once.StateNotPurchased:
		h.NotPurchased(p.Key, 0, since)
	case p.State == once.StateBought && (!h.harmed || byAnswer(p)):
		h.Bought(p.Key, p.InstanceID, p.OrderID)
	}
}

// Answered holds what a Buy returned against the ledger, the journal, and what it may say at all.
func (h *History) Answered(c *call, p once.Purchase, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	refused, unknown := errors.Is(err, computeunit.ErrNotPurchased), errors.Is(err, computeunit.ErrOutcomeUnknown)
	switch {
	case err == nil:
		h.Count("bought")
		h.bought(c, p)
	case refused == unknown:
		h.Violate("an error without exactly one outcome: %v", err)
	case refused:
		h.Count("not purchased")
		h.NotPurchased(c.key, 0, h.tick())
	default:
		h.Count("unknown")
	}
	if err != nil {
		h.pending(unknown, err)
	}
	if h.last != nil && !c.unsure() {
		h.asRead(c, refused, unknown, err)
	}
}

// bought holds an answer against the ledger. After harm that is sure of what an answer named only.
func (h *History) bought(c *call, p once.Purchase) {
	if p.State != once.StateBought {
		h.Violate("key %s was said to be bought, as %s", c.key, brief(p))
	}
	if h.harmed && !byAnswer(p) {
		return
	}
	h.Bought(c.key, p.InstanceID, p.OrderID)
	if h.last == nil || !byAnswer(p) || c.unsure() {
		return
	}
	if is := h.last[c.key].Purchase; !keeps(is, p) { // an answer is written over every state (rule 7)
		h.Violate("key %s was said to be %s, and its record is %s", c.key, brief(p), brief(is))
	}
	h.said[c.key] = p
}

// pending holds ErrPending against what may help: to call again.
func (h *History) pending(unknown bool, err error) {
	blocked := (*once.BlockedError)(nil)
	again := unknown || errors.Is(err, computeunit.ErrRetryable) || errors.As(err, &blocked) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	is, final := errors.Is(err, once.ErrPending), !unknown && errors.Is(err, computeunit.ErrAccessDenied)
	if again && !is || is && final {
		h.Violate("ErrPending is %t for: %v", is, err)
	}
}

// asRead holds an error against the record that the call has read or written last: nothing is said by what was read before. A
// deadline that is not the call's own is that of a journal which hangs, also for another call whose outcome is kept.
func (h *History) asRead(c *call, refused, unknown bool, err error) {
	open, bought := c.seen.Open(), c.seen.State == once.StateBought
	hangs := c.err() == nil && errors.Is(err, context.DeadlineExceeded)
	if unknown && !open && !hangs && c.err() == nil && c.firstRead > 0 || refused && (open || bought) || err == nil && !bought {
		h.Violate("key %s was %q when the call read it last, and it said: %v", c.key, stage(c.seen), err)
	}
}

// Ended holds the journal against what a process knows when its Shutdown has said that it is written (rules 7 to 9). After
// harm a listing can have settled a key that was refused: that is dropped, and an answer can open the key again.
func (h *History) Ended(p *Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for requestID, a := range h.attempts {
		is := h.last[a.key]
		known := a.process == p && (a.answered || !a.left) && !h.harmed
		if known && is.State == once.StateSending && is.RequestID == requestID {
			h.Violate("key %s is sending at the end of its process, and its attempt was answered (%t) or has not left",
				a.key, a.answered)
		}
	}
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
