package integration

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

const table = "computeunit_purchases"

// database is where a journal is.
type database struct{ dialect, driver, dsn string }

// onEachDatabase runs a test on SQLite and, if the environment asks for them, on servers: ONCE_DATABASES is all, or some of
// postgresql,mysql.
func onEachDatabase(t *testing.T, test func(t *testing.T, d database)) {
	for _, dialect := range []string{"sqlite", "postgresql", "mysql"} {
		t.Run(dialect, func(t *testing.T) { test(t, databaseOf(t, dialect)) })
	}
}

// databaseOf is one without a table of an earlier test.
func databaseOf(t *testing.T, dialect string) database {
	if dialect == "sqlite" {
		return sqliteFile(t, durable...)
	}
	d := serverOf(t, dialect)
	execute(t, d.open(t), "DROP TABLE IF EXISTS "+table)
	return d
}

var durable = []string{"journal_mode(wal)", "synchronous(full)", "busy_timeout(60000)"}

// sqliteFile is a new database in a file, with pragmas for each connection.
func sqliteFile(t *testing.T, settings ...string) database {
	path := filepath.Join(t.TempDir(), "journal.db")
	return database{"sqlite", "sqlite", "file:" + path + "?" + pragmas(settings...)}
}

func pragmas(settings ...string) string { return url.Values{"_pragma": settings}.Encode() }

// open is a pool of connections that is closed at the end of the test.
func (d database) open(t *testing.T) *sql.DB {
	db, err := sql.Open(d.driver, d.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

// journalIn is a journal in a database, whose table is there.
func (d database) journalIn(t *testing.T, pool *sql.DB) *once.SQLJournal {
	journal, err := once.SQL(pool, once.Dialect(d.dialect))
	require.NoError(t, err)
	require.NoError(t, journal.Migrate(t.Context()))
	return journal
}

// process is one with a Buyer, on a journal in a database.
func process(t *testing.T, d database, service *model.Service) *once.Buyer {
	return buyerOn(t, d.journalIn(t, d.open(t)), service)
}

func buyerOn(t *testing.T, journal once.Journal, service *model.Service, options ...once.Option) *once.Buyer {
	client, err := model.NewClient(service, computeunit.WithTimeout(300*time.Millisecond))
	require.NoError(t, err)
	buyer, err := once.New(client, journal, options...)
	require.NoError(t, err)
	return buyer
}
