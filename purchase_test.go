package computeunit_test

import (
	"cmp"
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

// It is the service's, or if that named none the one that was sent.
func TestAPurchaseAndItsErrorHaveTheRequestIDThatSupportCanFind(t *testing.T) {
	for _, row := range []struct{ field, header, want string }{
		{`"requestId":"body",`, "header", "body"}, {`"requestId":17,`, "header", "17"}, {`"requestId":"",`, "header", "header"}, {``, "header", "header"}, {``, "", ""},
	} {
		seen := record(answerWith(200, `{`+row.field+`"result":{"orderId":"o"}}`, "X-Bce-Request-Id", row.header), answerWith(400, `{`+row.field+`"code":"X"}`, "X-Bce-Request-Id", row.header))
		client := newClient(t, seen)
		got, err := client.PurchaseComputeUnit(t.Context(), documentedRequest())
		require.NoError(t, err)
		var failed *computeunit.OutcomeError
		require.ErrorAs(t, buy(t, client), &failed)
		first, second := seen.requests()[0].Header.Get("X-Bce-Request-Id"), seen.requests()[1].Header.Get("X-Bce-Request-Id")
		want := cmp.Or(row.want, second)
		assert.Equal(t, []string{cmp.Or(row.want, first), want, want, second}, []string{got.RequestID, failed.RequestID, apiError(t, failed).RequestID, failed.ClientRequestID})
		assert.ErrorContains(t, failed, want)
	}
}

func TestARequestIsAPlainValue(t *testing.T) {
	original := documentedRequest()
	copied := original
	copied.Billing.Reservation.ReservationLength = 12
	assert.True(t, original == documentedRequest() && original != copied)
	assert.Contains(t, fmt.Sprintf("%+v", copied), "ReservationLength:12")
}
