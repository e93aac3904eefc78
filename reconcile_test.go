package computeunit_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// inMemory is a transport that hands requests to a simulator without a network, so that a test's fake clock moves
// both. lose, if set, is asked whether the answer of the n-th purchase is lost, or the request before it.
type inMemory struct {
	sim     *simulator.Simulator
	onCall  func(action string) // before the simulator gets the request
	lost    func(action string) loss
	mu      sync.Mutex
	actions []string
}

type loss int

const (
	nothingLost loss = iota
	requestLost      // nothing is bought
	answerLost       // something is
)

var errLost = errors.New("connection reset by peer")

func (m *inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	action := req.URL.Query().Get("Action")
	m.mu.Lock()
	m.actions = append(m.actions, action)
	m.mu.Unlock()
	if m.onCall != nil {
		m.onCall(action)
	}
	lost := nothingLost
	if m.lost != nil {
		lost = m.lost(action)
	}
	if lost == requestLost {
		return nil, errLost
	}
	recorder := httptest.NewRecorder()
	m.sim.ServeHTTP(recorder, req)
	if lost == answerLost {
		return nil, errLost
	}
	return recorder.Result(), nil
}

func (m *inMemory) count(action string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.actions {
		if a == action {
			n++
		}
	}
	return n
}

const (
	purchaseAction = "PurchaseComputeUnit"
	describeAction = "DescribeComputeUnits"
)

func losing(what loss) func(string) loss {
	return func(action string) loss {
		if action == purchaseAction {
			return what
		}
		return nothingLost
	}
}

// store is a simulator whose clock follows the test's, and a client of it.
func store(t *testing.T, config simulator.Config) (*inMemory, *computeunit.Client) {
	t.Helper()
	m := &inMemory{sim: simulator.New(config)}
	return m, newClientTo(t, "https://localhost", withTransport(m))
}

func list(t *testing.T, client *computeunit.Client) *computeunit.DescribeComputeUnitsResponse {
	t.Helper()
	listing, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-48esssdpa594"})
	require.NoError(t, err)
	return listing
}

func buyOther(t *testing.T, client *computeunit.Client, request computeunit.PurchaseComputeUnitRequest) {
	t.Helper()
	_, err := client.PurchaseComputeUnit(t.Context(), request)
	require.NoError(t, err)
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestReconcileFindsWhatALostAnswerLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		buyOther(t, client, fivePrepaid()) // was there before
		before := list(t, client)
		m.lost = losing(answerLost)
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)

		found, err := client.Reconcile(soon(t), before, fivePrepaid())
		require.NoError(t, err)
		assert.Equal(t, computeunit.FoundOne, found.Finding)
		require.Len(t, found.Candidates, 1)
		assert.Equal(t, m.sim.Orders()[1].InstanceID, found.Candidates[0].InstanceID)
		assert.Len(t, m.sim.Orders(), 2, "Reconcile buys nothing")
	})
}

func TestReconcileFindsNoneUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		m.lost = losing(requestLost)
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)

		started, looks := time.Now(), m.count(describeAction)
		found, err := client.Reconcile(soon(t), before, fivePrepaid())
		assert.NoError(t, err)
		assert.Equal(t, computeunit.Reconciliation{Finding: computeunit.FoundNone}, found)
		assert.Equal(t, time.Minute, time.Since(started))
		looks = m.count(describeAction) - looks
		assert.Greater(t, looks, 10)
		assert.Less(t, looks, 20, "pauses grow")
		assert.Empty(t, m.sim.Orders())
	})
}

func TestReconcileWaitsForAnOrderThatIsListedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		elsewhere := newClientTo(t, "https://localhost", withTransport(m))
		time.AfterFunc(20*time.Second, func() { _, _ = elsewhere.PurchaseComputeUnit(context.Background(), fivePrepaid()) })
		started := time.Now()
		found, err := client.Reconcile(soon(t), before, fivePrepaid())
		assert.NoError(t, err)
		assert.Equal(t, computeunit.FoundOne, found.Finding)
		assert.GreaterOrEqual(t, time.Since(started), 20*time.Second)
		assert.Less(t, time.Since(started), 31*time.Second)
	})
}

func TestReconcileMatchesPaymentTimingAndReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		otherSize, otherTiming := fivePrepaid(), fivePrepaid()
		otherSize.ReplicasCount, otherTiming.Billing = 4, computeunit.Postpaid()
		buyOther(t, client, otherSize)
		buyOther(t, client, otherTiming)
		m.lost = losing(answerLost)
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)

		found, err := client.Reconcile(soon(t), before, fivePrepaid())
		assert.NoError(t, err)
		assert.Equal(t, computeunit.FoundOne, found.Finding)
		assert.Equal(t, m.sim.Orders()[2].InstanceID, found.Candidates[0].InstanceID)
	})
}

func TestReconcileSaysSeveralWhereAnotherBuyerIsAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		elsewhere := newClientTo(t, "https://localhost", withTransport(m))
		buyOther(t, elsewhere, fivePrepaid())
		m.lost = losing(answerLost)
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)

		found, err := client.Reconcile(soon(t), before, fivePrepaid())
		assert.NoError(t, err)
		assert.Equal(t, computeunit.FoundSeveral, found.Finding)
		assert.Len(t, found.Candidates, 2)
	})
}

func TestReconcileLooksTwiceAtOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		elsewhere := newClientTo(t, "https://localhost", withTransport(m))
		buyOther(t, elsewhere, fivePrepaid())
		time.AfterFunc(100*time.Millisecond, func() { _, _ = elsewhere.PurchaseComputeUnit(context.Background(), fivePrepaid()) })
		found, err := client.Reconcile(soon(t), before, fivePrepaid())
		assert.NoError(t, err)
		assert.Equal(t, computeunit.FoundSeveral, found.Finding)
	})
}

// One purchase is lost before it is made, another of the same through the same Client succeeds at the same time: the
// one instance that shows up is the other's, and must not be taken for the lost one's.
func TestReconcileNeverTakesAnOverlappingPurchaseOfThisClientForItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		first := true
		m.lost = func(action string) loss {
			if action == purchaseAction && first {
				first = false
				buyOther(t, client, fivePrepaid()) // overlaps, and gets through
				return requestLost
			}
			return nothingLost
		}
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
		found, err := client.Reconcile(soon(t), before, fivePrepaid())
		assert.NoError(t, err)
		assert.Equal(t, computeunit.FoundSeveral, found.Finding)
		assert.Len(t, found.Candidates, 1)
	})
}

func TestReconcileIsNotDisturbedByPurchasesThatCameBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		for range 3 {
			m.lost = nil
			buyOther(t, client, fivePrepaid())
			before := list(t, client)
			m.lost = losing(answerLost)
			_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			found, err := client.Reconcile(soon(t), before, fivePrepaid())
			require.NoError(t, err)
			require.Equal(t, computeunit.FoundOne, found.Finding)
			orders := m.sim.Orders()
			require.Equal(t, orders[len(orders)-1].InstanceID, found.Candidates[0].InstanceID)
		}
	})
}

func TestReconcileTakesAListingThatWasKeptAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		buyOther(t, client, fivePrepaid())
		kept, err := json.Marshal(list(t, client))
		require.NoError(t, err)
		_, restarted := m, newClientTo(t, "https://localhost", withTransport(m))
		m.lost = losing(answerLost)
		_, err = restarted.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
		var before computeunit.DescribeComputeUnitsResponse
		require.NoError(t, json.Unmarshal(kept, &before))
		found, err := restarted.Reconcile(soon(t), &before, fivePrepaid())
		assert.NoError(t, err)
		assert.Equal(t, computeunit.FoundOne, found.Finding)
	})
}

func TestReconcileRefusesAListingThatCannotTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := store(t, simulator.Config{})
		other := list(t, client)
		otherTiming, err := client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{
			ServiceID: "svco-48esssdpa594", PaymentTiming: computeunit.PaymentTimingPostpaid,
		})
		require.NoError(t, err)
		elsewhere := fivePrepaid()
		elsewhere.ServiceID = "svco-other"
		for name, row := range map[string]struct {
			before  *computeunit.DescribeComputeUnitsResponse
			request computeunit.PurchaseComputeUnitRequest
		}{
			"none":            {nil, fivePrepaid()},
			"made by hand":    {&computeunit.DescribeComputeUnitsResponse{}, fivePrepaid()},
			"not a listing":   {&computeunit.DescribeComputeUnitsResponse{RequestID: "r"}, fivePrepaid()},
			"another service": {other, elsewhere},
			"another timing":  {otherTiming, fivePrepaid()},
		} {
			found, err := client.Reconcile(soon(t), row.before, row.request)
			assert.Error(t, err, name)
			assert.Equal(t, computeunit.FoundNone, found.Finding, name)
		}
		var none context.Context
		_, err = client.Reconcile(none, other, fivePrepaid())
		assert.Error(t, err)
	})
}

func TestReconcileGoesOnThroughPassingFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{ReadFault: func(r simulator.Read) simulator.Fault {
			if r.Attempt > 1 && r.Attempt < 12 {
				return simulator.Fault{Kind: simulator.ErrorAnswer, Status: 503}
			}
			return simulator.Fault{}
		}})
		before := list(t, client)
		m.lost = losing(answerLost)
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
		found, err := client.Reconcile(soon(t), before, fivePrepaid())
		assert.NoError(t, err)
		assert.Equal(t, computeunit.FoundOne, found.Finding)
	})
}

func TestReconcileEndsWhereListingCannotWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		m.sim.InjectRead(simulator.Fault{Kind: simulator.ErrorAnswer, Status: 403, Code: "AccessDenied"})
		started := time.Now()
		_, err := client.Reconcile(soon(t), before, fivePrepaid())
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.Zero(t, time.Since(started))
	})
}

// Where no listing ever worked, nothing was found out, and that must not look like "none yet".
// The purchase's context is often what made its outcome unknown.
func TestReconcileSaysThatItsContextHadEnded(t *testing.T) {
	_, client := store(t, simulator.Config{})
	before := list(t, client)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.Reconcile(ended, before, fivePrepaid())
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "give Reconcile one of its own")
}

func TestReconcileThatNeverSawAListingIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{})
		before := list(t, client)
		m.lost = func(string) loss { return requestLost }
		_, err := client.Reconcile(soon(t), before, fivePrepaid())
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, errLost)
	})
}
