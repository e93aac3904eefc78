package once_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

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
