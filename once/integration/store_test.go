package integration

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/store"
	"github.com/qianfan-go/computeunit/once/internal/storetest"
)

func TestEachDatabaseIsAStore(t *testing.T) {
	onEachDatabase(t, testStore)
}

func testStore(t *testing.T, d database) {
	pool := d.open(t)
	storetest.Test(t, func(t *testing.T) store.Store {
		execute(t, pool, "DROP TABLE IF EXISTS "+table)
		s, err := store.NewSQL(pool, d.dialect, table)
		require.NoError(t, err)
		require.NoError(t, s.Migrate(t.Context()))
		return s
	})
}

// Each write is one statement, so that no isolation level makes another of it. Those that are missing here are defaults, or
// the same as one.
func TestServersAreStoresAtOtherIsolationLevels(t *testing.T) {
	for _, at := range []struct{ dialect, level, parameter string }{
		{"postgresql", "serializable", "&default_transaction_isolation=serializable"},
		{"mysql", "read uncommitted", "?tx_isolation=%27READ-UNCOMMITTED%27"},
		{"mysql", "serializable", "?tx_isolation=%27SERIALIZABLE%27"},
	} {
		t.Run(at.dialect+" "+at.level, func(t *testing.T) {
			d := databaseOf(t, at.dialect)
			d.dsn += at.parameter
			testStore(t, d)
		})
	}
}
