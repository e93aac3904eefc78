package integration

import (
	"database/sql"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
	"github.com/qianfan-go/computeunit/once"
)

var cost = flag.Bool("cost", false, "measure what a purchase costs, as ratios")

// purchases is how many are measured, in turn with those that they are compared with.
const purchases = 200

// shop buys once for new keys, each for a new service, in a simulator in this process.
type shop struct {
	service *simulator.Simulator
	client  *computeunit.Client
	buyer   *once.Buyer
	bought  int
}

func newShop(t *testing.T, db *sql.DB, dialect string) *shop {
	service := simulator.New(simulator.Config{})
	url, stop, err := simulator.Serve(service)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	client, err := computeunit.NewClient(
		computeunit.StaticCredentials(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey), computeunit.WithEndpoint(url))
	require.NoError(t, err)
	journal, err := once.SQL(db, once.Dialect(dialect))
	require.NoError(t, err)
	require.NoError(t, journal.Migrate(t.Context()))
	buyer, err := once.New(client, journal)
	require.NoError(t, err)
	s := &shop{service: service, client: client, buyer: buyer}
	for range 10 { // connections are there, and the endpoint is known
		s.buy(t)
	}
	return s
}

func (s *shop) request() computeunit.PurchaseComputeUnitRequest {
	s.bought++
	return computeunit.PurchaseComputeUnitRequest{
		ServiceID: fmt.Sprint("svco-", s.bought), Billing: computeunit.Prepaid(1), ReplicasCount: 1,
	}
}

func (s *shop) buy(t *testing.T) time.Duration {
	request := s.request()
	began := time.Now()
	_, err := s.buyer.Buy(t.Context(), "bought-"+strconv.Itoa(s.bought), request)
	took := time.Since(began)
	require.NoError(t, err)
	return took
}

// TestStatementsOfAPurchase: what a Buy costs the database, where nothing goes wrong. docs/once.md reckons capacity from it.
func TestStatementsOfAPurchase(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, d database) {
		newStore(t, d.open(t), d.dialect)
		db, watched := d.openWatched(t)
		s := newShop(t, db, d.dialect)
		queries, writes, requests := watched.queries.Load(), watched.writes.Load(), s.service.Requests()
		for range 10 {
			s.buy(t)
		}
		assert.EqualValues(t, 1*10, watched.queries.Load()-queries, "the key")
		assert.EqualValues(t, 3*10, watched.writes.Load()-writes, "claimed, sending, bought")
		assert.Equal(t, 2*10, s.service.Requests()-requests, "a listing and the purchase")
	})
}

// TestCostBesideSQLByHand compares Buy with the same two requests and the same statements, written down in a row.
func TestCostBesideSQLByHand(t *testing.T) {
	if !*cost {
		t.Skip("without -cost")
	}
	onEachDatabase(t, func(t *testing.T, d database) {
		db := d.open(t)
		newStore(t, db, d.dialect)
		s := newShop(t, db, d.dialect)
		var once, hand []time.Duration
		for range purchases {
			once, hand = append(once, s.buy(t)), append(hand, s.buyByHand(t, db, d.dialect))
		}
		t.Logf("%s: Buy takes %.2f times as long as the same by hand (medians of %d, in turn)",
			d.dialect, ratio(once, hand), purchases)
	})
}

func (s *shop) buyByHand(t *testing.T, db *sql.DB, dialect string) time.Duration {
	request := s.request()
	key, data := "by-hand-"+strconv.Itoa(s.bought), `{"request":{"serviceId":"`+strings.Repeat("x", 500)+`"}}`
	began := time.Now()
	var n int
	read := numbered(dialect, "SELECT count(*) FROM computeunit_purchases WHERE purchase_key = ?")
	require.NoError(t, db.QueryRow(read, key).Scan(&n))
	_, err := db.Exec(numbered(dialect, "INSERT INTO computeunit_purchases VALUES (?, '1', ?, NULL, 'preparing', '', ?)"),
		key, request.ServiceID, data)
	require.NoError(t, err)
	listing := computeunit.DescribeComputeUnitsRequest{ServiceID: request.ServiceID}
	_, err = s.client.DescribeComputeUnits(t.Context(), listing)
	require.NoError(t, err)
	update := numbered(dialect, "UPDATE computeunit_purchases SET version = ?, open_service = ?, instance_id = ?, state = ?, data = ? "+
		"WHERE purchase_key = ? AND version = ?")
	_, err = db.Exec(update, "2", request.ServiceID, nil, "sending", data, key, "1")
	require.NoError(t, err)
	bought, err := s.client.PurchaseComputeUnit(t.Context(), request)
	require.NoError(t, err)
	_, err = db.Exec(update, "3", nil, bought.Result.InstanceID, "bought", data, key, "2")
	require.NoError(t, err)
	return time.Since(began)
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
		assert.Less(t, many.settle(t)/few.settle(t), 10.0, "what is open is found by an index")
		var withFew, withMany []time.Duration
		for range purchases {
			withFew, withMany = append(withFew, few.buy(t)), append(withMany, many.buy(t))
		}
		times := ratio(withMany, withFew)
		t.Logf("%s: with a million settled rows Buy takes %.2f times as long as with a thousand (medians of %d, in turn)",
			d.dialect, times, purchases)
		assert.LessOrEqual(t, times, 1.2)
	})
}

// settle is the time of a Settle with nothing open, in seconds: the shortest of several.
func (s *shop) settle(t *testing.T) float64 {
	shortest := time.Hour
	for range 20 {
		began := time.Now()
		open, err := s.buyer.Settle(t.Context())
		shortest = min(shortest, time.Since(began))
		require.NoError(t, err)
		require.Empty(t, open)
	}
	return shortest.Seconds()
}

// filled is a shop whose journal has settled rows, in a database of its own.
func (d database) filled(t *testing.T, name string, rows int) *shop {
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
	newStore(t, db, d.dialect)
	series := map[string]string{
		"sqlite":     "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT %s FROM s",
		"postgresql": "SELECT %[2]s FROM generate_series(1, %[1]d) AS s(n)",
		"mysql":      "SELECT %[2]s FROM (SELECT seq AS n FROM seq_1_to_%[1]d) AS s",
	}[d.dialect]
	concat := map[string]string{"mysql": "concat('%s', n)"}[d.dialect]
	if concat == "" {
		concat = "'%s' || n"
	}
	columns := fmt.Sprintf(concat, "key-") + ", 'v', NULL, " + fmt.Sprintf(concat, "instance-") +
		", 'bought', '2026-01-02T03:04:05.000000000Z', '{\"request\":{\"serviceId\":\"" + strings.Repeat("x", 500) + "\"}}'"
	execute(t, db, "INSERT INTO computeunit_purchases "+fmt.Sprintf(series, rows, columns))
	if d.dialect == "postgresql" {
		execute(t, db, "ANALYZE computeunit_purchases") // as autovacuum does, but now
	}
	return newShop(t, db, d.dialect)
}

// ratio of the medians.
func ratio(a, b []time.Duration) float64 {
	slices.Sort(a)
	slices.Sort(b)
	return float64(a[len(a)/2]) / float64(b[len(b)/2])
}
