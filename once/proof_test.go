package once_test

import (
	"flag"
	"testing"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// inMemory is a journal of its own for each run of a search, which all processes of the run share.
func inMemory(*testing.T) func(*proof.Process) once.Journal {
	records := new(store.Memory)
	return func(p *proof.Process) once.Journal { return once.JournalOf(p.Store(records)) }
}

var everyPair = flag.Bool("pairs", false, "TestCrashes: every pair of faults, and not only those whose second is a crash")

// TestCrashes stops or cancels a purchase at each of its steps, and the process that goes on after it at each of its own.
func TestCrashes(t *testing.T) {
	second := []proof.Fate{proof.CrashAfter}
	if *everyPair {
		second = proof.Faults()
	}
	proof.Crashes(t, second, inMemory)
}
