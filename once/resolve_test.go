package once_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestResolveBought(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.world.Add("outside")
		b.world.Add("found")
		b.NotZero(b.settle()[0].ListedAt)
		found := once.Found{InstanceID: " found\n", OrderID: "\torder"} // as a person copies them
		resolved, err := b.found(found)
		b.NoError(err)
		b.Equal(once.StateBought, resolved.State)
		b.Equal(once.EvidencePerson, resolved.Evidence)
		b.Equal("found", resolved.InstanceID)
		b.Equal("order", resolved.OrderID)
		b.Zero(resolved.ListedAt, "it was another instance's")
		b.Contains(b.log.messages(), "resolved")
		again, err := b.found(found)
		b.NoError(err, "who says the same twice")
		for _, p := range []once.Purchase{again, b.bought("a"), b.purchase("a")} {
			b.Equal(resolved, p)
		}
	})
}

func TestResolveBoughtWithoutAnInstanceStaysOpen(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		_, err := b.found(once.Found{OrderID: "order"})
		b.NoError(err)
		b.Len(b.settle(), 1)
		_, err = b.found(once.Found{InstanceID: "found", Unlisted: true})
		b.NoError(err)
		b.Equal("order", b.purchase("a").OrderID)
		b.Empty(b.settle())
	})
}

func TestResolveBoughtIsChecked(t *testing.T) {
	inBench(t, func(b *bench) {
		b.world.Add("older")
		b.lag(time.Hour)
		b.bought("other")
		b.fates(proof.Refuse)
		b.buy("refused")
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
			{"refused", once.Found{OrderID: "o"}, "it is not_purchased"},
			{"nobody", once.Found{InstanceID: "instance-2"}, "no such key"},
			{"", once.Found{InstanceID: "instance-2"}, "must have 1 to 255 bytes"},
		} {
			_, err := b.process().ResolveBought(b.ctx, test.key, test.found)
			b.ErrorContains(err, test.text)
		}
		b.is(once.StateSending, "a")
	})
}

func TestResolveNotPurchasedIsTooEarlyUntilTheFenceHasPassed(t *testing.T) {
	for margin, options := range map[time.Duration][]once.Option{30 * time.Minute: nil, 0: {once.WithFenceMargin(0)}} {
		inBench(t, func(b *bench) {
			b.leaveUnknown("a", proof.Lose)
			until := b.purchase("a").SignatureExpires.Add(margin)
			for range 2 {
				_, err := b.none(options...)
				var early *once.TooEarlyError
				b.ErrorAs(err, &early)
				b.Equal(until, early.Until)
				time.Sleep(time.Until(until))
			}
			time.Sleep(time.Second)
			resolved, err := b.none(options...)
			b.NoError(err)
			b.Equal(once.StateNotPurchased, resolved.State)
			b.Equal(once.EvidencePerson, resolved.Evidence)
			again, err := b.none()
			b.NoError(err, "who says the same twice")
			b.Equal(resolved, again)
			b.bought("a")
		})
	}
}

func TestResolveNotPurchasedIsChecked(t *testing.T) {
	inBenches(t, map[string]func(b *bench){
		// The fence is compared with the service's clock, which may be far from this machine's.
		"too early":                   func(b *bench) { b.world.Offset, b.world.Leeway = -2*time.Hour, 4*time.Hour },
		"no Date header":              func(b *bench) { b.world.NoDate = true },
		`belong to no key: ["other"]`: func(b *bench) { b.world.AddLike("other", postpaid) },
		"it is bought": func(b *bench) {
			_, err := b.found(once.Found{OrderID: "o"})
			b.NoError(err)
		},
	}, func(b *bench, text string, arrange func(b *bench)) {
		b.leaveUnknown("a", proof.Lose)
		time.Sleep(time.Hour)
		arrange(b)
		_, err := b.none()
		b.ErrorContains(err, text)
		var early *once.TooEarlyError
		b.Equal(text == "too early", errors.As(err, &early))
		b.NotEqual(once.StateNotPurchased, b.purchase("a").State)
		b.NotContains(err.Error(), "or after", "it names no time that has passed")
	})
}

func TestResolveNotPurchasedOfWhatWasNotSent(t *testing.T) {
	inBench(t, func(b *bench) {
		b.crashAt(proof.List)
		resolved, err := b.none()
		b.NoError(err)
		b.Equal(once.StateNotPurchased, resolved.State)
	})
}

// An answer that could not be written, or is being written, is known to the process that a person asks.
func TestAPersonIsNotBelievedAgainstWhatTheProcessKnows(t *testing.T) {
	inBenches(t, map[string]func(b *bench){
		"not written": func(b *bench) { b.journalIsAway(proof.Received, 30*time.Second) },
		"being written": func(b *bench) { // by a process that stood still until the fence had passed
			b.at(proof.Received, func() {
				time.Sleep(2 * time.Hour)
				b.at(proof.Journal, func() { time.Sleep(5 * time.Second) })
			})
		},
	}, func(b *bench, _ string, arrange func(b *bench)) {
		b.lag(10 * time.Hour)
		arrange(b)
		buyer, bought := b.process(), make(chan once.Purchase, 1)
		go func() {
			p, _ := buyer.Buy(b.ctx, "a", prepaid)
			bought <- p
		}()
		time.Sleep(2*time.Hour + time.Second)
		_, err := buyer.ResolveNotPurchased(b.ctx, "a")
		b.ErrorContains(err, "it is bought as")
		b.Equal(<-bought, b.purchase("a"))
	})
}
