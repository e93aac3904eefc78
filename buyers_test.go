package computeunit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// buyUnknown buys the documented example, loses the request or the answer, and returns the instance, if one was made.
func buyUnknown(t *testing.T, m *inMemory, client *computeunit.Client, what loss) (instanceID string) {
	t.Helper()
	kept, orders := m.lost, len(m.sim.Orders())
	m.lost = losing(what)
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	m.lost = kept
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
	if now := m.sim.Orders(); len(now) > orders {
		return now[len(now)-1].InstanceID
	}
	return ""
}

// findOne reconciles, and returns the instance where exactly one was found.
func findOne(t *testing.T, client *computeunit.Client, before *computeunit.DescribeComputeUnitsResponse) (instanceID string) {
	t.Helper()
	found, err := client.Reconcile(soon(t), before, fivePrepaid())
	require.NoError(t, err)
	if found.Finding != computeunit.FoundOne {
		return ""
	}
	require.Len(t, found.Candidates, 1)
	return found.Candidates[0].InstanceID
}

// Purchases that the listing can tell apart do not make each other's instance doubtful.
func TestReconcileIsNotDisturbedByOverlappingPurchasesOfOtherThings(t *testing.T) {
	otherService, otherSize, otherTiming := fivePrepaid(), fivePrepaid(), fivePrepaid()
	otherService.ServiceID, otherSize.ReplicasCount, otherTiming.Billing = "svco-other", 4, computeunit.Postpaid()
	for name, other := range map[string]computeunit.PurchaseComputeUnitRequest{
		"service": otherService, "size": otherSize, "payment timing": otherTiming,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, client := store(t, simulator.Config{})
				before := list(t, client)
				nested := false
				m.onCall = func(action string) {
					if action == purchaseAction && !nested {
						nested = true
						_, err := client.PurchaseComputeUnit(t.Context(), other)
						assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
					}
				}
				assert.Equal(t, buyUnknown(t, m, client, answerLost), findOne(t, client, before))
			})
		})
	}
}

// However the other purchase lies to the listing and to this one: while it could have left the candidate, it is not "one".
func TestReconcileCountsEveryPurchaseSinceTheListing(t *testing.T) {
	succeed := func(t *testing.T, client *computeunit.Client) { buyOther(t, client, fivePrepaid()) }
	for name, row := range map[string]struct {
		first, between, after func(*testing.T, *computeunit.Client)
	}{
		"before this one":      {between: succeed},
		"after this one":       {after: succeed},
		"on both sides":        {between: succeed, after: succeed},
		"begun before listing": {first: succeed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, client := store(t, simulator.Config{})
				done := make(chan struct{})
				release := make(chan struct{})
				if row.first != nil {
					held := false
					m.onCall = func(action string) {
						if action == purchaseAction && !held {
							held = true
							<-release
						}
					}
					go func() { defer close(done); row.first(t, client) }()
					synctest.Wait()
				}
				before := list(t, client)
				if row.between != nil {
					row.between(t, client)
				}
				buyUnknown(t, m, client, requestLost)
				if row.first != nil {
					close(release)
					<-done
				}
				if row.after != nil {
					row.after(t, client)
				}
				assert.Empty(t, findOne(t, client, before), "the other purchase's instance")
			})
		})
	}
}

// Both are unknown, and only the first made an order. That the first was reconciled does not make it the second's.
func TestReconcileOfOneOfTwoOverlappingPurchasesLeavesTheOtherInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		buyUnknown(t, m, client, answerLost)
		buyUnknown(t, m, client, requestLost)
		for range 3 {
			assert.Empty(t, findOne(t, client, before))
		}
	})
}

// One listing serves for a purchase that was refused and, corrected, made again.
func TestReconcileDoesNotCountAPurchaseThatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		m.sim.Inject(simulator.Fault{Kind: simulator.ErrorAnswer, Status: 403, Code: "AccessDenied"})
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.Equal(t, buyUnknown(t, m, client, answerLost), findOne(t, client, before))
	})
}

