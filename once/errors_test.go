package once_test

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestErrorTexts(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	assert.EqualError(t, &once.BlockedError{Key: "a", ServiceID: "svco-1", Since: at, NotBefore: at.Add(time.Hour), Candidates: []string{"i"}},
		`the purchase with key "a" for service "svco-1" is open since 2030-01-02T03:04:05Z, and new instances were listed since then that belong to no key: `+
			`["i"]; a listing may still settle it, or a person with ResolveBought, or after 2030-01-02T04:04:05Z with ResolveNotPurchased`)
	assert.EqualError(t, &once.TooEarlyError{Until: at},
		"too early: an attempt can still make an order until 2030-01-02T03:04:05Z by the service's clock; look for an order after that, and call again")
}

// ResolveNotPurchased of what is bought is never possible.
func TestABlockedErrorOfABoughtKeyNamesNoTime(t *testing.T) {
	inBench(t, func(b *bench) {
		b.lag(time.Hour)
		b.fates(proof.OrderOnly)
		b.bought("a")
		blocked := b.blocked("b")
		b.Zero(blocked.NotBefore)
		b.NotContains(blocked.Error(), "ResolveNotPurchased")
	})
}

// An error of Buy is an OutcomeError with the key, in JSON and in a record.
func TestAnErrorMarshalsAsTheOutcomeAndTheKey(t *testing.T) {
	inBench(t, func(b *bench) {
		b.fates(proof.Refuse)
		_, err := b.buy("订单\"1")
		var known *computeunit.OutcomeError
		b.ErrorAs(err, &known)
		b.Equal(1, known.Attempts)
		b.NotEmpty(known.ClientRequestID)
		fields := func(err error) (fields map[string]any) {
			data, failed := json.Marshal(err)
			b.NoError(failed)
			b.NoError(json.Unmarshal(data, &fields))
			return fields
		}
		want := fields(known)
		want["key"] = "订单\"1"
		b.Equal(want, fields(err))

		var valuer slog.LogValuer
		b.ErrorAs(err, &valuer)
		b.Equal(append([]slog.Attr{slog.String("key", "订单\"1")}, known.LogValue().Group()...), valuer.LogValue().Group())
	})
}

// What one step says, an outcome or that it may be tried again, is not said of an unknown purchase.
func TestAnUnknownErrorMatchesNoOutcomeOfAStep(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.always(proof.List, proof.Refuse)
		_, err := b.buy("a")
		b.says("unknown, pending", err)
		b.ErrorIs(err, computeunit.ErrAccessDenied, "why it could not look")
		var answered *computeunit.APIError
		b.ErrorAs(err, &answered)
	})
}
