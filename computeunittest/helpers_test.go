package computeunittest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

// newServer starts a server that ends with the test.
func newServer(t *testing.T, options ...computeunittest.Option) *computeunittest.Server {
	t.Helper()
	server := computeunittest.NewServer(options...)
	t.Cleanup(server.Close)
	return server
}

// list is what the service of fiveMonths has.
func list(t *testing.T, client *computeunit.Client) []computeunit.Instance {
	t.Helper()
	listing, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: fiveMonths.ServiceID})
	require.NoError(t, err)
	return listing.Result.Instances
}
