package once_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

func client(t *testing.T, endpoint string) *computeunit.Client {
	c, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithEndpoint(endpoint))
	require.NoError(t, err)
	return c
}

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
		started := time.Now()
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, time.Since(started), 45*time.Second)
		assert.Less(t, time.Since(started), 60*time.Second)
	})
}

func TestAJournalServesOneEndpoint(t *testing.T) {
	journal := once.JournalOf(new(store.Memory))
	first, err := once.New(client(t, "http://127.0.0.1:1"), journal)
	require.NoError(t, err)
	open, err := first.Settle(t.Context())
	require.NoError(t, err)
	assert.Empty(t, open, "what keeps the endpoint is no purchase")

	other, err := once.New(client(t, "http://127.0.0.1:2"), journal)
	require.NoError(t, err)
	_, err = other.Settle(t.Context())
	assert.ErrorContains(t, err, "http://127.0.0.1:1")
	_, _, err = other.Lookup(t.Context(), "a")
	assert.ErrorContains(t, err, "http://127.0.0.1:1")
	_, err = other.Buy(t.Context(), "a", prepaid)
	assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
	assert.ErrorContains(t, err, "http://127.0.0.1:1")
	_, err = other.ResolveNotPurchased(t.Context(), "a")
	assert.ErrorContains(t, err, "http://127.0.0.1:1")
}

func TestANilContextIsAnError(t *testing.T) {
	var none context.Context
	inBench(t, func(t *testing.T, b *bench) {
		for range 2 { // also when the endpoint is known
			buyer := b.process()
			_, err := buyer.Buy(none, "a", prepaid)
			assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
			_, err = buyer.Settle(none)
			assert.ErrorContains(t, err, "context is nil")
			_, _, err = buyer.Lookup(none, "a")
			assert.ErrorContains(t, err, "context is nil")
			_, err = buyer.ResolveBought(none, "a", "i", "")
			assert.ErrorContains(t, err, "context is nil")
			_, err = buyer.ResolveNotPurchased(none, "a")
			assert.ErrorContains(t, err, "context is nil")
			_, err = buyer.Settle(t.Context())
			require.NoError(t, err)
		}
		assert.Zero(t, b.sent)
	})
}
