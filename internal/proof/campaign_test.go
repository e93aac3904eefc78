package proof

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
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
	s := startStage(t)
	proxy.lead(s.secure, seed)
	purchases := s.buyAll(s.roads(t), seed)
	s.network.Close()

	require.Zero(t, s.redirects.Load(), "requests at another address")
	var result audit
	s.audit(&result, purchases)
	t.Logf("the proxy was %s\n%s", proxy, &result)
	assert.Zero(t, result.double, "double orders")
	assert.Zero(t, result.hidden, "orders hidden behind not purchased")
	assert.Zero(t, result.claimed, "purchases claimed that no order backs")
	assert.Zero(t, result.wrongUnknown, "definite answers called unknown")
	assert.Empty(t, result.examples)
	s.elsewhere.Close()
	proxy.hangUp()
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

// road is a client, and what its requests meet.
type road struct {
	name   string
	client *computeunit.Client
	more   *model.Fault // as often as all others
	closes bool         // a purchase can get a connection that is about to be closed: then it need not know its outcome
	vague  bool         // no unknown outcome is held against the client
}

// roads are the default transport, a clone and an opaque one, each directly, on connections that are closed after an answer, over
// TLS through the proxy, and to a server that answers twice. Nobody can notice that an opaque transport took the second answer for
// that to another purchase.
func (s *stage) roads(t *testing.T) (roads []road) {
	for _, kind := range []string{"default", "clone", "opaque"} {
		to := func(way, endpoint string) road {
			options := append(throughKind(t, kind), computeunit.WithTimeout(campaignPatience))
			return road{name: kind + way, client: newClient(t, endpoint, options...)}
		}
		closing := to(", closed after an answer", s.url)
		closing.more, closing.closes = &model.CloseAfter, true
		roads = append(roads, to("", s.url), closing)
		if defaultTrustsTests {
			proxied := to(", proxy", proxiedHost)
			proxied.vague = kind == "opaque"
			roads = append(roads, proxied)
		}
		if kind != "opaque" {
			twice := to(", answered twice", s.url)
			twice.more, twice.vague = &model.Twice, true
			roads = append(roads, twice)
		}
	}
	return roads
}

// throughKind are options for a transport: none for the default one.
func throughKind(t *testing.T, kind string) []computeunit.Option {
	theirs := &http.Transport{MaxIdleConnsPerHost: campaignCallers, Proxy: http.ProxyFromEnvironment}
	t.Cleanup(theirs.CloseIdleConnections)
	switch kind {
	case "clone":
		return []computeunit.Option{computeunit.WithHTTPClient(&http.Client{Transport: theirs})}
	case "opaque":
		return []computeunit.Option{computeunit.WithHTTPClient(&http.Client{Transport: opaque{theirs}})}
	}
	return nil
}

// opaque hides that it is an *http.Transport.
type opaque struct{ http.RoundTripper }

// buyAll makes every purchase for a service of its own: so the ledger shows whose an order is.
func (s *stage) buyAll(roads []road, seed uint64) []purchase {
	purchases := make([]purchase, *campaignSize)
	share(len(purchases), func(n int) {
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		p := purchase{serviceID: fmt.Sprintf("svco-%d", n), road: roads[random.IntN(len(roads))]}
		p.fault = s.pick(random, p.road.more)
		s.planned.Store(p.serviceID, p.fault)
		p.buy(random)
		purchases[n] = p
	})
	return purchases
}

// share has campaignCallers callers do so much, each time with another number.
func share(count int, do func(n int)) {
	var next atomic.Int64
	var callers sync.WaitGroup
	for range campaignCallers {
		callers.Go(func() {
			for n := int(next.Add(1)) - 1; n < count; n = int(next.Add(1)) - 1 {
				do(n)
			}
		})
	}
	callers.Wait()
}

// pick lets a quarter of the purchases pass, and has enough of those that end without a whole answer.
func (s *stage) pick(random *rand.Rand, more *model.Fault) model.Fault {
	switch n := random.IntN(8); {
	case n < 2:
		return model.Fault{}
	case n == 2:
		return s.broken[random.IntN(len(s.broken))]
	case n > 5 && more != nil:
		return *more
	}
	return s.faults[random.IntN(len(s.faults))]
}

// buy ends a twentieth of the calls early, at any moment from the first on.
func (p *purchase) buy(random *rand.Rand) {
	ctx := context.Background()
	if p.cancelled = random.IntN(20) == 0; p.cancelled {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(1<<random.IntN(16)))*time.Microsecond)
		defer cancel()
	}
	p.response, p.err = p.road.client.PurchaseComputeUnit(ctx, prepaidFor(p.serviceID))
}
