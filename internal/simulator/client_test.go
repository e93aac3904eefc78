package simulator_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// Each truth of the catalogue is what the client comes to that this repository is about.
func TestCatalogueTruthsAreTheClients(t *testing.T) {
	for _, entry := range simulator.Catalogue("http://127.0.0.1:1/", 0) {
		t.Run(entry.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			sim := simulator.New(simulator.Config{Fault: func(simulator.Purchase) simulator.Fault {
				if entry.Kind == simulator.SlowHeaders || entry.Kind == simulator.SlowBody {
					cancel() // the patience of this caller
				}
				return entry.Fault
			}})
			server := httptest.NewUnstartedServer(sim)
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Start()
			defer server.Close()
			client, err := computeunit.NewClient(
				computeunit.StaticCredentials(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey),
				computeunit.WithEndpoint(server.URL))
			require.NoError(t, err)
			defer client.CloseIdleConnections()

			bought, err := client.PurchaseComputeUnit(ctx, computeunit.PurchaseComputeUnitRequest{
				ServiceID: "svco-1", Billing: computeunit.Prepaid(1), ReplicasCount: 1,
			})
			assert.Equal(t, entry.Truth, truthOf(err), "%v", err)
			if err == nil {
				order := sim.Orders()[0]
				assert.Contains(t, []string{order.InstanceID, ""}, bought.Result.InstanceID)
				assert.Contains(t, []string{order.OrderID, ""}, bought.Result.OrderID)
			}
			server.Close()
			if entry.Truth != simulator.MustBuy {
				assert.Len(t, sim.Orders(), int(entry.When))
			}
		})
	}
}

func truthOf(err error) simulator.Truth {
	switch {
	case err == nil:
		return simulator.MustBuy
	case errors.Is(err, computeunit.ErrNotPurchased):
		return simulator.MustRefuse
	default:
		return simulator.MustNotKnow
	}
}
