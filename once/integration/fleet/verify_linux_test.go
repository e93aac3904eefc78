package fleet

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

// call is one Buy of a key, by the test's clock. Without an answer its process was killed.
type call struct {
	key    string
	job    int
	began  time.Time
	answer *answer
}

// history is every Buy.
type history struct {
	mu    sync.Mutex
	calls []call
}

func (h *history) add(c call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
}

// verify holds answers and journal against the ledger.
func (f *fleet) verify(t *testing.T) {
	f.askAgain(t)
	orders, err := f.bill.all()
	require.NoError(t, err)
	for _, o := range orders {
		f.ledger.Ordered(o)
	}
	counts := map[outcome]int{}
	for _, c := range f.history.calls {
		if c.answer == nil {
			counts["killed"]++
			continue
		}
		counts[c.answer.Outcome]++
		switch c.answer.Outcome {
		case bought:
			f.ledger.Bought(c.key, c.answer.InstanceID, c.answer.OrderID)
		case notPurchased:
			f.ledger.NotPurchased(c.key, c.job, c.began.UnixNano())
		}
	}
	open := 0
	for key := range f.requests {
		p, found, err := f.operator.buyer.Lookup(t.Context(), key)
		require.NoError(t, err)
		if p.Open() {
			open++
		}
		f.ledger.Kept(key, model.Record{
			Found: found, Open: p.Open(), Bought: p.State == once.StateBought, InstanceID: p.InstanceID, OrderID: p.OrderID,
		})
	}
	f.report(t, counts, len(orders), open)
	assert.Empty(t, f.ledger.Violations())
	assert.Zero(t, counts[contradicts])
	assert.Zero(t, open, "open at the end")
	assert.Empty(t, f.operator.wrong)
	assert.Zero(t, f.counters.gaveUp.Load(), "customers who ran out of patience")
}

// askAgain has bought keys bought again: they must get the same, and the bill, which is read after it, no order more.
func (f *fleet) askAgain(t *testing.T) {
	for key, request := range f.requests {
		p, found, err := f.operator.buyer.Lookup(t.Context(), key)
		require.NoError(t, err)
		if !found || p.State != once.StateBought {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		began := time.Now()
		again := answerOf(f.operator.buyer.Buy(ctx, key, request))
		cancel()
		f.history.add(call{key: key, job: -1, began: began, answer: again})
		assert.Equal(t, p.InstanceID, again.InstanceID)
		assert.Empty(t, again.Error)
	}
}

func (f *fleet) report(t *testing.T, counts map[outcome]int, orders, open int) {
	c := &f.counters
	t.Logf("%d keys, %d orders; answers %v; %d processes lived for one call", len(f.requests), orders, counts, c.short.Load())
	t.Logf("processes killed %d, stopped %d, past the fence %d; the service's clock jumped %d times; "+
		"connections cut %d times, server killed %d times",
		c.kills.Load(), c.stops.Load(), c.stopsPastTheFence.Load(), c.jumps.Load(), c.cuts.Load(), c.serverKills.Load())
	t.Logf("a person said bought %d times, not purchased %d times, and was too early %d times; "+
		"the service refused %d requests as expired",
		c.saidBought.Load(), c.saidNot.Load(), c.tooEarly.Load(), c.expired.Load())
	for _, promise := range model.Promises {
		t.Logf("%s: %d", promise, len(f.ledger.Broken(promise)))
	}
	t.Logf("open: %d", open)
}
