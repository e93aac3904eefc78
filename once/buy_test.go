package once_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
)

func TestBuyReturnsWhatTheAnswerNames(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, once.StateBought, bought.State)
		assert.Equal(t, once.EvidenceAnswer, bought.Evidence)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.Equal(t, "order-1", bought.OrderID)
		assert.NotEmpty(t, bought.RequestID)
		assert.Equal(t, bought, b.purchase("a"))
	})
}

func TestBuyOfABoughtKeySendsNothing(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		first, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		again, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, first, again)
		assert.Equal(t, 1, b.sent)
	})
}

// A release time in the past is refused for a purchase, and says nothing about one that is made.
func TestBuyReadsTheKeyBeforeTheRequest(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		request := postpaid
		request.Billing = computeunit.PostpaidUntil(time.Now().Add(time.Hour))
		_, err := b.process().Buy(t.Context(), "a", request)
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		_, err = b.process().Buy(t.Context(), "a", request)
		require.NoError(t, err)
	})
}

func TestBuyOfAnInvalidRequestClaimsNothing(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		_, err := b.process().Buy(t.Context(), "a", computeunit.PurchaseComputeUnitRequest{})
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		var invalid *computeunit.ValidationError
		require.ErrorAs(t, err, &invalid)
		_, found, err := b.process().Lookup(t.Context(), "a")
		require.NoError(t, err)
		assert.False(t, found)
	})
}

func TestBuyRefusesKeysThatAJournalCanNotKeep(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		for _, key := range []string{"", strings.Repeat("a", 256), "a\nb", "a\x00", "\x01endpoint", "\xff", "\u0085"} {
			_, err := b.process().Buy(t.Context(), key, prepaid)
			assert.ErrorIs(t, err, computeunit.ErrNotPurchased, "%q", key)
			_, _, err = b.process().Lookup(t.Context(), key)
			assert.Error(t, err, "%q", key)
		}
		for _, key := range []string{"a", strings.Repeat("é", 127), "订单 1"} {
			_, err := b.process().Buy(t.Context(), key, prepaid)
			assert.NoError(t, err, "%q", key)
		}
	})
}

func TestBuyRefusesAServiceThatAJournalCanNotKeep(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		request := prepaid
		request.ServiceID = strings.Repeat("s", 256)
		_, err := b.process().Buy(t.Context(), "a", request)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		assert.Zero(t, b.sent)
	})
}

func TestBuyOfARefusedKeyMayTryAgain(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.Refuse}
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		require.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
		assert.Contains(t, b.purchase("a").Refusal, "AccessDenied")
		_, err = b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
	})
}

func TestBuyTriesAgainAfterARefusalThatAsksForIt(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.RefuseRetry}
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, 2, b.sent)
	})
}

func TestBuyOfAnUnknownKeyNeverSendsAgain(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.Lose}
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		require.ErrorIs(t, err, context.DeadlineExceeded, "the cause of this call's own attempt")
		_, err = b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, "a", blocked.Key)
		assert.Equal(t, 1, b.sent)
	})
}

func TestBuyWithAnotherRequest(t *testing.T) {
	later := postpaid
	later.Billing = computeunit.PostpaidUntil(time.Date(2040, 1, 1, 8, 0, 0, 0, time.FixedZone("", 8*60*60)))
	for name, test := range map[string]struct {
		fates   []proof.Fate
		outcome error
	}{
		"of a bought key":  {nil, computeunit.ErrOutcomeUnknown},
		"of an open key":   {[]proof.Fate{proof.Lose}, computeunit.ErrOutcomeUnknown},
		"of a refused key": {[]proof.Fate{proof.Refuse}, computeunit.ErrNotPurchased},
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(t *testing.T, b *bench) {
				b.requests = test.fates
				b.process().Buy(t.Context(), "a", later)
				_, err := b.process().Buy(t.Context(), "a", prepaid)
				assert.ErrorIs(t, err, once.ErrKeyReused)
				assert.ErrorIs(t, err, test.outcome)
				assert.Equal(t, 1, b.sent)
			})
		})
	}
}

func TestReleaseTimesAreComparedAsInstants(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		release := time.Date(2040, 1, 1, 8, 0, 0, 0, time.FixedZone("", 8*60*60))
		request := postpaid
		request.Billing = computeunit.PostpaidUntil(release)
		_, err := b.process().Buy(t.Context(), "a", request)
		require.NoError(t, err)
		request.Billing = computeunit.PostpaidUntil(release.UTC().Add(300 * time.Millisecond))
		_, err = b.process().Buy(t.Context(), "a", request)
		require.NoError(t, err)
		request.Billing = computeunit.PostpaidUntil(release.Add(time.Second))
		_, err = b.process().Buy(t.Context(), "a", request)
		require.ErrorIs(t, err, once.ErrKeyReused)
	})
}

func TestBuyWithoutAnInstanceIDIsBought(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.OrderOnly}
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Empty(t, bought.InstanceID)
		assert.Equal(t, "order-1", bought.OrderID)
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		assert.Empty(t, open, "the listing names it")
		assert.Equal(t, "instance-1", b.purchase("a").InstanceID)
		assert.Equal(t, once.EvidenceAnswer, b.purchase("a").Evidence)
	})
}

func TestBuyWithADoneContextKnowsNothing(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := b.process().Buy(ctx, "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestBuyWithAJournalThatCanNotBeReadKnowsNothing(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.direct = always(proof.Journal, proof.Fail)
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		assert.Zero(t, b.sent)
	})
}

func TestSeveralBuysOfOneKeySendOnce(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		type result struct {
			bought once.Purchase
			err    error
		}
		results := make(chan result)
		for range 5 {
			go func() {
				bought, err := b.process().Buy(t.Context(), "a", prepaid)
				results <- result{bought, err}
			}()
		}
		for range 5 {
			r := <-results
			assert.NoError(t, r.err)
			assert.Equal(t, "instance-1", r.bought.InstanceID)
		}
		assert.Equal(t, 1, b.sent)
	})
}

func TestARefusedRequestIsNamedInErrorAndPurchase(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		wrong := prepaid
		wrong.ReplicasCount = 0
		p, err := b.process().Buy(t.Context(), "a", wrong)
		var known *computeunit.OutcomeError
		require.ErrorAs(t, err, &known)
		assert.Equal(t, "svco-1", known.ServiceID)
		assert.ErrorContains(t, err, `service "svco-1"`)
		assert.Equal(t, wrong, p.Request)
	})
}

// What another Buy waited for is then nobody's answer: it may ask again.
func TestACallerWhoLeavesInTheWaitForAnotherAttemptLeavesNoEvidence(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.RetryAfter = time.Minute
		b.requests = []proof.Fate{proof.RefuseRetry}
		_, err := b.process().Buy(within(t, 10*time.Second), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
		assert.Empty(t, b.purchase("a").Evidence)
	})
}

// A person is paged for each record of an error.
func TestWhatAListingSettledDuringItsAttemptIsNotLoggedAsUnknown(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		var written logged
		b.requests = []proof.Fate{proof.LoseAnswer}
		go func() {
			time.Sleep(10 * time.Second)
			_, err := b.process().Settle(t.Context())
			assert.NoError(t, err)
		}()
		bought, err := b.process(once.WithLogger(written.logger())).Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, once.EvidenceListing, bought.Evidence)
		assert.NotContains(t, written.String(), "level=ERROR")
	})
}
