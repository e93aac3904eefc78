package integration

import (
	"context"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

var everyPair = flag.Bool("pairs", false, "TestCrashes: every pair of faults, and not only one of them")

// TestCrashes is the search of the root module, with each statement to a real database as a step: a process is stopped or
// cancelled at each of them, and the one that goes on after it, too.
func TestCrashes(t *testing.T) {
	var second []proof.Fate
	if *everyPair {
		second = proof.Faults()
	}
	proof.Crashes(t, second, func(t *testing.T) func(*proof.Process) once.Journal {
		d := sqliteFile(t, durable...)
		d.journalIn(t, d.open(t))
		return func(p *proof.Process) once.Journal {
			pool := d.watch(t, func(ctx context.Context, _ string, do func(context.Context) error) error { return p.Statement(ctx, do) })
			journal, err := once.SQL(pool, once.SQLite)
			require.NoError(t, err)
			return journal
		}
	})
}
