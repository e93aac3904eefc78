package once_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestSendingIsWrittenBeforeTheRequestLeaves(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Add("older")
		var sending once.Purchase
		b.at(proof.Request, func() { sending = b.purchase("a") })
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, once.StateSending, sending.State)
		assert.Equal(t, bought.RequestID, sending.RequestID)
		assert.Equal(t, time.Now().Add(5*time.Minute).UTC(), sending.SignatureExpires)
		assert.Equal(t, once.Listing{ServiceID: "svco-1", Date: time.Now().UTC(), InstanceIDs: []string{"older"}}, sending.Before)
	})
}

func TestARefusalIsWrittenBeforeTheWaitForAnotherAttempt(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.RetryAfter = time.Minute
		b.requests = []proof.Fate{proof.RefuseRetry}
		done := make(chan error)
		go func() {
			_, err := b.process().Buy(t.Context(), "a", prepaid)
			done <- err
		}()
		time.Sleep(time.Second)
		assert.Equal(t, once.StatePreparing, b.purchase("a").State)
		require.NoError(t, <-done)
	})
}

func TestThereIsNoOtherAttemptIfTheRefusalCanNotBeWritten(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.RefuseRetry}
		refused := false
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			refused = refused || kind == proof.Received
			if refused && kind == proof.Journal {
				return proof.Fail
			}
			return proof.Go
		}
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown, "it is not purchased, and the record does not say so")
		assert.Equal(t, 1, b.sent)
	})
}

func TestTheContextDoesNotEndAnAttempt(t *testing.T) {
	for _, kind := range []proof.Kind{proof.Request, proof.Received} {
		inBench(t, func(t *testing.T, b *bench) {
			ctx, cancel := context.WithCancel(t.Context())
			b.at(kind, func() { cancel(); synctest.Wait() })
			bought, err := b.process().Buy(ctx, "a", prepaid)
			require.NoError(t, err)
			assert.Equal(t, "instance-1", bought.InstanceID)
			assert.Equal(t, once.StateBought, b.purchase("a").State)
		})
	}
}

func TestTheContextPreventsAnAttempt(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(t.Context())
		b.at(proof.List, cancel)
		_, err := b.process().Buy(ctx, "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		require.ErrorIs(t, err, context.Canceled)
		assert.Zero(t, b.sent)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
	})
}

func TestTheContextEndsTheWaitForAnotherAttempt(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.RetryAfter = time.Hour
		b.requests = []proof.Fate{proof.RefuseRetry}
		started := time.Now()
		_, err := b.process().Buy(within(t, time.Minute), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		assert.Equal(t, time.Minute, time.Since(started))
		assert.Equal(t, 1, b.sent)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
	})
}

// The statement that writes "sending" is applied, after the signature has almost expired.
func TestNothingIsSentWithASignatureThatIsAboutToExpire(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.slowWrite = 4*time.Minute + 51*time.Second
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		require.ErrorContains(t, err, "the journal was too slow")
		assert.Zero(t, b.sent)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
	})
}

// The service tolerates this clock. A fence that far in the future would keep a person from settling anything.
func TestNothingIsSentWithAClockThatIsFarAhead(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Offset, b.world.Leeway = -6*time.Minute, time.Hour
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		require.ErrorContains(t, err, "clock")
		assert.Zero(t, b.sent)
		b.world.Offset = -4 * time.Minute
		_, err = b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
	})
}

// Rule 8: not by taking over what this call itself wrote, either.
func TestARefusalWhoseWriteWasNotConfirmedEndsTheCall(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.Refuse}
		var refused time.Time
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			switch {
			case kind == proof.Received:
				refused = time.Now()
			case kind != proof.Journal || refused.IsZero() || time.Since(refused) > 12*time.Second:
			case time.Since(refused) == 0:
				return proof.FailAfter
			default:
				return proof.Fail
			}
			return proof.Go
		}
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.Equal(t, 1, b.sent)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
	})
}

func TestWhoLostAClaimFindsOutBeforeItSends(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.at(proof.List, func() { time.Sleep(5 * time.Minute) })
		done := make(chan once.Purchase)
		go func() {
			bought, err := b.process().Buy(t.Context(), "a", prepaid)
			assert.NoError(t, err)
			done <- bought
		}()
		time.Sleep(time.Second)
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, bought, <-done)
		assert.Equal(t, 1, b.sent)
	})
}
