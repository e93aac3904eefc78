package integration

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// refused checks that a database which forgets, or is behind, is noticed before anything is sent: by Migrate, by Check, and
// by a Buy for which neither was called, with the name of the setting; and that nothing is written, whoever has read.
func refused(t *testing.T, d database, setting string) {
	t.Helper()
	service, pool := &model.Service{}, d.open(t)
	journal, err := once.SQL(pool, once.Dialect(d.dialect))
	require.NoError(t, err)
	buyer := buyerOn(t, journal, service)
	assert.ErrorContains(t, journal.Migrate(t.Context()), setting)
	assert.ErrorContains(t, buyer.Check(t.Context()), setting)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = buyer.Buy(ctx, "new", model.Prepaid("svco-new"))
	assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
	assert.ErrorContains(t, err, setting)
	assert.Zero(t, service.Requests())
	s, err := store.NewSQL(pool, d.dialect, table)
	require.NoError(t, err)
	done, _ := s.Put(t.Context(), "", store.Record{Key: "new", Version: "v", State: "preparing", Data: []byte(`{}`)})
	assert.False(t, done)
}

// unchanged checks that a database has what it had: the key that was bought, and no other.
func unchanged(t *testing.T, d database) {
	t.Helper()
	buyer := process(t, d, &model.Service{})
	require.NoError(t, buyer.Check(t.Context()))
	kept, _, err := buyer.Lookup(t.Context(), "old")
	require.NoError(t, err)
	assert.Equal(t, once.StateBought, kept.State)
	_, found, err := buyer.Lookup(t.Context(), "new")
	require.NoError(t, err)
	assert.False(t, found)
}

// withOldKey is a database in which one key is bought.
func withOldKey(t *testing.T, d database) database {
	buyer := process(t, d, &model.Service{})
	_, err := buyer.Buy(t.Context(), "old", model.Prepaid("svco-old"))
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

// It is another one for each connection, and gone with it.
func TestASQLiteThatIsTemporaryIsRefused(t *testing.T) {
	for _, c := range []struct{ dsn, table, says string }{
		{":memory:", table, "InMemory"},
		{"file:?" + pragmas(durable...), table, "set it to a file"},
		{sqliteFile(t, durable...).dsn, "temp." + table, "refused"},
		{sqliteFile(t, durable...).dsn, "other." + table, "refused"},
	} {
		pool := database{driver: "sqlite", dsn: c.dsn}.open(t)
		pool.SetMaxOpenConns(1)
		execute(t, pool, "ATTACH ':memory:' AS other")
		journal, err := once.SQL(pool, once.SQLite, once.WithTable(c.table))
		require.NoError(t, err)
		assert.ErrorContains(t, journal.Migrate(t.Context()), c.says)
	}
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

func TestCheckNoticesAJournalThatCanOnlyBeRead(t *testing.T) {
	for dialect, connection := range map[string]string{
		"sqlite": "&" + pragmas("query_only(1)"), "postgresql": "&default_transaction_read_only=on", "mysql": "?tx_read_only=1",
	} {
		t.Run(dialect, func(t *testing.T) {
			d := withOldKey(t, databaseOf(t, dialect))
			d.dsn += connection
			journal, err := once.SQL(d.open(t), once.Dialect(dialect))
			require.NoError(t, err)
			buyer := buyerOn(t, journal, &model.Service{})
			_, found, err := buyer.Lookup(t.Context(), "old")
			require.NoError(t, err)
			assert.True(t, found)
			assert.ErrorContains(t, buyer.Check(t.Context()), "writing the journal")
		})
	}
}
