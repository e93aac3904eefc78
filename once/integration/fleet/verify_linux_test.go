package fleet

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
)

// call is one Buy of a key, by the test's clock. Without an answer its process was killed.
type call struct {
	began, ended time.Time
	answer       *answer
}

// history is every Buy of each key.
type history struct {
	mu    sync.Mutex
	calls map[string][]call
}

func (h *history) add(key string, c call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls[key] = append(h.calls[key], c)
}

// judge holds answers and journal against the ledger.
type judge struct {
	t                                                       *testing.T
	byKey                                                   map[string][]order
	byInstance, byOrder                                     map[string]order
	toldTo                                                  map[string]string // the key that an order was told to
	twoOrders, toldTwice, falseAnswers, openListed, journal int
	open, answers, unknowns, killed                         int
}

func (f *fleet) verify(t *testing.T) {
	j := &judge{
		t: t, byKey: map[string][]order{}, byInstance: map[string]order{}, byOrder: map[string]order{}, toldTo: map[string]string{},
	}
	f.askAgain(t)
	orders, err := f.ledger.all()
	require.NoError(t, err)
	for _, o := range orders {
		key, known := f.attempts.keyOf(o.ClientRequestID)
		require.True(t, known, "an order of nobody: %+v", o)
		o.key = key
		j.byKey[key] = append(j.byKey[key], o)
		j.byInstance[o.InstanceID], j.byOrder[o.OrderID] = o, o
	}
	for key := range f.requests {
		if len(j.byKey[key]) > 1 {
			j.fault(&j.twoOrders, "%s has %d orders: %+v", key, len(j.byKey[key]), j.byKey[key])
		}
		for i := range f.history.calls[key] {
			j.judgeAnswer(key, f.history.calls[key], i)
		}
		p, found, err := f.operator.buyer.Lookup(t.Context(), key)
		require.NoError(t, err)
		j.judgeRecord(key, p, found)
	}
	f.report(t, j, len(orders))
	for _, m := range f.members {
		assert.NoError(t, m.outOfOrder)
	}
	assert.Zero(t, [5]int{j.twoOrders, j.toldTwice, j.falseAnswers, j.openListed, j.journal})
	assert.Zero(t, j.open, "open at the end")
	assert.Empty(t, f.operator.wrong)
	assert.Zero(t, f.counters.gaveUp.Load(), "customers who ran out of patience")
}

func (j *judge) fault(count *int, format string, arguments ...any) {
	*count++
	j.t.Errorf(format, arguments...)
}

func (j *judge) judgeAnswer(key string, calls []call, i int) {
	c := calls[i]
	if c.answer == nil {
		j.killed++
		return
	}
	j.answers++
	switch c.answer.Outcome {
	case bought:
		j.judgeBought(key, c.answer)
	case notPurchased:
		for _, o := range j.byKey[key] {
			if !excused(o, calls, i) {
				j.fault(&j.falseAnswers, "%s: not purchased, from %s to %s, but: %+v; answer %+v",
					key, c.began, c.ended, o, *c.answer)
			}
		}
	case unknown:
		j.unknowns++
	default:
		j.fault(&j.falseAnswers, "%s: %s: %+v", key, c.answer.Outcome, c.answer)
	}
}

// excused reports whether an order of the key is no surprise after an answer "not purchased": another Buy of the key, which
// was still running or began later, may have made it.
func excused(o order, calls []call, i int) bool {
	answered := calls[i]
	if o.Made.Before(answered.began) {
		return false
	}
	since := answered.ended
	if o.Made.Before(since) {
		since = answered.began // it was made during the call, by another one
	}
	for k, other := range calls {
		if k != i && other.ended.After(since) && !other.began.After(o.Made) {
			return true
		}
	}
	return false
}

func (j *judge) judgeBought(key string, a *answer) {
	for _, told := range []struct {
		id     string
		orders map[string]order
	}{{a.InstanceID, j.byInstance}, {a.OrderID, j.byOrder}} {
		if told.id == "" {
			continue
		}
		if told.orders[told.id].key != key {
			j.fault(&j.falseAnswers, "%s: bought %+v, which is %+v", key, a, told.orders[told.id])
		}
		if first := j.toldTo[told.id]; first != "" && first != key {
			j.fault(&j.toldTwice, "%s and %s: bought %s", first, key, told.id)
		}
		j.toldTo[told.id] = key
	}
	if a.InstanceID == "" && a.OrderID == "" {
		j.fault(&j.falseAnswers, "%s: bought without an id", key)
	}
}

func (j *judge) judgeRecord(key string, p once.Purchase, found bool) {
	orders := j.byKey[key]
	switch {
	case !found:
		if len(orders) > 0 {
			j.fault(&j.journal, "%s has an order and no record", key)
		}
	case p.State == once.StatePreparing || p.State == once.StateSending || p.State == once.StateBought && p.InstanceID == "":
		j.open++
		if len(orders) > 0 {
			j.fault(&j.openListed, "%s is open, and its order is listed: %+v", key, p)
		}
	case p.State == once.StateBought && (len(orders) == 0 || orders[0].InstanceID != p.InstanceID ||
		p.OrderID != "" && orders[0].OrderID != p.OrderID):
		j.fault(&j.journal, "%s: the journal says %+v, the ledger %+v", key, p, orders)
	case p.State == once.StateNotPurchased && len(orders) > 0:
		j.fault(&j.journal, "%s: the journal says %+v, the ledger %+v", key, p, orders)
	}
}

// askAgain has some bought keys bought again: they must get the same, and the ledger, which is read after it, no order more.
func (f *fleet) askAgain(t *testing.T) {
	for key, request := range f.requests {
		p, found, err := f.operator.buyer.Lookup(t.Context(), key)
		require.NoError(t, err)
		if !found || p.State != once.StateBought {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		began := time.Now()
		again, err := f.operator.buyer.Buy(ctx, key, request)
		cancel()
		a := &answer{Outcome: outcomeOf(err), InstanceID: again.InstanceID, OrderID: again.OrderID, Error: fmt.Sprint(err)}
		f.history.add(key, call{began: began, ended: time.Now(), answer: a})
		assert.Equal(t, p.InstanceID, again.InstanceID)
		assert.NoError(t, err)
	}
}

func (f *fleet) report(t *testing.T, j *judge, orders int) {
	c := &f.counters
	t.Logf("%d keys, %d orders; %d answers, of which unknown %d; %d calls in a killed process",
		len(f.requests), orders, j.answers, j.unknowns, j.killed)
	t.Logf("processes killed %d, stopped %d, past the fence %d; the service's clock jumped %d times; "+
		"connections cut %d times, server killed %d times",
		c.kills.Load(), c.stops.Load(), c.stopsPastTheFence.Load(), c.jumps.Load(), c.cuts.Load(), c.serverKills.Load())
	t.Logf("a person said bought %d times, not purchased %d times, and was too early %d times; "+
		"the service refused %d requests as expired",
		c.saidBought.Load(), c.saidNot.Load(), c.tooEarly.Load(), c.expired.Load())
	t.Logf("two orders for a key %d, an order told to two keys %d, false answers %d, "+
		"keys open although the listing showed their order %d, records that are not the ledger's %d, open %d",
		j.twoOrders, j.toldTwice, j.falseAnswers, j.openListed, j.journal, j.open)
}
