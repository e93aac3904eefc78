package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// statementTimeout limits each statement, because a driver or a pool can wait for ever: a pool of one connection does, in
// the transaction of a caller that has it.
const statementTimeout = 5 * time.Second

// SQL is a Store in one table of a database. Each method is one statement.
type SQL struct {
	pool                   *sql.DB
	db                     runner
	table                  string
	text                   func(string) string
	insert, update, schema string
	find                   string // a query for why the connection is refused, and for records, up to its condition
	check                  string // a query for where the table is, and why it or the connection is refused
}

// NewSQL returns a Store for a table of a database of a dialect: "sqlite", "postgresql" or "mysql". It does not use it yet.
func NewSQL(db *sql.DB, name, table string) (*SQL, error) {
	d, known := dialects[name]
	if db == nil || !known {
		return nil, fmt.Errorf("journal: the database is nil, or the dialect %q is not SQLite, PostgreSQL or MySQL", name)
	}
	text, err := d.texts(table)
	if err != nil {
		return nil, err
	}
	holds, refusal, same := "", "", ""
	for _, setting := range d.settings {
		when := " WHEN NOT (" + setting.holds + ") THEN '" + setting.refusal + "'"
		if same += when; !setting.one {
			refusal, holds = refusal+when, holds+" AND ("+setting.holds+")"
		}
	}
	return &SQL{
		pool: db, db: db, table: table, text: text, schema: text(schema),
		check: text("SELECT COALESCE((" + d.place + "), ''), CASE" + same + " ELSE '' END"),
		find: text("SELECT CASE" + refusal + " ELSE '' END, {now} - changed_at, " + columns +
			" FROM (SELECT 1 AS one) AS always LEFT JOIN {table} ON "),
		insert: text("INSERT INTO {table} (" + columns + ", changed_at) SELECT ?, ?, ?, ?, ?, ?, {now}" + d.from + " WHERE 1 = 1" + holds + d.onConflict),
		update: text("UPDATE {table} SET version = ?, open_service = ?, instance_id = ?, state = ?, data = ?, changed_at = {now}" +
			" WHERE purchase_key = ? AND version = ?" + holds),
	}, nil
}

// runner is a pool, or a transaction of Migrate's.
type runner interface {
	QueryContext(ctx context.Context, query string, arguments ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, statement string, arguments ...any) (sql.Result, error)
}

// limit ends a statement that takes too long, and explains its error.
func limit(ctx context.Context, err *error) (limited context.Context, end func()) {
	limited, cancel := context.WithTimeout(ctx, statementTimeout)
	return limited, func() {
		if *err != nil && limited.Err() != nil && ctx.Err() == nil {
			*err = fmt.Errorf("no answer within %s: the database is away or slow, or who calls holds a transaction on the only "+
				"connection of the pool (%v)", statementTimeout, *err)
		}
		cancel()
	}
}

// Find does what Store says. Its query returns at least one row, which says whether the connection is refused. A row that
// does not have exactly what was asked for is an error: a collation, or a connection that converts characters, took one text
// for another.
func (s *SQL) Find(ctx context.Context, column Column, values ...string) (found []Record, err error) {
	ctx, end := limit(ctx, &err)
	defer end()
	condition, arguments := " > ''", make([]any, len(values)) // which an index answers, unlike IS NOT NULL in SQLite
	if len(values) > 0 {
		condition = " IN (?" + strings.Repeat(", ?", len(values)-1) + ")"
	}
	for i, value := range values {
		arguments[i] = ascii(value)
	}
	rows, err := s.db.QueryContext(ctx, s.find+s.text(string(column)+condition), arguments...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	answered := false
	for ; rows.Next(); answered = true {
		r, err := scan(rows)
		switch {
		case err != nil:
			return nil, err
		case r.Key == "":
		case len(values) > 0 && !slices.Contains(values, r.Value(column)):
			return nil, errChanged(r.Value(column))
		default:
			found = append(found, r)
		}
	}
	if err := rows.Err(); err != nil || answered {
		return found, err
	}
	return nil, errors.New("the database returned no row, not even the one that says that there is none")
}

// scan reads a row, which has no key if nothing was found.
func scan(rows *sql.Rows) (r Record, err error) {
	var refusal string
	var age sql.NullInt64
	var texts [5]sql.NullString
	if err := rows.Scan(&refusal, &age, &texts[0], &texts[1], &texts[2], &texts[3], &r.Data, &texts[4]); err != nil {
		return r, err
	}
	if refusal != "" {
		return r, fmt.Errorf("%w: %s", errRefused, refusal)
	}
	for i, into := range []*string{&r.Version, &r.OpenService, &r.InstanceID, &r.State, &r.Key} {
		if *into, err = text(texts[i].String); err != nil {
			return r, err
		}
	}
	r.Age = time.Duration(age.Int64) * time.Microsecond
	return r, nil
}

// Put does what Store says. Who reads why it was not done finds out whether the connection is refused.
func (s *SQL) Put(ctx context.Context, version string, r Record) (done bool, err error) {
	ctx, end := limit(ctx, &err)
	defer end()
	for _, value := range []string{r.Key, r.OpenService, r.InstanceID, r.State} {
		if len(value) > most {
			return false, fmt.Errorf("a value has %d bytes, more than %d, and some databases cut it off: %.60q", len(value), most, value)
		}
	}
	null := func(value string) sql.NullString { return sql.NullString{String: ascii(value), Valid: value != ""} }
	statement, arguments := s.insert,
		[]any{ascii(r.Version), null(r.OpenService), null(r.InstanceID), ascii(r.State), asciiJSON(r.Data), ascii(r.Key)}
	if version != "" {
		statement, arguments = s.update, append(arguments, ascii(version))
	}
	result, err := s.db.ExecContext(ctx, statement, arguments...)
	if err != nil {
		return false, err
	}
	rows, err := result.RowsAffected()
	return rows == 1, err
}

// most is how many bytes each text of a record can have.
const most = 255
