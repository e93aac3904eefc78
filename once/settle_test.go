package once_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

func TestLookup(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		none, found, err := b.process().Lookup(t.Context(), "a")
		require.NoError(t, err)
		assert.False(t, found)
		assert.Zero(t, none)
		b.lag(time.Minute)
		b.leaveUnknown("a", proof.LoseAnswer)
		time.Sleep(time.Hour)
		b.director(func(_ *proof.Process, kind proof.Kind) proof.Fate {
			assert.Equal(t, proof.Journal, kind, "it asks the service nothing")
			return proof.Go
		})
		assert.Equal(t, once.StateSending, b.purchase("a").State)
		b.director(always(proof.Journal, proof.Fail))
		_, _, err = b.process().Lookup(t.Context(), "a")
		assert.ErrorContains(t, err, `key "a"`)
	})
}

func TestSettleFindsTheOrderOfAProcessThatCrashed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.Received)
		time.Sleep(time.Minute)
		settled, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, settled, 1, "it was open when Settle began")
		assert.Equal(t, b.purchase("a"), settled[0])
		assert.Equal(t, "instance-1", settled[0].InstanceID)
		assert.Equal(t, once.EvidenceListing, settled[0].Evidence)
		assert.False(t, settled[0].Open())
	})
}

func TestSettleReturnsWhatStaysOpenAndSendsNothing(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		require.Equal(t, []once.Purchase{b.purchase("a")}, b.settle())
		assert.Equal(t, 1, b.sent)
	})
}

// The one call of a process that has just started is enough.
func TestSettleClosesWhatWasNotSent(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		began := time.Now()
		for len(b.settle()) > 0 {
			time.Sleep(time.Second)
		}
		assert.InDelta(t, 45, time.Since(began).Seconds(), 15)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
	})
}

func TestSettleLeavesAPurchaseAloneThatIsUnderWay(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.at(proof.Request, func() {
			open := b.settle()
			assert.Len(t, open, 1)
			assert.False(t, open[0].Unknown)
		})
		_, err := b.buy("a")
		require.NoError(t, err)
	})
}

// What was sent is looked for when its sender's time-out has passed, whatever WithTakeoverAfter is.
func TestBuyLooksAsSoonAsTheSendersTimeoutHasPassed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.at(proof.Received, func() { time.Sleep(2 * time.Hour) })
		go b.buy("a")
		time.Sleep(time.Second)
		buyer, began := b.process(once.WithTakeoverAfter(time.Hour)), time.Now()
		bought, err := buyer.Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, once.EvidenceListing, bought.Evidence)
		assert.InDelta(t, 30, time.Since(began).Seconds(), 3)
		time.Sleep(2 * time.Hour)
	})
}

func TestSettleGoesOnAfterAListingThatFailed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.director(always(proof.List, proof.Fail))
		open, err := b.process().Settle(t.Context())
		require.ErrorContains(t, err, `key "a"`)
		assert.Len(t, open, 1)
	})
}

// One service's slowness costs its own keys only.
func TestSettleDoesNotStarveBehindAServiceThatDoesNotAnswer(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.lag(time.Minute)
		for i := range 20 {
			request := prepaid
			request.ServiceID = fmt.Sprint("svco-", i)
			b.fates(proof.LoseAnswer)
			_, err := b.process().Buy(t.Context(), fmt.Sprint("key-", i), request)
			require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		}
		time.Sleep(time.Hour)
		b.at(proof.List, func() { time.Sleep(24 * time.Hour) })
		settled, err := b.process().Settle(within(t, time.Minute))
		require.Error(t, err)
		require.Len(t, settled, 20)
		open := 0
		for _, p := range settled {
			if p.Open() {
				open++
			}
		}
		assert.LessOrEqual(t, open, 1)
		time.Sleep(24 * time.Hour)
	})
}

// Candidates.

func TestBuyFindsTheOrderOfALostAnswer(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Add("older")
		b.fates(proof.LoseAnswer)
		bought, err := b.buy("a")
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.Equal(t, 30*time.Second, bought.ListedAt.Sub(bought.Before.Date))
		assert.Equal(t, []string{"older"}, bought.Before.InstanceIDs)
	})
}

