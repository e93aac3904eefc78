package fleet

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

// said holds an answer against the ledger.
func (f *fleet) said(j job, began time.Time, a *answer) {
	f.ledger.Count("answers: " + string(a.Outcome))
	switch a.Outcome {
	case bought:
		f.ledger.Bought(j.Key, a.InstanceID, a.OrderID)
	case notPurchased:
		f.ledger.NotPurchased(j.Key, j.ID, began.UnixNano())
	case contradicts:
		f.ledger.Violate(model.NotByDesign, "key %s: %s", j.Key, a.Error)
	}
}

// verify holds the journal against the ledger.
func (f *fleet) verify(t *testing.T) {
	open := 0
	for key := range f.requests {
		p, found, err := f.operator.buyer.Lookup(t.Context(), key)
		require.NoError(t, err)
		if p.Open() {
			open++
		}
		if p.State == once.StateBought {
			f.askAgain(t, p)
		}
		f.ledger.Kept(key, model.Record{
			Found: found, Open: p.Open(), Bought: p.State == once.StateBought, InstanceID: p.InstanceID, OrderID: p.OrderID,
		})
	}
	f.report(t)
	assert.Empty(t, f.ledger.Violations())
	assert.Zero(t, open, "open at the end")
}

// askAgain has a bought key bought again: it must get the same, and make no order more.
func (f *fleet) askAgain(t *testing.T, p once.Purchase) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	again := answerOf(f.operator.buyer.Buy(ctx, p.Key, f.requests[p.Key]))
	f.said(job{ID: -1, Key: p.Key}, began, again)
	assert.Equal(t, p.InstanceID, again.InstanceID)
	assert.Empty(t, again.Error)
}

func (f *fleet) report(t *testing.T) {
	t.Logf("%d keys, %d orders", len(f.requests), len(f.service.Orders(0)))
	counts := f.ledger.Counts()
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%s: %d", what, counts[what])
	}
	for _, promise := range model.Promises {
		t.Logf("%s: %d", promise, len(f.ledger.Broken(promise)))
	}
}
