package once_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestErrorTexts(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	assert.EqualError(t, &once.BlockedError{Key: "a", ServiceID: "svco-1", Since: at, NotBefore: at.Add(time.Hour), Candidates: []string{"i"}},
		`the purchase with key "a" for service "svco-1" is open since 2030-01-02T03:04:05Z, and new instances were listed since then that belong to no key: `+
			`["i"]; a listing may still settle it, or a person with ResolveBought, or after 2030-01-02T04:04:05Z with ResolveNotPurchased`)
	assert.EqualError(t, &once.BlockedError{Key: "a", ServiceID: "svco-1", Since: at},
		`the purchase with key "a" for service "svco-1" is open since 2030-01-02T03:04:05Z; a listing may still settle it, or a person with ResolveBought`)
	assert.EqualError(t, &once.TooEarlyError{Until: at},
		"too early: an attempt can still make an order until 2030-01-02T03:04:05Z by the service's clock; look for an order after that, and call again")
}

func TestEveryErrorMatchesOneOutcome(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.Lose}
		_, unknown := b.process().Buy(t.Context(), "a", prepaid)
		_, blocked := b.process().Buy(t.Context(), "b", prepaid)
		_, invalid := b.process().Buy(t.Context(), "c", computeunit.PurchaseComputeUnitRequest{})
		for _, err := range []error{unknown, blocked, invalid} {
			require.Error(t, err)
			assert.NotEqual(t, errors.Is(err, computeunit.ErrNotPurchased), errors.Is(err, computeunit.ErrOutcomeUnknown), "%v", err)
			var outcome *computeunit.OutcomeError
			assert.ErrorAs(t, err, &outcome)
			assert.NotContains(t, err.Error(), "\n")
		}
	})
}

// ResolveNotPurchased of what is bought is never possible.
func TestABlockedErrorOfABoughtKeyNamesNoTime(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return time.Hour }
		b.requests = []proof.Fate{proof.OrderOnly}
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		_, err = b.process().Buy(t.Context(), "b", prepaid)
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Zero(t, blocked.NotBefore)
		assert.NotContains(t, err.Error(), "ResolveNotPurchased")
	})
}

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
