package integration

import (
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/integration/servers"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// shared is one server of each kind for all tests; TestMain removes them.
var shared struct {
	sync.Mutex
	servers map[string]*servers.Server
}

func serverOf(t *testing.T, dialect string) database {
	shared.Lock()
	defer shared.Unlock()
	if shared.servers == nil {
		shared.servers = map[string]*servers.Server{}
	}
	if shared.servers[dialect] == nil {
		shared.servers[dialect] = startServer(t, dialect)
	}
	s := shared.servers[dialect]
	return database{s.Dialect, s.Driver, s.DSN}
}

func startServer(t *testing.T, dialect string) *servers.Server {
	if dialect == "mysql" {
		s, err := servers.MariaDB()
		require.NoError(t, err)
		return s
	}
	s, err := servers.PostgreSQL()
	require.NoError(t, err)
	return s
}

// A standby answers, and what it answers may be old.
func TestAPostgreSQLStandbyIsNotRead(t *testing.T) {
	d := databaseOf(t, "postgresql")
	primary := withOldRecord(t, d.open(t), d.dialect)
	server, err := shared.servers[d.dialect].Standby()
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Remove()) }()
	standby, err := store.NewSQL(database{server.Dialect, server.Driver, server.DSN}.open(t), server.Dialect)
	require.NoError(t, err)
	_, _, err = standby.Read(t.Context(), "old")
	require.ErrorContains(t, err, "standby")
	_, _, err = standby.ReadOpenService(t.Context(), "none")
	require.ErrorContains(t, err, "standby")
	_, err = standby.ReadOpen(t.Context())
	require.ErrorContains(t, err, "standby")
	_, err = standby.Owners(t.Context(), []string{"i"})
	require.ErrorContains(t, err, "standby")
	done, err := standby.Insert(t.Context(), record("new", "v1"))
	require.ErrorContains(t, err, "read-only transaction")
	require.False(t, done)
	unchanged(t, primary)
}

// The binary log decides after a crash what InnoDB keeps; its default in MariaDB is to be written some time.
func TestMariaDBWhoseBinaryLogForgetsIsRefused(t *testing.T) {
	databaseOf(t, "mysql")
	server, err := servers.MariaDB("--log-bin", "--server-id=1", "--sync-binlog=1", "--binlog-format=ROW")
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Remove()) }()
	db := database{server.Dialect, server.Driver, server.DSN}.open(t)
	db.SetMaxIdleConns(0) // a new connection has the new settings
	s := withOldRecord(t, db, server.Dialect)
	execute(t, db, "SET GLOBAL sync_binlog = 0")
	refuseWrites(t, s, "sync_binlog is not 1")
	execute(t, db, "SET GLOBAL sync_binlog = 1", "SET GLOBAL binlog_format = 'STATEMENT'")
	refuseWrites(t, s, "binlog_format is STATEMENT")
	execute(t, db, "SET GLOBAL binlog_format = 'MIXED'")
	unchanged(t, s)
	done, err := s.Insert(t.Context(), record("new", "v1"))
	require.NoError(t, err)
	require.True(t, done)
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, s := range shared.servers {
		_ = s.Remove()
	}
	os.Exit(code)
}
