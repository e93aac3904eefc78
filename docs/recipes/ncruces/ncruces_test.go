// Package ncruces_test holds a data source name of docs/recipes.md against what a journal needs. Each driver has a folder, because
// both call themselves sqlite3.
package ncruces_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	_ "github.com/ncruces/go-sqlite3/driver"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
	"github.com/qianfan-go/computeunit/once"
)

func TestAPurchaseOnEachConnection(t *testing.T) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "purchases.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxIdleConns(0) // each statement on a new connection
	server := computeunittest.NewServer()
	defer server.Close()
	journal, err := once.SQL(db, once.SQLite)
	require.NoError(t, err)
	buyer, err := once.New(server.Client(), journal)
	require.NoError(t, err)
	require.NoError(t, journal.Migrate(t.Context()))
	require.NoError(t, buyer.Check(t.Context()))
	for range 2 {
		_, err = buyer.Buy(t.Context(), "order-1", computeunit.PurchaseComputeUnitRequest{
			ServiceID: "svco-1", Billing: computeunit.Prepaid(1), ReplicasCount: 1,
		})
		require.NoError(t, err)
	}
	require.Len(t, server.Orders(), 1)

	page, err := os.ReadFile("../../operating.md")
	require.NoError(t, err)
	statements := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, statements, 2)
	for _, statement := range statements {
		_, err = db.Exec(statement[1])
		require.NoError(t, err, statement[1])
	}
}
