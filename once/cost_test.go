package once_test

import (
	"flag"
	"testing"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
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
}
