package computeunit_test

import (
	"cmp"
	"fmt"
	"net/http"
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
		var sent string
		answer := func(status int, rest string) roundTripFunc {
			return func(req *http.Request) (*http.Response, error) {
				sent = req.Header.Get("X-Bce-Request-Id")
				return answerWith(status, `{`+row.field+rest, "X-Bce-Request-Id", row.header)(req)
			}
		}
		got, err := newClient(t, answer(200, `"result":{"orderId":"o"}}`)).PurchaseComputeUnit(t.Context(), documentedRequest())
		require.NoError(t, err)
		assert.Equal(t, cmp.Or(row.want, sent), got.RequestID)
		failed := outcomeError(t, buy(t, newClient(t, answer(400, `"code":"X"}`))))
		want := cmp.Or(row.want, sent)
		assert.Equal(t, []string{want, want, sent}, []string{failed.RequestID, apiError(t, failed).RequestID, failed.ClientRequestID})
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
