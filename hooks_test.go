package computeunit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// diary keeps what hooks saw, in order.
type diary struct {
	lines         []string
	before, after []computeunit.AttemptInfo
	errs          []error
}

func (d *diary) hooks(name string) computeunit.Hooks {
	return computeunit.Hooks{
		BeforeAttempt: func(_ context.Context, a computeunit.AttemptInfo) error {
			d.lines, d.before = append(d.lines, fmt.Sprint(name, " before ", a.Number)), append(d.before, a)
			return nil
		},
		AfterAttempt: func(_ context.Context, a computeunit.AttemptInfo, err error) error {
			d.lines, d.after, d.errs = append(d.lines, fmt.Sprint(name, " after ", a.Number)), append(d.after, a), append(d.errs, err)
			return nil
		},
	}
}

var errHook = errors.New("the hook says no")

// refusingBefore refuses from the n-th attempt on.
func refusingBefore(n int) computeunit.Hooks {
	return computeunit.Hooks{BeforeAttempt: func(_ context.Context, a computeunit.AttemptInfo) error {
		if a.Number >= n {
			return errHook
		}
		return nil
	}}
}

func afterwards(do func(error) error) computeunit.Hooks {
	return computeunit.Hooks{AfterAttempt: func(_ context.Context, _ computeunit.AttemptInfo, err error) error { return do(err) }}
}

var refusingAfter = afterwards(func(error) error { return errHook })

// buyWith buys with hooks: the first is the client's, the others are the context's.
func buyWith(t *testing.T, transport http.RoundTripper, hooks ...computeunit.Hooks) error {
	t.Helper()
	ctx := t.Context()
	for _, h := range hooks[1:] {
		ctx = computeunit.ContextWithHooks(ctx, h)
	}
	_, err := newClient(t, transport, computeunit.WithHooks(hooks[0])).PurchaseComputeUnit(ctx, documentedRequest())
	return err
}

// throttled answers two attempts with a 429, each after two seconds, so that there are three.
func throttled(last roundTripFunc) *recorder {
	wait := func(req *http.Request) (*http.Response, error) {
		time.Sleep(2 * time.Second) // of the bubble's time
		return answerWith(429, ``, "Retry-After", "7")(req)
	}
	return record(wait, wait, last)
}

func TestHooksSeeEveryAttemptFromBothSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen diary
		transport := throttled(failWith(io.EOF))
		require.Error(t, buyWith(t, transport, seen.hooks("a")))
		assert.Equal(t, []string{"a before 1", "a after 1", "a before 2", "a after 2", "a before 3", "a after 3"}, seen.lines)
		for i, sent := range transport.requests() {
			signed, err := time.Parse(time.RFC3339, sent.Header.Get("X-Bce-Date"))
			require.NoError(t, err)
			assert.Contains(t, sent.Header.Get("Authorization"), "/"+sent.Header.Get("X-Bce-Date")+"/300/")
			want := computeunit.AttemptInfo{
				Action: purchaseAction, ServiceID: testService, Number: i + 1, RequestID: sent.Header.Get("X-Bce-Request-Id"),
				SignatureExpires: signed.Add(300 * time.Second),
			}
			seen.before[i].SignatureExpires = seen.before[i].SignatureExpires.UTC()
			assert.Equal(t, want, seen.before[i], "StatusCode and Duration are zero before")
			want.StatusCode = []int{429, 429, 0}[i]
			want.Duration, want.RetryAfter = []time.Duration{2, 2, 0}[i]*time.Second, []time.Duration{7, 7, 0}[i]*time.Second
			seen.after[i].SignatureExpires = seen.after[i].SignatureExpires.UTC()
			assert.Equal(t, want, seen.after[i])
		}
	})
}

// Those of the client run first, each in the order of its adding; two contexts of one parent share nothing.
func TestHooksComposeInOrder(t *testing.T) {
	var seen diary
	client := newClient(t, answerBought(), computeunit.WithHooks(seen.hooks("1")),
		computeunit.WithHooks(computeunit.Hooks{}), computeunit.WithHooks(seen.hooks("2")))
	parent := t.Context()
	for _, name := range []string{"a", "b", "c"} { // a slice of three has room for a fourth
		parent = computeunit.ContextWithHooks(computeunit.ContextWithHooks(parent, seen.hooks(name)), computeunit.Hooks{})
	}
	one, other := computeunit.ContextWithHooks(parent, seen.hooks("one")), computeunit.ContextWithHooks(parent, seen.hooks("other"))
	for last, ctx := range map[string]context.Context{"one": one, "other": other} {
		seen = diary{}
		_, err := client.PurchaseComputeUnit(ctx, documentedRequest())
		require.NoError(t, err)
		var want []string
		for _, when := range []string{" before 1", " after 1"} {
			for _, name := range []string{"1", "2", "a", "b", "c", last} {
				want = append(want, name+when)
			}
		}
		assert.Equal(t, want, seen.lines)
	}
}

func TestTheHooksOfAClientRunForEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen diary
		client := newClient(t, record(answerWith(503, ``), answerWith(200, listing(running)), answerWith(200, listing(running)),
			answerWith(200, `{"result":true}`), answerWith(403, deniedBody), answerBought()), computeunit.WithHooks(seen.hooks("a")))
		_, err := describe(t, client)
		require.NoError(t, err)
		_, err = client.WaitUntilRunning(t.Context(), testService, "i-1")
		require.NoError(t, err)
		require.NoError(t, release(t.Context(), client))
		called := client.Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
		require.NoError(t, buy(t, client))
		var got []string
		for _, a := range seen.after {
			got = append(got, fmt.Sprint(a.Action, " ", a.ServiceID, " ", a.Number, " ", a.StatusCode))
		}
		assert.Equal(t, []string{
			"DescribeComputeUnits " + testService + " 1 503", "DescribeComputeUnits " + testService + " 2 200",
			"DescribeComputeUnits " + testService + " 1 200",
			"ReleaseComputeUnit " + testService + " 1 200", "ModifyService  1 403", "PurchaseComputeUnit " + testService + " 1 200",
		}, got)
		assertPlain(t, seen.errs[0], true)
		assert.Equal(t, []error{nil, nil, nil, called, nil}, seen.errs[1:])
	})
}

func TestAnErrorOfBeforeAttemptSendsNothingMore(t *testing.T) {
	for refuses := range 3 {
		synctest.Test(t, func(t *testing.T) {
			transport := throttled(answerBought())
			err := buyWith(t, transport, refusingBefore(refuses+1))
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.NotErrorIs(t, err, computeunit.ErrRetryable)
			assert.ErrorIs(t, err, errHook)
			assert.Len(t, transport.requests(), refuses)
			assert.Equal(t, refuses, attemptsOf(t, err))
		})
	}
}

// A hook that let an attempt through learns how it ended, also if another one refused it then.
func TestTheFirstErrorOfBeforeAttemptEndsTheCallAndTheOthersAreNotAsked(t *testing.T) {
	var seen diary
	err := buyWith(t, answerBought(), seen.hooks("a"), seen.hooks("b"), refusingBefore(1), seen.hooks("c"))
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.Equal(t, []string{"a before 1", "b before 1", "a after 1", "b after 1"}, seen.lines)
	assert.Equal(t, []error{err, err}, seen.errs)
	assert.Zero(t, seen.after[0].StatusCode)
}

func TestAnErrorOfAfterAttemptEndsTheAttemptsAndLeavesTheOutcome(t *testing.T) {
	for name, row := range map[string]struct {
		answer roundTripFunc
		want   error
	}{
		"bought":        {answerBought(), nil},
		"not purchased": {answerWith(429, ``, "Retry-After", "1"), computeunit.ErrNotPurchased},
		"clock off": {answerWith(400, `{"requestId":"r","code":"RequestExpired"}`, "Date", "Sat, 01 Jan 2000 01:00:00 GMT"),
			computeunit.ErrNotPurchased},
		"unknown": {failWith(io.EOF), computeunit.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			var seen diary
			transport := record(row.answer)
			err := buyWith(t, transport, refusingAfter, seen.hooks("b"))
			assertOutcome(t, row.want, err)
			assert.Equal(t, row.want != nil, errors.Is(err, errHook))
			transport.only(t)
			assert.Equal(t, []string{"b before 1", "b after 1"}, seen.lines, "every hook learns how its attempt ended")
		})
	}
}

func TestAfterAttemptGetsWhatTheCallWouldReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, last := range []roundTripFunc{answerWith(403, deniedBody), failWith(io.EOF), answerBought()} {
			var seen diary
			err := buyWith(t, throttled(last), seen.hooks("a"))
			require.Len(t, seen.errs, 3)
			assertOutcome(t, computeunit.ErrNotPurchased, seen.errs[0])
			assert.ErrorIs(t, seen.errs[0], computeunit.ErrThrottled)
			assert.Equal(t, 1, attemptsOf(t, seen.errs[0]))
			assert.Equal(t, err, seen.errs[2])
		}
	})
}

// The error of a hook can be that of another purchase, as when it keeps a journal with calls of its own, or the one that it got.
func TestAHooksErrorDoesNotChangeTheOutcomeNorHideTheCause(t *testing.T) {
	claim := fmt.Errorf("journal: %w", &computeunit.OutcomeError{Outcome: computeunit.ErrOutcomeUnknown, Err: errLost})
	claims := computeunit.Hooks{BeforeAttempt: func(context.Context, computeunit.AttemptInfo) error { return claim }}
	assertOutcome(t, computeunit.ErrNotPurchased, buyWith(t, answerBought(), claims))
	for _, returns := range []func(error) error{func(error) error { return claim }, func(err error) error { return err }} {
		err := buyWith(t, answerWith(403, deniedBody), afterwards(returns))
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.Equal(t, "AccessDenied", apiError(t, err).Code)
	}
}

