package once_test

import (
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

// TestCrashes stops or cancels a purchase at each of its steps, and the process that goes on after it at each of its own.
func TestCrashes(t *testing.T) {
	proof.Crashes(t, []proof.Fate{proof.CrashAfter}, inMemory)
}
