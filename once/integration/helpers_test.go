package integration

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

// database is where a journal is.
type database struct{ dialect, driver, dsn string }

// onEachDatabase runs a test on SQLite and, if the environment asks for them, on servers: ONCE_DATABASES is all, or some of
// postgresql,mysql.
func onEachDatabase(t *testing.T, test func(t *testing.T, d database)) {
	for _, dialect := range []string{"sqlite", "postgresql", "mysql"} {
		t.Run(dialect, func(t *testing.T) { test(t, databaseOf(t, dialect)) })
	}
}

func databaseOf(t *testing.T, dialect string) database {
	if dialect == "sqlite" {
		return sqliteFile(t, "journal_mode(wal)", "synchronous(full)", "busy_timeout(60000)")
	}
	asked := strings.Split(os.Getenv("ONCE_DATABASES"), ",")
	if !slices.Contains(asked, dialect) && !slices.Contains(asked, "all") {
		t.Skipf("ONCE_DATABASES does not ask for %s: make integration runs the tests on all databases", dialect)
	}
	return serverOf(t, dialect)
}

// sqliteFile is a new database in a file, with pragmas for each connection.
func sqliteFile(t *testing.T, pragmas ...string) database {
	path := filepath.Join(t.TempDir(), "journal.db")
	return database{"sqlite", "sqlite", "file:" + path + "?" + url.Values{"_pragma": pragmas}.Encode()}
}

// open is a pool of connections that is closed at the end of the test.
func (d database) open(t *testing.T) *sql.DB {
	db, err := sql.Open(d.driver, d.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// newStore is an empty store in a database.
func newStore(t *testing.T, db *sql.DB, dialect string) *store.SQL {
	execute(t, db, "DROP TABLE IF EXISTS computeunit_purchases")
	s, err := store.NewSQL(db, dialect)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

// statements are those of a schema, as a tool would read them.
func statements(schema string) []string {
	parts := strings.SplitAfter(schema, ";\n")
	return slices.DeleteFunc(parts, func(s string) bool { return strings.TrimSpace(s) == "" })
}
