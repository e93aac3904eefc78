package computeunit_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

var sequenceSize = flag.Int("sequence", 120, "how many purchases each TestSequence… makes")

const (
	sequenceBuyers = 8
	// reconcilePatience is short: what has not shown up by then is "none yet".
	reconcilePatience = 300 * time.Millisecond
)

// shop runs the whole sequence (list, buy, reconcile, wait) for many buyers, against random faults.
type shop struct {
	simulator *simulator.Simulator
	url       string
	told      sync.Map // the release time of a purchase → the instance its buyer was told
	started   time.Time
	next      atomic.Int64

	bought, refused, one, several, none atomic.Int64
}

func newShop(t *testing.T) *shop {
	seed := *campaignSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("%d purchases, seed: -seed=%d", *sequenceSize, seed)
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	faults := simulator.Catalogue(elsewhere.URL, 0)
	var met atomic.Uint64
	s := &shop{started: time.Now().Add(24 * time.Hour)}
	s.simulator = simulator.New(simulator.Config{
		StartsAfter: time.Millisecond,
		Fault: func(simulator.Purchase) simulator.Fault {
			random := rand.New(rand.NewPCG(seed, met.Add(1)))
			if random.IntN(4) == 0 {
				return simulator.Fault{}
			}
			return faults[random.IntN(len(faults))].Fault
		},
	})
	server := httptest.NewUnstartedServer(s.simulator)
	server.Config.ErrorLog = quiet()
	server.Start()
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// run lets the buyers buy until there were enough purchases.
func (s *shop) run(t *testing.T, clientOf func(buyer int) *computeunit.Client, serviceOf func(buyer int, n int64) string) {
	var buyers sync.WaitGroup
	for buyer := range sequenceBuyers {
		client := clientOf(buyer)
		buyers.Go(func() {
			for n := s.next.Add(1); n <= int64(*sequenceSize); n = s.next.Add(1) {
				s.buy(t, client, serviceOf(buyer, n), n)
			}
		})
	}
	buyers.Wait()
	t.Logf("bought %d, not purchased %d, unknown %d: of these one %d, several %d, none yet %d", s.bought.Load(), s.refused.Load(),
		s.one.Load()+s.several.Load()+s.none.Load(), s.one.Load(), s.several.Load(), s.none.Load())
}

// buy runs the sequence once. The release time is the purchase's mark: the ledger has it, the listing has not.
func (s *shop) buy(t *testing.T, client *computeunit.Client, service string, n int64) {
	release := s.started.Add(time.Duration(n) * time.Second).UTC()
	request := computeunit.PurchaseComputeUnitRequest{ServiceID: service, Billing: computeunit.PostpaidUntil(release), ReplicasCount: 1}
	before, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: service})
	if !assert.NoError(t, err) {
		return
	}
	response, err := client.PurchaseComputeUnit(t.Context(), request)
	var id string
	switch {
	case err == nil:
		s.bought.Add(1)
		id = response.Result.InstanceID
	case errors.Is(err, computeunit.ErrNotPurchased):
		s.refused.Add(1)
	default:
		id = s.reconcile(t, client, before, request)
	}
	s.told.Store(release.Format(time.RFC3339), id)
	if id != "" {
		_, err := client.WaitUntilRunning(t.Context(), service, id, nil)
		assert.NoError(t, err)
	}
}

func (s *shop) reconcile(t *testing.T, client *computeunit.Client, before *computeunit.DescribeComputeUnitsResponse, request computeunit.PurchaseComputeUnitRequest) string {
	ctx, cancel := context.WithTimeout(t.Context(), reconcilePatience)
	defer cancel()
	found, err := client.Reconcile(ctx, before, request)
	if !errors.Is(err, context.DeadlineExceeded) { // on a machine so busy that not one listing came in time
		assert.NoError(t, err)
	}
	switch found.Finding {
	case computeunit.FoundOne:
		s.one.Add(1)
		return found.Candidates[0].InstanceID
	case computeunit.FoundSeveral:
		s.several.Add(1)
	default:
		s.none.Add(1)
	}
	return ""
}

// check holds what buyers were told against the ledger.
func (s *shop) check(t *testing.T) (wrong int) {
	orders := map[string]simulator.Order{}
	for _, order := range s.simulator.Orders() {
		_, twice := orders[order.ReleaseTime]
		assert.False(t, twice, "a second order of one purchase")
		orders[order.ReleaseTime] = order
	}
	s.told.Range(func(release, told any) bool {
		if told != "" && told != orders[release.(string)].InstanceID {
			wrong++
		}
		return true
	})
	return wrong
}

func (s *shop) client(t *testing.T) *computeunit.Client {
	return newClientTo(t, s.url, computeunit.WithTimeout(campaignPatience))
}

func TestSequenceWithAServiceForEachBuyer(t *testing.T) {
	s := newShop(t)
	shared := s.client(t)
	s.run(t, func(int) *computeunit.Client { return shared }, func(buyer int, _ int64) string { return fmt.Sprint("svco-", buyer) })
	assert.Zero(t, s.check(t), "told another purchase's instance")
	assert.Zero(t, s.several.Load())
	t.Logf("orders that nobody was told of: %d", int64(len(s.simulator.Orders()))-s.bought.Load()-s.one.Load())
}

// sharedService is the same for all buyers, and another one now and then: so that listings stay short.
func sharedService(_ int, n int64) string { return fmt.Sprint("svco-shared-", n/100) }

func TestSequenceWithBuyersThatShareAServiceAndAClient(t *testing.T) {
	s := newShop(t)
	shared := s.client(t)
	s.run(t, func(int) *computeunit.Client { return shared }, sharedService)
	assert.Zero(t, s.check(t), "told another purchase's instance")
	assert.NotZero(t, s.several.Load())
}

// Nothing in the API tells purchases of several processes apart. This measures how often "one" is then another's.
func TestSequenceWithBuyersThatShareAServiceOnly(t *testing.T) {
	s := newShop(t)
	s.run(t, func(int) *computeunit.Client { return s.client(t) }, sharedService)
	t.Logf("told another purchase's instance: %d of %d", s.check(t), s.one.Load())
}
