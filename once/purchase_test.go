package once

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// full has every field.
func full() Purchase {
	at := time.Date(2030, 1, 2, 3, 4, 5, 678, time.UTC)
	return Purchase{
		Key:              "a",
		Request:          computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Prepaid(2).WithAutoRenew(1), ReplicasCount: 3},
		State:            StateBought,
		Evidence:         EvidenceListing,
		InstanceID:       "i",
		NamedBy:          EvidencePerson,
		OrderID:          "o",
		RequestID:        "r",
		Since:            at,
		SignatureExpires: at.Add(time.Minute),
		Before:           Listing{ServiceID: "svco-1", PaymentTiming: "Prepaid", Date: at, InstanceIDs: []string{"older"}},
		Unknown:          true,
		Candidates:       []string{"c"},
		ListedWithin:     time.Second + 1,
		Refusal:          "HTTP 403",
		Others:           []Order{{"i2", "o2", "r2"}},
	}
}

func TestAPurchaseIsTheSameAfterJSON(t *testing.T) {
	for _, p := range []Purchase{full(), {}, {Key: "a", Before: Listing{InstanceIDs: []string{}}}} {
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var again Purchase
		require.NoError(t, json.Unmarshal(data, &again))
		assert.Equal(t, p, again)
	}
}
