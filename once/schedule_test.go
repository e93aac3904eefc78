package once_test

import (
	"flag"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/once/internal/proof"
)

var (
	seeds     = flag.Uint64("schedule", 2000, "TestSchedule: how many seeds")
	firstSeed = flag.Uint64("seed", 1, "TestSchedule: the first seed; with -schedule=1, the one to replay")
)

// TestSchedule runs seeds. A seed that breaks a promise is printed, and replayed with -schedule=1 -seed=N -v.
func TestSchedule(t *testing.T) {
	counters := map[string]int{}
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		world, log := proof.Schedule(t, seed, inMemory(t), *seeds == 1)
		for name, n := range world.Counts() {
			counters[name] += n
		}
		if violations := world.Violations(); len(violations) > 0 {
			t.Fatalf("seed %d: %q\n%s", seed, violations, log)
		}
		if *seeds == 1 {
			t.Log(log)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		t.Logf("%-36s %d", name, counters[name])
	}
	if *seeds >= 1000 {
		for _, name := range []string{"bought", "not purchased", "unknown", "blocked", "too early", "pauses", "cancellations",
			"refused by the fence", "served late", "landed late", "the journal was away", "ended in the background",
			"resolved not purchased", "closed before anything was sent", "settled by a listing",
			"answers after a listing or a person", "listed instances of other keys", "answered after the caller had left",
			"given an instance from outside", "overlooked an order", "not believed", "an order while a person was speaking"} {
			assert.Positive(t, counters[name], name)
		}
	}
	if *seeds >= 20_000 { // one in some thousands
		assert.Positive(t, counters["opened again"])
	}
}
