package once

import "fmt"

// event is what can happen to a purchase.
type event string

const (
	claim           event = "claim"             // a Buy of the key begins
	takeOver        event = "take over"         // a Buy of the key goes on, because the process that claimed it stood still
	abandon         event = "abandon"           // the process that claimed it stood still, or did not come to send
	send            event = "send"              // an attempt is about to be sent
	refuse          event = "refuse"            // that attempt was certainly refused; another may follow
	end             event = "end"               // the call ended not purchased
	lose            event = "lose"              // the call ended unknown
	see             event = "see"               // a listing did not settle it
	find            event = "find"              // two listings in a row had the only candidate that there ever was
	answer          event = "answer"            // an answer named the order
	disown          event = "disown"            // an answer named its instance for another key
	unname          event = "unname"            // the same, for a purchase whose order was known without the instance
	sayBought       event = "say bought"        // a person said so
	sayNotPurchased event = "say not purchased" // a person said so
)

// Two stages that State has no name for.
const (
	unclaimed     State = ""                               // the journal has no such key
	boughtUnnamed State = "bought, without an instance id" // open until a listing or a person names the instance
)

// same means that the evidence stays what it was.
const same Evidence = "same"

// machine has every change that a purchase can go through, row for row as docs/once.md.
// What no row allows does not happen: see [Purchase.apply].
var machine = [...]struct {
	from State
	on   event
	to   State
	by   Evidence
}{
	{unclaimed, claim, StatePreparing, ""},
	{StateNotPurchased, claim, StatePreparing, ""},

	{StatePreparing, takeOver, StatePreparing, ""},
	{StatePreparing, abandon, StateNotPurchased, ""},
	{StatePreparing, send, StateSending, ""},
	{StatePreparing, end, StateNotPurchased, EvidenceAnswer},
	{StatePreparing, sayNotPurchased, StateNotPurchased, EvidencePerson},

	{StateSending, refuse, StatePreparing, ""},
	{StateSending, end, StateNotPurchased, EvidenceAnswer},
	{StateSending, lose, StateSending, ""},
	{StateSending, see, StateSending, ""},
	{StateSending, find, StateBought, EvidenceListing},
	{StateSending, sayBought, StateBought, EvidencePerson},
	{StateSending, sayNotPurchased, StateNotPurchased, EvidencePerson},

	{boughtUnnamed, see, StateBought, same},
	{boughtUnnamed, find, StateBought, same},
	{boughtUnnamed, sayBought, StateBought, same},

	// Rule 7: an answer beats everything.
	{unclaimed, answer, StateBought, EvidenceAnswer},
	{StatePreparing, answer, StateBought, EvidenceAnswer},
	{StateSending, answer, StateBought, EvidenceAnswer},
	{StateNotPurchased, answer, StateBought, EvidenceAnswer},
	{boughtUnnamed, answer, StateBought, EvidenceAnswer},
	{StateBought, answer, StateBought, EvidenceAnswer},
	{StateBought, disown, StateSending, ""},
	{StateBought, unname, StateBought, same},
}

// stage is the state, with the two that State has no name for kept apart.
func (p Purchase) stage() State {
	if p.State == StateBought && p.InstanceID == "" {
		return boughtUnnamed
	}
	return p.State
}

// apply moves the purchase, or returns an error and leaves it as it was.
func (p *Purchase) apply(e event) error {
	for _, row := range machine {
		if row.from == p.stage() && row.on == e {
			p.State = row.to
			if row.by != same {
				p.Evidence = row.by
			}
			p.forget()
			return nil
		}
	}
	return &refusedEventError{event: e, key: p.Key, stage: p.stage()}
}

// forget drops what is only true of a purchase that was sent and is not settled.
func (p *Purchase) forget() {
	p.Unknown = p.Unknown && p.State == StateSending
	if !p.isOpen() || p.State == StatePreparing {
		p.Candidates = nil
	}
}

// refusedEventError means that somebody else has moved the purchase.
type refusedEventError struct {
	event event
	key   string
	stage State
}

func (e *refusedEventError) Error() string {
	if e.stage == unclaimed {
		return fmt.Sprintf("%s: the journal has no key %q", e.event, e.key)
	}
	return fmt.Sprintf("%s: key %q is %s", e.event, e.key, e.stage)
}
