package once

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// Journal keeps purchases: [InMemory] or [SQL]. It can't be implemented elsewhere, because what a purchase rests on is
// easily got wrong: two unique constraints, compare-and-swap, and writes that are durable when they are confirmed.
//
// One journal serves one account at one endpoint, and one account has one journal. The endpoint is kept in the journal, and
// a client with another one is refused. The account is not: a key id does not name it, and keys are rotated.
type Journal interface {
	store() store.Store
}

// InMemory returns a journal for one process, which forgets everything at its end: for tests and for scripts that buy
// once. What package once promises then holds within one process; two, or two runs of one, need [SQL].
func InMemory() Journal { return memory{new(store.Memory)} }

type memory struct{ records *store.Memory }

func (m memory) store() store.Store { return m.records }

// Dialect is a kind of database. Its zero value is none, which SQL refuses.
type Dialect string

const (
	// SQLite is SQLite 3.35 or later. Tested with modernc.org/sqlite.
	SQLite Dialect = "sqlite"
	// PostgreSQL is PostgreSQL 12 or later. Tested with PostgreSQL 15 and github.com/jackc/pgx/v5/stdlib.
	PostgreSQL Dialect = "postgresql"
	// MySQL is MySQL 8 or later, or MariaDB 10.6 or later. Tested with MariaDB 10.11 and github.com/go-sql-driver/mysql.
	MySQL Dialect = "mysql"
)

// SQLOption changes a default of [SQL] and [Schema].
type SQLOption func(table *string)

// WithTable names the table, and if it is to be none of the connection's own the schema: [schema.]table, each of at most 48
// of a-z, 0-9 and _. The default is computeunit_purchases. Two processes that find different tables have two journals, and
// buy twice: [Buyer.Check] names the schema that it found.
func WithTable(name string) SQLOption { return func(table *string) { *table = name } }

func tableOf(options []SQLOption) string {
	table := store.DefaultTable
	for _, option := range options {
		if option != nil {
			option(&table)
		}
	}
	return table
}

// SQLJournal is a Journal in a table of a database, which any number of processes share. It has no state of its own.
//
// A purchase is safe because the journal keeps what it confirmed. Each statement checks the settings of its own connection,
// because pooled connections can differ, and fails with an error that names the setting: SQLite with synchronous below
// FULL, or journal_mode off or memory; PostgreSQL with synchronous_commit or fsync off, or a standby; MySQL with
// innodb_flush_log_at_trx_commit other than 1, with a binary log and sync_binlog other than 1 or binlog_format STATEMENT,
// without autocommit, with a sql_select_limit, or read only. [Buyer.Check] and Migrate also refuse a table that can be lost, of
// a temporary SQLite database, unlogged, or not InnoDB, and one that is a view or has partitions. Each statement has 5 seconds.
//
// Give the journal a pool of its own: a transaction that other code leaves open on a connection, or another search_path, is not
// noticed.
//
// For SQLite set busy_timeout (a few seconds), too: without it a write that meets another's fails at once. That is an
// error and never a wrong answer, but Buy then reports that it does not know. What is behind a server can't be checked: see
// docs/operating.md for failover, replicas and backups.
//
// A row that is deleted allows its key to be bought again. Delete settled rows only (open_service IS NULL), and only if
// nobody can ask for their keys any more.
type SQLJournal struct {
	sql *store.SQL
}

// SQL returns a Journal in a table of a database. It does not use the database yet; call Migrate before the first purchase,
// and [Buyer.Check] at the start of each program. An error is a nil database, an unknown dialect or an invalid table.
//
// The database stays the caller's, to configure and to close. Each step of a purchase takes one connection for one
// statement, and none while the purchase waits. Don't call [Buyer.Buy] inside a transaction on the only connection of the
// pool: no statement gets one then, and Buy fails.
func SQL(db *sql.DB, dialect Dialect, options ...SQLOption) (*SQLJournal, error) {
	s, err := store.NewSQL(db, string(dialect), tableOf(options))
	if err != nil {
		return nil, err
	}
	return &SQLJournal{sql: s}, nil
}

