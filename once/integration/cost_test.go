package integration

import (
	"database/sql"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

var cost = flag.Bool("cost", false, "measure what a purchase costs, as ratios")

// TestCostBesideSQLByHand compares Buy with the same two requests and the same statements, written down in a row.
func TestCostBesideSQLByHand(t *testing.T) {
	if !*cost {
		t.Skip("without -cost")
	}
	onEachDatabase(t, func(t *testing.T, d database) {
		db := d.open(t)
		s := proof.NewShop(t, d.journalIn(t, db))
		data := `{"request":{"serviceId":"` + strings.Repeat("x", 500) + `"}}`
		read := numbered(d.dialect, "SELECT count(*) FROM computeunit_purchases WHERE purchase_key = ?")
		insert := numbered(d.dialect, "INSERT INTO computeunit_purchases VALUES (?, '1', ?, NULL, 'preparing', 0, ?)")
		update := numbered(d.dialect, "UPDATE computeunit_purchases SET version = ?, open_service = ?, instance_id = ?, state = ?, "+
			"data = ? WHERE purchase_key = ? AND version = ?")
		exec := func(statement string, arguments ...any) {
			_, err := db.Exec(statement, arguments...)
			require.NoError(t, err)
		}
		s.BesideByHand(t, d.dialect, func(what string, r proof.Row) {
			switch what {
			case "read":
				require.NoError(t, db.QueryRow(read, r.Key).Scan(new(int)))
			case "claim":
				exec(insert, r.Key, r.Service, data)
			case "send":
				exec(update, "2", r.Service, nil, "sending", data, r.Key, "1")
			case "record":
				exec(update, "3", nil, r.Instance, "bought", data, r.Key, "2")
			}
		})
	})
}

// numbered has the parameters of a statement as the dialect has them.
func numbered(dialect, statement string) string {
	for n := 1; dialect == "postgresql" && strings.Contains(statement, "?"); n++ {
		statement = strings.Replace(statement, "?", fmt.Sprint("$", n), 1)
	}
	return statement
}

// TestCostWithAMillionSettledRows: a journal is never emptied, and costs the same.
func TestCostWithAMillionSettledRows(t *testing.T) {
	if !*cost {
		t.Skip("without -cost")
	}
	onEachDatabase(t, func(t *testing.T, d database) {
		db := d.open(t)
		few, many := filled(t, d, db, "few", 7), filled(t, d, db, "many", 17)
		many.BesideFew(t, d.dialect, few)
	})
}

// filled is a shop whose ten purchases were doubled, again and again, in a table of its own.
func filled(t *testing.T, d database, db *sql.DB, table string, doublings int) *proof.Shop {
	execute(t, db, "DROP TABLE IF EXISTS "+table)
	journal, err := once.SQL(db, once.Dialect(d.dialect), once.WithTable(table))
	require.NoError(t, err)
	require.NoError(t, journal.Migrate(t.Context()))
	shop := proof.NewShop(t, journal)
	for n := range doublings {
		execute(t, db, fmt.Sprintf("INSERT INTO %[1]s SELECT concat(purchase_key, '-%[2]d'), version, NULL, concat(instance_id, '-%[2]d'), "+
			"state, 0, data FROM %[1]s WHERE instance_id IS NOT NULL", table, n))
	}
	if d.dialect == "postgresql" {
		execute(t, db, "ANALYZE "+table) // as autovacuum does, but now
	}
	return shop
}
