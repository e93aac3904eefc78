package once_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

func TestBuyersOfOneInMemoryJournalShareItAndNoOther(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		journal := once.InMemory()
		for _, test := range []struct {
			journal  once.Journal
			instance string
		}{
			{journal, "instance-1"}, {journal, "instance-1"}, {once.InMemory(), "instance-2"},
		} {
			process := proof.NewProcess(b.world, b, func(*proof.Process) once.Journal { return test.journal })
			bought, err := process.Buyer.Buy(t.Context(), "a", prepaid)
			require.NoError(t, err)
			assert.Equal(t, test.instance, bought.InstanceID)
		}
	})
}

// What a journal does in a database is tested in once/integration.

func TestSQLRefusesWhatIsNoJournal(t *testing.T) {
	_, err := once.SQL(nil, once.SQLite)
	assert.ErrorContains(t, err, "database is nil")
	for _, dialect := range []once.Dialect{"", "SQLite", "oracle"} {
		_, err = once.SQL(new(sql.DB), dialect)
		assert.ErrorContains(t, err, "dialect", dialect)
	}
	for _, table := range []string{"", "Purchases", "a-b", "a.b.c", ".a", "a.", `a"`, "a b", strings.Repeat("t", 49)} {
		_, err = once.SQL(new(sql.DB), once.SQLite, once.WithTable(table))
		assert.ErrorContains(t, err, "table", table)
		assert.Empty(t, once.Schema(once.SQLite, once.WithTable(table)))
	}
}

func TestSchemaCreatesTheTable(t *testing.T) {
	for dialect, names := range map[once.Dialect][2]string{
		once.SQLite: {`"computeunit_purchases"`, `"billing"."units_2"`}, once.PostgreSQL: {`"computeunit_purchases"`, `"billing"."units_2"`},
		once.MySQL: {"`computeunit_purchases`", "`billing`.`units_2`"},
	} {
		assert.Contains(t, once.Schema(dialect), "CREATE TABLE IF NOT EXISTS "+names[0]+" (")
		assert.Contains(t, once.Schema(dialect, once.WithTable("billing.units_2")), "CREATE TABLE IF NOT EXISTS "+names[1]+" (")
		journal, err := once.SQL(new(sql.DB), dialect, once.WithTable(strings.Repeat("s", 48)+"."+strings.Repeat("t", 48)))
		require.NoError(t, err)
		assert.NotNil(t, journal)
	}
	assert.Empty(t, once.Schema("oracle"))
}

func TestAJournalServesOneEndpoint(t *testing.T) {
	journal := once.JournalOf(new(store.Memory))
	buyer := func(endpoint string) *once.Buyer {
		b, err := once.New(client(t, endpoint), journal)
		require.NoError(t, err)
		return b
	}
	settled, err := buyer("http://127.0.0.1:1").Settle(t.Context())
	require.NoError(t, err)
	assert.Empty(t, settled, "what keeps the endpoint is no purchase")

	other := buyer("http://127.0.0.1:2")
	_, err = other.Buy(t.Context(), "a", prepaid)
	assert.Equal(t, "not purchased", outcome(t, err), "asking again does not help")
	_, settleErr := other.Settle(t.Context())
	_, _, lookupErr := other.Lookup(t.Context(), "a")
	_, resolveErr := other.ResolveNotPurchased(t.Context(), "a")
	for _, err := range []error{err, settleErr, lookupErr, resolveErr, other.Check(t.Context())} {
		assert.ErrorContains(t, err, "http://127.0.0.1:1")
		assert.ErrorContains(t, err, "with a new journal every key would be bought again")
	}
}

func TestEndpointsAreComparedByWhatTheyMean(t *testing.T) {
	for other, same := range map[string]bool{
		"https://Example.com": true, "https://example.com:443": true, "https://example.com/": true,
		"https://example.com:444": false, "https://example.com/v2": false, "https://example.org": false,
	} {
		records := new(store.Memory)
		first, err := once.New(client(t, "https://example.com"), once.JournalOf(records))
		require.NoError(t, err)
		require.NoError(t, first.Check(t.Context()))
		second, err := once.New(client(t, other), once.JournalOf(records))
		require.NoError(t, err)
		assert.Equal(t, same, second.Check(t.Context()) == nil, other)
	}
}

func TestChangeEndpoint(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		const from, to = "http://127.0.0.1:1", "https://127.0.0.1:2"
		change := func(from, to string) error { return once.ChangeEndpointOf(t.Context(), b.records, from, to) }
		assert.ErrorContains(t, change(from, to), "none yet")
		b.leaveUnknown("a", proof.Lose)
		assert.ErrorContains(t, change(from, to), `"a"`, "while a key is open")
		_, err := b.process().ResolveBought(t.Context(), "a", once.Found{InstanceID: "i", Unlisted: true})
		require.NoError(t, err)
		assert.ErrorContains(t, change(to, from), "another endpoint's")
		assert.ErrorContains(t, change(from, "nowhere"), "no endpoint")
		require.NoError(t, change(from, to))
		assert.Error(t, b.process().Check(t.Context()))
		require.NoError(t, change(to, from))
		_, err = b.buy("a")
		require.NoError(t, err)
	})
}
