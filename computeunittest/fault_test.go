package computeunittest_test

import (
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
		server := newServer(t, computeunittest.WithPurchaseFaults(
			func(computeunittest.Purchase) computeunittest.Fault { return test.fault }))
		_, err := server.Client().PurchaseComputeUnit(t.Context(), fiveMonths)
		assert.ErrorIs(t, err, test.want, name)
		assert.Len(t, server.Orders(), test.orders, name)
	}
}

// A client releases again what may have been released, and so meets what the service says of a second time.
func TestAReleaseMeetsAFaultForEachRequestInTurn(t *testing.T) {
	for name, test := range map[string]struct {
		fault    computeunittest.Fault
		releases int
	}{
		"denied":      {computeunittest.Denied(), 0},
		"lost answer": {computeunittest.LoseAnswer(), 1},
		"failure":     {computeunittest.Answer(500, "").AfterOrder(), 1},
	} {
		server := newServer(t)
		client := server.Client()
		bought, err := client.PurchaseComputeUnit(t.Context(), computeunit.PurchaseComputeUnitRequest{
			ServiceID: "svco-1", Billing: computeunit.Postpaid(), ReplicasCount: 1,
		})
		require.NoError(t, err)
		server.NextReleases(test.fault)
		assert.Error(t, client.ReleaseComputeUnit(t.Context(), computeunit.ReleaseComputeUnitRequest{
			ServiceID: "svco-1", InstanceID: bought.Result.InstanceID,
		}), name)
		assert.Len(t, server.Releases(), test.releases, name)
	}
}

func TestAFaultThatCannotBePanics(t *testing.T) {
	server := newServer(t)
	for name, fault := range map[string]computeunittest.Fault{
		"denied after":    computeunittest.Denied().AfterOrder(),
		"throttled after": computeunittest.Throttled(0).AfterOrder(),
		"expired after":   computeunittest.Expired().AfterOrder(),
		"stock after":     computeunittest.OutOfStock().AfterOrder(),
		"balance after":   computeunittest.OutOfBalance().AfterOrder(),
		"403 after":       computeunittest.Answer(403, "").AfterOrder(),
		"no status":       computeunittest.Answer(0, ""),
		"negative delay":  computeunittest.Delay(-1),
	} {
		assert.Panics(t, func() { server.NextPurchases(fault) }, name)
		assert.Panics(t, func() { server.NextListings(fault) }, name)
		assert.Panics(t, func() { server.NextReleases(fault) }, name)
		assert.Error(t, fault.Valid(), name)
	}
	assert.NoError(t, computeunittest.Answer(403, `{"result":{"instanceId":"{instanceId}"}}`).AfterOrder().Valid(), "it denies nothing")
}
