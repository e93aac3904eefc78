package once_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestNewRefusesWhatMakesNoSense(t *testing.T) {
	c, err := model.NewClient(nil)
	require.NoError(t, err)
	journal := once.InMemory()
	for name, option := range map[string]once.Option{
		"no option": nil, "no logger": once.WithLogger(nil), "no take-over time": once.WithTakeoverAfter(0),
		"a negative take-over": once.WithTakeoverAfter(-1), "a negative margin": once.WithFenceMargin(-1),
	} {
		_, err := once.New(c, journal, option)
		assert.ErrorContains(t, err, "once: ", name)
	}
	_, err = once.New(nil, journal)
	assert.ErrorContains(t, err, "once: the client")
	for _, none := range []once.Journal{nil, (*once.SQLJournal)(nil)} {
		_, err := once.New(c, none)
		assert.ErrorContains(t, err, "once: the journal")
	}
}

// The default time covers an attempt of the client. What was claimed and not sent is closed after it.
func TestWithTakeoverAfter(t *testing.T) {
	for want, options := range map[time.Duration][]once.Option{
		45 * time.Second: nil, 2 * time.Minute: {once.WithTakeoverAfter(2 * time.Minute)},
	} {
		inBench(t, func(b *bench) {
			b.crashAt(proof.List)
			began := time.Now().Add(-10 * time.Second) // the crash has tried to write for so long
			for len(b.settle(options...)) > 0 {
				time.Sleep(time.Second)
			}
			b.InDelta(want.Seconds(), time.Since(began).Seconds(), 2)
			b.is(once.StateNotPurchased, "a")
			b.Equal("nothing was sent", b.purchase("a").Refusal)
		})
	}
}

func TestCheck(t *testing.T) {
	inBench(t, func(b *bench) {
		b.always(proof.List, proof.Fail) // it does not ask the service
		b.NoError(b.process().Check(b.ctx))
		b.always(proof.Journal, proof.Fail)
		b.ErrorContains(b.process().Check(b.ctx), "reading the journal")
	})
}

func TestANilContextIsAnError(t *testing.T) {
	var none context.Context
	inBench(t, func(b *bench) {
		buyer := b.process()
		_, bought := buyer.Buy(none, "a", prepaid)
		_, settled := buyer.Settle(none)
		_, _, found := buyer.Lookup(none, "a")
		_, resolved := buyer.ResolveBought(none, "a", once.Found{OrderID: "o"})
		_, denied := buyer.ResolveNotPurchased(none, "a")
		for _, err := range []error{bought, settled, found, resolved, denied, buyer.Check(none)} {
			b.ErrorContains(err, "context is nil")
		}
		b.says("unknown", bought)
	})
}
