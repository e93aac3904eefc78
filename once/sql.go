package once

import (
	"context"
	"database/sql"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

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

// SQLJournal is a Journal in a table of a database, which any number of processes share. It has no state of its own.
//
// # What the database must keep
//
// A purchase is safe because the journal keeps what it confirmed. Each statement checks the settings of its own
// connection, because pooled connections can differ, and fails with an error that names the setting:
//
//   - SQLite with synchronous below FULL, or journal_mode off or memory, as a database in memory has it. Set
//     synchronous on every pooled connection, in the data source name. With journal_mode=delete, SQLite's default, a
//     power failure within moments of a write can undo it, with synchronous=EXTRA or journal_mode=wal it can't: use
//     one of them. Set busy_timeout (a few seconds), too: without it a write that meets another's fails at once. That
//     is an error and never a wrong answer, but Buy then reports that it does not know. The file is on a local disk:
//     locks of network file systems are not reliable.
//   - PostgreSQL with synchronous_commit or fsync off.
//   - MySQL with innodb_flush_log_at_trx_commit other than 1, or with a binary log and sync_binlog other than 1 (0 is
//     MariaDB's default), or binlog_format STATEMENT.
//
// A PostgreSQL standby, a read-only MySQL server and a connection without autocommit are refused for reads, too: what
// they read can be old. A proxy that sends reads to replicas is not noticed, nor is a replica that takes writes:
// connect to the one primary. In a cluster with several primaries (Galera, group replication) a read can be old
// unless it is configured to wait (wsrep_sync_wait=1, group_replication_consistency=BEFORE); it is not tested.
//
// # Failover
//
// An asynchronous replica misses the last writes of a primary that is lost. After a failover to it, a key can be
// missing or older than what was done: one that was being bought can be bought again. Use synchronous replication for
// the journal (PostgreSQL: synchronous_standby_names with synchronous_commit on), or stop buying before a failover
// and compare listings with the journal after it. The same holds for a backup that is restored.
//
// # Deleting rows
//
// A deleted key is a new key: Buy with it buys again. Delete settled rows only (open_service IS NULL, state bought or
// not_purchased), and only when nobody can ask for their keys any more. A row whose open_service is set must not be
// deleted: its order may be on its way. Deleted rows also forget which instances their keys own.
//
// The database's clock is not used, and the clocks of the processes decide nothing here: changed_at is for people.
type SQLJournal struct {
	sql *store.SQL
}

// SQL returns a Journal in the table computeunit_purchases of a database. It does not use the database yet; call
// Migrate before the first purchase. An error is a nil database or an unknown dialect.
//
// The database stays the caller's, to configure and to close. Each step of a purchase takes one connection for one
// statement, and none while the purchase waits.
func SQL(db *sql.DB, dialect Dialect) (*SQLJournal, error) {
	s, err := store.NewSQL(db, string(dialect))
	if err != nil {
		return nil, err
	}
	return &SQLJournal{sql: s}, nil
}

// Migrate creates the table if it is missing. Any number of processes may call it, at the same time and at every
// start; if the table is there, it needs no right to create one. It returns an error, and changes nothing, if the
// table is not as this version knows it (of a later version, without one of its unique indexes, or with a column that
// does not compare byte for byte), or if a setting is refused.
func (j *SQLJournal) Migrate(ctx context.Context) error { return j.sql.Migrate(ctx) }

func (j *SQLJournal) store() store.Store { return j.sql }

// Schema returns the statements by which Migrate creates the table, for tools that manage schemas. It is empty for an
// unknown dialect.
func Schema(dialect Dialect) string {
	schema, _ := store.Schema(string(dialect))
	return schema
}
