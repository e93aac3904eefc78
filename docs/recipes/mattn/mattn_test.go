//go:build cgo

// Package mattn_test holds a data source name of docs/recipes.md against what a journal needs. Each driver has a folder, because
// both call themselves sqlite3.
package mattn_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/mattn/go-sqlite3" // needs cgo
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
	"github.com/qianfan-go/computeunit/once"
)

func TestAPurchaseOnEachConnection(t *testing.T) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "purchases.db")+"?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=10000")
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
}
