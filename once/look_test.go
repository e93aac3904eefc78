package once_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

func TestBuyFindsTheOrderOfALostAnswer(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Add("older")
		b.requests = []proof.Fate{proof.LoseAnswer}
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.Equal(t, once.EvidenceListing, bought.Evidence)
		assert.Equal(t, 30*time.Second, bought.ListedWithin)
		assert.Equal(t, []string{"older"}, bought.Before.InstanceIDs)
	})
}

// A candidate has to be in two listings in a row.
func TestACandidateThatIsListedOnceIsNotTaken(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		listings := 0
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.List {
				if listings++; listings == 1 {
					b.world.Add("outside-1")
				} else {
					b.world.Add("outside-2")
				}
			}
			return proof.Go
		}
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		assert.Equal(t, []string{"outside-1", "outside-2"}, open[0].Candidates)
	})
}

func TestSeveralCandidatesNeedAPerson(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return time.Minute }
		b.leaveUnknown("a", proof.LoseAnswer)
		b.world.Add("outside")
		time.Sleep(time.Minute)
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		assert.Equal(t, []string{"outside", "instance-1"}, open[0].Candidates)
		_, err = b.process().Buy(t.Context(), "b", prepaid)
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, []string{"outside", "instance-1"}, blocked.Candidates)
	})
}

func TestWhatALaterVersionSentIsLookedAfter(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.Received)
		b.byALaterVersion("a")
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		assert.Empty(t, open)
		row, _, err := b.records.Read(t.Context(), "a")
		require.NoError(t, err)
		assert.Contains(t, string(row.Data), `"later":true`)
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.Equal(t, once.EvidenceListing, bought.Evidence)
	})
}

// Without the listing before, everything that is listed would look new.
func TestWhatCanNotBeReadNeedsAPerson(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.Received)
		row, _, err := b.records.Read(t.Context(), "a")
		require.NoError(t, err)
		version := row.Version
		row.Version, row.Data = "later", []byte(`{"format":2}`)
		_, err = b.records.Replace(t.Context(), version, row)
		require.NoError(t, err)
		open, err := b.process().Settle(t.Context())
		require.ErrorContains(t, err, "a person has to settle it")
		require.Len(t, open, 1)
		time.Sleep(time.Hour)
		_, err = b.process().ResolveNotPurchased(t.Context(), "a")
		require.Error(t, err)
		_, err = b.process().ResolveBought(t.Context(), "a", "instance-1", "")
		require.NoError(t, err)
	})
}

// Which of the two was ours, or neither, no later listing can say.
func TestSeveralCandidatesNeedAPersonEvenIfOneIsReleased(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.world.Add("outside-1")
		b.world.Add("outside-2")
		buyer := b.process()
		for range 3 {
			open, err := buyer.Settle(t.Context())
			require.NoError(t, err)
			require.Len(t, open, 1)
			assert.Equal(t, []string{"outside-1", "outside-2"}, open[0].Candidates)
			b.world.Release("outside-2")
		}
	})
}

// The order may be listed after somebody else's instance was released.
func TestACandidateThatVanishedStaysOne(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return time.Hour }
		b.leaveUnknown("a", proof.LoseAnswer)
		listings := 0
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.List {
				if listings++; listings == 1 {
					b.world.Add("outside")
				} else {
					b.world.Release("outside")
				}
			}
			return proof.Go
		}
		buyer := b.process()
		for range 3 {
			open, err := buyer.Settle(t.Context())
			require.NoError(t, err)
			require.Len(t, open, 1)
			time.Sleep(time.Hour)
		}
		assert.Equal(t, []string{"outside", "instance-1"}, b.purchase("a").Candidates)
	})
}

// What an answer names for another key was never a candidate.
func TestACandidateThatBecomesAnotherKeysIsNone(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return time.Hour }
		b.leaveUnknown("a", proof.LoseAnswer)
		b.world.Add("outside-1")
		b.world.Add("outside-2")
		buyer := b.process()
		_, err := buyer.Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, b.purchase("a").Candidates, 2)
		for _, id := range b.purchase("a").Candidates {
			done, err := b.records.Insert(t.Context(), store.Record{
				Key: "of " + id, Version: "v", State: string(once.StateBought), InstanceID: id, Data: []byte(`{}`),
			})
			require.NoError(t, err)
			require.True(t, done)
		}
		time.Sleep(time.Hour)
		open, err := buyer.Settle(t.Context())
		require.NoError(t, err)
		assert.Empty(t, open)
		assert.Equal(t, "instance-1", b.purchase("a").InstanceID)
	})
}
