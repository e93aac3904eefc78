package once_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestSettleFindsTheOrderOfAProcessThatCrashed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.Received)
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		assert.Empty(t, open)
		settled := b.purchase("a")
		assert.Equal(t, "instance-1", settled.InstanceID)
		assert.Equal(t, once.EvidenceListing, settled.Evidence)
	})
}

func TestSettleReturnsWhatStaysOpenAndSendsNothing(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Equal(t, []once.Purchase{b.purchase("a")}, open)
		assert.Equal(t, 1, b.sent)
	})
}

// A process that has just started can't know how long a record has not changed.
func TestSettleClosesWhatWasNotSentWhenItHasWatchedIt(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		time.Sleep(time.Hour)
		buyer := b.process(once.WithTakeoverAfter(time.Minute))
		for _, stillOpen := range []int{1, 1, 0} {
			open, err := buyer.Settle(t.Context())
			require.NoError(t, err)
			assert.Len(t, open, stillOpen)
			time.Sleep(30 * time.Second)
		}
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
	})
}

func TestSettleLeavesAPurchaseAloneThatIsUnderWay(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.at(proof.Request, func() {
			open, err := b.process().Settle(t.Context())
			assert.NoError(t, err)
			assert.Len(t, open, 1)
			assert.False(t, open[0].Unknown)
		})
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
	})
}

func TestSettleGoesOnAfterAListingThatFailed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.direct = always(proof.List, proof.Fail)
		open, err := b.process().Settle(t.Context())
		require.ErrorContains(t, err, `key "a"`)
		assert.Len(t, open, 1)
	})
}
