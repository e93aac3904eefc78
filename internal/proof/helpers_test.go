package proof

import (
	"io"
	"log"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// newClient makes a client that signs with the simulator's key.
func newClient(tb testing.TB, endpoint string, options ...computeunit.Option) *computeunit.Client {
	tb.Helper()
	client, err := computeunit.NewClient(
		computeunit.StaticCredentials(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey),
		append([]computeunit.Option{computeunit.WithEndpoint(endpoint)}, options...)...)
	require.NoError(tb, err)
	return client
}

// through sends by a transport of the caller's own.
func through(transport http.RoundTripper) computeunit.Option {
	return computeunit.WithHTTPClient(&http.Client{Transport: transport})
}

// prepaidFor is the documented example for another service.
func prepaidFor(serviceID string) computeunit.PurchaseComputeUnitRequest {
	return computeunit.PurchaseComputeUnitRequest{ServiceID: serviceID, Billing: computeunit.Prepaid(5), ReplicasCount: 5}
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
