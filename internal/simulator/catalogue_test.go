package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// The client is asked for each outcome, and the ledger for each order: both are to agree with what a fault says of itself.
func TestEachFaultHasItsOutcomeAndItsOrder(t *testing.T) {
	var redirected atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { redirected.Add(1) }))
	t.Cleanup(elsewhere.Close)
	catalogue := simulator.Catalogue(elsewhere.URL, 0)
	require.Greater(t, len(catalogue), 300)
	for _, entry := range catalogue {
		s := serve(t, simulator.Config{Fault: func(simulator.Request) simulator.Fault { return entry.Fault }})
		name := entry.Name[:min(len(entry.Name), 200)]
		timeout := 10 * time.Second
		if entry.Delay > time.Hour {
			timeout = 100 * time.Millisecond
		}
		err := s.buy(s.client(computeunit.WithTimeout(timeout)), "svco-1")
		assert.Equal(t, entry.Truth, outcome(err), "%s: %v", name, err)
		assert.Equal(t, entry.Ordered(), len(s.Orders()) == 1, name)
		assert.LessOrEqual(t, len(s.Orders()), 1, name)
	}
	assert.Zero(t, redirected.Load())
}

// A name is what a failure of a campaign shows: it has to find the fault again.
func TestEachFaultHasAStableNameOfItsOwn(t *testing.T) {
	first, second := simulator.Catalogue("http://127.0.0.1:1/", 0), simulator.Catalogue("http://127.0.0.1:1/", 0)
	assert.Equal(t, first, second)
	named := map[string]simulator.Truth{}
	for _, entry := range first {
		assert.Empty(t, named[entry.Name], entry.Name)
		named[entry.Name] = entry.Truth
		assert.NoError(t, entry.Valid(), entry.Name)
		assert.Equal(t, entry.When == simulator.AfterOrder, strings.HasSuffix(entry.Name, "/after"), entry.Name)
	}
	for name, truth := range named {
		if name, before := strings.CutSuffix(name, "/before"); before && truth == simulator.MustNotKnow {
			assert.Equal(t, truth, named[name+"/after"], "met with and without an order: %s", name)
		}
	}
}
