package once_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestNewRefusesWhatMakesNoSense(t *testing.T) {
	c, journal := client(t, "http://127.0.0.1:1"), once.InMemory()
	for name, make := range map[string]func() (*once.Buyer, error){
		"no client":            func() (*once.Buyer, error) { return once.New(nil, journal) },
		"no journal":           func() (*once.Buyer, error) { return once.New(c, nil) },
		"a nil SQL journal":    func() (*once.Buyer, error) { return once.New(c, (*once.SQLJournal)(nil)) },
		"a nil option":         func() (*once.Buyer, error) { return once.New(c, journal, nil) },
		"a nil logger":         func() (*once.Buyer, error) { return once.New(c, journal, once.WithLogger(nil)) },
		"no take-over time":    func() (*once.Buyer, error) { return once.New(c, journal, once.WithTakeoverAfter(0)) },
		"a negative take-over": func() (*once.Buyer, error) { return once.New(c, journal, once.WithTakeoverAfter(-1)) },
		"a negative margin":    func() (*once.Buyer, error) { return once.New(c, journal, once.WithFenceMargin(-1)) },
	} {
		_, err := make()
		assert.ErrorContains(t, err, "once: ", name)
	}
	_, err := once.New(c, journal, once.WithLogger(slog.New(slog.DiscardHandler)), once.WithTakeoverAfter(1), once.WithFenceMargin(0))
	require.NoError(t, err)
}

// The default time covers an attempt of the client.
func TestTheDefaultTakeoverIsTheClientsTimeout(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		began := time.Now().Add(-10 * time.Second) // the crash has tried to write for so long
		_, err := b.buy("a")
		require.NoError(t, err)
		assert.GreaterOrEqual(t, time.Since(began), 45*time.Second)
		assert.Less(t, time.Since(began), 60*time.Second)
	})
}

func TestCheck(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.director(func(_ *proof.Process, kind proof.Kind) proof.Fate {
			assert.Equal(t, proof.Journal, kind, "it does not ask the service")
			return proof.Go
		})
		require.NoError(t, b.process().Check(t.Context()))
		b.director(always(proof.Journal, proof.Fail))
		assert.ErrorContains(t, b.process().Check(t.Context()), "reading the journal")
	})
}

func TestANilContextIsAnError(t *testing.T) {
	var none context.Context
	inBench(t, func(t *testing.T, b *bench) {
		buyer := b.process()
		_, bought := buyer.Buy(none, "a", prepaid)
		_, settled := buyer.Settle(none)
		_, _, found := buyer.Lookup(none, "a")
		_, resolved := buyer.ResolveBought(none, "a", once.Found{OrderID: "o"})
		_, denied := buyer.ResolveNotPurchased(none, "a")
		for _, err := range []error{bought, settled, found, resolved, denied, buyer.Check(none)} {
			assert.ErrorContains(t, err, "context is nil")
		}
		assert.Equal(t, "unknown", outcome(t, bought))
	})
}
