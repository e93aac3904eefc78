package integration

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

func record(key, version string) store.Record {
	return store.Record{Key: key, Version: version, State: "preparing", Changed: time.Now(), Data: []byte("{}")}
}

// refuseWrites checks that neither kind of write is done, with an error that names a setting.
func refuseWrites(t *testing.T, s *store.SQL, setting string) {
	t.Helper()
	done, err := s.Insert(t.Context(), record("new", "v1"))
	assert.ErrorContains(t, err, setting)
	assert.False(t, done)
	done, err = s.Replace(t.Context(), "v1", record("old", "v2"))
	assert.ErrorContains(t, err, setting)
	assert.False(t, done)
}

// unchanged checks that a store has what it had before refuseWrites.
func unchanged(t *testing.T, s *store.SQL) {
	t.Helper()
	_, found, err := s.Read(t.Context(), "new")
	require.NoError(t, err)
	assert.False(t, found)
	got, _, err := s.Read(t.Context(), "old")
	require.NoError(t, err)
	assert.Equal(t, "v1", got.Version)
}

func withOldRecord(t *testing.T, db *sql.DB, dialect string) *store.SQL {
	s := newStore(t, db, dialect)
	done, err := s.Insert(t.Context(), record("old", "v1"))
	require.NoError(t, err)
	require.True(t, done)
	return s
}

func TestSQLiteThatForgetsIsRefused(t *testing.T) {
	for setting, pragmas := range map[string][]string{
		"synchronous is below FULL": {"synchronous(normal)", "journal_mode(wal)"},
		"synchronous":               {"synchronous(off)"},
		"journal_mode is off":       {"journal_mode(off)"},
		"or memory":                 {"journal_mode(memory)", "synchronous(extra)"},
	} {
		t.Run(setting, func(t *testing.T) {
			d := sqliteFile(t)
			good := withOldRecord(t, d.open(t), "sqlite")
			d.dsn += url.Values{"_pragma": pragmas}.Encode()
			bad, err := store.NewSQL(d.open(t), "sqlite")
			require.NoError(t, err)
			refuseWrites(t, bad, setting)
			require.ErrorContains(t, bad.Migrate(t.Context()), setting)
			unchanged(t, good)
		})
	}
	db := database{driver: "sqlite", dsn: ":memory:"}.open(t)
	db.SetMaxOpenConns(1)
	memory, err := store.NewSQL(db, "sqlite")
	require.NoError(t, err)
	require.ErrorContains(t, memory.Migrate(t.Context()), "InMemory")
}

// The pool's first connection is durable, its second is not: which of them writes decides.
func TestSettingsOfTheConnectionThatWritesCount(t *testing.T) {
	d := sqliteFile(t, "busy_timeout(60000)")
	db := d.open(t)
	s := withOldRecord(t, db, "sqlite")
	durable, err := db.Conn(t.Context())
	require.NoError(t, err)
	other, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "PRAGMA synchronous = normal")
	require.NoError(t, err)
	require.NoError(t, other.Close()) // the only idle one
	refuseWrites(t, s, "synchronous is below FULL")
	unchanged(t, s)
	db.SetMaxIdleConns(0)
	require.NoError(t, durable.Close())
	done, err := s.Insert(t.Context(), record("new", "v1"))
	require.NoError(t, err)
	assert.True(t, done)
}

func TestPostgreSQLThatForgetsIsRefused(t *testing.T) {
	d := databaseOf(t, "postgresql")
	good := withOldRecord(t, d.open(t), d.dialect)
	d.dsn += "&synchronous_commit=off"
	bad, err := store.NewSQL(d.open(t), d.dialect)
	require.NoError(t, err)
	require.ErrorContains(t, bad.Migrate(t.Context()), "synchronous_commit is off")
	refuseWrites(t, bad, "synchronous_commit is off")
	unchanged(t, good)
	d.dsn = strings.Replace(d.dsn, "=off", "=local", 1)
	local, err := store.NewSQL(d.open(t), d.dialect)
	require.NoError(t, err)
	require.NoError(t, local.Migrate(t.Context()))
}

