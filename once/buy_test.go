package once_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBuyReturnsWhatTheAnswerNames(t *testing.T) {
	inBench(t, func(b *bench) {
		bought := b.bought("a")
		b.Equal(once.StateBought, bought.State)
		b.Equal(once.EvidenceAnswer, bought.Evidence)
		b.Equal("instance-1", bought.InstanceID)
		b.Equal("order-1", bought.OrderID)
		b.NotEmpty(bought.RequestID)
		b.Equal(bought, b.purchase("a"))
		b.Equal(bought, b.bought("a"))
		b.Equal(1, b.sent)
	})
}

// A release time in the past is refused for a purchase, and says nothing about one that is made. It is an instant.
func TestBuyReadsTheKeyBeforeTheRequest(t *testing.T) {
	inBench(t, func(b *bench) {
		release, request := time.Now().Add(time.Hour).In(time.FixedZone("", 8*60*60)), postpaid
		for _, test := range []struct {
			release time.Time
			want    string
		}{{release, "bought"}, {release.UTC().Add(300 * time.Millisecond), "bought"}, {release.Add(time.Second), "unknown"}} {
			request.Billing = computeunit.PostpaidUntil(test.release)
			_, err := b.process().Buy(b.ctx, "a", request)
			b.says(test.want, err)
			time.Sleep(2 * time.Hour)
		}
	})
}

func TestBuyOfWhatNoJournalCanKeepIsAValidationError(t *testing.T) {
	long := prepaid
	long.ServiceID = strings.Repeat("s", 256)
	inBenches(t, map[string]computeunit.PurchaseComputeUnitRequest{
		"": prepaid, strings.Repeat("a", 256): prepaid, "a\nb": prepaid, "a\x00": prepaid, "\x01endpoint": prepaid, "\xff": prepaid,
		"\u0085": prepaid, "a": {}, "b": long,
	}, func(b *bench, key string, request computeunit.PurchaseComputeUnitRequest) {
		p, err := b.process().Buy(b.ctx, key, request)
		b.says("not purchased", err)
		var invalid *computeunit.ValidationError
		b.ErrorAs(err, &invalid)
		b.Equal(request, p.Request)
		_, found, _ := b.process().Lookup(b.ctx, key)
		b.False(found)
		b.Zero(b.sent)
	})
}

func TestAKeyIsAnyText(t *testing.T) {
	inBench(t, func(b *bench) {
		for _, key := range []string{"a", "a" + strings.Repeat("é", 127), "订单 1", `\u8ba2`} {
			b.bought(key)
		}
	})
}

// What each error of Buy says, and whether it is worth calling again. What to do is about the key, and not about one call: the
// client's advice, to list before buying again, is not for who has a journal.
func TestOutcomes(t *testing.T) {
	advice := map[string]string{
		"unknown, pending":       "; call Buy again with the same key and request: it looks for the order, and never sends again",
		"not purchased":          "; the key has no order; correct what is named here",
		"not purchased, pending": "; the key has no order; call Buy again later with the same key and request",
	}
	throttled := slices.Repeat([]proof.Fate{proof.RefuseRetry}, 6)
	retryAfter := func(wait time.Duration) func(b *bench) {
		return func(b *bench) {
			b.world.RetryAfter = wait
			b.fates(proof.RefuseRetry)
		}
	}
	type test struct {
		arrange func(b *bench)
		limit   time.Duration
		want    string
		is      error
	}
	inBenches(t, map[string]test{
		"refused":                      {func(b *bench) { b.fates(proof.Refuse) }, 0, "not purchased", computeunit.ErrAccessDenied},
		"throttled again and again":    {func(b *bench) { b.fates(throttled...) }, 0, "not purchased, pending", computeunit.ErrThrottled},
		"the request is lost":          {func(b *bench) { b.fates(proof.Lose) }, 0, "unknown, pending", context.DeadlineExceeded},
		"the listing fails":            {func(b *bench) { b.always(proof.List, proof.Fail) }, 0, "not purchased, pending", nil},
		"the listing is refused":       {func(b *bench) { b.always(proof.List, proof.Refuse) }, 0, "not purchased", computeunit.ErrAccessDenied},
		"no Date header":               {func(b *bench) { b.world.NoDate = true }, 0, "not purchased, pending", nil},
		"the journal is away":          {func(b *bench) { b.always(proof.Journal, proof.Fail) }, 0, "unknown, pending", nil},
		"another key is open":          {func(b *bench) { b.leaveUnknown("b", proof.Lose) }, 0, "not purchased, pending", nil},
		"the key is unknown":           {func(b *bench) { b.leaveUnknown("a", proof.Lose) }, 0, "unknown, pending", nil},
		"a late Retry-After":           {retryAfter(time.Minute), 30 * time.Second, "not purchased, pending", context.DeadlineExceeded},
		"a Retry-After past the fence": {retryAfter(time.Hour), 2 * time.Hour, "not purchased, pending", computeunit.ErrThrottled},
	}, func(b *bench, _ string, test test) {
		test.arrange(b)
		ctx, began := b.ctx, time.Now()
		if test.limit > 0 {
			ctx = b.within(test.limit)
		}
		_, err := b.process().Buy(ctx, "a", prepaid)
		b.says(test.want, err)
		b.ErrorContains(err, `once: key "a" for service "svco-1": `)
		b.ErrorContains(err, advice[test.want])
		b.NotContains(err.Error(), "before buying again")
		b.NotContains(err.Error(), "safe to correct")
		if test.is != nil {
			b.ErrorIs(err, test.is)
		}
		if test.limit > 0 {
			b.Equal(began, time.Now(), "it says at once that the wait is too long")
		}
	})
}

