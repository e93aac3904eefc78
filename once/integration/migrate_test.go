package integration

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

// Many rounds: what one process sees of a table that another is about to create depends on a few microseconds. A new SQLite
// file is switched to its write-ahead log by the first connection, and the others do not wait for that.
func TestMigrateIsCalledByManyAtOnceAndAgain(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		for range 25 {
			d = databaseOf(t, d.dialect)
			migrateByMany(t, d)
		}
		withOldKey(t, d)
		migrateByMany(t, d)
		unchanged(t, d)
	})
}

// migrateByMany has pools of their own, as other processes have.
func migrateByMany(t *testing.T, d database) {
	var all sync.WaitGroup
	for range 8 {
		pool := d.open(t)
		all.Go(func() {
			journal, err := once.SQL(pool, once.Dialect(d.dialect))
			assert.NoError(t, err)
			assert.NoError(t, journal.Migrate(t.Context()))
			assert.NoError(t, pool.Close())
		})
	}
	all.Wait()
}

// Schema is for those who manage schemas themselves: what it creates is what Migrate would. Without it, Check says so.
func TestSchemaIsTheTableOfMigrate(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		pool := d.open(t)
		journal, err := once.SQL(pool, once.Dialect(d.dialect))
		require.NoError(t, err)
		require.ErrorContains(t, buyerOn(t, journal, &model.Service{}).Check(t.Context()), "call Migrate")
		execute(t, pool, once.Schema(once.Dialect(d.dialect)))
		require.NoError(t, buyerOn(t, journal, &model.Service{}).Check(t.Context()))
		require.NoError(t, journal.Migrate(t.Context()))
		require.NoError(t, journal.ChangeEndpoint(t.Context(), "http://127.0.0.1:1", "https://new.example.com"))
		require.Error(t, buyerOn(t, journal, &model.Service{}).Check(t.Context()))
	})
}

// A table that would not do, in a way that nobody notices until two keys buy at once, is refused.
func TestAnotherTableIsRefused(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		again := func(old, new string) []string {
			schema := once.Schema(once.Dialect(d.dialect))
			changed := strings.Replace(schema, old, new, 1)
			require.NotEqual(t, schema, changed)
			return []string{"DROP TABLE " + table, changed}
		}
		changes := map[string][]string{
			"no unique key":      again(" PRIMARY KEY", ""),
			"no unique service":  again(" UNIQUE,   -- closed", ",   -- closed"),
			"no unique instance": again(" UNIQUE,   -- belongs", ",   -- belongs"),
			"a missing column":   {"ALTER TABLE " + table + " DROP COLUMN data"},
		}
		for _, column := range []string{"state", "version"} {
			changes["a service unique with its "+column] = append(again(" UNIQUE,   -- closed", ",   -- closed"),
				"CREATE UNIQUE INDEX both_columns ON "+table+" (open_service, "+column+")")
		}
		switch d.dialect {
		case "sqlite":
			changes["numbers"] = again("purchase_key TEXT", "purchase_key STRING")
			changes["a service that replaces another"] = again(" UNIQUE,   -- closed", " UNIQUE ON CONFLICT REPLACE,   -- closed")
			changes["letters compared without case"] = again("purchase_key TEXT", "purchase_key TEXT COLLATE NOCASE")
			changes["no updates"] = []string{
				"CREATE TRIGGER no_updates BEFORE UPDATE ON " + table + " BEGIN SELECT RAISE(IGNORE); END",
			}
			changes["no table"] = []string{"DROP TABLE " + table, "CREATE VIEW " + table + " AS SELECT 1 AS purchase_key"}
		case "postgresql":
			changes["letters compared without case"] = []string{
				`CREATE COLLATION IF NOT EXISTS nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
				`ALTER TABLE ` + table + ` ALTER COLUMN instance_id TYPE TEXT COLLATE nocase`,
			}
			changes["numbers compared by value"] = []string{
				`CREATE COLLATION IF NOT EXISTS numbers (provider = icu, locale = 'und-u-kn', deterministic = false)`,
				`ALTER TABLE ` + table + ` ALTER COLUMN purchase_key TYPE TEXT COLLATE numbers`,
			}
			changes["bytes"] = again("data         TEXT", "data         BYTEA")
			changes["NULL once"] = again(" UNIQUE,   -- closed", " UNIQUE NULLS NOT DISTINCT,   -- closed")
			changes["a child"] = []string{"CREATE TABLE child () INHERITS (" + table + ")"}
			changes["a view"] = []string{"ALTER TABLE " + table + " RENAME TO base", "CREATE VIEW " + table + " AS SELECT * FROM base"}
			changes["a check that hides a service twice"] = append(changes["no unique service"],
				"ALTER TABLE "+table+" ADD CHECK (state <> 'bought' OR instance_id IS NOT NULL)")
			changes["values cut off"] = []string{"ALTER TABLE " + table + " ALTER COLUMN version TYPE VARCHAR(9)"}
			changes["values padded"] = []string{"ALTER TABLE " + table + " ALTER COLUMN state TYPE CHAR(16)"}
			changes["no updates"] = []string{"CREATE RULE no_updates AS ON UPDATE TO " + table + " DO INSTEAD NOTHING"}
			changes["rows that a crash empties"] = []string{"ALTER TABLE " + table + " SET UNLOGGED"}
		case "mysql":
			changes["letters compared without case"] = []string{
				"ALTER TABLE " + table + " MODIFY purchase_key VARCHAR(255) CHARACTER SET latin1 NOT NULL",
			}
			changes["the first bytes of a key"] = []string{"CREATE UNIQUE INDEX short ON " + table + " (purchase_key(191))"}
			changes["a view"] = []string{"RENAME TABLE " + table + " TO base", "CREATE VIEW " + table + " AS SELECT * FROM base"}
			changes["values cut off"] = []string{"ALTER TABLE " + table + " MODIFY data BLOB NOT NULL"}
			changes["values cut off without an error"] = []string{"ALTER TABLE " + table + " MODIFY state VARBINARY(4) NOT NULL"}
			changes["no updates"] = []string{"CREATE TRIGGER no_updates BEFORE UPDATE ON " + table + " FOR EACH ROW SET NEW.state = OLD.state"}
			changes["rows that a crash empties"] = []string{"ALTER TABLE " + table + " ENGINE = Aria"}
		}
		undo := map[string][]string{"a view": {"DROP VIEW " + table, "DROP TABLE base"}, "a child": {"DROP TABLE child"}}
		for change, statements := range changes {
			t.Run(change, func(t *testing.T) {
				d := databaseOf(t, d.dialect)
				if d.dialect == "mysql" {
					d.dsn += "?sql_mode=%27%27" // it takes what does not fit
				}
				pool := d.open(t)
				journal := d.journalIn(t, pool)
				execute(t, pool, statements...)
				require.Error(t, journal.Migrate(t.Context()))
				execute(t, pool, undo[change]...)
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
		_, err = other.Buy(t.Context(), "new", model.Prepaid("svco-new"))
		require.NoError(t, err)
		unchanged(t, d)
	})
}
