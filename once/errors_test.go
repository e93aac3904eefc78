package once_test

import (
	"encoding/json"
	"errors"
	"log/slog"
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

// What to do is about the key, and not about one call: the client's advice, to list before buying again, is not for who has a
// journal.
func TestAnErrorSaysWhatToDoWithTheKey(t *testing.T) {
	for text, buy := range map[string]func(t *testing.T, b *bench) error{
		"; call Buy again with the same key and request: it looks for the order, and never sends again": func(t *testing.T, b *bench) error {
			b.fates(proof.Lose)
			_, err := b.buy("a")
			return err
		},
		"; the key has no order; correct what is named here": func(t *testing.T, b *bench) error {
			b.fates(proof.Refuse)
			_, err := b.buy("a")
			return err
		},
		"; the key has no order; call Buy again later with the same key and request": func(t *testing.T, b *bench) error {
			b.director(always(proof.List, proof.Fail))
			_, err := b.buy("a")
			return err
		},
		"; nothing was sent: ask with the request that the key has, or take another key for another purchase": func(t *testing.T, b *bench) error {
			_, err := b.buy("a")
			require.NoError(t, err)
			_, err = b.process().Buy(t.Context(), "a", postpaid)
			return err
		},
	} {
		inBench(t, func(t *testing.T, b *bench) {
			err := buy(t, b)
			assert.ErrorContains(t, err, text)
			assert.ErrorContains(t, err, `once: key "a" for service "svco-1": `)
			assert.NotContains(t, err.Error(), "before buying again")
			assert.NotContains(t, err.Error(), "safe to correct")
		})
	}
}

// ResolveNotPurchased of what is bought is never possible.
func TestABlockedErrorOfABoughtKeyNamesNoTime(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.lag(time.Hour)
		b.fates(proof.OrderOnly)
		_, err := b.buy("a")
		require.NoError(t, err)
		_, err = b.buy("b")
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Zero(t, blocked.NotBefore)
		assert.NotContains(t, err.Error(), "ResolveNotPurchased")
	})
}

// An error of Buy is an OutcomeError with the key, in JSON and in a record.
func TestAnErrorMarshalsAsTheOutcomeAndTheKey(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.fates(proof.Refuse)
		_, err := b.buy("订单\"1")
		var known *computeunit.OutcomeError
		require.ErrorAs(t, err, &known)
		assert.Equal(t, 1, known.Attempts)
		assert.NotEmpty(t, known.ClientRequestID)
		data, failed := json.Marshal(err)
		require.NoError(t, failed)
		var all, inner map[string]any
		require.NoError(t, json.Unmarshal(data, &all))
		data, failed = json.Marshal(known)
		require.NoError(t, failed)
		require.NoError(t, json.Unmarshal(data, &inner))
		inner["key"] = "订单\"1"
		assert.Equal(t, inner, all)

		var valuer slog.LogValuer
		require.True(t, errors.As(err, &valuer))
		attributes := valuer.LogValue().Group()
		assert.Equal(t, slog.String("key", "订单\"1"), attributes[0])
		assert.Equal(t, known.LogValue().Group(), attributes[1:])
	})
}

// What one step says, an outcome or that it may be tried again, is not said of an unknown purchase.
func TestAnUnknownErrorMatchesNoOutcomeOfAStep(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.fates(proof.Lose)
		requested := false
		b.director(func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if requested = requested || kind == proof.Request; requested && kind == proof.List {
				return proof.Refuse
			}
			return proof.Go
		})
		_, err := b.buy("a")
		assert.Equal(t, "unknown, pending", outcome(t, err))
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied, "why it could not look")
		var answered *computeunit.APIError
		assert.ErrorAs(t, err, &answered)
	})
}
