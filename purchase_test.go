package computeunit_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestTheDocumentedAnswerIsReturnedToTheBuyer(t *testing.T) {
	got, err := newClient(t, answerBought()).PurchaseComputeUnit(t.Context(), documentedRequest())
	require.NoError(t, err)
	assert.Equal(t, documentedAnswer, marshal(t, got))
	var again computeunit.PurchaseComputeUnitResponse
	require.NoError(t, json.Unmarshal([]byte(documentedAnswer), &again))
	assert.Equal(t, *got, again)
}

func TestAPurchaseHasEachIDThatTheServiceGave(t *testing.T) {
	for body, want := range map[string]computeunit.PurchaseResult{
		`{"result":{"instanceId":"i","orderId":"o"}}`:        {InstanceID: "i", OrderID: "o"},
		`{"result":{"instanceId":"i","orderId":null}}`:       {InstanceID: "i"},
		`{"instanceId":"x","result":{"orderId":"\u006f\/"}}`: {OrderID: "o/"},
	} {
		got, err := newClient(t, answerWith(200, body)).PurchaseComputeUnit(t.Context(), documentedRequest())
		require.NoError(t, err)
		assert.Equal(t, want, got.Result)
	}
}

func TestAPurchaseHasTheRequestIDThatSupportCanFind(t *testing.T) {
	for _, row := range []struct{ body, header, want string }{
		{documentedAnswer, "header", "1bef3f87-c5b2-4419-936b-50f9884f10d4"},
		{`{"requestId":17,"result":{"orderId":"o"}}`, "", "17"},
		{`{"result":{"orderId":"o"}}`, "header", "header"},
		{`{"result":{"orderId":"o"}}`, "", ""},
	} {
		seen := record(answerWith(200, row.body, "X-Bce-Request-Id", row.header))
		got, err := newClient(t, seen).PurchaseComputeUnit(t.Context(), documentedRequest())
		require.NoError(t, err)
		if row.want == "" {
			row.want = seen.only(t).Header.Get("X-Bce-Request-Id")
		}
		assert.Equal(t, row.want, got.RequestID)
	}
}

func TestARequestIsAPlainValue(t *testing.T) {
	original := documentedRequest()
	copied := original
	copied.Billing.Reservation.ReservationLength = 12
	assert.True(t, original == documentedRequest() && original != copied)
	assert.Contains(t, fmt.Sprintf("%+v", copied), "ReservationLength:12")
}
