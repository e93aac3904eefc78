package once_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestBuyNeedsAListingBefore(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.direct = always(proof.List, proof.Fail)
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		assert.Zero(t, b.sent)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
	})
}

func TestAnInstanceOfAnotherTimingOrSizeIsNoCandidate(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		larger := prepaid
		larger.ReplicasCount = 2
		b.world.AddLike("larger", larger)
		b.world.AddLike("postpaid", postpaid)
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		assert.Empty(t, open[0].Candidates)
	})
}

// The instance of a key that is bought may be listed only while the next key is open.
func TestAnInstanceOfAnotherKeyIsNoCandidate(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return time.Minute }
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		b.leaveUnknown("b", proof.Lose)
		time.Sleep(time.Minute)
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		assert.Empty(t, open[0].Candidates)
	})
}