// Hooks run before the attempt is logged and before any wait: a journal is written first.
func TestAfterAttemptRunsBeforeTheLogAndTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		started, early := time.Now(), true
		first := afterwards(func(error) error {
			assert.Equal(t, early, book.text.Len() == 0)
			assert.Equal(t, early, time.Since(started) == 2*time.Second)
			early = false
			return nil
		})
		require.NoError(t, buy(t, newClient(t, throttled(answerBought()), book.option(), computeunit.WithHooks(first))))
		assert.Len(t, book.records(t, slog.LevelDebug), 3)
		assert.Equal(t, 18*time.Second, time.Since(started))
	})
}

// A journal that takes its time must not send what its caller no longer waits for, nor change a signature that is made.
func TestBeforeAttemptHasTheAttemptsTimeAndNoMore(t *testing.T) {
	for name, limit := range map[string]time.Duration{"it sends": 20 * time.Second, "it does not": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signed := time.Now().UTC().Format(time.RFC3339)
				slow := computeunit.Hooks{BeforeAttempt: func(ctx context.Context, _ computeunit.AttemptInfo) error {
					select {
					case <-ctx.Done():
					case <-time.After(10 * time.Second):
					}
					return nil
				}}
				transport := record(answerBought())
				err := buy(t, newClient(t, transport, computeunit.WithTimeout(limit), computeunit.WithHooks(slow)))
				if name == "it sends" {
					require.NoError(t, err)
					assert.Equal(t, signed, transport.only(t).Header.Get("X-Bce-Date"))
					return
				}
				assertOutcome(t, computeunit.ErrNotPurchased, err)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.ErrorIs(t, err, computeunit.ErrRetryable)
				assert.Empty(t, transport.requests())
			})
		})
	}
}

func TestNoHookRunsForWhatIsNotSigned(t *testing.T) {
	failing := providerFunc(func(context.Context) (computeunit.Credentials, error) { return computeunit.Credentials{}, errLost })
	done, cancel := context.WithCancel(t.Context())
	cancel()
	var seen diary
	hooks := computeunit.WithHooks(seen.hooks("a"))
	_, invalid := newClient(t, answerBought(), hooks).PurchaseComputeUnit(t.Context(), computeunit.PurchaseComputeUnitRequest{})
	_, late := newClient(t, answerBought(), hooks).PurchaseComputeUnit(done, documentedRequest())
	for _, err := range []error{invalid, late, buy(t, newClientWith(t, failing, answerBought(), hooks))} {
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.Zero(t, attemptsOf(t, err))
	}
	assert.Empty(t, seen.lines)
}

func TestAnErrorOfAHookEndsAListingAReleaseAndAWait(t *testing.T) {
	for name, hooks := range map[string]computeunit.Hooks{"before": refusingBefore(1), "after": refusingAfter} {
		for _, answer := range []roundTripFunc{answerWith(503, ``), answerWith(429, ``, "Retry-After", "1")} {
			t.Run(name, func(t *testing.T) {
				eachRepeatable(t, func(t *testing.T, a action) {
					transport := record(answer)
					client := newClient(t, transport, computeunit.WithHooks(hooks))
					err := a.do(t.Context(), client)
					_, waiting := client.WaitUntilRunning(within(t, time.Hour), testService, "i-1")
					for _, err := range []error{err, waiting} {
						assertPlain(t, err, false)
						assert.ErrorIs(t, err, errHook)
						assert.NotErrorIs(t, err, context.DeadlineExceeded)
					}
					assert.Len(t, transport.requests(), map[string]int{"before": 0, "after": 2}[name])
				})
			})
		}
	}
}

// A tracer keeps its span in the context.
func TestHooksAndTransportSeeTheContextsValues(t *testing.T) {
	type key struct{}
	var seen []any
	hooks := computeunit.Hooks{
		BeforeAttempt: func(ctx context.Context, _ computeunit.AttemptInfo) error {
			seen = append(seen, ctx.Value(key{}))
			return nil
		},
		AfterAttempt: func(ctx context.Context, _ computeunit.AttemptInfo, _ error) error {
			seen = append(seen, ctx.Value(key{}))
			return nil
		},
	}
	client := newClient(t, roundTripFunc(func(req *http.Request) (*http.Response, error) {
		seen = append(seen, req.Context().Value(key{}))
		return answerBought()(req)
	}), computeunit.WithHooks(hooks))
	_, err := client.PurchaseComputeUnit(context.WithValue(t.Context(), key{}, "span"), documentedRequest())
	require.NoError(t, err)
	assert.Equal(t, []any{"span", "span", "span"}, seen)
}

func TestTheSignatureThatHooksSeeIsByTheCorrectedClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen diary
		expired := func(req *http.Request) (*http.Response, error) {
			return answerWith(400, `{"requestId":"r","code":"RequestExpired"}`,
				"Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))(req)
		}
		require.NoError(t, buyWith(t, record(expired, answerBought()), seen.hooks("a")))
		assert.Equal(t, time.Hour, seen.before[1].SignatureExpires.Sub(seen.before[0].SignatureExpires))
	})
}
