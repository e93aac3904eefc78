package computeunittest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

func TestEachFaultHasItsOutcome(t *testing.T) {
	const denied = `{"requestId":"{requestId}","code":"AccessDenied","message":"Access denied."}`
	for name, test := range map[string]struct {
		fault  computeunittest.Fault
		want   error // nil: bought
		orders int
	}{
		"none":              {computeunittest.Fault{}, nil, 1},
		"a little late":     {computeunittest.Delay(time.Nanosecond), nil, 1},
		"lost request":      {computeunittest.LoseRequest(), computeunit.ErrOutcomeUnknown, 0},
		"lost answer":       {computeunittest.LoseAnswer(), computeunit.ErrOutcomeUnknown, 1},
		"lost late":         {computeunittest.LoseAnswer().Delayed(time.Nanosecond), computeunit.ErrOutcomeUnknown, 1},
		"denied":            {computeunittest.Denied(), computeunit.ErrAccessDenied, 0},
		"denied, as is":     {computeunittest.Answer(403, denied), computeunit.ErrAccessDenied, 0},
		"expired":           {computeunittest.Expired(), computeunit.ErrRequestExpired, 0},
		"throttled":         {computeunittest.Throttled(0), computeunit.ErrThrottled, 0},
		"stock":             {computeunittest.OutOfStock(), computeunit.ErrNotPurchased, 0},
		"balance":           {computeunittest.OutOfBalance(), computeunit.ErrNotPurchased, 0},
		"failure":           {computeunittest.Answer(500, ""), computeunit.ErrOutcomeUnknown, 0},
		"failure of order":  {computeunittest.Answer(502, "<html>").AfterOrder(), computeunit.ErrOutcomeUnknown, 1},
		"answer of order":   {computeunittest.Answer(200, `{"result":{"instanceId":"{instanceId}"}}`).AfterOrder(), nil, 1},
		"answer of nothing": {computeunittest.Answer(200, `{"result":{"instanceId":"i-1"}}`), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, computeunittest.WithPurchaseFaults(
				func(computeunittest.Purchase) computeunittest.Fault { return test.fault }))
			_, err := server.Client().PurchaseComputeUnit(t.Context(), fiveMonths)
			assert.ErrorIs(t, err, test.want)
			assert.Len(t, server.Orders(), test.orders)
		})
	}
}

func TestTheAnswerOfAnOrderNamesIt(t *testing.T) {
	server := newServer(t)
	server.NextPurchases(computeunittest.Answer(201,
		`{"requestId":"{requestId}","result":{"instanceId":"{instanceId}","orderId":"{orderId}"}}`).AfterOrder())
	bought, err := server.Client().PurchaseComputeUnit(t.Context(), fiveMonths)
	require.NoError(t, err)
	order := server.Orders()[0]
	assert.Equal(t, []string{order.RequestID, order.InstanceID, order.OrderID},
		[]string{bought.RequestID, bought.Result.InstanceID, bought.Result.OrderID})
}

func TestAFaultForEachRequestInTurn(t *testing.T) {
	server := newServer(t)
	client := server.Client(computeunit.WithMaxAttempts(1))
	server.NextPurchases(computeunittest.Denied(), computeunittest.Fault{}, computeunittest.LoseAnswer())
	assert.Equal(t, []string{"not purchased", "bought", "unknown", "bought"}, []string{buy(client), buy(client), buy(client), buy(client)})

	server.NextListings(computeunittest.Denied(), computeunittest.Fault{})
	_, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: fiveMonths.ServiceID})
	assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
	assert.Len(t, list(t, client), 3)
}

func TestAFaultThatCannotBePanics(t *testing.T) {
	server := newServer(t)
	for name, fault := range map[string]computeunittest.Fault{
		"denied after":    computeunittest.Denied().AfterOrder(),
		"throttled after": computeunittest.Throttled(0).AfterOrder(),
		"expired after":   computeunittest.Expired().AfterOrder(),
		"stock after":     computeunittest.OutOfStock().AfterOrder(),
		"403 after":       computeunittest.Answer(403, "").AfterOrder(),
		"no status":       computeunittest.Answer(0, ""),
		"status 600":      computeunittest.Answer(600, ""),
		"negative delay":  computeunittest.Delay(-1),
	} {
		assert.Panics(t, func() { server.NextPurchases(fault) }, name)
		assert.Error(t, fault.Valid(), name)
	}
	assert.NoError(t, computeunittest.Answer(403, `{"result":{"instanceId":"{instanceId}"}}`).AfterOrder().Valid(), "it denies nothing")
	assert.Panics(t, func() { server.NextListings(computeunittest.Answer(99, "")) })
}

func TestThrottledNamesItsWait(t *testing.T) {
	server := newServer(t)
	server.NextPurchases(computeunittest.Throttled(90 * time.Second))
	client := server.Client(computeunit.WithHTTPClient(&http.Client{Transport: retryAfter(func(value string) {
		assert.Equal(t, "90", value)
	})}), computeunit.WithMaxAttempts(1))
	assert.Equal(t, "not purchased", buy(client))
}

// retryAfter shows the header of each answer.
type retryAfter func(value string)

func (show retryAfter) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		show(response.Header.Get("Retry-After"))
	}
	return response, err
}
