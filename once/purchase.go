package once

import (
	"cmp"
	"slices"
	"time"

	"github.com/qianfan-go/computeunit"
)

// State is what is known of a purchase.
type State string

// The states of a purchase.
const (
	// StatePreparing means that the key is claimed and nothing is on its way.
	StatePreparing State = "preparing"
	// StateSending means that an attempt may be on its way, or that its outcome is unknown. Nobody sends again.
	StateSending State = "sending"
	// StateBought means that an answer, a listing or a person said so: see [Evidence].
	StateBought State = "bought"
	// StateNotPurchased means that it is certain: the key has no order. A [Buyer.Buy] of the key may try again.
	StateNotPurchased State = "not_purchased"
)

// Evidence is who said that a purchase is bought or not purchased. Empty while neither is known, and for a key that was
// closed because nothing was sent.
type Evidence string

// The kinds of evidence.
const (
	// EvidenceAnswer means the outcome of the call itself: what the service answered, or that no request left. Bought by an
	// answer is final.
	EvidenceAnswer Evidence = "answer"
	// EvidenceListing means that exactly one new instance of the service fitted, in two listings. It is opened again if an
	// answer names that instance for another key.
	EvidenceListing Evidence = "listing"
	// EvidencePerson means [Buyer.ResolveBought] or [Buyer.ResolveNotPurchased].
	EvidencePerson Evidence = "person"
)

// Purchase is what the journal knows of one key. It is plain JSON both ways. Times are UTC.
type Purchase struct {
	// Key is the caller's name for the purchase.
	Key string `json:"key"`
	// Request is what was asked for.
	Request computeunit.PurchaseComputeUnitRequest `json:"request"`
	// State is what is known.
	State State `json:"state"`
	// Evidence is who said so.
	Evidence Evidence `json:"evidence,omitempty"`
	// InstanceID is the instance that was bought. A bought purchase without one is still open: a listing or a person
	// has to name the instance before the service can be bought for under another key.
	InstanceID string `json:"instanceId,omitempty"`
	// NamedBy is who named the instance of an order that was known without it. Empty if Evidence is.
	NamedBy Evidence `json:"namedBy,omitempty"`
	// OrderID is the order, if the answer or a person named it. A listing does not.
	OrderID string `json:"orderId,omitempty"`
	// RequestID is the x-bce-request-id that the last attempt was sent with.
	RequestID string `json:"requestId,omitempty"`
	// Since is when the key was claimed, by the clock of the process that claimed it.
	Since time.Time `json:"since,omitzero"`
	// SignatureExpires is when the signature of the last attempt expires. The service refuses that attempt from then on,
	// give or take the margin of [WithFenceMargin].
	SignatureExpires time.Time `json:"signatureExpires,omitzero"`
	// Before is what the service had before the first attempt. An instance in it is not what was bought.
	Before Listing `json:"before,omitzero"`
	// Unknown means that nobody works on the purchase any more while it is sending: only a listing or a person settles it.
	Unknown bool `json:"unknown,omitempty"`
	// Candidates are the instances that may be the one that was bought: listed new since Before, no other key's, and of the
	// same payment timing and size. One that is not listed any more stays a candidate: somebody outside buys or releases,
	// and a person has to say which one it was.
	Candidates []string `json:"candidates,omitempty"`
	// ListedAt is the Date of the listing that first showed the instance: the order took at most from the Date of Before
	// until then to be listed. Zero if no listing did.
	ListedAt time.Time `json:"listedAt,omitzero"`
	// Refusal is why the last attempt was not purchased, for people. It has no secrets in it.
	Refusal string `json:"refusal,omitempty"`
	// Others are further orders that the service says it made for this key. One is one too many: see [Buyer.Buy].
	Others []Order `json:"others,omitempty"`
}

// Listing is what a service had at one moment, whatever its payment timing.
type Listing struct {
	// Date is the response's Date header: the service's clock.
	Date time.Time `json:"date"`
	// InstanceIDs is empty if the service had none.
	InstanceIDs []string `json:"instanceIds"`
}

// Order is an order as an answer named it.
type Order struct {
	InstanceID string `json:"instanceId,omitempty"`
	OrderID    string `json:"orderId,omitempty"`
	RequestID  string `json:"requestId,omitempty"`
}

// Open reports whether the purchase keeps its service closed to other keys (rule 1): it is preparing, sending, or bought
// without an instance id.
func (p Purchase) Open() bool { return p.State == StatePreparing || p.isSent() }

// isKnown reports whether it has one of the states, and an id if it is bought.
func (p *Purchase) isKnown() bool {
	switch p.State {
	case StatePreparing, StateSending, StateNotPurchased:
		return true
	}
	return p.State == StateBought && p.InstanceID+p.OrderID != ""
}

// isUnnamed reports whether there is an order whose instance is not known.
func (p *Purchase) isUnnamed() bool { return p.State == StateBought && p.InstanceID == "" }

// isSent reports whether a listing may settle it, and needsSettling whether only a listing or a person can.
func (p *Purchase) isSent() bool        { return p.State == StateSending || p.isUnnamed() }
func (p *Purchase) needsSettling() bool { return p.isSent() && (p.Unknown || p.isUnnamed()) }

// agrees reports whether no id contradicts the purchase's: an answer may name the order alone, and a listing names no order.
func (p *Purchase) agrees(o Order) bool {
	agree := func(a, b string) bool { return a == "" || b == "" || a == b }
	return agree(p.InstanceID, o.InstanceID) && agree(p.OrderID, o.OrderID)
}

// become settles the purchase, or names what was not known of one that is bought.
func (p *Purchase) become(state State, by Evidence, o Order) {
	named := o.InstanceID != "" && o.InstanceID != p.InstanceID
	if named && !slices.Equal(p.Candidates, []string{o.InstanceID}) { // what was listed is another one
		p.ListedAt = time.Time{}
	}
	switch {
	case p.State != state:
		p.State, p.Evidence, p.NamedBy = state, by, ""
	case named:
		p.NamedBy = by
	}
	p.InstanceID, p.OrderID = cmp.Or(o.InstanceID, p.InstanceID), cmp.Or(o.OrderID, p.OrderID)
	if p.Unknown = false; !p.Open() {
		p.Candidates = nil
	}
}

// answer takes an order over whatever is known (rule 7). Two for one key are both kept, and returned as one: the first.
func (p *Purchase) answer(o Order) {
	if p.State == StateBought && p.Evidence == EvidenceAnswer {
		if p.RequestID != o.RequestID && !slices.Contains(p.Others, o) {
			p.Others = append(slices.Clip(p.Others), o)
		}
		return
	}
	namedBy := cmp.Or(p.NamedBy, p.Evidence)
	if !p.agrees(o) { // a listing or a person was wrong
		p.InstanceID, p.OrderID, p.ListedAt = "", "", time.Time{}
	}
	p.become(StateBought, EvidenceAnswer, o)
	p.Evidence, p.NamedBy, p.RequestID, p.Refusal = EvidenceAnswer, "", o.RequestID, ""
	if o.InstanceID == "" && p.InstanceID != "" {
		p.NamedBy = namedBy
	}
}

// disown takes an instance away that an answer names for another key. It is bought still if its order was known without it.
func (p *Purchase) disown() {
	if p.Evidence != EvidenceAnswer && p.NamedBy == "" {
		p.State, p.Evidence, p.OrderID, p.Unknown = StateSending, "", "", true
	}
	p.InstanceID, p.NamedBy, p.ListedAt = "", "", time.Time{}
}
