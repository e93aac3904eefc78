package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

// TestCrashes is the search of the root module, with each statement to a real database as a step: a process is stopped or
// cancelled at each of them, and the one that goes on after it, too.
func TestCrashes(t *testing.T) {
	proof.Crashes(t, nil, func(t *testing.T) func(*proof.Process) once.Journal {
		d := sqliteFile(t, durable...)
		d.journalIn(t, d.open(t))
		return func(p *proof.Process) once.Journal {
			journal, err := once.SQL(d.watch(t, p.Statement), once.SQLite)
			require.NoError(t, err)
			return journal
		}
	})
}

// around does a statement, or not.
type around func(ctx context.Context, statement func(context.Context) error) error

// watched is a driver's connector of which around does each statement.
type watched struct {
	database
	driver driver.Driver
	around around
}

// watch is a pool of such connections.
func (d database) watch(t *testing.T, around around) *sql.DB {
	pool := sql.OpenDB(&watched{d, d.open(t).Driver(), around})
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return pool
}

func (w *watched) Driver() driver.Driver { return w.driver }

func (w *watched) Connect(context.Context) (driver.Conn, error) {
	conn, err := w.driver.Open(w.dsn)
	return &watchedConn{conn, w.around}, err
}

type watchedConn struct {
	driver.Conn
	around around
}

// bubbled has a statement read the bubble's clock: SQLite has the machine's.
func bubbled(statement string) string {
	now := strconv.FormatFloat(2440587.5+float64(time.Now().UnixMilli())/86_400_000, 'f', 9, 64)
	return strings.ReplaceAll(statement, "julianday('now')", now)
}

func (c *watchedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.around(ctx, func(ctx context.Context) (err error) {
		rows, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, bubbled(query), args)
		return err
	})
	if err != nil && rows != nil {
		_ = rows.Close()
		rows = nil
	}
	return rows, err
}

func (c *watchedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	err = c.around(ctx, func(ctx context.Context) (err error) {
		result, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, bubbled(query), args)
		return err
	})
	return result, err
}
