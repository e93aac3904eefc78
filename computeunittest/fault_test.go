package computeunittest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

const (
	denied = `{"requestId":"{requestId}","code":"AccessDenied","message":"Access denied."}`
	ids    = `{"requestId":"{requestId}","result":{"instanceId":"{instanceId}","orderId":"{orderId}"}}`
)

// The rows of docs/outcomes.md that the service decides, and what was reported of it and of what stands before it.
func TestEachFaultHasItsOutcome(t *testing.T) {
	unknown := computeunit.ErrOutcomeUnknown
	for name, test := range map[string]struct {
		fault  computeunittest.Fault
		want   error // nil: bought
		orders int
	}{
		"none":                       {computeunittest.Fault{}, nil, 1},
		"late":                       {computeunittest.Delay(1), nil, 1},
		"lost request":               {computeunittest.LoseRequest(), unknown, 0},
		"lost answer":                {computeunittest.LoseAnswer(), unknown, 1},
		"lost answer, late":          {computeunittest.LoseAnswer().Delayed(1), unknown, 1},
		"denied":                     {computeunittest.Denied(), computeunit.ErrAccessDenied, 0},
		"expired":                    {computeunittest.Expired(), computeunit.ErrRequestExpired, 0},
		"throttled":                  {computeunittest.Throttled(0), computeunit.ErrThrottled, 0},
		"no stock":                   {computeunittest.OutOfStock(), computeunit.ErrNotPurchased, 0},
		"no balance":                 {computeunittest.OutOfBalance(), computeunit.ErrNotPurchased, 0},
		"refused by a gateway":       {computeunittest.Answer(403, "<html>"), computeunit.ErrNotPurchased, 0},
		"redirected":                 {computeunittest.Answer(308, ""), computeunit.ErrNotPurchased, 0},
		"refused in a 200":           {computeunittest.Answer(200, denied), computeunit.ErrAccessDenied, 0},
		"an unknown code in a 200":   {computeunittest.Answer(200, `{"code":"NoStock"}`).AfterOrder(), unknown, 1},
		"a rate limit in a 200":      {computeunittest.Answer(200, `{"code":336501,"msg":"Rate limit reached for RPM"}`), unknown, 0},
		"the API's limit in a 200":   {computeunittest.Answer(200, `{"error_code":18,"error_msg":"Open api qps request limit reached"}`), unknown, 0},
		"a failure inside a refusal": {computeunittest.Answer(403, `{"code":"InternalError"}`).AfterOrder(), unknown, 1},
		"no body":                    {computeunittest.Answer(200, "").AfterOrder(), unknown, 1},
		"a proxy's page":             {computeunittest.Answer(200, "<html>"), unknown, 0},
		"half of a body":             {computeunittest.Answer(200, ids[:40]).AfterOrder(), unknown, 1},
		"a protocol":                 {computeunittest.Answer(101, "").AfterOrder(), unknown, 1},
		"a conflict":                 {computeunittest.Answer(409, denied).AfterOrder(), unknown, 1},
		"a failure":                  {computeunittest.Answer(599, denied).AfterOrder(), unknown, 1},
		"a failure after an order":   {computeunittest.Answer(502, "<html>").AfterOrder(), unknown, 1},
		"an order":                   {computeunittest.Answer(202, ids).AfterOrder(), nil, 1},
		"an order that is not there": {computeunittest.Answer(200, ids), nil, 0},
	} {
		server := newServer(t, computeunittest.WithPurchaseFaults(func(computeunittest.Purchase) computeunittest.Fault { return test.fault }))
		_, err := server.Client().PurchaseComputeUnit(t.Context(), fiveMonths)
		assert.ErrorIs(t, err, test.want, name)
		assert.Len(t, server.Orders(), test.orders, name)
	}
}

func TestAFaultThatCannotBeIsRefused(t *testing.T) {
	for name, fault := range map[string]computeunittest.Fault{
		"denied":             computeunittest.Denied().AfterOrder(),
		"expired":            computeunittest.Expired().AfterOrder(),
		"throttled":          computeunittest.Throttled(0).AfterOrder(),
		"no stock":           computeunittest.OutOfStock().AfterOrder(),
		"no balance":         computeunittest.OutOfBalance().AfterOrder(),
		"a 403":              computeunittest.Answer(403, "").AfterOrder(),
		"a 403 with an id":   computeunittest.Answer(403, "{requestId}: no").AfterOrder(),
		"a redirect":         computeunittest.Answer(307, "").AfterOrder(),
		"a refusal in a 200": computeunittest.Answer(200, denied).AfterOrder(),
		"no status":          computeunittest.Answer(0, ""),
		"status 199":         computeunittest.Answer(199, ""),
		"status 600":         computeunittest.Answer(600, ""),
		"a negative delay":   computeunittest.Delay(-1),
	} {
		assert.Error(t, fault.Valid(), name)
		server := newServer(t,
			computeunittest.WithPurchaseFaults(func(computeunittest.Purchase) computeunittest.Fault { return fault }),
			computeunittest.WithListingFaults(func(computeunittest.Listing) computeunittest.Fault { return computeunittest.Answer(1, "") }))
		assert.Panics(t, func() { server.NextPurchases(fault) }, name)
		assert.Panics(t, func() { server.NextListings(fault) }, name)
		assert.Panics(t, func() { server.NextReleases(fault) }, name)
		for action, body := range map[string]string{buying: postpaid, listing: `{"serviceId":"svco-1"}`} {
			refusal := call(t, server, action, body)
			assert.Equal(t, 500, refusal.StatusCode, name)
			assert.Equal(t, "SimulatorInvalidFault", refusal.Code, name)
		}
		assert.Empty(t, server.Orders(), name)
	}
}