func TestBuyWithAnotherRequest(t *testing.T) {
	inBenches(t, map[proof.Fate]string{proof.Go: "unknown", proof.Lose: "unknown", proof.Refuse: "not purchased"},
		func(b *bench, fate proof.Fate, want string) {
			b.fates(fate)
			b.buy("a")
			_, err := b.process().Buy(b.ctx, "a", postpaid)
			b.ErrorIs(err, once.ErrKeyReused)
			b.says(want, err)
			b.ErrorContains(err, `"paymentTiming":"Prepaid"`)
			b.ErrorContains(err, "; nothing was sent: ask with the request that the key has, or take another key for another purchase")
			b.NotContains(err.Error(), "outcome unknown")
			b.Equal(1, b.sent)
		})
}

// When the context ends.

func TestTheContextPreventsAnAttempt(t *testing.T) {
	for _, during := range []proof.Kind{proof.Journal, proof.List} {
		inBench(t, func(b *bench) {
			ctx, cancel := context.WithCancel(b.ctx)
			b.at(during, cancel)
			buyer := b.process()
			_, err := buyer.Buy(ctx, "a", prepaid)
			b.says("not purchased, pending", err)
			b.ErrorIs(err, context.Canceled)
			b.NoError(buyer.Shutdown(b.ctx))
			b.Zero(b.sent)
			left, claimed, err := b.process().Lookup(b.ctx, "a")
			b.NoError(err)
			b.Equal(during == proof.List, claimed)
			b.False(left.Open())
			b.Empty(left.Evidence) // it is nobody's answer
		})
	}
}

// silent is a context that does not say when it ends.
type silent struct{ context.Context }

func (silent) Deadline() (time.Time, bool) { return time.Time{}, false }

// The context's own error, also of a wait between attempts, and no hook of ours is named.
func TestAWaitBetweenAttemptsEndsWithTheContextsError(t *testing.T) {
	inBenches(t, map[string]func(ctx context.Context) context.Context{
		"announced": func(ctx context.Context) context.Context { return ctx },
		"silent":    func(ctx context.Context) context.Context { return silent{ctx} },
	}, func(b *bench, _ string, as func(context.Context) context.Context) {
		b.fates(proof.RefuseRetry)
		_, err := b.process().Buy(as(b.within(500*time.Millisecond)), "a", prepaid)
		b.says("not purchased, pending", err)
		b.ErrorIs(err, context.DeadlineExceeded)
		b.NotErrorIs(err, context.Canceled)
		b.ErrorIs(err, computeunit.ErrThrottled)
		b.NotContains(err.Error(), "hook")
	})
}

// A driver can have an error of its own for a statement that a context ended.
func TestBuySaysThatTheContextHasEndedWhateverTheDriverSays(t *testing.T) {
	for at := range 7 { // each statement of a Buy that another key's purchase is in the way of
		inBench(t, func(b *bench) {
			b.leaveUnknown("a", proof.Lose)
			ctx, cancel := context.WithCancel(b.ctx)
			statements := 0
			b.directs(func(kind proof.Kind) proof.Fate {
				if kind == proof.Journal {
					if statements++; statements > at {
						cancel()
						return proof.Fail
					}
				}
				return proof.Go
			})
			_, err := b.process().Buy(ctx, "b", prepaid)
			b.ErrorIs(err, context.Canceled)
			b.ErrorIs(err, once.ErrPending)
		})
	}
}

