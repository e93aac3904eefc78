package simulator

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDocumentedExample(t *testing.T) {
	s := New(withClock(Config{}))
	got := buy(s, exampleBody)
	require.Equal(t, http.StatusOK, got.Status, got.Body)

	assert.Equal(t, got.RequestID, got.Header.Get("x-bce-request-id"))
	assert.Equal(t, "Sun, 22 Nov 2026 08:00:00 GMT", got.Header.Get("Date"))
	assert.JSONEq(t, `{"requestId":"`+got.RequestID+`","result":{"instanceId":"`+got.Result.InstanceID+
		`","orderId":"`+got.Result.OrderID+`"}}`, got.Body)
	want := Order{
		OrderID: got.Result.OrderID, InstanceID: got.Result.InstanceID, RequestID: got.RequestID,
		AccessKeyID: DefaultAccessKeyID, ServiceID: "svco-48esssdpa594", PaymentTiming: Prepaid,
		ReplicasCount: 5, Months: 5, CreatedAt: testTime, Price: 25 * PricePerReplicaMonth,
	}
	assert.Equal(t, []Order{want}, s.Orders())
	assert.Equal(t, 1, s.Requests())
	assert.Equal(t, DefaultStock-5, s.Stock())
	assert.Equal(t, DefaultBalance-want.Price, s.Balance())
}

func TestBodyCannotBeRead(t *testing.T) {
	s := New(withClock(Config{}))
	r := defaultCaller().request(purchasePath, "")
	r.Body = io.NopCloser(brokenReader{})
	assert.Equal(t, "InvalidHTTPRequest", serve(s, r).Code)

	got := buy(s, exampleBody+strings.Repeat(" ", maxBody))
	assert.Equal(t, "InvalidHTTPRequest", got.Code)
	assert.Equal(t, http.StatusBadRequest, got.Status)
	assert.Empty(t, s.Orders())
}

func TestConcurrentUse(t *testing.T) {
	const buyers, each = 8, 20
	s := New(withClock(Config{Stock: buyers * each * 2}))
	var group sync.WaitGroup
	for range buyers {
		group.Go(func() {
			for range each {
				buy(s, postpaidBody)
				list(s, `{"serviceId":"svco-1"}`)
				s.Orders()
			}
		})
	}
	group.Wait()
	assert.Len(t, s.Orders(), buyers*each)
	assert.Zero(t, s.Stock())
	assert.Equal(t, 2*buyers*each, s.Requests())
	assert.Equal(t, CodeOutOfStock, buy(s, postpaidBody).Code)
}

func BenchmarkPurchase(b *testing.B) {
	s := New(withClock(Config{}))
	r := defaultCaller().request(purchasePath, exampleBody)
	for b.Loop() {
		r.Body = io.NopCloser(strings.NewReader(exampleBody))
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
}
