package once

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestAPurchaseIsTheSameAfterJSON(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 678, time.UTC)
	full := Purchase{
		Key: "a", Request: computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Prepaid(2).WithAutoRenew(1), ReplicasCount: 3},
		State: StateBought, Evidence: EvidenceListing, InstanceID: "i", NamedBy: EvidencePerson, OrderID: "o", RequestID: "r",
		Since: at, SignatureExpires: at.Add(time.Minute), Before: Listing{Date: at, InstanceIDs: []string{"older"}},
		Unknown: true, Candidates: []string{"c"}, ListedAt: at, Refusal: "HTTP 403", Others: []Order{{"i2", "o2", "r2"}},
	}
	for _, p := range []Purchase{full, {}, {Key: "a", Before: Listing{InstanceIDs: []string{}}}} {
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var again Purchase
		require.NoError(t, json.Unmarshal(data, &again))
		assert.Equal(t, p, again)
	}
}

// Rule 7, from every state: the answer is what is known then.
func TestAnAnswerBeatsEverything(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	answer := Order{InstanceID: "i", OrderID: "o", RequestID: "r"}
	for _, p := range []Purchase{
		{}, {State: StatePreparing}, {State: StateSending, Unknown: true, Candidates: []string{"c"}, ListedAt: at},
		{State: StateNotPurchased, Evidence: EvidencePerson, Refusal: "no"},
		{State: StateBought, Evidence: EvidenceListing, InstanceID: "other", ListedAt: at},
		{State: StateBought, Evidence: EvidencePerson, OrderID: "other"},
		{State: StateBought, Evidence: EvidencePerson, OrderID: "o", InstanceID: "x", NamedBy: EvidenceListing},
	} {
		p.answer(answer)
		assert.Equal(t, Purchase{State: StateBought, Evidence: EvidenceAnswer, InstanceID: "i", OrderID: "o", RequestID: "r"}, p)
		p.answer(answer)
		assert.Empty(t, p.Others, "it is the same")
	}
}

// Found by a seed: the listing's instance was dropped, and the service closed again that another key had meanwhile.
func TestAnAnswerWithoutAnInstanceIDKeepsTheListings(t *testing.T) {
	p := Purchase{State: StateBought, Evidence: EvidenceListing, InstanceID: "i"}
	p.answer(Order{OrderID: "o", RequestID: "r"})
	assert.Equal(t, Purchase{
		State: StateBought, Evidence: EvidenceAnswer, InstanceID: "i", NamedBy: EvidenceListing, OrderID: "o", RequestID: "r",
	}, p)
}
