package main

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/examples/internal/stage"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

var (
	lost   = simulator.Fault{Kind: simulator.Reset, When: simulator.AfterOrder}
	vain   = simulator.Fault{Kind: simulator.Reset, When: simulator.BeforeOrder}
	denied = simulator.Fault{Kind: simulator.ErrorAnswer, Status: http.StatusForbidden, Code: "AccessDenied"}
)

// Whatever goes wrong on the way, the caller must still be told what became of the money.
func TestBuyOnceKeepsTheOutcome(t *testing.T) {
	for _, row := range []struct {
		name     string
		purchase simulator.Fault
		reads    []simulator.Fault // one for each listing
		outcome  error             // nil: bought
		orders   int
		named    bool // the instance
	}{
		{"cannot list before", simulator.Fault{}, []simulator.Fault{denied}, computeunit.ErrNotPurchased, 0, false},
		{"refused", denied, nil, computeunit.ErrNotPurchased, 0, false},
		{"unknown, and nothing to find", vain, nil, computeunit.ErrOutcomeUnknown, 0, false},
		{"unknown, and cannot list after", lost, []simulator.Fault{{}, denied}, computeunit.ErrOutcomeUnknown, 1, false},
		{"bought, and cannot list after", simulator.Fault{}, []simulator.Fault{{}, denied}, nil, 1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			sim := simulator.New(simulator.Config{})
			client, stop, err := stage.Simulate(sim)
			require.NoError(t, err)
			defer stop()
			sim.Inject(row.purchase)
			sim.InjectRead(row.reads...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()

			instanceID, err := BuyOnce(ctx, client, computeunit.PurchaseComputeUnitRequest{
				ServiceID: "svco-1", Billing: computeunit.Prepaid(1), ReplicasCount: 1,
			})
			require.Error(t, err)
			for _, outcome := range []error{computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown} {
				assert.Equal(t, outcome == row.outcome, errors.Is(err, outcome), "%v: %v", outcome, err)
			}
			assert.Len(t, sim.Orders(), row.orders)
			assert.Equal(t, row.named, instanceID != "")
		})
	}
}
