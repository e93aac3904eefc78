package proof

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/pprof"
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
	campaignPatience = time.Second // of an attempt: each slow fault costs so much
)

// TestCampaign buys through every fault, and holds what each caller was told against the ledger.
func TestCampaign(t *testing.T) {
	seed := *campaignSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("%d purchases, seed: -seed=%d", *campaignSize, seed)
	before := runtime.NumGoroutine()
	service := startFaultyService(t, 0)
	network := startRoughNetwork(t, service.url)
	callersProxy := startMoodyProxy()
	for _, proxy := range []*moodyProxy{ownProxy, callersProxy} {
		proxy.lead(strings.TrimPrefix(service.tlsURL, "https://"), seed)
	}
	purchases := buyAll(campaignRoads(t, service, network, callersProxy), service.faults, seed)
	network.stop()
	service.awaitQuiet(t)
	service.stop()

	require.Zero(t, service.redirects.Load(), "requests at another address")
	var result audit
	orders := service.orders()
	for _, p := range purchases {
		_, inNetwork := network.reached.Load(p.serviceID)
		_, inService := service.reached.Load(p.serviceID)
		p.reached = inNetwork || inService
		result.add(p, orders[p.serviceID])
	}
	t.Logf("the default transport's proxy was %s; the callers' was %s", ownProxy, callersProxy)
	t.Logf("\n%s", &result)
	assert.Zero(t, result.double, "double orders")
	assert.Zero(t, result.hidden, "orders hidden behind not purchased")
	assert.Zero(t, result.claimed, "purchases claimed that no order backs")
	assert.Zero(t, result.wrongUnknown, "definite answers called unknown")
	assert.Empty(t, result.examples)
	callersProxy.listener.Close()
	ownProxy.hangUp()
	callersProxy.hangUp()
	checkGoroutines(t, before)
}

// checkGoroutines waits for those that calls left behind. before has the one that bce-sdk-go starts at import;
// Eventually itself adds one.
func checkGoroutines(t *testing.T, before int) {
	t.Helper()
	ended := func() bool { return runtime.NumGoroutine() <= before+1 }
	if !assert.Eventually(t, ended, 10*time.Second, time.Millisecond, "goroutines of the calls outlive them") {
		pprof.Lookup("goroutine").WriteTo(t.Output(), 1)
	}
}

// road is a client, and what its requests pass on their way.
type road struct {
	client  *computeunit.Client
	disturb bool // through the rough network
	// mayGuess: no client can know that a request of this road did not arrive.
	mayGuess bool
}

// campaignRoads are three levels of trust (the default transport, an *http.Transport of the caller's, one that shows
// nothing), each directly, through the rough network, and through the proxy over TLS.
func campaignRoads(t *testing.T, service *faultyService, network *roughNetwork, proxy *moodyProxy) (roads []road) {
	patience := computeunit.WithTimeout(campaignPatience)
	callers := func(adapt func(*http.Transport)) *http.Transport {
		transport := &http.Transport{MaxIdleConnsPerHost: campaignCallers}
		adapt(transport)
		t.Cleanup(transport.CloseIdleConnections)
		return transport
	}
	direct := func(*http.Transport) {}
	proxied := func(transport *http.Transport) { transport.Proxy = proxy.fixed }
	http2 := func(transport *http.Transport) { transport.Proxy, transport.ForceAttemptHTTP2 = proxy.fixed, true }

	own := []road{
		{client: newClient(t, service.url, patience)},
		{client: newClient(t, network.url(), patience), disturb: true, mayGuess: true},
	}
	if ownTrustsTests {
		own = append(own, road{client: newClient(t, proxiedHost, patience)})
	}
	roads = append(own, own...) // twice as often: what most callers use
	return append(roads,
		road{client: newClient(t, service.url, patience, through(callers(direct)))},
		road{client: newClient(t, network.url(), patience, through(callers(direct))), disturb: true, mayGuess: true},
		road{client: newClient(t, proxiedHost, patience, through(callers(http2)))},
		road{client: newClient(t, service.url, patience, through(opaqueTransport{callers(direct)}))},
		road{client: newClient(t, network.url(), patience, through(opaqueTransport{callers(direct)})), disturb: true, mayGuess: true},
		road{client: newClient(t, proxiedHost, patience, through(opaqueTransport{callers(proxied)})), mayGuess: true})
}

// opaqueTransport hides that it is an *http.Transport.
type opaqueTransport struct{ http.RoundTripper }

// buyAll makes every purchase for a service of its own: so the ledger shows whose an order is.
func buyAll(roads []road, faults []simulator.CatalogueEntry, seed uint64) []purchase {
	purchases := make([]purchase, *campaignSize)
	var next atomic.Int64
	var callers sync.WaitGroup
	for range campaignCallers {
		callers.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(purchases); n = int(next.Add(1)) - 1 {
				random := rand.New(rand.NewPCG(seed, uint64(n)))
				taken := roads[random.IntN(len(roads))]
				purchases[n] = newPurchase(n, taken, faults, random)
				purchases[n].buy(taken.client, random)
			}
		})
	}
	callers.Wait()
	return purchases
}

// newPurchase meets a disturbance or a fault, as its road has it.
func newPurchase(n int, taken road, faults []simulator.CatalogueEntry, random *rand.Rand) purchase {
	if taken.disturb {
		plan := plan{number: n, disturbance: pickDisturbance(random), fault: len(faults) - 1}
		met := disturbances[plan.disturbance]
		return purchase{serviceID: plan.serviceID(), fault: met.name, truth: met.truth, mayGuess: taken.mayGuess}
	}
	plan := plan{number: n, fault: pickFault(random, len(faults))}
	met := faults[plan.fault]
	return purchase{serviceID: plan.serviceID(), fault: met.Name, truth: met.Truth, mayGuess: taken.mayGuess}
}

// pickFault lets a third of the purchases pass, and gives the rest any fault. The one that is none is the last.
func pickFault(random *rand.Rand, faults int) int {
	if random.IntN(3) == 0 {
		return faults - 1
	}
	return random.IntN(faults)
}

// pickDisturbance picks the last seldom: it takes all of the caller's patience.
func pickDisturbance(random *rand.Rand) int {
	if random.IntN(50) == 0 {
		return len(disturbances) - 1
	}
	return random.IntN(len(disturbances) - 1)
}

// buy ends a twentieth of the calls early, at any moment from the first on.
func (p *purchase) buy(client *computeunit.Client, random *rand.Rand) {
	ctx := context.Background()
	if p.cancelled = random.IntN(20) == 0; p.cancelled {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(1<<random.IntN(16)))*time.Microsecond)
		defer cancel()
	}
	p.response, p.err = client.PurchaseComputeUnit(ctx, prepaidFor(p.serviceID))
}
