package once_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
)

// What a journal does in a database is tested in once/integration.

func TestSQLRefusesWhatIsNoJournal(t *testing.T) {
	_, err := once.SQL(nil, once.SQLite)
	assert.ErrorContains(t, err, "database is nil")
	for _, dialect := range []once.Dialect{"", "SQLite", "oracle"} {
		_, err = once.SQL(new(sql.DB), dialect)
		assert.ErrorContains(t, err, "dialect", dialect)
	}
	for _, dialect := range []once.Dialect{once.SQLite, once.PostgreSQL, once.MySQL} {
		var journal once.Journal
		journal, err = once.SQL(new(sql.DB), dialect)
		require.NoError(t, err)
		assert.NotNil(t, journal)
	}
}

func TestSchemaCreatesOneTable(t *testing.T) {
	for _, dialect := range []once.Dialect{once.SQLite, once.PostgreSQL, once.MySQL} {
		assert.Contains(t, once.Schema(dialect), "CREATE TABLE IF NOT EXISTS computeunit_purchases (")
	}
	assert.Empty(t, once.Schema("oracle"))
}
