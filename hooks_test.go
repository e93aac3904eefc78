package computeunit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// diary keeps what hooks saw, in order.
type diary struct {
	text          string
	before, after []computeunit.AttemptInfo
	errs          []error
}

func (d *diary) hooks(name string) computeunit.Hooks {
	return computeunit.Hooks{
		BeforeAttempt: func(_ context.Context, a computeunit.AttemptInfo) error {
			d.text += fmt.Sprint(name, " before ", a.Number, "; ")
			d.before = append(d.before, a)
			return nil
		},
		AfterAttempt: func(_ context.Context, a computeunit.AttemptInfo, err error) error {
			d.text += fmt.Sprint(name, " after ", a.Number, "; ")
			d.after, d.errs = append(d.after, a), append(d.errs, err)
			return nil
		},
	}
}

var errHook = errors.New("the hook says no")

func beforehand(do func(context.Context, computeunit.AttemptInfo) error) computeunit.Hooks {
	return computeunit.Hooks{BeforeAttempt: do}
}

// refusingBefore refuses from the n-th attempt on.
func refusingBefore(n int) computeunit.Hooks {
	return beforehand(func(_ context.Context, a computeunit.AttemptInfo) error {
		if a.Number >= n {
			return errHook
		}
		return nil
	})
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
	return buyIn(ctx, newClient(t, transport, computeunit.WithHooks(hooks[0])))
}

// throttled answers two attempts with a 429, each after two seconds, so that there are three.
func throttled(last roundTripFunc) *recorder {
	wait := func(req *http.Request) (*http.Response, error) {
		time.Sleep(2 * time.Second) // of the bubble's time
		return answerWith(429, ``, "Retry-After", "7")(req)
	}
	return record(wait, wait, last)
}

// Package once writes down when the signature expires before the attempt is sent: a hook that takes its time does not make that
// wrong.
func TestHooksSeeEveryAttemptFromBothSidesAndTheErrorThatTheCallWouldReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen diary
		slow := beforehand(func(context.Context, computeunit.AttemptInfo) error { time.Sleep(10 * time.Second); return nil })
		transport := throttled(failWith(io.EOF))
		err := buyWith(t, transport, seen.hooks("a"), slow)
		assert.Equal(t, "a before 1; a after 1; a before 2; a after 2; a before 3; a after 3; ", seen.text)
		for i, sent := range transport.requests() {
			signed, err := time.Parse(time.RFC3339, sent.Header.Get("X-Bce-Date"))
			require.NoError(t, err)
			want := computeunit.AttemptInfo{
				Action: purchaseAction, ServiceID: testService, Number: i + 1, RequestID: sent.Header.Get("X-Bce-Request-Id"),
				SignatureExpires: signed.Add(5 * time.Minute),
			}
			assert.Equal(t, want, seen.before[i], "StatusCode and Duration are zero before")
			if want.Duration = 10 * time.Second; i < 2 {
				want.StatusCode, want.Duration, want.RetryAfter = 429, 12*time.Second, 7*time.Second
			}
			assert.Equal(t, want, seen.after[i])
		}
		assertOutcome(t, notPurchased, seen.errs[0])
		assert.ErrorIs(t, seen.errs[0], computeunit.ErrThrottled)
		assert.Equal(t, 1, outcomeError(t, seen.errs[0]).Attempts)
		assert.Equal(t, err, seen.errs[2])
	})
}

// Those of the client run first, each in the order of its adding; two contexts of one parent share nothing.
func TestHooksComposeInOrder(t *testing.T) {
	var seen diary
	client := newClient(t, answerBought(), computeunit.WithHooks(seen.hooks("1")),
		computeunit.WithHooks(computeunit.Hooks{}), computeunit.WithHooks(seen.hooks("2")))
	ctx := t.Context()
	for _, name := range []string{"a", "b", "c"} { // a slice of three has room for a fourth
		ctx = computeunit.ContextWithHooks(computeunit.ContextWithHooks(ctx, seen.hooks(name)), computeunit.Hooks{})
	}
	one := computeunit.ContextWithHooks(ctx, seen.hooks("one"))
	computeunit.ContextWithHooks(ctx, seen.hooks("other"))
	require.NoError(t, buyIn(one, client))
	assert.Equal(t, "1 before 1; 2 before 1; a before 1; b before 1; c before 1; one before 1; "+
		"1 after 1; 2 after 1; a after 1; b after 1; c after 1; one after 1; ", seen.text)
}

func TestTheHooksOfAClientRunForEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen diary
		client := newClient(t, record(answerWith(503, ``), letters['r'], letters['r'], repeatable[releaseAction].done, answerBought(),
			answerWith(403, deniedBody)), computeunit.WithHooks(seen.hooks("a")))
		for _, do := range []func(context.Context, *computeunit.Client) error{list, waitUntilRunning, release, buyIn} {
			require.NoError(t, do(t.Context(), client))
		}
		called := call(t, client, nil, nil)
		got := "\n"
		for _, a := range seen.after {
			got += fmt.Sprintf("%s of %q, attempt %d: %d\n", a.Action, a.ServiceID, a.Number, a.StatusCode)
		}
		assert.Equal(t, `
DescribeComputeUnits of "svco-48esssdpa594", attempt 1: 503
DescribeComputeUnits of "svco-48esssdpa594", attempt 2: 200
DescribeComputeUnits of "svco-48esssdpa594", attempt 1: 200
ReleaseComputeUnit of "svco-48esssdpa594", attempt 1: 200
PurchaseComputeUnit of "svco-48esssdpa594", attempt 1: 200
ModifyService of "", attempt 1: 403
`, got)
		assertPlain(t, seen.errs[0], true)
		assert.Equal(t, []error{nil, nil, nil, nil, called}, seen.errs[1:])
	})
}

// A hook that let an attempt through learns how it ended, also if another one refused it then.
func TestTheFirstErrorOfBeforeAttemptEndsTheCallAndSendsNothingMore(t *testing.T) {
	for refuses := range 3 {
		synctest.Test(t, func(t *testing.T) {
			var seen, unasked diary
			transport := throttled(answerBought())
			err := buyWith(t, transport, seen.hooks("a"), refusingBefore(refuses+1), unasked.hooks("b"))
			assertOutcome(t, notPurchased, err)
			assertRetryable(t, false, err)
			assert.ErrorIs(t, err, errHook)
			assert.Equal(t, []int{refuses, refuses}, []int{len(transport.requests()), outcomeError(t, err).Attempts})
			assert.Len(t, unasked.after, refuses)
			assert.Len(t, unasked.before, refuses)
			assert.Equal(t, err, seen.errs[refuses])
			assert.Zero(t, seen.after[refuses].StatusCode)
		})
	}
}

func TestAnErrorOfAfterAttemptEndsTheAttemptsAndLeavesTheOutcome(t *testing.T) {
	for name, row := range map[string]struct {
		answer roundTripFunc
		want   error
	}{
		"bought":        {answerBought(), nil},
		"not purchased": {answerWith(429, ``, "Retry-After", "1"), notPurchased},
		"clock off":     {answerWith(400, `{"requestId":"r","code":"RequestExpired"}`, "Date", "Sat, 01 Jan 2000 01:00:00 GMT"), notPurchased},
		"unknown":       {failWith(io.EOF), unknown},
	} {
		t.Run(name, func(t *testing.T) {
			var seen diary
			transport := record(row.answer)
			err := buyWith(t, transport, refusingAfter, seen.hooks("b"))
			assertOutcome(t, row.want, err)
			assert.Equal(t, row.want != nil, errors.Is(err, errHook))
			transport.only(t)
			assert.Equal(t, "b before 1; b after 1; ", seen.text, "every hook learns how its attempt ended")
		})
	}
}

// The error of a hook can be that of another purchase, as when it keeps a journal with calls of its own, or the one that it got.
func TestAHooksErrorDoesNotChangeTheOutcomeNorHideTheCause(t *testing.T) {
	claim := fmt.Errorf("journal: %w", &computeunit.OutcomeError{Outcome: unknown, Err: errLost})
	claims := func(context.Context, computeunit.AttemptInfo) error { return claim }
	assertOutcome(t, notPurchased, buyWith(t, answerBought(), beforehand(claims)))
	for _, returns := range []func(error) error{func(error) error { return claim }, func(err error) error { return err }} {
		err := buyWith(t, answerWith(403, deniedBody), afterwards(returns))
		assertOutcome(t, notPurchased, err)
		assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
		assert.Equal(t, "AccessDenied", apiError(t, err).Code)
	}
}

