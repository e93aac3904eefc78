package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// database stands in for a database and its driver: what SQL does with an answer is tested here, and what real databases
// answer in once/integration.
type database struct {
	dialect dialect

	lines    func() []string // describes the table; nil: it is as the schema creates it
	exec     func(statement string, arguments []driver.NamedValue) (rows int64, err error)
	kept     *Record // what each read finds
	silent   bool    // a read returns no row at all
	unfresh  bool    // the first setting of fresh does not hold
	forgets  bool    // the first setting of durable does not hold
	executed []string
	queried  []string
}

var errDatabase = errors.New("the database says no")

// newSQL is a store in a stand-in, which writes one row unless the test says otherwise.
func newSQL(t *testing.T, d *database, name string) *SQL {
	db := sql.OpenDB(d)
	t.Cleanup(func() { db.Close() })
	s, err := NewSQL(db, name)
	require.NoError(t, err)
	d.dialect = s.dialect
	return s
}

func (d *database) Connect(context.Context) (driver.Conn, error) { return connection{d}, nil }
func (d *database) Driver() driver.Driver                        { return nil }

type connection struct{ *database }

func (c connection) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (c connection) Close() error                        { return nil }
func (c connection) Begin() (driver.Tx, error)           { return c, nil }
func (c connection) Commit() error                       { return nil }
func (c connection) Rollback() error                     { return nil }

func (c connection) ExecContext(_ context.Context, statement string, arguments []driver.NamedValue) (driver.Result, error) {
	c.executed = append(c.executed, statement)
	if c.exec == nil {
		return driver.RowsAffected(1), nil
	}
	rows, err := c.exec(statement, arguments)
	return driver.RowsAffected(rows), err
}

func (c connection) QueryContext(_ context.Context, query string, asked []driver.NamedValue) (driver.Rows, error) {
	c.queried = append(c.queried, query)
	switch {
	case query == c.dialect.describe:
		lines := c.dialect.shape
		if c.lines != nil {
			lines = c.lines()
		}
		found := &rows{width: 1}
		for _, line := range lines {
			found.values = append(found.values, []driver.Value{line})
		}
		return found, nil
	case query == c.dialect.durability:
		return &rows{1, [][]driver.Value{{trouble(c.forgets)}}}, nil
	case c.silent:
		return &rows{width: 8}, nil
	case c.kept == nil || !c.isKept(asked):
		return &rows{8, [][]driver.Value{{trouble(c.unfresh), nil, nil, nil, nil, nil, nil, nil}}}, nil
	}
	r := c.kept
	return &rows{8, [][]driver.Value{{trouble(c.unfresh), r.Key, r.Version, r.OpenService, r.InstanceID, r.State,
		r.Changed.Format(timeLayout), r.Data}}}, nil
}

// isKept reports whether the kept record has what a query asks for.
func (d *database) isKept(asked []driver.NamedValue) bool {
	has := []driver.Value{d.kept.Key, d.kept.OpenService, d.kept.InstanceID}
	return slices.ContainsFunc(asked, func(argument driver.NamedValue) bool { return slices.Contains(has, argument.Value) })
}

// trouble is the index of the setting that does not hold.
func trouble(fails bool) int64 {
	if fails {
		return 0
	}
	return -1
}

type rows struct {
	width  int
	values [][]driver.Value
}

func (r *rows) Columns() []string { return slices.Repeat([]string{"column"}, r.width) }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(row []driver.Value) error {
	if len(r.values) == 0 {
		return io.EOF
	}
	copy(row, r.values[0])
	r.values = r.values[1:]
	return nil
}

func record(key, version string) Record {
	return Record{
		Key: key, Version: version, OpenService: "svco-1", InstanceID: "i", State: "sending",
		Changed: time.Date(2030, 1, 2, 3, 4, 5, 678_901_234, time.UTC), Data: []byte(`{}`),
	}
}
