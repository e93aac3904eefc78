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
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.List {
				return proof.Fail
			}
			return proof.Go
		}
		open, err := b.process().Settle(t.Context())
		require.ErrorContains(t, err, `key "a"`)
		assert.Len(t, open, 1)
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

// A later version may know states that this one does not.
func TestAStateOfALaterVersionKeepsItsServiceClosed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		row, _, err := b.records.Read(t.Context(), "a")
		require.NoError(t, err)
		later := row
		later.Version, later.State = "later", "reserved"
		done, err := b.records.Replace(t.Context(), row.Version, later)
		require.NoError(t, err)
		require.True(t, done)

		listings := 0
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.List {
				if listings++; listings > 1000 {
					panic("it lists again and again, without a pause")
				}
			}
			return proof.Go
		}
		_, err = b.process().Buy(within(t, 5*time.Minute), "b", prepaid)
		assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
		_, err = b.process().Buy(within(t, 5*time.Minute), "a", prepaid)
		assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		open, _ := b.process().Settle(t.Context())
		assert.Len(t, open, 1)
		assert.Equal(t, 1, b.sent)
		kept, _, err := b.records.Read(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, later, kept)
	})
}
