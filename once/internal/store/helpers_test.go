package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// database stands in for a database and its driver: what SQL does with an answer is tested here, and what real databases
// answer in once/integration.
type database struct {
	refusal  string           // of each query
	row      []driver.Value   // that each query finds: version, service, instance, state, data, key
	silent   bool             // a query returns no row at all
	missing  bool             // there is no table
	keeps    func(n int) bool // whether the nth write is done; nil: each is
	executed []string
	written  []driver.Value // by the last write
	begun    int
	undone   int
}

var errDatabase = errors.New("the database says no")

// newSQL is a store in a stand-in.
func newSQL(t *testing.T, d *database, name string) *SQL {
	db := sql.OpenDB(d)
	t.Cleanup(func() { db.Close() })
	s, err := NewSQL(db, name, DefaultTable)
	require.NoError(t, err)
	return s
}

func (d *database) Connect(context.Context) (driver.Conn, error) { return connection{d}, nil }
func (d *database) Driver() driver.Driver                        { return nil }

type connection struct{ *database }

func (c connection) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (c connection) Close() error                        { return nil }
func (c connection) Begin() (driver.Tx, error)           { c.begun++; return c, nil }
func (c connection) Commit() error                       { return nil }
func (c connection) Rollback() error                     { c.undone++; return nil }

func (c connection) ExecContext(_ context.Context, statement string, arguments []driver.NamedValue) (driver.Result, error) {
	c.executed, c.missing = append(c.executed, statement), false
	c.written = nil
	for _, argument := range arguments {
		c.written = append(c.written, argument.Value)
	}
	if len(arguments) > 0 && (c.keeps == nil || c.keeps(len(c.executed))) {
		c.row = append([]driver.Value{}, c.written[:6]...)
		return driver.RowsAffected(1), nil
	}
	return driver.RowsAffected(0), nil
}

func (c connection) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	switch {
	case c.missing:
		return nil, errDatabase
	case query[:16] == "SELECT COALESCE(":
		return &rows{2, [][]driver.Value{{"public", c.refusal}}}, nil
	case c.silent:
		return &rows{width: 8}, nil
	case c.row == nil:
		return &rows{8, [][]driver.Value{{c.refusal, nil, nil, nil, nil, nil, nil, nil}}}, nil
	}
	return &rows{8, [][]driver.Value{append([]driver.Value{c.refusal, int64(1_500_000)}, c.row...)}}, nil
}

type rows struct {
	width  int
	values [][]driver.Value
}

func (r *rows) Columns() []string { return make([]string, r.width) }
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
	return Record{Key: key, Version: version, OpenService: "svco-1", InstanceID: "i", State: "sending", Data: []byte(`{}`)}
}
