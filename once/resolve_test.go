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
		b.world.Add("found")
		found := once.Found{InstanceID: " found\n", OrderID: "\torder"} // as a person copies them
		resolved, err := b.process().ResolveBought(t.Context(), "a", found)
		require.NoError(t, err)
		assert.Equal(t, once.StateBought, resolved.State)
		assert.Equal(t, once.EvidencePerson, resolved.Evidence)
		assert.Equal(t, "found", resolved.InstanceID)
		assert.Equal(t, "order", resolved.OrderID)
		again, err := b.process().ResolveBought(t.Context(), "a", found)
		require.NoError(t, err, "who says the same twice")
		bought, err := b.buy("a")
		require.NoError(t, err)
		for _, p := range []once.Purchase{again, bought, b.purchase("a")} {
			assert.Equal(t, resolved, p)
		}
	})
}

func TestResolveBoughtWithoutAnInstanceStaysOpen(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		_, err := b.process().ResolveBought(t.Context(), "a", once.Found{OrderID: "order"})
		require.NoError(t, err)
		require.Len(t, b.settle(), 1)
		_, err = b.process().ResolveBought(t.Context(), "a", once.Found{InstanceID: "found", Unlisted: true})
		require.NoError(t, err)
		assert.Equal(t, "order", b.purchase("a").OrderID)
		assert.Empty(t, b.settle())
	})
}

func TestResolveBoughtIsChecked(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Add("older")
		b.lag(time.Hour)
		_, err := b.buy("other")
		require.NoError(t, err)
		b.leaveUnknown("a", proof.Lose)
		time.Sleep(time.Hour)
		for _, test := range []struct {
			key   string
			found once.Found
			text  string
		}{
			{"a", once.Found{}, "an instance id or an order id"},
			{"a", once.Found{InstanceID: " ", OrderID: "\t"}, "an instance id or an order id"},
			{"a", once.Found{InstanceID: " older\n"}, "was there before"},
			{"a", once.Found{InstanceID: "older", Unlisted: true}, "was there before"},
			{"a", once.Found{InstanceID: "mistyped"}, "is not listed"},
			{"a", once.Found{InstanceID: "instance-1"}, "belongs to another key"},
			{"a", once.Found{InstanceID: "inst-9\x01"}, "an id is"},
			{"a", once.Found{OrderID: "inst 9"}, "an id is"},
			{"a", once.Found{InstanceID: "实例"}, "an id is"},
			{"a", once.Found{OrderID: strings.Repeat("i", 256)}, "an id is"},
			{"other", once.Found{InstanceID: "instance-2"}, "it is bought as"},
			{"nobody", once.Found{InstanceID: "instance-2"}, "no such key"},
			{"", once.Found{InstanceID: "instance-2"}, "must have 1 to 255 bytes"},
		} {
			_, err := b.process().ResolveBought(t.Context(), test.key, test.found)
			assert.ErrorContains(t, err, test.text)
		}
		assert.Equal(t, once.StateSending, b.purchase("a").State)
	})
}

func TestResolveBoughtOfWhatWasNotSentIsRefused(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		_, err := b.process().ResolveBought(t.Context(), "a", once.Found{OrderID: "o"})
		require.ErrorContains(t, err, "preparing")
	})
}

func TestWhenAnotherInstanceWasListedIsNotKeptAsThePersons(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.world.Add("outside-1")
		b.world.Add("outside-2")
		require.NotZero(t, b.settle()[0].ListedAt)
		resolved, err := b.process().ResolveBought(t.Context(), "a", once.Found{InstanceID: "ours", Unlisted: true})
		require.NoError(t, err)
		assert.Zero(t, resolved.ListedAt)
	})
}

func TestResolveNotPurchasedIsTooEarlyUntilTheFenceHasPassed(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		until := b.purchase("a").SignatureExpires.Add(30 * time.Minute)
		var early *once.TooEarlyError
		for range 2 {
			_, err := b.process().ResolveNotPurchased(t.Context(), "a")
			require.ErrorAs(t, err, &early)
			assert.Equal(t, until, early.Until)
			time.Sleep(time.Until(until))
		}
		time.Sleep(time.Second)
		resolved, err := b.process().ResolveNotPurchased(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, once.StateNotPurchased, resolved.State)
		assert.Equal(t, once.EvidencePerson, resolved.Evidence)
		again, err := b.process().ResolveNotPurchased(t.Context(), "a")
		require.NoError(t, err, "who says the same twice")
		assert.Equal(t, resolved, again)
		_, err = b.buy("a")
		require.NoError(t, err)
	})
}

func TestResolveNotPurchasedIsChecked(t *testing.T) {
	for name, test := range map[string]struct {
		arrange func(t *testing.T, b *bench)
		early   bool
		text    string
	}{
		// The fence is compared with the service's clock, which may be far from this machine's.
		"the service's clock": {func(_ *testing.T, b *bench) { b.world.Offset, b.world.Leeway = -2*time.Hour, 4*time.Hour }, true, "too early"},
		// What a person says is as old as the call: an order could have been made while it waited.
		"it counts from its begin": {func(_ *testing.T, b *bench) {
			b.world.Offset = -time.Hour
			b.at(proof.List, func() { time.Sleep(time.Hour) })
		}, true, "too early"},
		"no Date":        {func(_ *testing.T, b *bench) { b.world.NoDate = true }, false, "no Date header"},
		"a new instance": {func(_ *testing.T, b *bench) { b.world.AddLike("outside", postpaid) }, false, `belong to no key: ["outside"]`},
		"it is bought": {func(t *testing.T, b *bench) {
			_, err := b.process().ResolveBought(t.Context(), "a", once.Found{OrderID: "o"})
			require.NoError(t, err)
		}, false, "it is bought"},
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(t *testing.T, b *bench) {
				b.leaveUnknown("a", proof.Lose)
				time.Sleep(time.Hour)
				test.arrange(t, b)
				_, err := b.process().ResolveNotPurchased(t.Context(), "a")
				require.ErrorContains(t, err, test.text)
				var early *once.TooEarlyError
				assert.Equal(t, test.early, errors.As(err, &early))
				assert.NotEqual(t, once.StateNotPurchased, b.purchase("a").State)
				assert.NotContains(t, err.Error(), "or after", "it names no time that has passed")
			})
		})
	}
}

func TestResolveNotPurchasedOfWhatWasNotSent(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		resolved, err := b.process().ResolveNotPurchased(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, once.StateNotPurchased, resolved.State)
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
