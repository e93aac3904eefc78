package once_test

import (
	"context"
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
		bought, err := b.buy("a")
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
		first, err := b.buy("a")
		require.NoError(t, err)
		again, err := b.buy("a")
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

func TestBuyOfWhatNoJournalCanKeepIsAValidationError(t *testing.T) {
	long := prepaid
	long.ServiceID = strings.Repeat("s", 256)
	for key, request := range map[string]computeunit.PurchaseComputeUnitRequest{
		"": prepaid, strings.Repeat("a", 256): prepaid, "a\nb": prepaid, "a\x00": prepaid, "\x01endpoint": prepaid, "\xff": prepaid,
		"\u0085": prepaid, "a": {}, "b": long,
	} {
		inBench(t, func(t *testing.T, b *bench) {
			p, err := b.process().Buy(t.Context(), key, request)
			assert.Equal(t, "not purchased", outcome(t, err), "%q", key)
			var invalid *computeunit.ValidationError
			assert.ErrorAs(t, err, &invalid)
			assert.Equal(t, request, p.Request)
			_, found, _ := b.process().Lookup(t.Context(), key)
			assert.False(t, found)
			assert.Zero(t, b.sent)
		})
	}
}

func TestAKeyIsAnyText(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		for _, key := range []string{"a", strings.Repeat("é", 127), "订单 1", `\u8ba2`} {
			_, err := b.buy(key)
			assert.NoError(t, err, "%q", key)
		}
	})
}

// What each error of Buy says, and whether it is worth calling again.
func TestOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		arrange func(t *testing.T, b *bench)
		limit   time.Duration
		want    string
		is      error
	}{
		"refused":                      {func(_ *testing.T, b *bench) { b.fates(proof.Refuse) }, 0, "not purchased", computeunit.ErrAccessDenied},
		"throttled again and again":    {func(_ *testing.T, b *bench) { b.fates(throttled...) }, 0, "not purchased, pending", computeunit.ErrThrottled},
		"the request is lost":          {func(_ *testing.T, b *bench) { b.fates(proof.Lose) }, 0, "unknown, pending", context.DeadlineExceeded},
		"the answer is lost":           {func(_ *testing.T, b *bench) { b.fates(proof.LoseAnswer) }, 0, "bought", nil},
		"an answer without instance":   {func(_ *testing.T, b *bench) { b.fates(proof.OrderOnly) }, 0, "bought", nil},
		"the listing fails":            {func(_ *testing.T, b *bench) { b.director(always(proof.List, proof.Fail)) }, 0, "not purchased, pending", nil},
		"the listing is refused":       {func(_ *testing.T, b *bench) { b.director(always(proof.List, proof.Refuse)) }, 0, "not purchased", computeunit.ErrAccessDenied},
		"no Date header":               {func(_ *testing.T, b *bench) { b.world.NoDate = true }, 0, "not purchased, pending", nil},
		"the journal is away":          {func(_ *testing.T, b *bench) { b.director(always(proof.Journal, proof.Fail)) }, 0, "unknown, pending", nil},
		"another key is open":          {func(_ *testing.T, b *bench) { b.leaveUnknown("b", proof.Lose) }, 0, "not purchased, pending", nil},
		"the key is unknown":           {func(_ *testing.T, b *bench) { b.leaveUnknown("a", proof.Lose) }, 0, "unknown, pending", nil},
		"a late Retry-After":           {func(_ *testing.T, b *bench) { b.throttle(time.Minute) }, 30 * time.Second, "not purchased, pending", context.DeadlineExceeded},
		"a Retry-After past the fence": {func(_ *testing.T, b *bench) { b.throttle(time.Hour) }, 0, "not purchased, pending", computeunit.ErrThrottled},
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(t *testing.T, b *bench) {
				test.arrange(t, b)
				ctx, began := t.Context(), time.Now()
				if test.limit > 0 {
					ctx = within(t, test.limit)
				}
				_, err := b.process().Buy(ctx, "a", prepaid)
				assert.Equal(t, test.want, outcome(t, err), "%v", err)
				if test.is != nil {
					assert.ErrorIs(t, err, test.is)
				}
				if b.world.RetryAfter > time.Second {
					assert.Equal(t, began, time.Now(), "it says at once that the wait is too long")
				}
			})
		})
	}
}