func TestPostgreSQLWithoutFsyncIsRefused(t *testing.T) {
	d := databaseOf(t, "postgresql")
	db := d.open(t)
	s := withOldRecord(t, db, d.dialect)
	reload := func(statement string) {
		execute(t, db, statement, "SELECT pg_reload_conf()")
	}
	reload("ALTER SYSTEM SET fsync = off")
	defer reload("ALTER SYSTEM RESET fsync")
	require.Eventually(t, func() bool { return s.Migrate(t.Context()) != nil }, time.Minute, 10*time.Millisecond)
	refuseWrites(t, s, "fsync is off")
	unchanged(t, s)
}

func TestMariaDBThatForgetsIsRefused(t *testing.T) {
	d := databaseOf(t, "mysql")
	db := d.open(t)
	s := withOldRecord(t, db, d.dialect)
	for _, value := range []string{"0", "2"} {
		execute(t, db, "SET GLOBAL innodb_flush_log_at_trx_commit = "+value)
		refuseWrites(t, s, "innodb_flush_log_at_trx_commit is not 1")
		assert.ErrorContains(t, s.Migrate(t.Context()), "innodb_flush_log_at_trx_commit")
	}
	execute(t, db, "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
	unchanged(t, s)
}

// Without autocommit, what is written is never committed, and what is read is of the connection's first read.
func TestMariaDBWithoutAutocommitIsRefused(t *testing.T) {
	d := databaseOf(t, "mysql")
	good := withOldRecord(t, d.open(t), d.dialect)
	d.dsn += "?autocommit=0"
	bad, err := store.NewSQL(d.open(t), d.dialect)
	require.NoError(t, err)
	refuseWrites(t, bad, "autocommit is off")
	_, _, err = bad.Read(t.Context(), "old")
	require.ErrorContains(t, err, "autocommit is off")
	_, err = bad.ReadOpen(t.Context())
	require.ErrorContains(t, err, "autocommit is off")
	unchanged(t, good)
}

func TestAReplicaIsNotRead(t *testing.T) {
	d := databaseOf(t, "mysql")
	db := d.open(t)
	s := withOldRecord(t, db, d.dialect)
	execute(t, db, "SET GLOBAL read_only = 1")
	_, _, err := s.Read(t.Context(), "old")
	assert.ErrorContains(t, err, "read only")
	_, _, err = s.ReadOpenService(t.Context(), "none")
	assert.ErrorContains(t, err, "read only")
	_, err = s.ReadOpen(t.Context())
	assert.ErrorContains(t, err, "read only")
	_, err = s.Owners(t.Context(), []string{"i"})
	assert.ErrorContains(t, err, "read only")
	execute(t, db, "SET GLOBAL read_only = 0")
	unchanged(t, s)
}

// Without busy_timeout, SQLite answers at once that it is busy.
func TestABusySQLiteIsAnError(t *testing.T) {
	d := sqliteFile(t)
	db := d.open(t)
	s := withOldRecord(t, db, "sqlite")
	busy, err := db.Conn(t.Context())
	require.NoError(t, err)
	for _, statement := range []string{"PRAGMA locking_mode = exclusive", "BEGIN EXCLUSIVE"} {
		_, err = busy.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	refuseWrites(t, s, "locked")
	_, _, err = s.Read(t.Context(), "old")
	require.ErrorContains(t, err, "locked")
	_, err = s.ReadOpen(t.Context())
	require.ErrorContains(t, err, "locked")
	for _, statement := range []string{"ROLLBACK", "PRAGMA locking_mode = normal", "SELECT 1 FROM computeunit_purchases"} {
		_, err = busy.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	require.NoError(t, busy.Close())
	unchanged(t, s)
}
