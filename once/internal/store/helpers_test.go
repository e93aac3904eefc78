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
	slow     bool             // each query fails
	keeps    func(n int) bool // whether the nth write is done; nil: each is
	executed []string
	written  []driver.Value // by the last write
	begun    int
	undone   int
}

// newSQL is a store in a stand-in.
func newSQL(t *testing.T, d *database, name string) *SQL {
	db := sql.OpenDB(d)
	t.Cleanup(func() { db.Close() })
	s, err := NewSQL(db, name, DefaultTable)
	require.NoError(t, err)
	return s
}

func (d *database) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *database) Driver() driver.Driver                        { return nil }
func (d *database) Prepare(string) (driver.Stmt, error)          { return nil, errors.ErrUnsupported }
func (d *database) Close() error                                 { return nil }
func (d *database) Begin() (driver.Tx, error)                    { d.begun++; return d, nil }
func (d *database) Commit() error                                { return nil }
func (d *database) Rollback() error                              { d.undone++; return nil }

func (d *database) ExecContext(_ context.Context, statement string, arguments []driver.NamedValue) (driver.Result, error) {
	d.executed, d.missing, d.written = append(d.executed, statement), false, nil
	for _, argument := range arguments {
		d.written = append(d.written, argument.Value)
	}
	if len(arguments) > 0 && (d.keeps == nil || d.keeps(len(d.executed))) {
		d.row = append([]driver.Value{}, d.written[:6]...)
		return driver.RowsAffected(1), nil
	}
	return driver.RowsAffected(0), nil
}

func (d *database) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	found := make([]driver.Value, 8)
	if found[0] = d.refusal; d.row != nil {
		found[1] = int64(1_500_000)
		copy(found[2:], d.row)
	}
	switch {
	case query[:16] == "SELECT COALESCE(" && d.missing:
		return &oneRow{2, []driver.Value{"", ""}}, nil
	case query[:16] == "SELECT COALESCE(" && !d.slow:
		return &oneRow{2, []driver.Value{"public", d.refusal}}, nil
	case d.missing || d.slow:
		return nil, errors.New("there is no such table, or a lock")
	case d.silent:
		found = nil
	}
	return &oneRow{8, found}, nil
}

// oneRow is an answer of at most one.
type oneRow struct {
	width int
	row   []driver.Value
}

func (r *oneRow) Columns() []string { return make([]string, r.width) }
func (r *oneRow) Close() error      { return nil }

func (r *oneRow) Next(row []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	copy(row, r.row)
	r.row = nil
	return nil
}

func record(key, version string) Record {
	return Record{Key: key, Version: version, OpenService: "svco-1", InstanceID: "i", State: "sending", Data: []byte(`{}`)}
}
