package recipes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/recorder"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

// A listing is recorded from a stand-in, and replayed to a client that signs anew. The cassette has no signature.
func TestARecordedListingIsReplayed(t *testing.T) {
	server := computeunittest.NewServer()
	defer server.Close()
	name := filepath.Join(t.TempDir(), "listing")
	list := func(mode recorder.Option) (*computeunit.DescribeComputeUnitsResponse, error) {
		cassette, err := replayed(name, mode)
		require.NoError(t, err)
		defer func() { require.NoError(t, cassette.Stop()) }()
		client := server.Client(computeunit.WithHTTPClient(cassette.GetDefaultClient()))
		return client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-1"})
	}
	_, err := list(recorder.WithMode(recorder.ModeRecordOnly))
	require.NoError(t, err)
	requests := server.Requests()
	_, err = list(recorder.WithMode(recorder.ModeReplayOnly))
	require.NoError(t, err)
	assert.Equal(t, requests, server.Requests(), "nothing is sent in a replay")
	recorded, err := os.ReadFile(name + ".yaml")
	require.NoError(t, err)
	assert.NotContains(t, string(recorded), "bce-auth-v1")
}