var throttled = []proof.Fate{proof.RefuseRetry, proof.RefuseRetry, proof.RefuseRetry, proof.RefuseRetry, proof.RefuseRetry, proof.RefuseRetry}

func (b *bench) throttle(wait time.Duration) {
	b.world.RetryAfter = wait
	b.fates(proof.RefuseRetry)
}

func TestBuyTriesAgainAfterARefusalThatAsksForIt(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.fates(proof.RefuseRetry)
		_, err := b.buy("a")
		require.NoError(t, err)
		assert.Equal(t, 2, b.sent)
	})
}

func TestBuyOfARefusedKeyMayTryAgain(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.fates(proof.Refuse)
		_, err := b.buy("a")
		require.Error(t, err)
		assert.Contains(t, b.purchase("a").Refusal, "AccessDenied")
		_, err = b.buy("a")
		require.NoError(t, err)
	})
}

func TestBuyOfAnUnknownKeyNeverSendsAgain(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		_, err := b.buy("a")
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, "a", blocked.Key)
		assert.Equal(t, 1, b.sent)
	})
}

func TestBuyWithAnotherRequest(t *testing.T) {
	for name, test := range map[string]struct {
		fate proof.Fate
		want string
	}{
		"of a bought key":  {proof.Go, "unknown"},
		"of an open key":   {proof.Lose, "unknown"},
		"of a refused key": {proof.Refuse, "not purchased"},
	} {
		t.Run(name, func(t *testing.T) {
			inBench(t, func(t *testing.T, b *bench) {
				b.fates(test.fate)
				b.buy("a")
				_, err := b.process().Buy(t.Context(), "a", postpaid)
				assert.ErrorIs(t, err, once.ErrKeyReused)
				assert.Equal(t, test.want, outcome(t, err))
				assert.ErrorContains(t, err, `"paymentTiming":"Prepaid"`)
				assert.NotContains(t, err.Error(), "outcome unknown")
				assert.Equal(t, 1, b.sent)
			})
		})
	}
}

func TestReleaseTimesAreComparedAsInstants(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		release, request := time.Date(2040, 1, 1, 8, 0, 0, 0, time.FixedZone("", 8*60*60)), postpaid
		for _, test := range []struct {
			release time.Time
			want    string
		}{{release, "bought"}, {release.UTC().Add(300 * time.Millisecond), "bought"}, {release.Add(time.Second), "unknown"}} {
			request.Billing = computeunit.PostpaidUntil(test.release)
			_, err := b.process().Buy(t.Context(), "a", request)
			assert.Equal(t, test.want, outcome(t, err))
		}
	})
}

func TestSeveralBuysOfOneKeySendOnce(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		var buying sync.WaitGroup
		for range 5 {
			buying.Go(func() {
				bought, err := b.buy("a")
				assert.NoError(t, err)
				assert.Equal(t, "instance-1", bought.InstanceID)
			})
		}
		buying.Wait()
		assert.Equal(t, 1, b.sent)
	})
}

// When the context ends.

func TestBuyWithADoneContextSendsNothing(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := b.process().Buy(ctx, "a", prepaid)
		assert.Contains(t, outcome(t, err), "pending")
		assert.ErrorIs(t, err, context.Canceled)
		assert.Zero(t, b.sent)
	})
}

// Rule 9: the attempt goes on, and its end is written.
func TestBuyReturnsAtOnceAndTheAttemptGoesOn(t *testing.T) {
	for _, fate := range []proof.Fate{proof.Go, proof.RefuseRetry, proof.LoseAnswer} {
		inBench(t, func(t *testing.T, b *bench) {
			b.fates(fate)
			b.director(func(_ *proof.Process, kind proof.Kind) proof.Fate {
				if kind == proof.Received {
					time.Sleep(20 * time.Second)
				}
				return proof.Go
			})
			buyer, began := b.process(), time.Now()
			_, err := buyer.Buy(within(t, 2*time.Second), "a", prepaid)
			assert.Equal(t, "unknown, pending", outcome(t, err))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 2*time.Second, time.Since(began))
			require.NoError(t, buyer.Shutdown(t.Context()))
			want := map[proof.Fate]once.State{proof.Go: once.StateBought, proof.RefuseRetry: once.StateNotPurchased, proof.LoseAnswer: once.StateSending}
			assert.Equal(t, want[fate], b.purchase("a").State)
			assert.Equal(t, 1, b.sent, "no further attempt follows")
		})
	}
}

