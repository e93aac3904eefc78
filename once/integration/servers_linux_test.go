package integration

import (
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/integration/servers"
)

// shared is one server of each kind for all tests; TestMain removes them.
var shared struct {
	sync.Mutex
	servers map[string]*servers.Server
}

func serverOf(t *testing.T, dialect string) database {
	if !servers.Asked(dialect) {
		t.Skipf("ONCE_DATABASES does not ask for %s: make integration runs the tests on all databases", dialect)
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.servers == nil {
		shared.servers = map[string]*servers.Server{}
	}
	if shared.servers[dialect] == nil {
		s, err := servers.New(dialect)
		require.NoError(t, err)
		shared.servers[dialect] = s
	}
	return databaseAt(shared.servers[dialect])
}

func databaseAt(s *servers.Server) database { return database{s.Dialect, s.Driver, s.DSN} }

// behindProxy is a server of its own, whose connections can be cut.
func behindProxy(t *testing.T, dialect string) (database, *servers.Proxy) {
	databaseOf(t, dialect) // if it was asked for
	server, err := servers.New(dialect)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Remove() })
	proxy, err := servers.NewProxy(server)
	require.NoError(t, err)
	return database{server.Dialect, server.Driver, proxy.DSN}, proxy
}

// A database that fails over is away for longer than a write tries; meanwhile the service refuses.
func TestARefusalDuringAFailoverIsWrittenAfterIt(t *testing.T) {
	for _, dialect := range []string{"postgresql", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			d, proxy := behindProxy(t, dialect)
			service := &model.Service{}
			refuse := true
			service.Between = func(r *http.Request, serve func() *http.Response) (*http.Response, error) {
				if model.IsPurchase(r) && refuse {
					proxy.SetDown(true)
					return service.Refuse(http.StatusForbidden, "AccessDenied", "no"), nil
				}
				return serve(), nil
			}
			buyer := process(t, d, service)
			_, err := buyer.Buy(t.Context(), "key", model.Prepaid("svco-1"))
			require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
			require.ErrorIs(t, err, once.ErrPending)
			require.ErrorIs(t, err, computeunit.ErrAccessDenied)
			proxy.SetDown(false)
			refuse = false

			_, err = buyer.Buy(t.Context(), "other key", model.Prepaid("svco-1"))
			assert.NoError(t, err, "the service is free: its process knows")
			_, err = buyer.Buy(t.Context(), "key", model.Prepaid("svco-1"))
			assert.NoError(t, err)
			assert.Len(t, service.Orders(0), 2)
		})
	}
}

// A standby answers, and what it answers may be old.
func TestAPostgreSQLStandbyIsRefused(t *testing.T) {
	d := withOldKey(t, databaseOf(t, "postgresql"))
	server, err := shared.servers[d.dialect].Standby()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Remove()) })
	refused(t, databaseAt(server), "standby")
	unchanged(t, d)
}

// The binary log decides after a crash what InnoDB keeps; its default in MariaDB is to be written some time.
func TestAMariaDBWhoseBinaryLogForgetsIsRefused(t *testing.T) {
	databaseOf(t, "mysql")
	server, err := servers.MariaDB("--log-bin", "--server-id=1", "--sync-binlog=1", "--binlog-format=ROW")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Remove()) })
	d := withOldKey(t, databaseAt(server))
	execute(t, d.open(t), "SET GLOBAL sync_binlog = 0")
	refused(t, d, "sync_binlog is not 1")
	execute(t, d.open(t), "SET GLOBAL sync_binlog = 1", "SET GLOBAL binlog_format = 'STATEMENT'")
	refused(t, d, "binlog_format is STATEMENT")
	execute(t, d.open(t), "SET GLOBAL binlog_format = 'MIXED'")
	unchanged(t, d)
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, s := range shared.servers {
		_ = s.Remove()
	}
	os.Exit(code)
}
