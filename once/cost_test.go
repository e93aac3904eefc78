package once_test

import (
	"flag"
	"strconv"
	"testing"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
	"github.com/stretchr/testify/require"
)

var cost = flag.Bool("cost", false, "TestCost: measure what a purchase costs, as ratios")

// What a Buy costs if nothing goes wrong. docs/once-design.md reckons capacity from it.
func TestAPurchaseIsFourStatementsAListingAndTheRequest(t *testing.T) {
	inBench(t, func(b *bench) {
		b.bought("a") // the endpoint is known then
		steps := map[proof.Kind]int{}
		b.directs(func(kind proof.Kind) proof.Fate { steps[kind]++; return proof.Go })
		b.bought("b")
		b.Equal(map[proof.Kind]int{proof.Journal: 4, proof.List: 1, proof.Request: 1, proof.Received: 1}, steps,
			"the key is read, and claimed, sending and bought are written")
	})
}

// On InMemory what a Buy costs more than its two requests is what package once computes: there is no database.
func TestCostInMemory(t *testing.T) {
	if !*cost {
		t.Skip("without -cost")
	}
	proof.NewShop(t, once.InMemory()).BesideByHand(t, "in memory", func(string, proof.Row) {})
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
