package once_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

func TestBuyersOfOneInMemoryJournalShareItAndNoOther(t *testing.T) {
	inBench(t, func(b *bench) {
		journal, instances := once.InMemory(), []string(nil)
		for _, journal := range []once.Journal{journal, journal, once.InMemory()} {
			process := proof.NewProcess(b.world, b, func(*proof.Process) once.Journal { return journal })
			bought, err := process.Buyer.Buy(b.ctx, "a", prepaid)
			b.NoError(err)
			instances = append(instances, bought.InstanceID)
		}
		b.Equal([]string{"instance-1", "instance-1", "instance-2"}, instances)
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
		once.SQLite: {`"main"."computeunit_purchases"`, `"billing"."units_2"`}, once.PostgreSQL: {`"computeunit_purchases"`, `"billing"."units_2"`},
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

// buyers are one for each endpoint, which share a journal.
func buyers(t *testing.T, endpoints ...string) (buyers []*once.Buyer) {
	journal := once.JournalOf(new(store.Memory))
	for _, endpoint := range endpoints {
		client, err := model.NewClient(nil, computeunit.WithEndpoint(endpoint))
		require.NoError(t, err)
		b, err := once.New(client, journal)
		require.NoError(t, err)
		buyers = append(buyers, b)
	}
	return buyers
}

func TestAJournalServesOneEndpoint(t *testing.T) {
	both := buyers(t, "http://127.0.0.1:1", "http://127.0.0.1:2")
	settled, err := both[0].Settle(t.Context())
	require.NoError(t, err)
	assert.Empty(t, settled, "what keeps the endpoint is no purchase")

	other := both[1]
	_, err = other.Buy(t.Context(), "a", prepaid)
	assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
	assert.NotErrorIs(t, err, once.ErrPending, "asking again does not help")
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
		both := buyers(t, "https://example.com", other)
		require.NoError(t, both[0].Check(t.Context()))
		assert.Equal(t, same, both[1].Check(t.Context()) == nil, other)
	}
}

func TestChangeEndpoint(t *testing.T) {
	inBench(t, func(b *bench) {
		const from, to = "http://127.0.0.1:1", "https://127.0.0.1:2"
		change := func(from, to string) error { return once.ChangeEndpointOf(b.ctx, b.records, from, to) }
		b.ErrorContains(change(from, to), "none yet")
		b.leaveUnknown("a", proof.Lose)
		b.ErrorContains(change(from, to), `"a"`, "while a key is open")
		_, err := b.found(once.Found{InstanceID: "i", Unlisted: true})
		b.NoError(err)
		b.ErrorContains(change(to, from), "another endpoint's")
		b.ErrorContains(change(from, "nowhere"), "must be like https://host")
		b.NoError(change(from, to))
		b.Error(b.process().Check(b.ctx))
		b.NoError(change(to, from))
		b.bought("a")
	})
}