func TestReconcileSeesAPurchaseThatIsStillRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		buyUnknown(t, m, client, requestLost)
		slow := simulator.Fault{Kind: simulator.SlowHeaders, When: simulator.AfterOrder, Delay: 20 * time.Second}
		m.sim.Inject(slow)
		ended := make(chan error)
		go func() {
			_, err := client.PurchaseComputeUnit(context.Background(), fivePrepaid())
			ended <- err
		}()
		synctest.Wait()
		require.Len(t, m.sim.Orders(), 1)
		assert.Empty(t, findOne(t, client, before), "the running purchase's instance")
		assert.NoError(t, <-ended)
	})
}

func TestReconcileForgetsACandidateThatDoesNotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		id := buyUnknown(t, m, client, answerLost)
		time.AfterFunc(100*time.Millisecond, func() { m.sim.Delete(id) })
		assert.Empty(t, findOne(t, client, before))
	})
}

func TestReconcileAnswersWhatItSawWhereTheContextEndsBetweenTheLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		id := buyUnknown(t, m, client, answerLost)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		found, err := client.Reconcile(ctx, before, fivePrepaid())
		assert.NoError(t, err)
		require.Equal(t, computeunit.FoundOne, found.Finding)
		assert.Equal(t, id, found.Candidates[0].InstanceID)
	})
}

func TestReconcileTakesAListingOfAnotherClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		buyOther(t, newClientTo(t, "https://localhost", withTransport(m)), fivePrepaid())
		before := list(t, newClientTo(t, "https://localhost", withTransport(m)))
		assert.Equal(t, buyUnknown(t, m, client, answerLost), findOne(t, client, before))
	})
}

// Where a listing fails for good "nothing was found out", so nothing may look found.
func TestReconcileThatFailsFoundNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		buyUnknown(t, m, client, answerLost)
		m.sim.InjectRead(simulator.Fault{}, simulator.Fault{Kind: simulator.ErrorAnswer, Status: 403, Code: "AccessDenied"})
		found, err := client.Reconcile(soon(t), before, fivePrepaid())
		require.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.Equal(t, computeunit.Reconciliation{Finding: computeunit.FoundNone}, found)
	})
}

// late is a service that makes or lists what it was asked for only when it is told to.
type late struct {
	*inMemory
	held []*http.Request // purchases that arrived and have not been worked off
}

func (l *late) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Query().Get("Action") == purchaseAction {
		l.held = append(l.held, req.Clone(context.WithoutCancel(req.Context())))
		return nil, errLost
	}
	return l.inMemory.RoundTrip(req)
}

func (l *late) workOff(t *testing.T) {
	for _, req := range l.held {
		_, err := l.inMemory.RoundTrip(req)
		require.NoError(t, err)
	}
	l.held = nil
}

// When an order is made, relative to the answer, is not documented. The first buyer's purchase is lost on the way and
// makes its order late: after the second buyer, of the same Client, listed.
func TestReconcileNeverTakesTheLateOrderOfAnEarlierUnknownPurchaseForItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &inMemory{sim: simulator.New(simulator.Config{})}
		l := &late{inMemory: m}
		client := newClientTo(t, "https://localhost", withTransport(l))
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)

		before := list(t, client) // the second buyer's
		first := l.held
		_, err = client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
		l.held = first // the second never arrives
		l.workOff(t)
		require.Len(t, m.sim.Orders(), 1)
		assert.Empty(t, findOne(t, client, before), "the first purchase's instance")
	})
}

// When a new instance is listed is not documented either. Here the first one's is listed late; this Client was told its id.
func TestReconcileNeverTakesAnInstanceThatWasNamedToAnotherForItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		nothing := list(t, client) // what the listing still says when the first was bought
		kept, err := json.Marshal(nothing)
		require.NoError(t, err)
		buyOther(t, client, fivePrepaid())

		stale := answerWith(http.StatusOK, string(kept))
		lagging := true
		served := roundTripFunc(func(req *http.Request) (*http.Response, error) {
			if lagging && req.URL.Query().Get("Action") == describeAction {
				return stale(req)
			}
			return m.RoundTrip(req)
		})
		shared := newClientTo(t, "https://localhost", withTransport(served))
		buyOther(t, shared, fivePrepaid())
		m.sim.Delete(m.sim.Orders()[0].InstanceID)
		before := list(t, shared)
		require.Empty(t, before.Result.Instances)
		lagging = false
		buyUnknown(t, m, shared, requestLost)
		assert.Empty(t, findOne(t, shared, before), "the instance that the first purchase was told")
	})
}