// net/http returns the cause of a context, which can be another key's error: an errgroup's is.
func TestTheCauseOfTheContextIsNotTheKeysOwnReason(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(50 * time.Millisecond) }))
	defer server.Close()
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithEndpoint(server.URL))
	require.NoError(t, err)
	buyer, err := once.New(client, once.InMemory())
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(once.ErrKeyReused) })
	_, err = buyer.Buy(ctx, "a", prepaid)
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, err, once.ErrPending)
	assert.NotErrorIs(t, err, once.ErrKeyReused)
}

// Rule 9: the attempt goes on, and its end is written. The journal may hang, too.
func TestBuyReturnsAtOnceAndTheAttemptGoesOn(t *testing.T) {
	for _, test := range []struct {
		fate  proof.Fate
		hangs proof.Kind
		want  once.State
	}{
		{proof.Go, proof.Received, once.StateBought}, {proof.RefuseRetry, proof.Received, once.StateNotPurchased},
		{proof.LoseAnswer, proof.Received, once.StateSending}, {proof.Go, proof.Journal, once.StateBought},
	} {
		inBench(t, func(b *bench) {
			b.fates(test.fate)
			received := false
			b.directs(func(kind proof.Kind) proof.Fate {
				if received = received || kind == proof.Received; received && kind == test.hangs {
					time.Sleep(5 * time.Second)
				}
				return proof.Go
			})
			ctx := computeunit.ContextWithHooks(b.within(2*time.Second), computeunit.Hooks{
				AfterAttempt: func(ctx context.Context, _ computeunit.AttemptInfo, _ error) error {
					b.NoError(ctx.Err()) // it is for what has to be recorded
					return nil
				}})
			buyer, began := b.process(), time.Now()
			_, err := buyer.Buy(ctx, "a", prepaid)
			b.says("unknown, pending", err)
			b.ErrorIs(err, context.DeadlineExceeded)
			b.Equal(2*time.Second, time.Since(began))
			b.NoError(buyer.Shutdown(b.ctx))
			b.is(test.want, "a")
			b.Equal(1, b.sent) // no further attempt follows
		})
	}
}

// While something is in the way.

func TestABuyThatWaitedReturnsTheOutcomeItWaitedFor(t *testing.T) {
	inBenches(t, map[proof.Fate]string{proof.Refuse: "not purchased", proof.RefuseRetry: "not purchased, pending"},
		func(b *bench, fate proof.Fate, want string) {
			b.fates(slices.Repeat([]proof.Fate{fate}, 6)...)
			b.at(proof.Request, func() { time.Sleep(time.Second) })
			go b.buy("a")
			time.Sleep(500 * time.Millisecond)
			_, err := b.buy("a")
			b.says(want, err)
			b.ErrorContains(err, "HTTP 4")
		})
}

// As functions and cron jobs do: none of them has seen the record before.
func TestProcessesThatLiveForOneCallTakeOver(t *testing.T) {
	for _, at := range []proof.Kind{proof.List, proof.Received} {
		for _, key := range []string{"a", "b"} {
			t.Run(string(at)+", then a Buy of "+key, func(t *testing.T) {
				inBench(t, func(b *bench) {
					b.crashAt(at)
					err := context.Canceled
					for began := time.Now(); err != nil && time.Since(began) < 2*time.Minute; {
						_, err = b.process().Buy(b.within(1500*time.Millisecond), key, prepaid)
					}
					b.NoError(err)
				})
			})
		}
	}
}

func TestBuyOfAnotherKeyWaitsForTheService(t *testing.T) {
	inBench(t, func(b *bench) {
		b.at(proof.Request, func() { time.Sleep(20 * time.Second) })
		began := time.Now()
		go b.buy("a")
		time.Sleep(time.Second)
		other := postpaid
		other.ServiceID = " SVCO-1 "
		_, err := b.process().Buy(b.within(10*time.Second), "b", other)
		b.says("not purchased, pending", err)
		b.ErrorIs(err, context.DeadlineExceeded)
		b.bought("b")
		b.LessOrEqual(time.Since(began), 23*time.Second, "it is free after 20")
	})
}

