package once_test

import (
	"context"
	"errors"
	"strings"
	"sync"
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

func TestBuyFindsTheOrderOfALostAnswer(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Add("older")
		b.requests = []proof.Fate{proof.LoseAnswer}
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.Equal(t, once.EvidenceListing, bought.Evidence)
		assert.Equal(t, 30*time.Second, bought.ListedWithin)
		assert.Equal(t, []string{"older"}, bought.Before.InstanceIDs)
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
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.Journal {
				return proof.Fail
			}
			return proof.Go
		}
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		assert.Zero(t, b.sent)
	})
}

// The answer is true, whether or not it can be written.
func TestBuyReturnsAnAnswerThatCanNotBeWritten(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		answered := false
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			answered = answered || kind == proof.Received
			if answered && kind == proof.Journal {
				return proof.Fail
			}
			return proof.Go
		}
		log := new(logged)
		bought, err := b.process(once.WithLogger(log.logger())).Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.Contains(t, log.String(), "level=ERROR")
		b.direct = nil
		assert.Equal(t, once.StateSending, b.purchase("a").State)
		open, err := b.process().Settle(t.Context())
		require.NoError(t, err)
		assert.Empty(t, open, "a listing settles it")
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

func TestABuyThatWaitedReturnsTheOutcomeItWaitedFor(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.requests = []proof.Fate{proof.Refuse}
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.Request {
				time.Sleep(time.Second)
			}
			return proof.Go
		}
		waited := make(chan error)
		go func() {
			time.Sleep(500 * time.Millisecond)
			_, err := b.process().Buy(t.Context(), "a", prepaid)
			waited <- err
		}()
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		err = <-waited
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		require.ErrorContains(t, err, "AccessDenied")
		assert.Equal(t, 1, b.sent)
	})
}

func TestBuyOfAnotherKeyWaitsForTheService(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.Request {
				time.Sleep(20 * time.Second)
			}
			return proof.Go
		}
		done := make(chan error)
		go func() {
			_, err := b.process().Buy(t.Context(), "a", prepaid)
			done <- err
		}()
		time.Sleep(time.Second)
		other := postpaid
		other.ServiceID = " SVCO-1 "
		_, err := b.process().Buy(within(t, 10*time.Second), "b", other)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased, "the wait ended")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		bought, err := b.process().Buy(t.Context(), "b", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-2", bought.InstanceID)
		require.NoError(t, <-done)
	})
}

func TestBuyOfAnotherKeyIsBlockedAtOnce(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		claimed := b.purchase("a")
		started := time.Now()
		_, err := b.process().Buy(t.Context(), "b", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, &once.BlockedError{
			Key: "a", ServiceID: "svco-1", Since: claimed.Since, NotBefore: claimed.SignatureExpires.Add(30 * time.Minute),
		}, blocked)
		assert.Zero(t, time.Since(started))
		_, found, err := b.process().Lookup(t.Context(), "b")
		require.NoError(t, err)
		assert.False(t, found)
	})
}

func TestBuyOfAnotherKeyLooksFirst(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.world.Lag = func() time.Duration { return time.Minute }
		b.leaveUnknown("a", proof.LoseAnswer)
		time.Sleep(time.Minute)
		bought, err := b.process().Buy(t.Context(), "b", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-2", bought.InstanceID)
		assert.Equal(t, "instance-1", b.purchase("a").InstanceID)
	})
}

func TestBuyTakesOverWhatStoodStillBeforeItWasSent(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		started := time.Now()
		bought, err := b.process(once.WithTakeoverAfter(time.Minute)).Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.GreaterOrEqual(t, time.Since(started), time.Minute)
	})
}

func TestBuyOfAnotherKeyClosesWhatStoodStillBeforeItWasSent(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		_, err := b.process().Buy(t.Context(), "b", prepaid)
		require.NoError(t, err)
		closed := b.purchase("a")
		assert.Equal(t, once.StateNotPurchased, closed.State)
		assert.Empty(t, closed.Evidence)
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

// Found by a seed: the key was read as not purchased, and bought by another process during a pause.
func TestWhatWasReadBeforeAPauseDoesNotCount(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		var first *proof.Process
		step := 0
		b.direct = func(process *proof.Process, kind proof.Kind) proof.Fate {
			if first == nil {
				first = process
			}
			switch {
			case process != first:
			case kind == proof.List:
				step = 1
				_, err := b.process().ResolveNotPurchased(t.Context(), "a")
				assert.NoError(t, err)
				return proof.Fail
			case step == 1: // it can't write that nothing was sent
				step = 2
				go func() {
					time.Sleep(50 * time.Millisecond)
					_, err := b.process().Buy(t.Context(), "a", prepaid)
					assert.NoError(t, err)
				}()
				return proof.Fail
			}
			return proof.Go
		}
		bought, err := b.process().Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
	})
}

func TestBuyNeedsAListingBefore(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.direct = func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.List {
				return proof.Fail
			}
			return proof.Go
		}
		_, err := b.process().Buy(t.Context(), "a", prepaid)
		require.ErrorIs(t, err, computeunit.ErrNotPurchased)
		assert.Zero(t, b.sent)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
	})
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

// Two Buys of key a wait for the service that key b has. One of them is refused then.
func TestABuyThatWaitedForTheServiceReturnsTheOutcomeOfItsKey(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		bought := b.buySlowly("b", new(logged))
		b.mu.Lock()
		b.requests = []proof.Fate{proof.Refuse, proof.Refuse, proof.Refuse}
		b.mu.Unlock()
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				_, err := b.process(once.WithTakeoverAfter(2*time.Hour)).Buy(within(t, 3*time.Hour), "a", prepaid)
				assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
				assert.ErrorContains(t, err, "AccessDenied")
			})
		}
		<-bought
		waiting.Wait()
		assert.Equal(t, 2, b.sent)
	})
}