func TestTheContextPreventsAnAttempt(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(t.Context())
		b.at(proof.List, cancel)
		buyer := b.process()
		_, err := buyer.Buy(ctx, "a", prepaid)
		assert.Contains(t, outcome(t, err), "pending")
		assert.ErrorIs(t, err, context.Canceled)
		require.NoError(t, buyer.Shutdown(t.Context()))
		assert.Zero(t, b.sent)
		assert.Equal(t, once.StateNotPurchased, b.purchase("a").State)
		assert.Empty(t, b.purchase("a").Evidence, "it is nobody's answer")
	})
}

// A write of the journal that belongs to an attempt, too.
func TestBuyReturnsWhileTheJournalHangs(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		received := false
		b.director(func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if received = received || kind == proof.Received; received && kind == proof.Journal {
				time.Sleep(30 * time.Second)
			}
			return proof.Go
		})
		began := time.Now()
		_, err := b.process().Buy(within(t, time.Second), "a", prepaid)
		assert.Equal(t, "unknown, pending", outcome(t, err))
		assert.Equal(t, time.Second, time.Since(began))
	})
}

// While something is in the way.

func TestABuyThatWaitedReturnsTheOutcomeItWaitedFor(t *testing.T) {
	for fate, want := range map[proof.Fate]string{proof.Refuse: "not purchased", proof.Go: "bought"} {
		inBench(t, func(t *testing.T, b *bench) {
			b.fates(fate)
			b.at(proof.Request, func() { time.Sleep(time.Second) })
			go b.buy("a")
			time.Sleep(500 * time.Millisecond)
			_, err := b.buy("a")
			assert.Equal(t, want, outcome(t, err), "%v", err)
			assert.Equal(t, 1, b.sent)
		})
	}
}

func TestBuyTakesOverWhatStoodStillBeforeItWasSent(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		bought, err := b.process(once.WithTakeoverAfter(time.Minute)).Buy(t.Context(), "a", prepaid)
		require.NoError(t, err)
		assert.Equal(t, "instance-1", bought.InstanceID)
		assert.GreaterOrEqual(t, time.Since(bought.Since), time.Duration(0))
	})
}

// As functions and cron jobs do: none of them has seen the record before.
func TestProcessesThatLiveForOneCallTakeOver(t *testing.T) {
	for _, at := range []proof.Kind{proof.List, proof.Received} {
		for _, key := range []string{"a", "b"} {
			t.Run(string(at)+", then a Buy of "+key, func(t *testing.T) {
				inBench(t, func(t *testing.T, b *bench) {
					b.crashAt(at)
					err := context.Canceled
					for began := time.Now(); err != nil && time.Since(began) < 2*time.Minute; {
						_, err = b.process().Buy(within(t, 1500*time.Millisecond), key, prepaid)
					}
					require.NoError(t, err)
				})
			})
		}
	}
}

func TestBuyOfAnotherKeyWaitsForTheService(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.at(proof.Request, func() { time.Sleep(20 * time.Second) })
		began := time.Now()
		go b.buy("a")
		time.Sleep(time.Second)
		other := postpaid
		other.ServiceID = " SVCO-1 "
		_, err := b.process().Buy(within(t, 10*time.Second), "b", other)
		assert.Equal(t, "not purchased, pending", outcome(t, err))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = b.buy("b")
		require.NoError(t, err)
		assert.LessOrEqual(t, time.Since(began), 23*time.Second, "it is free after 20")
	})
}

func TestBuyOfAnotherKeyIsBlockedAtOnce(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		claimed, began := b.purchase("a"), time.Now()
		_, err := b.buy("b")
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.Equal(t, &once.BlockedError{
			Key: "a", ServiceID: "svco-1", Since: claimed.Since, NotBefore: claimed.SignatureExpires.Add(30 * time.Minute),
		}, blocked)
		assert.Zero(t, time.Since(began))
	})
}

