package computeunittest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/computeunittest"
)

// What is invented says so.
func TestARefusalHasItsStatusItsCodeAndItsMessage(t *testing.T) {
	server := newServer(t)
	for code, test := range map[string]struct {
		fault   computeunittest.Fault
		status  int
		message string
	}{
		"AccessDenied":          {computeunittest.Denied(), 403, "Access denied."},
		"RequestExpired":        {computeunittest.Expired(), 400, "the signature has expired"},
		"SimulatorThrottled":    {computeunittest.Throttled(0), 429, "simulator: too many requests"},
		"SimulatorOutOfStock":   {computeunittest.OutOfStock(), 400, "simulator: out of stock"},
		"SimulatorOutOfBalance": {computeunittest.OutOfBalance(), 400, "simulator: the balance is too small"},
	} {
		server.NextPurchases(test.fault)
		refusal := call(t, server, buying, postpaid)
		assert.Equal(t, code, refusal.Code)
		assert.Equal(t, test.status, refusal.StatusCode, code)
		assert.Equal(t, test.message, refusal.Message, code)
		assert.NotEqual(t, "{requestId}", refusal.RequestID, code)
	}
	assert.Empty(t, server.Orders())
}