// Hooks run before the attempt is logged and before any wait: a journal is written first.
func TestAfterAttemptRunsBeforeTheLogAndTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		started, n := time.Now(), 0
		first := afterwards(func(error) error {
			assert.Equal(t, n, strings.Count(book.levels(), "DEBUG"))
			assert.Equal(t, []time.Duration{2, 11, 18}[n]*time.Second, time.Since(started))
			n++
			return nil
		})
		require.NoError(t, buy(t, newClient(t, throttled(answerBought()), book.option(), computeunit.WithHooks(first))))
		assert.Equal(t, 3, n)
	})
}

// A vault that hangs, and looks at no context, must not hang a service. A journal that takes its time must not send what its caller
// no longer waits for.
func TestAProviderOrAHookThatOutlastsTheAttemptSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := providerFunc(func(context.Context) (computeunit.Credentials, error) {
			time.Sleep(time.Hour)
			return testCredentials(), nil
		})
		journal := beforehand(func(ctx context.Context, _ computeunit.AttemptInfo) error { <-ctx.Done(); return nil })
		transport, limit := record(answerBought()), computeunit.WithTimeout(5*time.Second)
		for _, client := range []*computeunit.Client{
			newClientWith(t, vault, transport, limit), newClient(t, transport, limit, computeunit.WithHooks(journal)),
		} {
			started := time.Now()
			err := buy(t, client)
			assertUnsent(t, true, err)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 5*time.Second, time.Since(started))
		}
		time.Sleep(2 * time.Hour)
		assert.Empty(t, transport.requests(), "nor is anything sent when the vault comes back")
	})
}

func TestNoHookRunsForWhatIsNotSigned(t *testing.T) {
	var seen diary
	hooks := computeunit.WithHooks(seen.hooks("a"))
	_, invalid := newClient(t, answerBought(), hooks).PurchaseComputeUnit(t.Context(), withReplicas(0))
	assertUnsent(t, false, invalid)
	assertUnsent(t, true, buyIn(endedContext(t), newClient(t, answerBought(), hooks)))
	assertUnsent(t, true, buy(t, newClientWith(t, broken, answerBought(), hooks)))
	assert.Empty(t, seen.text)
}

func TestAnErrorOfAHookEndsAListingAReleaseAndAWait(t *testing.T) {
	for sent, hooks := range map[int]computeunit.Hooks{0: refusingBefore(1), 1: refusingAfter} {
		for _, answer := range []roundTripFunc{answerWith(503, ``), answerWith(429, ``, "Retry-After", "1")} {
			for _, do := range []func(context.Context, *computeunit.Client) error{list, release, waitUntilRunning} {
				transport := record(answer)
				err := do(within(t, 10*time.Second), newClient(t, transport, computeunit.WithHooks(hooks)))
				assertPlain(t, err, false)
				assert.ErrorIs(t, err, errHook)
				assert.Len(t, transport.requests(), sent)
			}
		}
	}
}

// A tracer keeps its span in the context.
func TestProviderHooksAndTransportSeeTheContextsValues(t *testing.T) {
	type key struct{}
	var seen []any
	see := func(ctx context.Context) error {
		seen = append(seen, ctx.Value(key{}))
		return nil
	}
	hooks := computeunit.Hooks{
		BeforeAttempt: func(ctx context.Context, _ computeunit.AttemptInfo) error { return see(ctx) },
		AfterAttempt:  func(ctx context.Context, _ computeunit.AttemptInfo, _ error) error { return see(ctx) },
	}
	keys := providerFunc(func(ctx context.Context) (computeunit.Credentials, error) { return testCredentials(), see(ctx) })
	client := newClientWith(t, keys, roundTripFunc(func(req *http.Request) (*http.Response, error) {
		_ = see(req.Context())
		return answerBought()(req)
	}), computeunit.WithHooks(hooks))
	require.NoError(t, buyIn(context.WithValue(t.Context(), key{}, "span"), client))
	assert.Equal(t, []any{"span", "span", "span", "span"}, seen)
}
