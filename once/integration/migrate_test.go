package integration

import (
	"database/sql"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

// Many rounds: what one process sees of a table that another is about to create depends on a few microseconds.
func TestMigrateIsCalledByManyAtOnceAndAgain(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		others := d.pools(t, 8) // as other processes have
		for range 25 {
			d.empty(t)
			migrateByMany(t, d, others)
		}
		withOldKey(t, d)
		migrateByMany(t, d, others)
		unchanged(t, d)
	})
}

// A new SQLite file is switched to its write-ahead log by the first connection, and the others do not wait for that.
func TestMigrateOfANewFileIsCalledByManyAtOnce(t *testing.T) {
	for range 50 {
		d := databaseOf(t, "sqlite")
		migrateByMany(t, d, d.pools(t, 8))
	}
}

func (d database) pools(t *testing.T, n int) (pools []*sql.DB) {
	for range n {
		pools = append(pools, d.open(t))
	}
	return pools
}

func migrateByMany(t *testing.T, d database, many []*sql.DB) {
	var all sync.WaitGroup
	for _, pool := range many {
		all.Go(func() {
			journal, err := once.SQL(pool, once.Dialect(d.dialect))
			assert.NoError(t, err)
			assert.NoError(t, journal.Migrate(t.Context()))
		})
	}
	all.Wait()
}

// Schema is for those who manage schemas themselves: what it creates is what Migrate would. Without it, Check says so.
func TestSchemaIsTheTableOfMigrate(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		pool := d.empty(t).open(t)
		journal, err := once.SQL(pool, once.Dialect(d.dialect))
		require.NoError(t, err)
		require.ErrorContains(t, buyerOn(t, journal, &model.Service{}).Check(t.Context()), "call Migrate")
		execute(t, pool, once.Schema(once.Dialect(d.dialect)))
		require.NoError(t, buyerOn(t, journal, &model.Service{}).Check(t.Context()))
		require.NoError(t, journal.Migrate(t.Context()))
	})
}

// A table that would not do, in a way that nobody notices until two keys buy at once, is refused.
func TestAnotherTableIsRefused(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		schema := once.Schema(once.Dialect(d.dialect))
		again := func(old, new string) []string {
			changed := strings.Replace(schema, old, new, 1)
			require.NotEqual(t, schema, changed)
			return []string{"DROP TABLE " + table, changed}
		}
		var nocase []string
		if d.dialect == "sqlite" {
			nocase = again("purchase_key TEXT", "purchase_key TEXT COLLATE NOCASE")
		}
		for change, statements := range map[string][]string{
			"no unique key":      again(" PRIMARY KEY", ""),
			"no unique service":  again(" UNIQUE,   -- closed", ",   -- closed"),
			"no unique instance": again(" UNIQUE,   -- belongs", ",   -- belongs"),
			"a missing column":   {"ALTER TABLE " + table + " DROP COLUMN data"},
			"letters compared without case": map[string][]string{
				"sqlite": nocase,
				"postgresql": {
					`CREATE COLLATION IF NOT EXISTS nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
					`ALTER TABLE ` + table + ` ALTER COLUMN instance_id TYPE TEXT COLLATE nocase`,
				},
				"mysql": {"ALTER TABLE " + table + " MODIFY purchase_key VARCHAR(255) CHARACTER SET latin1 NOT NULL"},
			}[d.dialect],
			"values cut off": map[string][]string{
				"sqlite":     {"ALTER TABLE " + table + " RENAME COLUMN data TO text"},
				"postgresql": {`ALTER TABLE ` + table + ` ALTER COLUMN version TYPE VARCHAR(9)`},
				"mysql":      {"ALTER TABLE " + table + " MODIFY data BLOB NOT NULL"},
			}[d.dialect],
			"rows that a crash empties": map[string][]string{
				"sqlite":     {"DROP TABLE " + table, "CREATE VIEW " + table + " AS SELECT 1 AS purchase_key"},
				"postgresql": {"ALTER TABLE " + table + " SET UNLOGGED"},
				"mysql":      {"ALTER TABLE " + table + " ENGINE = Aria"},
			}[d.dialect],
		} {
			t.Run(change, func(t *testing.T) {
				pool := d.empty(t).open(t)
				journal := d.journalIn(t, pool)
				execute(t, pool, statements...)
				require.Error(t, journal.Migrate(t.Context()))
				if d.dialect == "sqlite" && change == "rows that a crash empties" {
					execute(t, pool, "DROP VIEW "+table)
				}
			})
		}
	})
}

// Two tables are two journals, also in schemas of one database.
func TestATableInASchemaOfItsOwn(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		withOldKey(t, d)
		pool, name := d.open(t), "own_table"
		if d.dialect != "sqlite" {
			name = "own_schema.own_table"
			execute(t, pool, "CREATE SCHEMA IF NOT EXISTS own_schema")
		}
		execute(t, pool, "DROP TABLE IF EXISTS "+name)
		journal, err := once.SQL(pool, once.Dialect(d.dialect), once.WithTable(name))
		require.NoError(t, err)
		require.NoError(t, journal.Migrate(t.Context()))
		other := buyerOn(t, journal, &model.Service{})
		require.NoError(t, other.Check(t.Context()))
		_, found, err := other.Lookup(t.Context(), "old")
		require.NoError(t, err)
		assert.False(t, found)
		_, err = other.Buy(t.Context(), "new", prepaid("svco-new"))
		require.NoError(t, err)
		unchanged(t, d)
	})
}