func TestTheListingNamesTheInstanceOfAnOrder(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.fates(proof.OrderOnly)
		bought, err := b.buy("a")
		require.NoError(t, err)
		assert.True(t, bought.Open())
		assert.Empty(t, b.settle())
		settled := b.purchase("a")
		assert.Equal(t, "instance-1", settled.InstanceID)
		assert.Equal(t, once.EvidenceAnswer, settled.Evidence)
		assert.Equal(t, once.EvidenceListing, settled.NamedBy)
	})
}

// A candidate has to be in two listings, whose Dates are at least a second apart: a copy of the first is not a second one.
func TestACandidateThatIsListedOnceIsNotTaken(t *testing.T) {
	for name, second := range map[string]func(b *bench){
		"another is listed then": func(b *bench) { b.world.Add("outside-2") },
		"it is gone then":        func(b *bench) { b.world.Release("outside-1") },
		"the Dates are the same": func(b *bench) { b.world.Offset -= time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(t *testing.T, b *bench) {
				b.leaveUnknown("a", proof.Lose)
				b.world.Add("outside-1")
				listings := 0
				b.director(func(_ *proof.Process, kind proof.Kind) proof.Fate {
					if kind == proof.List {
						if listings++; listings > 1 {
							second(b)
						}
					}
					return proof.Go
				})
				open := b.settle()
				require.Len(t, open, 1)
				assert.Contains(t, open[0].Candidates, "outside-1")
			})
		})
	}
}

// Which of several was ours, or neither, no later listing can say.
func TestSeveralCandidatesEverNeedAPerson(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.world.Add("outside-1")
		b.world.Add("outside-2")
		for range 3 {
			open := b.settle()
			require.Len(t, open, 1)
			assert.Equal(t, []string{"outside-1", "outside-2"}, open[0].Candidates)
			b.world.Release("outside-2")
		}
		_, err := b.buy("b")
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, []string{"outside-1", "outside-2"}, blocked.Candidates)
	})
}

// The order may be listed after somebody else's instance was released.
func TestACandidateThatVanishedStaysOne(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.lag(time.Hour)
		b.leaveUnknown("a", proof.LoseAnswer)
		b.world.AddOutside("outside", false)
		for range 3 {
			require.Len(t, b.settle(), 1)
			time.Sleep(time.Hour)
		}
		assert.Equal(t, []string{"outside", "instance-1"}, b.purchase("a").Candidates)
	})
}

// What an answer names for another key was never a candidate.
func TestACandidateThatBecomesAnotherKeysIsNone(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.lag(time.Hour)
		b.leaveUnknown("a", proof.LoseAnswer)
		b.world.Add("outside-1")
		b.world.Add("outside-2")
		require.Len(t, b.settle()[0].Candidates, 2)
		for _, id := range b.purchase("a").Candidates {
			done, err := b.records.Put(t.Context(), "", store.Record{Key: "of " + id, Version: "v", InstanceID: id, Data: []byte(`{}`)})
			require.NoError(t, err)
			require.True(t, done)
		}
		time.Sleep(time.Hour)
		assert.Empty(t, b.settle())
		assert.Equal(t, "instance-1", b.purchase("a").InstanceID)
	})
}

func TestAnInstanceOfAnotherTimingOrSizeIsNoCandidate(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		larger := prepaid
		larger.ReplicasCount = 2
		b.world.AddLike("postpaid", postpaid)
		b.world.AddLike("larger", larger)
		require.Empty(t, b.settle()[0].Candidates)
		b.world.Add("fits")
		assert.Empty(t, b.settle())
		assert.Equal(t, "fits", b.purchase("a").InstanceID)
	})
}

// The instance of a key that is bought may be listed only while the next key is open.
func TestAnInstanceOfAnotherKeyIsNoCandidate(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.lag(time.Hour)
		_, err := b.buy("a")
		require.NoError(t, err)
		b.leaveUnknown("b", proof.Lose)
		time.Sleep(time.Hour)
		require.Empty(t, b.settle()[0].Candidates)
	})
}
