package computeunit_test

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestAPurchaseHasEachIDThatTheServiceGave(t *testing.T) {
	for body, want := range map[string]computeunit.PurchaseResult{
		documentedAnswer: {InstanceID: "44961088fxxxx9e9379f5daf", OrderID: "7b468732xxxxxx8364292"},
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
		{`"requestId":"body",`, "header", "body"}, {`"requestId":17,`, "header", "17"}, {`"requestId":"",`, "header", "header"}, {``, "", ""},
	} {
		answer := func(status int, rest string) roundTripFunc {
			return answerWith(status, `{`+row.field+rest, "X-Bce-Request-Id", row.header)
		}
		transport := record(answer(200, `"result":{"orderId":"o"}}`), answer(400, `"code":"X"}`))
		client := newClient(t, transport)
		got, err := client.PurchaseComputeUnit(t.Context(), documentedRequest())
		require.NoError(t, err)
		failed := outcomeError(t, buy(t, client))
		var sent []string
		for _, request := range transport.requests() {
			sent = append(sent, request.Header.Get("X-Bce-Request-Id"))
		}
		assert.Equal(t, cmp.Or(row.want, sent[0]), got.RequestID)
		want := cmp.Or(row.want, sent[1])
		assert.Equal(t, []string{want, want, sent[1]}, []string{failed.RequestID, apiError(t, failed).RequestID, failed.ClientRequestID})
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
