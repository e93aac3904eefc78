package once_test

import (
	"flag"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
	"github.com/qianfan-go/computeunit/once/internal/storetest"
)

var cost = flag.Bool("cost", false, "TestCost: measure what a purchase costs, as ratios")

// What a Buy costs its journal if nothing goes wrong. once/integration counts the same as statements.
func TestAPurchaseIsThreeWritesAndAListing(t *testing.T) {
	calls := map[string]int{}
	s := proof.NewShop(t, once.JournalOf(&storetest.Faulty{
		Store:  new(store.Memory),
		Before: func(method string) error { calls[method]++; return nil },
	}))
	clear(calls)
	requests := s.Service.Requests()
	s.Buy(t)
	assert.Equal(t, map[string]int{"Find": 1, "Put": 3}, calls, "claimed, sending, bought")
	assert.Equal(t, 2, s.Service.Requests()-requests, "a listing and the purchase")
}

// On InMemory what a Buy costs more than its two requests is what package once computes: there is no database.
func TestCostInMemory(t *testing.T) {
	if !*cost {
		t.Skip("without -cost")
	}
	none := func(proof.Row) {}
	proof.NewShop(t, once.InMemory()).BesideByHand(t, "in memory", none, none, none, none)
	filledMemory(t, 1_000_000).BesideFew(t, "in memory", filledMemory(t, 1_000))
}

// filledMemory is a shop whose journal has settled rows.
func filledMemory(t *testing.T, rows int) *proof.Shop {
	records := new(store.Memory)
	for n := range rows {
		done, err := records.Put(t.Context(), "", store.Record{
			Key: "key-" + strconv.Itoa(n), Version: "v", State: "bought", InstanceID: "settled-" + strconv.Itoa(n),
			Data: []byte(`{"format":1,"request":{"serviceId":"svco-x"}}`),
		})
		require.NoError(t, err)
		require.True(t, done)
	}
	return proof.NewShop(t, once.JournalOf(records))
}
