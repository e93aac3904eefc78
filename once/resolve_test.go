package once_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestResolveBought(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		resolved, err := b.process().ResolveBought(t.Context(), "a", "found", "order")
		require.NoError(t, err)
		assert.Equal(t, once.StateBought, resolved.State)
		assert.Equal(t, once.EvidencePerson, resolved.Evidence)
		assert.Equal(t, b.purchase("a"), resolved)
		again, err := b.process().ResolveBought(t.Context(), "a", "found", "order")
		require.NoError(t, err, "who says the same twice")
		assert.Equal(t, resolved, again)
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, resolved, bought)
	})
}

func TestResolveBoughtWithoutAnInstanceStaysOpen(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		_, err := b.process().ResolveBought(t.Context(), "a", "", "order")
		require.NoError(t, err)
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		_, err = b.process().ResolveBought(t.Context(), "a", "found", "")
		require.NoError(t, err)
		assert.Equal(t, "order", b.purchase("a").OrderID)
		open, err = b.process().Settle(t.Context())
		require.NoError(t, err)
		assert.Empty(t, open)
	})
}

func TestResolveBoughtIsChecked(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Add("older")
		b.world.Lag = func() time.Duration { return time.Hour }
		_, err := b.process().Buy(t.Context(), "other", prepaid)
		require.NoError(t, err)
		b.leaveUnknown("a", proof.Lose)
		for _, test := range []struct{ key, instance, order, text string }{
			{"a", "", "", "an instance id or an order id"},
			{"a", "older", "", "was there before"},
			{"a", "instance-1", "", "another key"},
			{"other", "instance-2", "", "it is bought as"},
			{"nobody", "instance-2", "", "no such key"},
		} {
			_, err := b.process().ResolveBought(t.Context(), test.key, test.instance, test.order)
			assert.ErrorContains(t, err, test.text)
		}
		assert.Equal(t, once.StateSending, b.purchase("a").State)
	})
}

func TestResolveBoughtOfWhatWasNotSentIsRefused(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		_, err := b.process().ResolveBought(t.Context(), "a", "found", "")
		require.ErrorContains(t, err, "preparing")
	})
}

func TestResolveNotPurchasedIsTooEarlyUntilTheFenceHasPassed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		until := b.purchase("a").SignatureExpires.Add(30 * time.Minute)
		_, err := b.process().ResolveNotPurchased(t.Context(), "a")
		var early *once.TooEarlyError
		require.ErrorAs(t, err, &early)
		assert.Equal(t, until, early.Until)
		time.Sleep(time.Until(until))
		_, err = b.process().ResolveNotPurchased(t.Context(), "a")
		require.ErrorAs(t, err, &early)
		time.Sleep(time.Second)
		resolved, err := b.process().ResolveNotPurchased(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, once.StateNotPurchased, resolved.State)
		assert.Equal(t, once.EvidencePerson, resolved.Evidence)
		again, err := b.process().ResolveNotPurchased(t.Context(), "a")
		require.NoError(t, err, "who says the same twice")
		assert.Equal(t, resolved, again)
		_, err = b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
	})
}

// The fence is compared with the service's clock, which may be far from this machine's.
func TestResolveNotPurchasedAsksTheServicesClock(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		time.Sleep(2 * time.Hour)
		b.world.Offset, b.world.Leeway = -2*time.Hour, 4*time.Hour
		_, err := b.process().ResolveNotPurchased(t.Context(), "a")
		var early *once.TooEarlyError
		require.ErrorAs(t, err, &early)
	})
}

// What a person says is as old as the call: an order could have been made while it waited.
func TestResolveNotPurchasedCountsFromItsBegin(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.at(proof.List, func() { time.Sleep(time.Hour) })
		_, err := b.process().ResolveNotPurchased(t.Context(), "a")
		var early *once.TooEarlyError
		require.ErrorAs(t, err, &early)
	})
}

func TestResolveNotPurchasedIsRefusedWhileANewInstanceIsNobodys(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.world.AddLike("outside", postpaid)
		time.Sleep(time.Hour)
		_, err := b.process().ResolveNotPurchased(t.Context(), "a")
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, []string{"outside"}, blocked.Candidates)
	})
}

func TestResolveNotPurchasedOfWhatWasNotSent(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		resolved, err := b.process().ResolveNotPurchased(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, once.StateNotPurchased, resolved.State)
	})
}

func TestResolveNotPurchasedOfABoughtKeyIsRefused(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.OrderOnly}
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		_, err = b.process().ResolveNotPurchased(t.Context(), "a")
		require.ErrorContains(t, err, "bought")
	})
}

func TestWithFenceMargin(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		time.Sleep(6 * time.Minute)
		_, err := b.process(once.WithFenceMargin(0)).ResolveNotPurchased(t.Context(), "a")
		require.NoError(t, err)
	})
}

func TestResolveBoughtTakesNoBlankID(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Add("older")
		b.leaveUnknown("a", proof.Lose)
		_, err := b.process().ResolveBought(t.Context(), "a", " ", "\t")
		assert.ErrorContains(t, err, "an instance id or an order id")
		_, err = b.process().ResolveBought(t.Context(), "a", " older\n", "")
		assert.ErrorContains(t, err, "was there before")
		resolved, err := b.process().ResolveBought(t.Context(), "a", " found\n", " ")
		require.NoError(t, err)
		assert.Equal(t, "found", resolved.InstanceID)
		assert.Empty(t, resolved.OrderID)
	})
}

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

func TestHowLongAnotherInstanceTookToBeListedIsNotKeptAsThePersons(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.world.Add("outside")
		time.Sleep(20 * time.Second)
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			b.world.Add("outside-2") // so that the first listing settles nothing
			return proof.Go
		}
		_, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		b.direct = nil
		require.NotZero(t, b.purchase("a").ListedWithin)
		resolved, err := b.process().ResolveBought(t.Context(), "a", "ours", "")
		require.NoError(t, err)
		assert.Zero(t, resolved.ListedWithin)
	})
}
