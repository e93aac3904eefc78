package computeunittest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestAnAnswerIsAsDocumented(t *testing.T) {
	r, server := captured(t, "go-purchase-1.http", 0)
	r.Header.Set("X-Bce-Request-Id", "of-the-client")
	response, body, err := try(server, r)
	require.NoError(t, err)
	order := server.Orders()[0]
	assert.Equal(t, "of-the-client", order.ClientRequestID)
	assert.JSONEq(t, `{"requestId":"`+order.RequestID+`","result":{"instanceId":"`+order.InstanceID+`","orderId":"`+order.OrderID+`"}}`, string(body))
	assert.Equal(t, order.RequestID, response.Header.Get("X-Bce-Request-Id"))
	assert.Equal(t, order.CreatedAt.Format(http.TimeFormat), response.Header.Get("Date"))
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
}

func TestAnAnswerInItsPlaceHasTheIDsOfTheRequest(t *testing.T) {
	r, server := captured(t, "go-purchase-1.http", 0)
	server.NextPurchases(computeunittest.Answer(202, "{requestId} {instanceId} {orderId}").AfterOrder())
	response, body, err := try(server, r)
	require.NoError(t, err)
	order := server.Orders()[0]
	assert.Equal(t, 202, response.StatusCode)
	assert.Equal(t, order.RequestID+" "+order.InstanceID+" "+order.OrderID, string(body))
}

func TestADelayEndsWithItsTimeOrItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(t)
		server.NextPurchases(computeunittest.Delay(time.Minute), computeunittest.LoseRequest().Delayed(time.Minute), computeunittest.Delay(time.Hour))
		client, began := server.Client(computeunit.WithTimeout(2*time.Minute)), time.Now()
		for i, want := range []string{"bought", "unknown", "unknown"} {
			assert.Equal(t, want, buy(client), i)
		}
		assert.Equal(t, 4*time.Minute, time.Since(began))
		assert.Len(t, server.Orders(), 2)
	})
}
