package integration

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
		few, many := d.filled(t, "few", 1_000), d.filled(t, "many", 1_000_000)
		many.BesideFew(t, d.dialect, few)
	})
}

// filled is a shop whose journal has settled rows, in a database of its own.
func (d database) filled(t *testing.T, name string, rows int) *proof.Shop {
	switch d.dialect {
	case "sqlite":
		d = databaseOf(t, "sqlite")
	case "postgresql":
		execute(t, d.open(t), "DROP DATABASE IF EXISTS "+name, "CREATE DATABASE "+name)
		d.dsn = strings.Replace(d.dsn, "/postgres?", "/"+name+"?", 1)
	case "mysql":
		execute(t, d.open(t), "DROP DATABASE IF EXISTS "+name, "CREATE DATABASE "+name)
		d.dsn = strings.TrimSuffix(d.dsn, "once") + name
	}
	db := d.open(t)
	d.journalIn(t, db)
	series := map[string]string{
		"sqlite":     "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT %s FROM s",
		"postgresql": "SELECT %[2]s FROM generate_series(1, %[1]d) AS s(n)",
		"mysql":      "SELECT %[2]s FROM (SELECT seq AS n FROM seq_1_to_%[1]d) AS s",
	}[d.dialect]
	concat := map[string]string{"mysql": "concat('%s', n)"}[d.dialect]
	if concat == "" {
		concat = "'%s' || n"
	}
	columns := fmt.Sprintf(concat, "key-") + ", 'v', NULL, " + fmt.Sprintf(concat, "settled-") +
		", 'bought', 0, '{\"request\":{\"serviceId\":\"" + strings.Repeat("x", 500) + "\"}}'"
	execute(t, db, "INSERT INTO computeunit_purchases "+fmt.Sprintf(series, rows, columns))
	if d.dialect == "postgresql" {
		execute(t, db, "ANALYZE computeunit_purchases") // as autovacuum does, but now
	}
	return proof.NewShop(t, d.journalIn(t, db))
}
