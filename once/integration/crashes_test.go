package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
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
		d := sqliteFile(t, "journal_mode(wal)", "synchronous(full)", "busy_timeout(60000)")
		newStore(t, d.open(t), d.dialect)
		return func(p *proof.Process) once.Journal {
			pool := sql.OpenDB(&stepping{p, d.open(t).Driver(), d.dsn})
			t.Cleanup(func() { require.NoError(t, pool.Close()) })
			journal, err := once.SQL(pool, once.SQLite)
			require.NoError(t, err)
			return journal
		}
	})
}

// stepping is a driver's connector of which each statement is a step of a process.
type stepping struct {
	process *proof.Process
	driver  driver.Driver
	dsn     string
}

func (s *stepping) Driver() driver.Driver { return s.driver }

func (s *stepping) Connect(context.Context) (driver.Conn, error) {
	conn, err := s.driver.Open(s.dsn)
	return &steppingConn{conn, s.process}, err
}

type steppingConn struct {
	driver.Conn
	process *proof.Process
}

func (c *steppingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.process.Journal(ctx, func(ctx context.Context) (err error) {
		rows, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
		return err
	})
	if err != nil && rows != nil {
		_ = rows.Close()
		rows = nil
	}
	return rows, err
}

func (c *steppingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	err = c.process.Journal(ctx, func(ctx context.Context) (err error) {
		result, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
		return err
	})
	return result, err
}
