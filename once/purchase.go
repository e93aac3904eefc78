package once

import (
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
// closed before anything was sent.
type Evidence string

// The kinds of evidence.
const (
	// EvidenceAnswer means the outcome of the call itself: what the service answered, or that no request left.
	EvidenceAnswer Evidence = "answer"
	// EvidenceListing means that exactly one new instance of the service fitted, in two listings in a row.
	EvidenceListing Evidence = "listing"
	// EvidencePerson means [Buyer.ResolveBought] or [Buyer.ResolveNotPurchased].
	EvidencePerson Evidence = "person"
)

// Purchase is what the journal knows of one key. It is plain JSON both ways. Times are UTC.
type Purchase struct {
	// Key is the caller's name for the purchase.
	Key string `json:"key"`
	// Request is what was asked for, as it is sent.
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
	// ListedWithin is the longest that the order can have taken to be listed: from the Date of Before to the Date of the
	// first listing that showed it, in whole seconds. Zero if no listing was needed, or if both were in the same second.
	ListedWithin time.Duration `json:"listedWithin,omitempty"`
	// Refusal is why the last attempt was not purchased, for people. It has no secrets in it.
	Refusal string `json:"refusal,omitempty"`
	// Others are further orders that the service says it made for this key. One is one too many: see [Buyer.Buy].
	Others []Order `json:"others,omitempty"`
}

// Listing is what a service had at one moment, whatever its payment timing.
type Listing struct {
	ServiceID string `json:"serviceId"`
	// PaymentTiming is the filter that was asked with; empty for none.
	PaymentTiming computeunit.PaymentTiming `json:"paymentTiming,omitempty"`
	// Date is the answer's Date header: the service's clock.
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

// isOpen reports whether the purchase keeps its service closed to other keys (rule 1). A state of a later version does:
// closing too much is safe.
func (p Purchase) isOpen() bool {
	switch p.stage() {
	case unclaimed, StateBought, StateNotPurchased:
		return false
	default:
		return true
	}
}

// needsSettling reports whether nobody works on it, so that only a listing or a person can settle it.
func (p Purchase) needsSettling() bool {
	return p.stage() == boughtUnnamed || p.State == StateSending && p.Unknown
}

// fence is when no attempt of the purchase can make an order any more (rule 5). Zero if none was sent.
func (p Purchase) fence(margin time.Duration) time.Time {
	if p.SignatureExpires.IsZero() {
		return time.Time{}
	}
	return p.SignatureExpires.Add(margin)
}