// Migrate creates the table if it is missing, and checks it and the connection: it tries to break each constraint, in a
// transaction that it takes back. Call it at every start, also if a tool creates the table. Any number of processes may
// call it at the same time; if the table is there, it needs no right to create one.
func (j *SQLJournal) Migrate(ctx context.Context) error { return j.sql.Migrate(ctx) }

// ChangeEndpoint makes the journal another endpoint's, for a service that has moved: to a new name, and never to another
// account or region, whose service knows nothing of what the journal's keys have bought. It is refused while a key is open.
// Stop every program that buys before it, and start them with the new endpoint.
func (j *SQLJournal) ChangeEndpoint(ctx context.Context, from, to string) error {
	err := changeEndpoint(ctx, j.sql, from, to)
	if err != nil {
		return fmt.Errorf("once: changing the journal's endpoint: %w", err)
	}
	return nil
}

func (j *SQLJournal) store() store.Store { return j.sql }

// Schema returns the statement by which Migrate creates the table, for tools that manage schemas. It is empty for an
// unknown dialect or an invalid table.
func Schema(dialect Dialect, options ...SQLOption) string {
	return store.Schema(string(dialect), tableOf(options))
}

// endpointKey is the record that keeps the journal's endpoint, as its state. No purchase has a key with a control character.
const endpointKey = "\x01endpoint"

// endpointRow is a new version of the record.
func endpointRow(endpoint string) store.Record {
	return store.Record{Key: endpointKey, Version: newVersion(), State: whole(endpoint), Data: fmt.Appendf(nil, `{"format":%d}`, format)}
}

// rewriteEndpoint writes the record as it is: a journal can be of a later version, or read only. A database can refuse one of two
// that do so at once.
func (b *Buyer) rewriteEndpoint(ctx context.Context, row store.Record) error {
	var d document
	err := json.Unmarshal(row.Data, &d)
	if err != nil || d.Format > format {
		return join(errLater, err)
	}
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	for range 10 {
		done, failed := b.store.Put(ctx, row.Version, row)
		if done {
			return nil
		}
		err = cmp.Or(failed, errUnexplained)
	}
	return fmt.Errorf("writing the journal: %w", err)
}

// whole is an endpoint by what is compared: scheme, host, port and path.
func whole(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port) + strings.TrimRight(u.Path, "/")
}

var errEndpoint = errors.New("the journal is another endpoint's")

// checkEndpoint refuses a journal that was used with another endpoint: its keys say nothing about this one.
func checkEndpoint(row store.Record, endpoint string) error {
	if row.State != whole(endpoint) {
		return fmt.Errorf("%w: %q, and the client's is %q. If the service has moved, use SQLJournal.ChangeEndpoint; with a new "+
			"journal every key would be bought again", errEndpoint, row.State, endpoint)
	}
	return nil
}

func changeEndpoint(ctx context.Context, journal store.Store, from, to string) error {
	if _, err := computeunit.NewClient(computeunit.StaticCredentials("-", "-"), computeunit.WithEndpoint(to)); err != nil {
		return err
	}
	rows, err := journal.Find(ctx, store.Key, endpointKey)
	switch {
	case err != nil:
		return err
	case len(rows) == 0:
		return errors.New("the journal has none yet")
	}
	if err := checkEndpoint(rows[0], from); err != nil {
		return err
	}
	open, err := journal.Find(ctx, store.OpenService)
	switch {
	case err != nil:
		return err
	case len(open) > 0:
		return fmt.Errorf("%d keys are open, one is %q: settle them first", len(open), open[0].Key)
	}
	done, err := journal.Put(ctx, rows[0].Version, endpointRow(to))
	if err == nil && !done {
		err = errLost
	}
	return err
}
