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
	name    string
	client  *computeunit.Client
	disturb bool // through the rough network
	own     bool // by the default transport
	vague   bool // a request can be lost on it, or a connection fail, without the client's knowing which
}

// campaignRoads are three levels of trust (the default transport, an *http.Transport of the caller's, one that shows
// nothing), each directly, through the rough network, and through the proxy over TLS.
func campaignRoads(t *testing.T, service *faultyService, network *roughNetwork, proxy *moodyProxy) (roads []road) {
	patience := computeunit.WithTimeout(campaignPatience)
	callers := func(http2 bool) *http.Transport {
		transport := &http.Transport{MaxIdleConnsPerHost: campaignCallers, Proxy: proxy.ofProxiedHost, Protocols: &http.Protocols{}}
		transport.Protocols.SetHTTP1(true)
		transport.Protocols.SetHTTP2(http2)
		t.Cleanup(transport.CloseIdleConnections)
		return transport
	}
	hooked := func() computeunit.Option { return through(callers(false)) }
	opaque := func() computeunit.Option { return through(opaqueTransport{callers(false)}) }

	own := []road{
		{name: "default", own: true, client: newClient(t, service.url, patience)},
		{name: "default, network", own: true, client: newClient(t, network.url(), patience), disturb: true},
	}
	if ownTrustsTests {
		own = append(own, road{name: "default, proxy", own: true, client: newClient(t, proxiedHost, patience)})
	}
	roads = append(own, own...) // twice as often: what most callers use
	return append(roads,
		road{name: "caller's", client: newClient(t, service.url, patience, hooked())},
		road{name: "caller's, network", client: newClient(t, network.url(), patience, hooked()), disturb: true},
		road{name: "caller's, proxy", client: newClient(t, proxiedHost, patience, hooked())},
		road{name: "caller's, HTTP/2", client: newClient(t, proxiedHost, patience, through(callers(true))), vague: true},
		road{name: "opaque", client: newClient(t, service.url, patience, opaque())},
		road{name: "opaque, network", client: newClient(t, network.url(), patience, opaque()), disturb: true},
		road{name: "opaque, proxy", client: newClient(t, proxiedHost, patience, opaque()), vague: true})
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
	p := purchase{road: taken}
	met := plan{number: n, fault: len(faults) - 1}
	if taken.disturb {
		met.disturbance = pickDisturbance(random)
		p.fault, p.truth = disturbances[met.disturbance].name, disturbances[met.disturbance].truth
	} else {
		met.fault = pickFault(random, faults, taken)
		p.fault, p.truth = faults[met.fault].Name, faults[met.fault].Truth
	}
	p.serviceID = met.serviceID()
	return p
}

// pickFault lets a third of the purchases pass, and gives the rest any fault. The one that is none is the last. A
// second answer is for the default transport only: in another it ends the next purchase, or is taken for its answer. A
// connection that is closed after an answer ends the next purchase too, if it is taken first: the rough network has it.
func pickFault(random *rand.Rand, faults []simulator.CatalogueEntry, taken road) int {
	none := len(faults) - 1
	fault := random.IntN(len(faults))
	kind := faults[fault].Kind
	if random.IntN(3) == 0 || !taken.own && kind == simulator.Twice || kind == simulator.ThenClose {
		return none
	}
	return fault
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
