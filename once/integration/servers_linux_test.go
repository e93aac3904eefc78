package integration

import (
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/integration/servers"
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
	start := servers.PostgreSQL
	if dialect == "mysql" {
		start = servers.MariaDB
	}
	s, err := start()
	require.NoError(t, err)
	return s
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, s := range shared.servers {
		_ = s.Remove()
	}
	os.Exit(code)
}
