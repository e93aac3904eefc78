package integration

import (
	"database/sql"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// Many rounds: what one process sees of a table that another is about to create depends on a few microseconds.
func TestMigrateIsCalledByManyAtOnceAndAgain(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		db := d.open(t)
		var others []*sql.DB // as other processes have
		for range 8 {
			others = append(others, d.open(t))
		}
		for range 50 {
			execute(t, db, "DROP TABLE IF EXISTS computeunit_purchases")
			migrateByMany(t, d.dialect, others)
		}
		s, err := store.NewSQL(db, d.dialect)
		require.NoError(t, err)
		done, err := s.Insert(t.Context(), record("k", "v1"))
		require.NoError(t, err)
		require.True(t, done)
		require.NoError(t, s.Migrate(t.Context()))
		_, found, err := s.Read(t.Context(), "k")
		require.NoError(t, err)
		assert.True(t, found, "kept by Migrate")
	})
}

// A new SQLite file is switched to its write-ahead log by the first connection, and the others do not wait for that.
func TestMigrateOfANewFileIsCalledByManyAtOnce(t *testing.T) {
	for range 100 {
		d := databaseOf(t, "sqlite")
		var others []*sql.DB
		for range 8 {
			others = append(others, d.open(t))
		}
		migrateByMany(t, d.dialect, others)
	}
}

func migrateByMany(t *testing.T, dialect string, many []*sql.DB) {
	var all sync.WaitGroup
	for _, db := range many {
		all.Go(func() {
			journal, err := once.SQL(db, once.Dialect(dialect))
			assert.NoError(t, err)
			assert.NoError(t, journal.Migrate(t.Context()))
		})
	}
	all.Wait()
}

// Schema is for those who manage schemas themselves: what it creates is what Migrate would.
func TestSchemaIsTheTableOfMigrate(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		db := d.open(t)
		execute(t, db, "DROP TABLE IF EXISTS computeunit_purchases")
		s, err := store.NewSQL(db, d.dialect)
		require.NoError(t, err)
		_, _, err = s.Read(t.Context(), "k")
		require.ErrorContains(t, err, "Migrate")
		_, err = s.Insert(t.Context(), record("k", "v1"))
		require.ErrorContains(t, err, "Migrate")
		execute(t, db, statements(once.Schema(once.Dialect(d.dialect)))...)
		_, found, err := s.Read(t.Context(), "k")
		require.NoError(t, err)
		require.False(t, found)
		require.NoError(t, s.Migrate(t.Context()))
	})
}

// A table that would not do, in a way that nobody notices until two keys buy at once, is refused.
func TestAnotherTableIsRefused(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		for change, alter := range map[string]map[string][]string{
			"a column of a later version": {"": {"ALTER TABLE computeunit_purchases ADD COLUMN lease VARCHAR(9)"}},
			"no unique service": {
				"":      {"DROP INDEX computeunit_purchases_open_service"},
				"mysql": {"DROP INDEX computeunit_purchases_open_service ON computeunit_purchases"},
			},
			"no unique instance": {
				"":      {"DROP INDEX computeunit_purchases_instance_id"},
				"mysql": {"DROP INDEX computeunit_purchases_instance_id ON computeunit_purchases"},
			},
			"a service index that is not unique": {
				"": {"DROP INDEX computeunit_purchases_open_service", "CREATE INDEX i ON computeunit_purchases (open_service)"},
				"mysql": {"DROP INDEX computeunit_purchases_open_service ON computeunit_purchases",
					"CREATE INDEX i ON computeunit_purchases (open_service)"},
			},
			"a missing column":       {"": {"ALTER TABLE computeunit_purchases DROP COLUMN data"}},
			"one more unique column": {"": {"CREATE UNIQUE INDEX i ON computeunit_purchases (state)"}},
			"letters compared without case": {
				"sqlite": append([]string{"DROP TABLE computeunit_purchases"}, statements(strings.ReplaceAll(
					once.Schema(once.SQLite), "instance_id  TEXT,", "instance_id  TEXT COLLATE NOCASE,"))...),
				"postgresql": {
					`CREATE COLLATION IF NOT EXISTS nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
					`ALTER TABLE computeunit_purchases ALTER COLUMN instance_id TYPE TEXT COLLATE nocase`,
				},
				"mysql": {"ALTER TABLE computeunit_purchases MODIFY purchase_key VARCHAR(255) NOT NULL"},
			},
			"values cut off": {
				"sqlite":     {"ALTER TABLE computeunit_purchases RENAME COLUMN data TO text"},
				"postgresql": {`ALTER TABLE computeunit_purchases ALTER COLUMN version TYPE VARCHAR(9)`},
				"mysql":      {"ALTER TABLE computeunit_purchases MODIFY version VARBINARY(9) NOT NULL"},
			},
			"an index that checks later or some rows": {
				"sqlite": {"DROP INDEX computeunit_purchases_open_service",
					"CREATE UNIQUE INDEX i ON computeunit_purchases (open_service) WHERE open_service IS NOT NULL AND state = 'sending'"},
				"postgresql": {"DROP INDEX computeunit_purchases_instance_id",
					"ALTER TABLE computeunit_purchases ADD UNIQUE (instance_id) DEFERRABLE"},
				"mysql": {"DROP INDEX computeunit_purchases_open_service ON computeunit_purchases",
					"ALTER TABLE computeunit_purchases ADD UNIQUE (open_service(9))"},
			},
			"rows that a crash empties": {
				"sqlite":     {"DROP TABLE computeunit_purchases", "CREATE VIEW computeunit_purchases AS SELECT 1 AS purchase_key"},
				"postgresql": {"ALTER TABLE computeunit_purchases SET UNLOGGED"},
				"mysql":      {"ALTER TABLE computeunit_purchases ENGINE = Aria"},
			},
		} {
			t.Run(change, func(t *testing.T) {
				db := d.open(t)
				newStore(t, db, d.dialect)
				if own := alter[d.dialect]; own != nil {
					execute(t, db, own...)
				} else {
					execute(t, db, alter[""]...)
				}
				s, err := store.NewSQL(db, d.dialect)
				require.NoError(t, err)
				require.ErrorContains(t, s.Migrate(t.Context()), "computeunit_purchases")
				_, err = s.Insert(t.Context(), record("k", "v1"))
				require.ErrorContains(t, err, "not the one of this version")
				_, _, err = s.Read(t.Context(), "k")
				require.ErrorContains(t, err, "not the one of this version")
				if d.dialect == "sqlite" && change == "rows that a crash empties" {
					execute(t, db, "DROP VIEW computeunit_purchases")
				}
			})
		}
	})
}
