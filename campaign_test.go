package computeunit_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

var (
	campaignSize = flag.Int("campaign", 2000, "how many purchases TestCampaign makes")
	campaignSeed = flag.Uint64("seed", 0, "what TestCampaign's faults follow from; 0 picks one")
)

const (
	campaignCallers  = 64
	campaignPatience = time.Second // per attempt: the slow faults cost so much each
)

// tally is what callers were told, held against the ledger.
type tally struct {
	bought, refused, unknown              int
	double, hidden, claimed, wrongUnknown int
	examples                              []string
}

func (r *tally) wrong(count *int, what string) {
	*count++
	if len(r.examples) < 10 {
		r.examples = append(r.examples, what)
	}
}

// theater is a simulator that misbehaves by service id, and an address to be redirected to.
type theater struct {
	simulator *simulator.Simulator
	url       string
	faults    []simulator.CatalogueEntry
	strayed   atomic.Int64 // requests at the other address
	active    sync.Map     // connections with a request on them
	stop      func()
}

func newTheater(t testing.TB, delay time.Duration) *theater {
	th := &theater{}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { th.strayed.Add(1) }))
	th.faults = append(simulator.Catalogue(elsewhere.URL, delay),
		simulator.CatalogueEntry{Fault: simulator.Fault{Name: "none"}, Truth: simulator.MustBuy})
	th.simulator = simulator.New(simulator.Config{
		Fault: func(p simulator.Purchase) simulator.Fault { return th.faultOf(p.ServiceID).Fault },
	})
	server := httptest.NewUnstartedServer(th.simulator)
	server.Config.ErrorLog = quiet()
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateActive {
			th.active.Store(c, true)
		} else {
			th.active.Delete(c)
		}
	}
	server.Start()
	th.url = server.URL
	th.stop = sync.OnceFunc(func() { server.CloseClientConnections(); server.Close(); elsewhere.Close() })
	t.Cleanup(th.stop)
	return th
}

// faultOf reads the fault's number at the end of a service id: no table to keep, and a failure names its fault.
func (th *theater) faultOf(serviceID string) simulator.CatalogueEntry {
	number, err := strconv.Atoi(serviceID[strings.LastIndexByte(serviceID, '-')+1:])
	if err != nil {
		panic(err)
	}
	return th.faults[number]
}

// TestCampaign buys through every fault, and holds what each caller was told against the ledger.
func TestCampaign(t *testing.T) {
	seed := *campaignSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("%d purchases, seed: -seed=%d", *campaignSize, seed)
	before := runtime.NumGoroutine()
	th := newTheater(t, 0)
	told := th.buyAll(t, seed)

	require.Zero(t, th.strayed.Load(), "requests at another address")
	result := th.judge(told)
	t.Logf("\n%s", result)
	assert.Zero(t, result.double, "double orders")
	assert.Zero(t, result.hidden, "orders hidden behind not purchased")
	assert.Zero(t, result.claimed, "purchases claimed that no order backs")
	assert.Zero(t, result.wrongUnknown, "definite answers called unknown")
	assert.Empty(t, result.examples)
	th.checkLeaks(t, before)
}

// checkLeaks looks for requests that outlived their calls, and for goroutines that outlive the connections.
func (th *theater) checkLeaks(t *testing.T, before int) {
	assert.Eventually(t, func() bool {
		busy := 0
		th.active.Range(func(any, any) bool { busy++; return true })
		return busy == 0
	}, 10*time.Second, time.Millisecond, "connections that still have a request on them")
	th.stop()
	// before has the one logger goroutine that bce-sdk-go starts at import; Eventually itself adds one.
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 10*time.Second, time.Millisecond,
		"goroutines of the calls outlive them")
}

type account struct {
	err       error
	response  *computeunit.PurchaseComputeUnitResponse
	cancelled bool // the caller's context ended at a random moment
}

