package once_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestAnAnswerIsWrittenOverAListing(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return 10 * time.Hour }
		bought := b.buySlowly("a", new(logged))
		b.world.Add("outside")
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Empty(t, open)
		require.Equal(t, "outside", b.purchase("a").InstanceID)
		answered := <-bought
		assert.Equal(t, "instance-1", answered.InstanceID)
		assert.Equal(t, once.EvidenceAnswer, answered.Evidence)
		assert.Equal(t, answered, b.purchase("a"))
	})
}

// Found by a seed: the listing's instance was dropped, and the service closed again that another key had meanwhile.
func TestAnAnswerWithoutAnInstanceIDKeepsTheListings(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.OrderOnly}
		bought := b.buySlowly("a", new(logged))
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Empty(t, open)
		answered := <-bought
		assert.Equal(t, "instance-1", answered.InstanceID)
		assert.Equal(t, "order-1", answered.OrderID)
		assert.Equal(t, answered, b.purchase("a"))
	})
}

func TestAnAnswerIsWrittenOverAPersonWhoSaidNotPurchased(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return 10 * time.Hour }
		bought := b.buySlowly("a", new(logged))
		time.Sleep(40 * time.Minute)
		_, err := b.process().ResolveNotPurchased(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, <-bought, b.purchase("a"))
		assert.Equal(t, "instance-1", b.purchase("a").InstanceID)
	})
}

// Key a was resolved wrongly, and key b was given a's instance by a listing.
func TestAnAnswerOpensThePurchaseAgainThatHasItsInstance(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return 5 * time.Minute }
		log := new(logged)
		bought := b.buySlowly("a", log)
		_, err := b.process().ResolveBought(t.Context(), "a", "mistaken", "")
		require.NoError(t, err)
		b.leaveUnknown("b", proof.Lose)
		time.Sleep(10 * time.Minute)
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Empty(t, open)
		require.Equal(t, "instance-1", b.purchase("b").InstanceID)

		answered := <-bought
		assert.Equal(t, "instance-1", answered.InstanceID)
		again := b.purchase("b")
		assert.Equal(t, once.StateSending, again.State)
		assert.True(t, again.Unknown)
		assert.Empty(t, again.InstanceID)
		assert.Contains(t, log.String(), "opened again")

		open, err = b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		assert.Equal(t, "b", open[0].Key)
		_, err = b.process().Buy(t.Context(), "c", prepaid)
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, "b", blocked.Key, "b keeps the service closed again")
	})
}

// The purchase that is opened again can't close its service while a third key has it, and no listing settles it then.
func TestAPurchaseThatIsOpenedAgainWaitsForItsService(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return 5 * time.Minute }
		bought := b.buySlowly("a", new(logged))
		_, err := b.process().ResolveBought(t.Context(), "a", "mistaken", "")
		require.NoError(t, err)
		b.leaveUnknown("b", proof.Lose)
		time.Sleep(10 * time.Minute)
		_, err = b.process().Settle(t.Context())
		require.NoError(t, err)
		b.leaveUnknown("c", proof.LoseAnswer)
		<-bought

		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1, "c is settled, and b is not given c's instance")
		assert.Equal(t, "instance-2", b.purchase("c").InstanceID)
		open, err = b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		assert.Equal(t, "b", open[0].Key)
	})
}

func TestTwoAnswersForAKeyAreBothKept(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return 10 * time.Hour }
		log := new(logged)
		first := b.buySlowly("a", log)
		time.Sleep(40 * time.Minute)
		_, err := b.process().ResolveNotPurchased(t.Context(), "a") // a person who is mistaken
		require.NoError(t, err)
		second, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-2", second.InstanceID)
		bought := <-first
		assert.Equal(t, "instance-2", bought.InstanceID)
		require.Len(t, bought.Others, 1)
		assert.Equal(t, "instance-1", bought.Others[0].InstanceID)
		assert.Equal(t, "order-1", bought.Others[0].OrderID)
		assert.True(t, strings.Contains(log.String(), "bought twice"))
	})
}

// The answer does not contradict the listing, and what a key was said to have does not change.
func TestAnOrderOnlyAnswerKeepsTheInstanceThatWasListed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.OrderOnly}
		bought := b.buySlowly("a", new(logged))
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Empty(t, open)
		require.Equal(t, "instance-1", b.purchase("a").InstanceID)
		answered := <-bought
		assert.Equal(t, "instance-1", answered.InstanceID)
		assert.Equal(t, "order-1", answered.OrderID)
		assert.Equal(t, once.EvidenceAnswer, answered.Evidence)
		assert.Equal(t, answered, b.purchase("a"))
	})
}

// Key a was resolved wrongly. The answer of key b named its order alone, and a listing gave it a's instance.
func TestTheInstanceThatAListingNamedForAnOrderIsTakenBack(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return 5 * time.Minute }
		bought := b.buySlowly("a", new(logged))
		_, err := b.process().ResolveBought(t.Context(), "a", "mistaken", "")
		require.NoError(t, err)
		b.world.Lag = func() time.Duration { return 10 * time.Hour }
		b.requests = []proof.Fate{proof.OrderOnly}
		_, err = b.process().Buy(t.Context(), "b", prepaid)
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)
		_, err = b.process().Settle(t.Context())
		require.NoError(t, err)
		require.Equal(t, "instance-1", b.purchase("b").InstanceID)

		assert.Equal(t, "instance-1", (<-bought).InstanceID)
		assert.Equal(t, "instance-1", b.purchase("a").InstanceID)
		again := b.purchase("b")
		assert.Equal(t, once.StateBought, again.State, "its order is known")
		assert.Equal(t, once.EvidenceAnswer, again.Evidence)
		assert.Equal(t, "order-2", again.OrderID)
		assert.Empty(t, again.InstanceID)
		b.world.ListAll()
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		assert.Empty(t, open)
		assert.Equal(t, "instance-2", b.purchase("b").InstanceID)
	})
}

// The answer is true, whether or not it can be written.
func TestBuyReturnsAnAnswerThatCanNotBeWritten(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		answered := false
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			answered = answered || kind == proof.Received
			if answered && kind == proof.Journal {
				return proof.Fail
			}
			return proof.Go
		}
		log := new(logged)
		bought, err := b.process(once.WithLogger(log.logger())).Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.Contains(t, log.String(), "level=ERROR")
		b.direct = nil
		assert.Equal(t, once.StateSending, b.purchase("a").State)
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		assert.Empty(t, open, "a listing settles it")
	})
}

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