// A restarted service reconciles a purchase of its earlier life. The Client of its new life bought the same once.
func TestReconcileOfAnEarlierLifeNeverTakesAPurchaseOfThisClientForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		kept, err := json.Marshal(list(t, client))
		require.NoError(t, err)
		buyUnknown(t, m, client, requestLost)

		restarted := newClientTo(t, "https://localhost", withTransport(m))
		buyOther(t, restarted, fivePrepaid())
		var before computeunit.DescribeComputeUnitsResponse
		require.NoError(t, json.Unmarshal(kept, &before))
		assert.Empty(t, findOne(t, restarted, &before), "the instance that the new life was told")
	})
}

// An instance whose id was never told can be listed late, and a later purchase of the same can have made nothing.
func TestReconcileNeverTakesAnInstanceWhoseIDWasNotToldForItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, client := scriptedStore(t, answerWith(200, `{"result":{"orderId":"o-1"}}`), failWith(errLost))
		require.NoError(t, buy(t, client))
		before := list(t, client)
		require.Error(t, buy(t, client))
		service.lists("the first's")
		assert.Empty(t, findOne(t, client, before))
	})
}

// One purchase was never reconciled. That others were since, however many, does not close it.
func TestReconcileDoesNotForgetAnOpenPurchaseForLaterOnes(t *testing.T) {
	for _, others := range []int{8, 100} {
		synctest.Test(t, func(t *testing.T) {
			service, client := scriptedStore(t, failWith(errLost))
			require.Error(t, buy(t, client))
			var listed []string
			for n := range others {
				before := list(t, client)
				require.Error(t, buy(t, client))
				listed = append(listed, fmt.Sprint("i-", n))
				service.lists(listed...)
				assert.Empty(t, findOne(t, client, before), "beside an open one")
			}
			before := list(t, client)
			require.Error(t, buy(t, client))
			service.lists(append(listed, "the first's")...)
			assert.Empty(t, findOne(t, client, before))
		})
	}
}

// More are open than can be kept: what had to go is not taken for closed.
func TestReconcileDoesNotForgetTheOldestOfManyOpenPurchases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, client := scriptedStore(t, failWith(errLost))
		first := list(t, client)
		for range 70 {
			require.Error(t, buy(t, client))
		}
		service.lists("i-1")
		for range 70 {
			findOne(t, client, first) // closes one each
		}
		before := list(t, client)
		require.Error(t, buy(t, client))
		service.lists("i-1", "the first's")
		assert.Empty(t, findOne(t, client, before))
	})
}

// buyForOthers buys for so many other services that nothing is known any more of what came before and is not open.
func buyForOthers(t *testing.T, service *scripted, client *computeunit.Client) {
	kept := service.buy
	service.buy, service.bought = []roundTripFunc{answerWith(200, `{"result":{"instanceId":"another"}}`)}, 0
	for n := range 3100 {
		request := fivePrepaid()
		request.ServiceID = fmt.Sprint("svco-", n)
		buyOther(t, client, request)
	}
	service.buy, service.bought = kept, 0
}

func TestReconcileDoesNotTakeAForgottenPurchaseForNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, client := scriptedStore(t, answerWith(200, `{"result":{"instanceId":"the first's"}}`))
		before := list(t, client)
		require.NoError(t, buy(t, client))
		buyForOthers(t, service, client)
		service.buy = []roundTripFunc{failWith(errLost)}
		require.Error(t, buy(t, client))
		service.lists("the first's")
		assert.Empty(t, findOne(t, client, before))
	})
}

