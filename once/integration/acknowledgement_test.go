package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

var errCut = errors.New("the connection was cut")

// cutting is a driver's connector of which each connection asks, before and after a statement that writes, whether to
// fail instead: not applied, or applied with the acknowledgement lost.
type cutting struct {
	driver          driver.Driver
	dsn             string
	before, after   func() error
	queries, writes atomic.Int64
}

func (c *cutting) Driver() driver.Driver { return c.driver }

func (c *cutting) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	return &cuttingConn{conn, c}, err
}

type cuttingConn struct {
	driver.Conn
	*cutting
}

func (c *cuttingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.queries.Add(1)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

// Prepare is that of drivers that ask for it, because they do not put arguments into the text.
func (c *cuttingConn) Prepare(query string) (driver.Stmt, error) {
	stmt, err := c.Conn.Prepare(query)
	if err != nil || !strings.HasPrefix(query, "INSERT") && !strings.HasPrefix(query, "UPDATE") {
		return stmt, err
	}
	return &cuttingStmt{stmt, c.cutting}, nil
}

type cuttingStmt struct {
	driver.Stmt
	*cutting
}

func (s *cuttingStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.writes.Add(1)
	if err := s.before(); err != nil {
		return nil, err
	}
	result, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	if cut := s.after(); err == nil && cut != nil {
		return nil, cut
	}
	return result, err
}

// openCut is a store of the same table as the plain one, whose connections are cut as the two functions say.
func openCut(t *testing.T, d database) (cut *store.SQL, c *cutting, plain *store.SQL) {
	plain = newStore(t, d.open(t), d.dialect)
	pool, c := d.openWatched(t)
	cut, err := store.NewSQL(pool, d.dialect)
	require.NoError(t, err)
	return cut, c, plain
}

// openWatched is a pool of connections that are not cut yet, and that count statements.
func (d database) openWatched(t *testing.T) (*sql.DB, *cutting) {
	never := func() error { return nil }
	c := &cutting{driver: d.open(t).Driver(), dsn: d.dsn, before: never, after: never}
	pool := sql.OpenDB(c)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return pool, c
}

// times returns a function that fails n times.
func times(n int) func() error {
	return func() error {
		if n--; n >= 0 {
			return errCut
		}
		return nil
	}
}

func TestAWriteWhoseAcknowledgementIsLostIsDone(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		s, c, plain := openCut(t, d)
		c.after = times(1)
		done, err := s.Insert(t.Context(), record("k", "v1"))
		require.NoError(t, err)
		assert.True(t, done)
		c.after = times(1)
		done, err = s.Replace(t.Context(), "v1", record("k", "v2"))
		require.NoError(t, err)
		assert.True(t, done)
		got, _, err := plain.Read(t.Context(), "k")
		require.NoError(t, err)
		assert.Equal(t, "v2", got.Version)
	})
}

func TestAWriteThatDidNotArriveIsMadeAgain(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		s, c, _ := openCut(t, d)
		c.before, c.after = times(2), times(1)
		done, err := s.Insert(t.Context(), record("k", "v1"))
		require.NoError(t, err)
		assert.True(t, done)
		c.before, c.after = times(1), times(1)
		done, err = s.Replace(t.Context(), "v1", record("k", "v2"))
		require.NoError(t, err)
		assert.True(t, done)
	})
}

func TestAWriteThatNeverArrivesIsAnError(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		s, c, plain := openCut(t, d)
		c.before = func() error { return errCut }
		done, err := s.Insert(t.Context(), record("k", "v1"))
		require.ErrorIs(t, err, errCut)
		assert.False(t, done)
		_, found, err := plain.Read(t.Context(), "k")
		require.NoError(t, err)
		assert.False(t, found)
	})
}

func TestAfterALostAcknowledgementAnotherWriterWins(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		s, c, plain := openCut(t, d)
		overwrite := func(version string) func() error {
			return func() error {
				done, err := plain.Replace(t.Context(), version, record("k", "over "+version))
				require.NoError(t, err)
				require.True(t, done)
				return errCut
			}
		}
		c.after = overwrite("v1")
		done, err := s.Insert(t.Context(), record("k", "v1"))
		require.NoError(t, err)
		assert.False(t, done)
		c.after = overwrite("v2")
		done, err = s.Replace(t.Context(), "over v1", record("k", "v2"))
		require.NoError(t, err)
		assert.False(t, done)
	})
}

func TestAnErrorIsExplainedByWhatIsTaken(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		s, c, plain := openCut(t, d)
		owner := record("owner", "v1")
		owner.OpenService, owner.InstanceID = "svc", "i-1"
		for _, r := range []store.Record{owner, record("k", "v1")} {
			done, err := plain.Insert(t.Context(), r)
			require.NoError(t, err)
			require.True(t, done)
		}
		c.before = func() error { return errCut }
		service, instance := record("k", "v2"), record("k", "v2")
		service.OpenService, instance.InstanceID = "svc", "i-1"
		for _, r := range []store.Record{service, instance, record("owner", "v2")} {
			done, err := s.Insert(t.Context(), r)
			require.NoError(t, err)
			assert.False(t, done)
		}
		for _, r := range []store.Record{service, instance} {
			done, err := s.Replace(t.Context(), "v1", r)
			require.NoError(t, err)
			assert.False(t, done)
		}
		done, err := s.Replace(t.Context(), "v0", record("k", "v2"))
		require.NoError(t, err)
		assert.False(t, done)
		done, err = s.Replace(t.Context(), "v1", record("k", "v2"))
		require.ErrorIs(t, err, errCut, "nothing is in its way")
		assert.False(t, done)
	})
}
