package fleet

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once/integration/servers"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

var (
	keys = flag.Int("keys", 100, "how many keys each database's fleet buys under")
	seed = flag.Uint64("seed", 0, "of faults and chaos; 0 takes one and prints it. Processes make their own order beside it")
)

const fleetSize = 8

// Customers of one service wait for each other: one purchase is open at a time.
func services() int  { return 24 + *keys/100 }
func customers() int { return 2 * services() }

func TestMain(m *testing.M) {
	flag.Parse()
	_ = mysql.SetLogger(log.New(io.Discard, "", 0)) // it would report each connection that is cut
	where, isBuyer := os.LookupEnv(placeVariable)
	if !isBuyer {
		os.Exit(m.Run())
	}
	var p place
	err := json.Unmarshal([]byte(where), &p)
	if err == nil {
		err = runBuyer(p)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestFleet buys under each key, in eight processes that share a journal, whatever happens to them and to the database, and
// then holds journal, answers and ledger against each other. SQLite always, servers if ONCE_DATABASES asks for them.
func TestFleet(t *testing.T) {
	for _, dialect := range []string{"sqlite", "postgresql", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			if dialect != "sqlite" && !servers.Asked(dialect) {
				t.Skipf("ONCE_DATABASES does not ask for %s: make fleet runs on all databases", dialect)
			}
			newFleet(t, dialect).sail(t)
		})
	}
}

// fleet is everything of one run.
type fleet struct {
	seed     uint64
	random   *rand.Rand // of the chaos
	database *servers.Server
	proxy    *servers.Proxy
	service  *service
	observer *httptest.Server
	here     place
	members  []*member
	ledger   *model.Ledger
	operator *operator
	requests map[string]computeunit.PurchaseComputeUnitRequest
}

func newFleet(t *testing.T, dialect string) *fleet {
	f := &fleet{
		seed:     *seed,
		ledger:   model.NewLedger(),
		requests: map[string]computeunit.PurchaseComputeUnitRequest{},
	}
	if f.seed == 0 {
		f.seed = rand.Uint64()
	}
	t.Logf("-seed=%d", f.seed)
	f.random = rand.New(rand.NewPCG(f.seed, 0))
	f.service = startService(t, f.seed, f.ledger)
	f.observer = httptest.NewServer(http.HandlerFunc(f.observe))
	t.Cleanup(f.observer.Close)

	f.here = f.place(t, dialect)
	pool, err := f.here.pool()
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	journal, err := store.NewSQL(pool, dialect, store.DefaultTable)
	require.NoError(t, err)
	require.NoError(t, journal.Migrate(t.Context()))
	buyer, err := f.here.buyer(pool)
	require.NoError(t, err)
	f.operator = &operator{buyer: buyer, pool: pool, journal: journal, fleet: f}
	for range fleetSize {
		m := &member{place: f.here}
		require.NoError(t, m.start())
		t.Cleanup(func() { m.end(false) })
		f.members = append(f.members, m)
	}
	for i := range *keys {
		f.requests[fmt.Sprintf("key-%05d", i)] = f.request()
	}
	return f
}

// observe is told of each attempt before it is sent.
func (f *fleet) observe(_ http.ResponseWriter, r *http.Request) {
	var s seen
	if json.NewDecoder(r.Body).Decode(&s) == nil { // else whoever told it was killed
		f.ledger.Sent(s.RequestID, model.Attempt{Key: s.Key, Call: s.Job, At: time.Now().UnixNano()})
	}
}

// place is the same for all members. A server is reached through a proxy.
func (f *fleet) place(t *testing.T, dialect string) place {
	p := place{Endpoint: f.service.endpoint, Observer: f.observer.URL, Dialect: dialect}
	if dialect == "sqlite" {
		pragmas := url.Values{"_pragma": {"busy_timeout(20000)", "journal_mode(wal)", "synchronous(full)"}}
		p.Driver, p.DSN = "sqlite", "file:"+filepath.Join(t.TempDir(), "journal.db")+"?"+pragmas.Encode()
		return p
	}
	var err error
	f.database, err = servers.New(dialect)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.database.Remove() })
	f.proxy, err = servers.NewProxy(f.database)
	require.NoError(t, err)
	p.Driver, p.DSN = f.database.Driver, f.proxy.DSN
	return p
}

func (f *fleet) request() computeunit.PurchaseComputeUnitRequest {
	billing := computeunit.Postpaid()
	if f.random.IntN(2) == 0 {
		billing = computeunit.Prepaid(1 + f.random.IntN(12))
	}
	return computeunit.PurchaseComputeUnitRequest{
		ServiceID:     fmt.Sprintf("svco-%d", f.random.IntN(services())),
		Billing:       billing,
		ReplicasCount: 1 + f.random.IntN(2),
	}
}

// sail lets customers buy while there is chaos, then settles what is open in calm, and looks at the end.
func (f *fleet) sail(t *testing.T) {
	stop, queue := make(chan struct{}), make(chan string)
	var chaos, buying sync.WaitGroup
	for range customers() {
		random := rand.New(rand.NewPCG(f.seed, f.random.Uint64()))
		buying.Go(func() {
			for key := range queue {
				(&customer{fleet: f, random: random, key: key}).buy()
			}
		})
	}
	chaos.Go(func() { f.chaos(stop) })
	chaos.Go(func() { f.operator.work(stop) })
	began, done := time.Now(), 0
	for key := range f.requests {
		queue <- key
		if done++; done%100 == 0 {
			t.Logf("%d keys begun after %s", done, time.Since(began).Round(time.Second))
		}
	}
	close(queue)
	buying.Wait()
	close(stop)
	chaos.Wait()
	f.calm(t)
	f.verify(t)
}

// calm has nothing more go wrong, and waits for what is late.
func (f *fleet) calm(t *testing.T) {
	f.service.calm.Store(true)
	time.Sleep(5 * time.Second) // no request is held longer
	deadline := time.Now().Add(5 * time.Minute)
	for open := 1; open > 0 && time.Now().Before(deadline); time.Sleep(time.Second) {
		f.operator.settle()
		open = f.operator.round()
	}
}