// buyAll makes every purchase for a service of its own: so the ledger tells whose an order is.
func (th *theater) buyAll(t *testing.T, seed uint64) map[string]account {
	clients := th.clients(t)
	var mu sync.Mutex
	told := make(map[string]account, *campaignSize)
	var next atomic.Int64
	var callers sync.WaitGroup
	for range campaignCallers {
		callers.Go(func() {
			for n := next.Add(1) - 1; n < int64(*campaignSize); n = next.Add(1) - 1 {
				random := rand.New(rand.NewPCG(seed, uint64(n)))
				id := fmt.Sprintf("svco-%d-%d", n, th.pick(random))
				result := th.buy(clients[random.IntN(len(clients))], id, random)
				mu.Lock()
				told[id] = result
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	return told
}

// pick lets a third of the purchases pass, and gives the rest any fault. The entry without a fault is the last.
func (th *theater) pick(random *rand.Rand) int {
	if random.IntN(3) == 0 {
		return len(th.faults) - 1
	}
	return random.IntN(len(th.faults))
}

// clients are the ways to send: the default, a transport of the caller's own, and one that shows nothing.
func (th *theater) clients(t *testing.T) []*computeunit.Client {
	own := &http.Transport{MaxIdleConnsPerHost: campaignCallers}
	t.Cleanup(own.CloseIdleConnections)
	var clients []*computeunit.Client
	for _, options := range [][]computeunit.Option{
		nil,
		nil, // twice as often: what most callers use
		{computeunit.WithHTTPClient(&http.Client{Transport: own})},
		{computeunit.WithHTTPClient(&http.Client{Transport: opaqueTransport{own}})},
	} {
		client, err := computeunit.NewClient(
			computeunit.StaticCredentials(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey),
			append(options, computeunit.WithEndpoint(th.url), computeunit.WithTimeout(campaignPatience))...)
		require.NoError(t, err)
		clients = append(clients, client)
	}
	return clients
}

// opaqueTransport hides that it is an *http.Transport.
type opaqueTransport struct{ http.RoundTripper }

func (th *theater) buy(client *computeunit.Client, id string, random *rand.Rand) (a account) {
	ctx := context.Background()
	if a.cancelled = random.IntN(20) == 0; a.cancelled {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(5_000))*time.Microsecond)
		defer cancel()
	}
	a.response, a.err = client.PurchaseComputeUnit(ctx, computeunit.PurchaseComputeUnitRequest{
		ServiceID: id, Billing: computeunit.Prepaid(1), ReplicasCount: 1,
	})
	return a
}

func (th *theater) judge(told map[string]account) *tally {
	orders := map[string][]simulator.Order{}
	for _, order := range th.simulator.Orders() {
		orders[order.ServiceID] = append(orders[order.ServiceID], order)
	}
	var result tally
	for id, account := range told {
		result.add(account, orders[id], th.faultOf(id), id)
	}
	return &result
}

func (r *tally) add(told account, orders []simulator.Order, fault simulator.CatalogueEntry, id string) {
	what := fmt.Sprintf("%s (%s, must be %s): %d orders, told %v", id, fault.Name, fault.Truth, len(orders), told.err)
	if len(orders) > 1 {
		r.wrong(&r.double, what)
	}
	refused, unknown := errors.Is(told.err, computeunit.ErrNotPurchased), errors.Is(told.err, computeunit.ErrOutcomeUnknown)
	switch {
	case told.err == nil:
		r.bought++
		if !slices.ContainsFunc(orders, func(o simulator.Order) bool {
			return o.InstanceID == told.response.Result.InstanceID && o.OrderID == told.response.Result.OrderID
		}) {
			r.wrong(&r.claimed, what)
		}
	case refused && !unknown:
		r.refused++
		if len(orders) > 0 || fault.Truth == simulator.MustNotKnow && !told.cancelled {
			r.wrong(&r.hidden, what)
		}
	case unknown && !refused:
		r.unknown++
		if fault.Truth != simulator.MustNotKnow && !told.cancelled && !errors.Is(told.err, context.DeadlineExceeded) {
			r.wrong(&r.wrongUnknown, what)
		}
	default:
		r.wrong(&r.claimed, "neither or both outcomes: "+what)
	}
}

func (r *tally) String() string {
	return fmt.Sprintf("| told | purchases |\n|---|---|\n| bought | %d |\n| not purchased | %d |\n| unknown | %d |\n\n"+
		"| wrong | count |\n|---|---|\n| double orders | %d |\n| orders hidden behind not purchased | %d |\n"+
		"| purchases claimed that no order backs | %d |\n| definite answers called unknown | %d |",
		r.bought, r.refused, r.unknown, r.double, r.hidden, r.claimed, r.wrongUnknown)
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
