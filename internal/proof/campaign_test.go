package proof

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
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
	purchases := buyAll(service, campaignClients(t, service), seed)
	service.awaitQuiet(t)
	service.stop()

	require.Zero(t, service.redirects.Load(), "requests at another address")
	var result audit
	orders := service.orders()
	for _, p := range purchases {
		_, p.reached = service.reached.Load(p.serviceID)
		result.add(p, orders[p.serviceID])
	}
	t.Logf("\n%s", &result)
	assert.Zero(t, result.double, "double orders")
	assert.Zero(t, result.hidden, "orders hidden behind not purchased")
	assert.Zero(t, result.claimed, "purchases claimed that no order backs")
	assert.Zero(t, result.wrongUnknown, "definite answers called unknown")
	assert.Empty(t, result.examples)
	// before has the one goroutine that bce-sdk-go starts at import; Eventually itself adds one.
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 10*time.Second, time.Millisecond,
		"goroutines of the calls outlive them")
}

// campaignClients are the ways to send: the default, a transport of the caller's own, and one that shows nothing.
func campaignClients(t *testing.T, service *faultyService) []*computeunit.Client {
	callers := &http.Transport{MaxIdleConnsPerHost: campaignCallers}
	t.Cleanup(callers.CloseIdleConnections)
	patience := computeunit.WithTimeout(campaignPatience)
	own := newClient(t, service.url, patience)
	return []*computeunit.Client{
		own, own, // twice as often: what most callers use
		newClient(t, service.url, patience, through(callers)),
		newClient(t, service.url, patience, through(opaqueTransport{callers})),
	}
}

// opaqueTransport hides that it is an *http.Transport.
type opaqueTransport struct{ http.RoundTripper }

// buyAll makes every purchase for a service of its own: so the ledger shows whose an order is.
func buyAll(service *faultyService, clients []*computeunit.Client, seed uint64) []purchase {
	purchases := make([]purchase, *campaignSize)
	var next atomic.Int64
	var callers sync.WaitGroup
	for range campaignCallers {
		callers.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(purchases)); n = next.Add(1) - 1 {
				random := rand.New(rand.NewPCG(seed, uint64(n)))
				fault := pick(random, len(service.faults))
				p := &purchases[n]
				p.serviceID, p.fault, p.truth = fmt.Sprintf("svco-%d-%d", n, fault), service.faults[fault].Name, service.faults[fault].Truth
				p.buy(clients[random.IntN(len(clients))], random)
			}
		})
	}
	callers.Wait()
	return purchases
}

// pick lets a third of the purchases pass, and gives the rest any fault. The one that is none is the last.
func pick(random *rand.Rand, faults int) int {
	if random.IntN(3) == 0 {
		return faults - 1
	}
	return random.IntN(faults)
}

func (p *purchase) buy(client *computeunit.Client, random *rand.Rand) {
	ctx := context.Background()
	if p.cancelled = random.IntN(20) == 0; p.cancelled {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(5_000))*time.Microsecond)
		defer cancel()
	}
	p.response, p.err = client.PurchaseComputeUnit(ctx, prepaidFor(p.serviceID))
}
