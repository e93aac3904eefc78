package once_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestLookupOfAKeyThatTheJournalDoesNotHave(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		none, found, err := b.process().Lookup(t.Context(), "a")
		require.NoError(t, err)
		assert.False(t, found)
		assert.Zero(t, none)
	})
}

// A listing would settle the purchase.
func TestLookupAsksTheServiceNothing(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return time.Minute }
		b.leaveUnknown("a", proof.LoseAnswer)
		time.Sleep(time.Hour)
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			assert.Equal(t, proof.Journal, kind)
			return proof.Go
		}
		for range 2 {
			open, found, err := b.process().Lookup(t.Context(), "a")
			require.NoError(t, err)
			assert.True(t, found)
			assert.Equal(t, once.StateSending, open.State)
		}
	})
}

func TestLookupWithAJournalThatCanNotBeReadNamesTheKey(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		buyer := b.process()
		_, _, err := buyer.Lookup(t.Context(), "a") // the endpoint is known now
		require.NoError(t, err)
		b.direct = func(*proof.Process, proof.Kind) proof.Fate { return proof.Fail }
		_, found, err := buyer.Lookup(t.Context(), "a")
		assert.ErrorContains(t, err, `once: key "a": reading the journal`)
		assert.False(t, found)
	})
}
