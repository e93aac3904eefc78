package integration

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

// refused checks that a database which forgets, or is behind, is noticed before anything is sent: by Migrate, by Check, and
// by a Buy for which neither was called, with the name of the setting.
func refused(t *testing.T, d database, setting string) {
	t.Helper()
	service := &model.Service{}
	journal, err := once.SQL(d.open(t), once.Dialect(d.dialect))
	require.NoError(t, err)
	buyer := buyerOn(t, journal, service)
	assert.ErrorContains(t, journal.Migrate(t.Context()), setting)
	assert.ErrorContains(t, buyer.Check(t.Context()), setting)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = buyer.Buy(ctx, "new", prepaid("svco-new"))
	assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
	assert.ErrorContains(t, err, setting)
	assert.Zero(t, service.Requests())
}

// unchanged checks that a database has what it had: the key that was bought, and no other.
func unchanged(t *testing.T, d database) {
	t.Helper()
	buyer, _ := process(t, d, &model.Service{})
	require.NoError(t, buyer.Check(t.Context()))
	kept, _, err := buyer.Lookup(t.Context(), "old")
	require.NoError(t, err)
	assert.Equal(t, once.StateBought, kept.State)
	_, found, err := buyer.Lookup(t.Context(), "new")
	require.NoError(t, err)
	assert.False(t, found)
}

// withOldKey is an empty database in which one key is bought.
func withOldKey(t *testing.T, d database) database {
	buyer, _ := process(t, d.empty(t), &model.Service{})
	_, err := buyer.Buy(t.Context(), "old", prepaid("svco-old"))
	require.NoError(t, err)
	return d
}

func TestADatabaseThatForgetsOrIsBehindIsRefused(t *testing.T) {
	for _, c := range []struct{ dialect, connection, setting string }{
		{"sqlite", pragmas("synchronous(normal)", "journal_mode(wal)"), "synchronous is below FULL"},
		{"sqlite", pragmas("synchronous(off)"), "synchronous is below FULL"},
		{"sqlite", pragmas("journal_mode(off)", "synchronous(full)"), "journal_mode is off or memory"},
		{"sqlite", pragmas("journal_mode(memory)", "synchronous(extra)"), "journal_mode is off or memory"},
		{"postgresql", "&synchronous_commit=off", "synchronous_commit is off"},
		{"mysql", "?autocommit=0", "autocommit is off"},
	} {
		t.Run(c.dialect+" "+c.connection, func(t *testing.T) {
			d := databaseOf(t, c.dialect)
			if d.dialect == "sqlite" {
				d = sqliteFile(t)
			}
			bad := withOldKey(t, d)
			bad.dsn += c.connection
			refused(t, bad, c.setting)
			unchanged(t, d)
		})
	}
}

func pragmas(pragmas ...string) string { return url.Values{"_pragma": pragmas}.Encode() }

func TestASQLiteInMemoryIsRefused(t *testing.T) {
	db := database{driver: "sqlite", dsn: ":memory:"}.open(t)
	db.SetMaxOpenConns(1)
	journal, err := once.SQL(db, once.SQLite)
	require.NoError(t, err)
	require.ErrorContains(t, journal.Migrate(t.Context()), "InMemory")
}

// A setting that changes while the server runs is noticed by the next connection.
func TestAMariaDBThatForgetsOrIsReadOnlyIsRefused(t *testing.T) {
	d := withOldKey(t, databaseOf(t, "mysql"))
	for _, c := range []struct{ bad, good, setting string }{
		{"innodb_flush_log_at_trx_commit = 2", "innodb_flush_log_at_trx_commit = 1", "innodb_flush_log_at_trx_commit is not 1"},
		{"read_only = 1", "read_only = 0", "read only"},
	} {
		execute(t, d.open(t), "SET GLOBAL "+c.bad)
		refused(t, d, c.setting)
		execute(t, d.open(t), "SET GLOBAL "+c.good)
		unchanged(t, d)
	}
}

// The pool's first connection is durable, its second is not: which of them a statement has decides.
func TestSettingsOfTheConnectionThatWritesCount(t *testing.T) {
	d := withOldKey(t, sqliteFile(t, "busy_timeout(60000)"))
	service := &model.Service{}
	buyer, pool := process(t, d, service)
	durable, err := pool.Conn(t.Context())
	require.NoError(t, err)
	other, err := pool.Conn(t.Context())
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "PRAGMA synchronous = normal")
	require.NoError(t, err)
	require.NoError(t, other.Close()) // the only idle one
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = buyer.Buy(ctx, "new", prepaid("svco-new"))
	assert.ErrorContains(t, err, "synchronous is below FULL")
	assert.Zero(t, service.Requests())
	unchanged(t, d)
	require.NoError(t, durable.Close())
}

// Without busy_timeout, SQLite answers at once that it is busy: an error, and never a wrong answer.
func TestABusySQLiteIsAnError(t *testing.T) {
	d := withOldKey(t, sqliteFile(t))
	service := &model.Service{}
	buyer, pool := process(t, d, service)
	busy, err := pool.Conn(t.Context())
	require.NoError(t, err)
	for _, statement := range []string{"PRAGMA locking_mode = exclusive", "BEGIN EXCLUSIVE"} {
		_, err = busy.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = buyer.Buy(ctx, "new", prepaid("svco-new"))
	assert.ErrorIs(t, err, once.ErrPending)
	assert.ErrorContains(t, err, "locked")
	assert.Zero(t, service.Requests())
	for _, statement := range []string{"ROLLBACK", "PRAGMA locking_mode = normal", "SELECT 1 FROM " + table} {
		_, err = busy.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	require.NoError(t, busy.Close())
	unchanged(t, d)
}
