package once_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

// --- look_test.go

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

// --- wait_test.go

// A caller with little time that asks again and again must get there too.
func TestBuysOfLittleTimeTakeOverTogether(t *testing.T) {
	for _, at := range []proof.Kind{proof.List, proof.Received} {
		for _, key := range []string{"a", "b"} {
			t.Run(string(at)+", then a Buy of "+key, func(t *testing.T) {
				inBench(t, func(t *testing.T, b *bench) {
					b.crashAt(at)
					buyer := b.process()
					var err error
					for range 60 {
						if _, err = buyer.Buy(within(t, 1500*time.Millisecond), key, prepaid); err == nil {
							break
						}
					}
					require.NoError(t, err)
				})
			})
		}
	}
}

// --- follow_test.go

// Who waits for another key's purchase must not wait for a service that does not answer.
func TestBuyOfAnotherKeyIsBlockedAtOnceIfTheListingHangs(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.List {
				return proof.LoseAnswer
			}
			return proof.Go
		}
		began := time.Now()
		_, err := b.process().Buy(t.Context(), "b", prepaid)
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
		assert.LessOrEqual(t, time.Since(began), 10*time.Second)
	})
}

// --- buy_test.go

func TestARefusedRequestIsNamedInErrorAndPurchase(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		wrong := prepaid
		wrong.ReplicasCount = 0
		p, err := b.process().Buy(t.Context(), "a", wrong)
		var known *computeunit.OutcomeError
		require.ErrorAs(t, err, &known)
		assert.Equal(t, "svco-1", known.ServiceID)
		assert.ErrorContains(t, err, `service "svco-1"`)
		assert.Equal(t, wrong, p.Request)
	})
}

// --- errors_test.go

func TestAReusedKeySaysWhatToDo(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		_, err = b.process().Buy(t.Context(), "a", postpaid)
		require.ErrorIs(t, err, once.ErrKeyReused)
		assert.ErrorContains(t, err, "take another key for another purchase")
		assert.NotContains(t, err.Error(), "call Buy again")
	})
}

// --- resolve_test.go

func TestResolveBoughtOfASettledPurchaseRecordsNothingAndSaysSo(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.Received)
		_, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		settled := b.purchase("a")
		require.Empty(t, settled.OrderID)
		for instance, order := range map[string]string{settled.InstanceID: "order-1", "": "order-1"} {
			_, err := b.process().ResolveBought(t.Context(), "a", instance, order)
			assert.ErrorContains(t, err, "not recorded")
		}
		_, err = b.process().ResolveBought(t.Context(), "a", settled.InstanceID, "")
		assert.NoError(t, err, "it says the same")
		assert.Equal(t, settled, b.purchase("a"))
	})
}

func TestResolveBoughtTakesNothingThatCanBeNoID(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		for _, id := range []string{"inst-9\x01", "inst 9", "实例", strings.Repeat("i", 256)} {
			_, err := b.process().ResolveBought(t.Context(), "a", id, "")
			assert.ErrorContains(t, err, "an id is", id)
			_, err = b.process().ResolveBought(t.Context(), "a", "", id)
			assert.ErrorContains(t, err, "an id is", id)
		}
		assert.Equal(t, once.StateSending, b.purchase("a").State)
	})
}

func TestResolveNotPurchasedNeedsTheServicesClock(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.world.NoDate = true
		time.Sleep(time.Hour)
		_, err := b.process().ResolveNotPurchased(t.Context(), "a")
		require.ErrorContains(t, err, "no Date header")
		var early *once.TooEarlyError
		assert.False(t, errors.As(err, &early))
	})
}

func TestABlockedResolveNamesNoTimeThatHasPassed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.world.Add("outside")
		time.Sleep(time.Hour)
		_, err := b.process().ResolveNotPurchased(t.Context(), "a")
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Zero(t, blocked.NotBefore)
	})
}

// --- answered_test.go

func TestHowLongAnotherInstanceTookToBeListedIsNotKept(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return time.Hour }
		b.at(proof.Received, func() {
			b.world.Add("outside")
			time.Sleep(20 * time.Second)
			_, err := b.process().Settle(t.Context())
			assert.NoError(t, err)
			assert.NotZero(t, b.purchase("a").ListedWithin)
		})
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Zero(t, b.purchase("a").ListedWithin)
	})
}

// --- log_test.go

// What is logged is about the key: the client's advice, to list before buying again, is not for who has a journal.
func TestAnUnknownOutcomeIsLoggedWithTheKeysAdvice(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		var written logged
		b.requests = []proof.Fate{proof.Lose}
		_, err := b.process(once.WithLogger(written.logger())).Buy(context.Background(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		assert.Contains(t, written.String(), "never sends again")
		assert.NotContains(t, written.String(), "before buying again")
	})
}