// Also if its service does not answer.
func TestBuyOfAnotherKeyIsBlockedAtOnce(t *testing.T) {
	inBenches(t, map[proof.Fate]time.Duration{proof.Go: 0, proof.LoseAnswer: 5 * time.Second},
		func(b *bench, listing proof.Fate, limit time.Duration) {
			b.leaveUnknown("a", proof.Lose)
			b.always(proof.List, listing)
			claimed, began := b.purchase("a"), time.Now()
			b.Equal(&once.BlockedError{
				Key: "a", ServiceID: "svco-1", Since: claimed.Since, NotBefore: claimed.SignatureExpires.Add(30 * time.Minute),
			}, b.blocked("b"))
			b.LessOrEqual(time.Since(began), limit)
		})
}

// Other keys keep the service busy all the time.
func TestAWaitingBuySeesThatItsOwnKeyIsBought(t *testing.T) {
	inBench(t, func(b *bench) {
		b.directs(func(kind proof.Kind) proof.Fate {
			if kind == proof.Request {
				time.Sleep(10 * time.Second)
			}
			return proof.Go
		})
		began, bought := time.Now(), make(chan time.Duration, 1)
		go func() { // the service is never free, and a is not the first
			for _, key := range strings.Split("xyabcdefghijk", "") {
				b.buy(key)
				if key == "a" {
					bought <- time.Since(began)
				}
			}
		}()
		time.Sleep(time.Second)
		b.bought("a")
		heard := time.Since(began)
		b.LessOrEqual(heard-<-bought, 3*time.Second)
		time.Sleep(5 * time.Minute)
	})
}

// The guard against a row that is deleted while its Buy looks: the next Buy would send again.
func TestARecordThatIsDeletedMeanwhileIsNotNotPurchased(t *testing.T) {
	inBench(t, func(b *bench) {
		b.leaveUnknown("a", proof.Lose)
		b.at(proof.List, func() { b.deleted.Store(true) })
		_, err := b.buy("a")
		b.says("unknown", err)
		b.ErrorContains(err, "deleted")
	})
}

// Shutdown.

func TestShutdownWaitsForAttemptsAndRefusesNewOnes(t *testing.T) {
	inBench(t, func(b *bench) {
		b.at(proof.Received, func() { time.Sleep(10 * time.Second) })
		buyer, said := b.process(), map[string]chan error{"a": make(chan error, 1), "b": make(chan error, 1)}
		for _, key := range []string{"a", "b"} { // b waits for a
			go func() {
				_, err := buyer.Buy(b.ctx, key, prepaid)
				said[key] <- err
			}()
			time.Sleep(time.Second)
		}
		b.ErrorIs(buyer.Shutdown(b.within(time.Second)), context.DeadlineExceeded)
		b.says("not purchased, pending", <-said["b"])
		_, err := buyer.Buy(b.ctx, "c", prepaid)
		b.says("unknown, pending", err)
		b.Empty(said["a"])
		b.NoError(buyer.Shutdown(b.ctx))
		b.NoError(<-said["a"])
		b.is(once.StateBought, "a")
	})
}

// As that of http.Server.
func TestShutdownOfAnIdleBuyerSucceedsWhateverItsContext(t *testing.T) {
	inBench(t, func(b *bench) {
		ended, cancel := context.WithCancel(b.ctx)
		cancel()
		buyer := b.process()
		_, err := buyer.Buy(b.ctx, "a", prepaid)
		b.NoError(err)
		b.NoError(buyer.Shutdown(ended))
	})
}

// A 429 for the listing can ask for hours.
func TestTheListingBeforeAnAttemptHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &model.Service{Between: func(r *http.Request, serve func() *http.Response) (*http.Response, error) {
			response := serve()
			if !model.IsPurchase(r) {
				response.StatusCode = http.StatusTooManyRequests
				response.Header.Set("Retry-After", "7200")
			}
			return response, nil
		}}
		client, err := model.NewClient(service)
		require.NoError(t, err)
		buyer, err := once.New(client, once.InMemory())
		require.NoError(t, err)
		began := time.Now()
		_, err = buyer.Buy(t.Context(), "a", prepaid)
		assert.ErrorIs(t, err, once.ErrPending)
		assert.Less(t, time.Since(began), time.Minute)
	})
}
