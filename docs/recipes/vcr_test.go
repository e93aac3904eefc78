package recipes_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
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
		tape, err := replayed(name, mode)
		require.NoError(t, err)
		defer func() { require.NoError(t, tape.Stop()) }()
		client := server.Client(computeunit.WithHTTPClient(tape.GetDefaultClient()))
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

func replayed(name string, mode recorder.Option) (*recorder.Recorder, error) {
	differs := []string{"Authorization", "X-Bce-Date", "X-Bce-Request-Id", "X-Bce-Security-Token", "User-Agent"}
	return recorder.New(name, mode,
		recorder.WithMatcher(cassette.NewDefaultMatcher(cassette.WithIgnoreHeaders(differs...))),
		recorder.WithHook(func(i *cassette.Interaction) error {
			for _, header := range differs {
				http.Header(i.Request.Headers).Del(header) // no signature in a file
			}
			return nil
		}, recorder.BeforeSaveHook))
}