// Who waits for another key's purchase must not wait for a service that does not answer.
func TestBuyOfAnotherKeyIsBlockedAtOnceIfTheListingHangs(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.director(always(proof.List, proof.LoseAnswer))
		began := time.Now()
		_, err := b.buy("b")
		var blocked *once.BlockedError
		require.ErrorAs(t, err, &blocked)
		assert.LessOrEqual(t, time.Since(began), 5*time.Second)
	})
}

func TestBuyOfAnotherKeyLooksFirst(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.lag(time.Minute)
		b.leaveUnknown("a", proof.LoseAnswer)
		time.Sleep(time.Minute)
		bought, err := b.buy("b")
		require.NoError(t, err)
		assert.Equal(t, "instance-2", bought.InstanceID)
		assert.Equal(t, "instance-1", b.purchase("a").InstanceID)
	})
}

func TestBuyOfAnotherKeyClosesWhatStoodStillBeforeItWasSent(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.crashAt(proof.List)
		_, err := b.buy("b")
		require.NoError(t, err)
		closed := b.purchase("a")
		assert.Equal(t, once.StateNotPurchased, closed.State)
		assert.Empty(t, closed.Evidence)
	})
}

// Several Buys of key a wait for the service that key b has. One of them is refused then.
func TestABuyThatWaitedForTheServiceReturnsTheOutcomeOfItsKey(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.lag(2 * time.Hour)
		bought := b.buySlowly("b", new(logged))
		b.director(always("", proof.Go))
		b.fates(proof.Refuse, proof.Refuse, proof.Refuse)
		<-bought
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				_, err := b.buy("a")
				assert.Equal(t, "not purchased", outcome(t, err))
				assert.ErrorContains(t, err, "AccessDenied")
			})
		}
		waiting.Wait()
	})
}

// Other keys keep the service busy all the time.
func TestAWaitingBuySeesThatItsOwnKeyIsBought(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.at(proof.Received, func() { time.Sleep(25 * time.Second) })
		go b.buy("a")
		time.Sleep(time.Second)
		b.director(func(_ *proof.Process, kind proof.Kind) proof.Fate {
			if kind == proof.Request {
				time.Sleep(10 * time.Second)
			}
			return proof.Go
		})
		for _, key := range []string{"b", "c", "d", "e"} {
			go b.buy(key)
		}
		began := time.Now()
		_, err := b.buy("a")
		require.NoError(t, err)
		assert.LessOrEqual(t, time.Since(began), 27*time.Second)
		time.Sleep(3 * time.Minute)
	})
}

// The guard against a row that is deleted while its Buy looks: the next Buy would send again.
func TestARecordThatIsDeletedMeanwhileIsNotNotPurchased(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.at(proof.List, func() { b.deleted.Store("a") })
		_, err := b.buy("a")
		assert.Equal(t, "unknown", outcome(t, err))
		assert.ErrorContains(t, err, "deleted")
	})
}

// Shutdown.

func TestShutdownWaitsForAttemptsAndRefusesNewOnes(t *testing.T) {
	inBench(t, func(t *testing.T, b *bench) {
		b.at(proof.Received, func() { time.Sleep(10 * time.Second) })
		buyer, bought := b.process(), make(chan error)
		go func() {
			_, err := buyer.Buy(t.Context(), "a", prepaid)
			bought <- err
		}()
		time.Sleep(time.Second)
		waiting := make(chan error)
		go func() {
			_, err := buyer.Buy(t.Context(), "b", prepaid)
			waiting <- err
		}()
		time.Sleep(time.Second)
		require.ErrorIs(t, buyer.Shutdown(within(t, time.Second)), context.DeadlineExceeded)
		assert.Equal(t, "not purchased, pending", outcome(t, <-waiting))
		_, err := buyer.Buy(t.Context(), "c", prepaid)
		assert.Equal(t, "unknown, pending", outcome(t, err))
		go func() { assert.NoError(t, buyer.Shutdown(t.Context())) }()
		assert.NoError(t, <-bought)
		assert.Equal(t, once.StateBought, b.purchase("a").State)
	})
}