func TestReconcileFindsOneAfterPurchasesForManyServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, client := scriptedStore(t, failWith(errLost))
		buyForOthers(t, service, client)
		before := list(t, client)
		require.Error(t, buy(t, client))
		service.lists("its own")
		assert.Equal(t, "its own", findOne(t, client, before))
	})
}

func TestReconcileDoesNotForgetAnOpenPurchaseForManyServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, client := scriptedStore(t, failWith(errLost))
		require.Error(t, buy(t, client))
		buyForOthers(t, service, client)
		before := list(t, client)
		require.Error(t, buy(t, client))
		service.lists("the first's")
		assert.Empty(t, findOne(t, client, before))
	})
}

// The listing of a purchase that another Client made: nothing is known of it here, and something was forgotten.
func TestReconcileDoesNotVouchForWhatItMayHaveForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, client := scriptedStore(t, failWith(errLost))
		before := list(t, newClientTo(t, "https://localhost", withTransport(service)))
		buyForOthers(t, service, client)
		service.lists("whose")
		assert.Empty(t, findOne(t, client, before))
	})
}

// The listing lags behind: it has none of the many instances that were named.
func TestReconcileRemembersManyNamedInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var named []string
		service := &scripted{}
		for n := range 1500 {
			named = append(named, fmt.Sprint("i-", n))
			service.buy = append(service.buy, answerWith(200, fmt.Sprintf(`{"result":{"instanceId":%q}}`, named[n])))
		}
		service.buy = append(service.buy, failWith(errLost))
		client := newClientTo(t, "https://localhost", withTransport(service))
		for range named {
			require.NoError(t, buy(t, client))
		}
		before := list(t, client)
		require.Error(t, buy(t, client))
		lately := named[500:]
		service.lists(lately...)
		found, err := client.Reconcile(soon(t), before, fivePrepaid())
		require.NoError(t, err)
		assert.Equal(t, computeunit.FoundNone, found.Finding)
		service.lists(append(lately, "its own")...)
		assert.Equal(t, "its own", findOne(t, client, before))
	})
}

// Two looks at one candidate are two looks at the same.
func TestReconcileLooksTwiceAtTheSameOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, client := scriptedStore(t, failWith(errLost))
		service.reads = [][]string{{}, {"a"}, {"b"}, {"b"}}
		before := list(t, client)
		require.Error(t, buy(t, client))
		assert.Equal(t, "b", findOne(t, client, before))
		assert.Equal(t, 4, service.read)
	})
}

func TestReconcileCountsAnInstanceThatIsListedTwiceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, client := scriptedStore(t, failWith(errLost))
		before := list(t, client)
		require.Error(t, buy(t, client))
		service.lists("a", "a")
		assert.Equal(t, "a", findOne(t, client, before))
	})
}

// scripted answers purchases and listings from scripts, whose last lines repeat.
type scripted struct {
	buy          []roundTripFunc
	reads        [][]string // instance ids, all of what was bought; empty: none
	bought, read int
}

func scriptedStore(t *testing.T, buy ...roundTripFunc) (*scripted, *computeunit.Client) {
	t.Helper()
	service := &scripted{buy: buy}
	return service, newClientTo(t, "https://localhost", withTransport(service))
}

func (s *scripted) lists(ids ...string) { s.reads, s.read = [][]string{ids}, 0 }

func (s *scripted) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Query().Get("Action") == purchaseAction {
		s.bought++
		return s.buy[min(s.bought, len(s.buy))-1](req)
	}
	s.read++
	instances := []computeunit.Instance{}
	if len(s.reads) > 0 {
		for _, id := range s.reads[min(s.read, len(s.reads))-1] {
			instances = append(instances, computeunit.Instance{InstanceID: id, PaymentTiming: "Prepaid", ReplicasCount: 5})
		}
	}
	body, err := json.Marshal(computeunit.DescribeComputeUnitsResponse{Result: computeunit.DescribeResult{Instances: instances}})
	if err != nil {
		return nil, err
	}
	return answerWith(200, string(body))(req)
}
