package computeunit_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestTheAnswerUnmarshalsFromTheDocumentedJSONAndBack(t *testing.T) {
	var answer computeunit.PurchaseComputeUnitResponse
	require.NoError(t, json.Unmarshal([]byte(documentedAnswer), &answer))
	assert.Equal(t, computeunit.PurchaseComputeUnitResponse{
		RequestID: "1bef3f87-c5b2-4419-936b-50f9884f10d4",
		Result:    computeunit.PurchaseResult{InstanceID: "44961088fxxxx9e9379f5daf", OrderID: "7b468732xxxxxx8364292"},
	}, answer)
	assert.Equal(t, documentedAnswer, marshal(t, answer))
}

func TestTheDocumentedAnswerIsReturnedToTheBuyer(t *testing.T) {
	transport := record(answerBought())
	got, err := newClient(t, transport).PurchaseComputeUnit(t.Context(), documentedRequest())
	require.NoError(t, err)
	assert.Equal(t, compact(t, documentedAnswer), marshal(t, got))
	assert.Equal(t, compact(t, documentedBody), transport.only(t).body)
}

func TestAnInvalidRequestIsNotSent(t *testing.T) {
	transport := record(answerBought())
	var zero computeunit.PurchaseComputeUnitRequest
	_, err := newClient(t, transport).PurchaseComputeUnit(t.Context(), zero)
	assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
	var invalid *computeunit.ValidationError
	require.ErrorAs(t, err, &invalid)
	assert.Len(t, invalid.Violations, 3)
	assert.Empty(t, transport.requests())
}

func TestABlankIDBesideAGoodOneIsLeftOut(t *testing.T) {
	for body, want := range map[string]computeunit.PurchaseResult{
		`{"result":{"instanceId":" ","orderId":"o"}}`:   {OrderID: "o"},
		`{"result":{"instanceId":"i","orderId":"  "}}`:  {InstanceID: "i"},
		`{"result":{"instanceId":"i","orderId":null}}`:  {InstanceID: "i"},
		`{"result":{"instanceId":"i","orderId":" o "}}`: {InstanceID: "i", OrderID: " o "},
	} {
		got, err := newClient(t, answerWith(200, body)).PurchaseComputeUnit(t.Context(), documentedRequest())
		require.NoError(t, err, body)
		assert.Equal(t, want, got.Result, body)
	}
}

func TestAPurchaseHasTheRequestIDThatSupportCanFind(t *testing.T) {
	for name, row := range map[string]struct {
		body    string
		headers []string
		want    string
	}{
		"the body's":   {documentedAnswer, []string{"X-Bce-Request-Id", "header"}, "1bef3f87-c5b2-4419-936b-50f9884f10d4"},
		"the header's": {`{"result":{"orderId":"o"}}`, []string{"X-Bce-Request-Id", "header"}, "header"},
		"a number":     {`{"requestId":17,"result":{"orderId":"o"}}`, nil, "17"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newClient(t, answerWith(200, row.body, row.headers...)).PurchaseComputeUnit(t.Context(), documentedRequest())
			require.NoError(t, err)
			assert.Equal(t, row.want, got.RequestID)
		})
	}
	transport := record(answerWith(200, `{"result":{"orderId":"o"}}`))
	got, err := newClient(t, transport).PurchaseComputeUnit(t.Context(), documentedRequest())
	require.NoError(t, err)
	assert.Equal(t, transport.only(t).Header.Get("X-Bce-Request-Id"), got.RequestID, "the one that was sent, if the response named none")
}

// A copy of a request shares nothing with it: a purchase sends what it was given, whatever becomes of the original.
func TestACopyOfARequestSharesNothing(t *testing.T) {
	original := documentedRequest()
	copied := original
	copied.Billing.Reservation.ReservationLength = 12
	copied.Billing.Reservation.AutoRenew = true
	assert.Equal(t, documentedRequest(), original)
	assert.True(t, original == documentedRequest(), "requests are comparable")
}

func TestAPrintedRequestShowsEverythingThatItBuys(t *testing.T) {
	text := fmt.Sprintf("%+v", computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Prepaid(7).WithAutoRenew(3), ReplicasCount: 2})
	for _, part := range []string{"svco-1", "Prepaid", "ReservationLength:7", "AutoRenew:true", "AutoRenewTime:3", "ReplicasCount:2"} {
		assert.Contains(t, text, part)
	}
	assert.NotContains(t, text, "0x", "no addresses")
}
