package computeunit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	lines    []string
	attempts []computeunit.AttemptInfo // of BeforeAttempt
	errs     []error                   // of AfterAttempt
}

func (d *diary) trace(name string) computeunit.Hooks {
	return computeunit.Hooks{
		BeforeAttempt: func(_ context.Context, a computeunit.AttemptInfo) error {
			d.lines = append(d.lines, fmt.Sprint(name, " before ", a.Number))
			d.attempts = append(d.attempts, a)
			return nil
		},
		AfterAttempt: func(_ context.Context, a computeunit.AttemptInfo, err error) error {
			d.lines = append(d.lines, fmt.Sprint(name, " after ", a.Number))
			d.errs = append(d.errs, err)
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

func refusingAfter() computeunit.Hooks {
	return computeunit.Hooks{AfterAttempt: func(context.Context, computeunit.AttemptInfo, error) error { return errHook }}
}

// throttled answers two attempts with a 429, so that there are three.
func throttled(last roundTripFunc) *recorder {
	wait := answerWith(429, ``, "Retry-After", "7")
	return record(wait, wait, last)
}

func TestATraceSeesEveryAttemptFromBothSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen diary
		transport := throttled(answerBought())
		_, err := newClient(t, transport).PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), seen.trace("a")), documentedRequest())
		require.NoError(t, err)
		assert.Equal(t, []string{"a before 1", "a after 1", "a before 2", "a after 2", "a before 3", "a after 3"}, seen.lines)
		for i, sent := range transport.requests() {
			date, err := time.Parse(time.RFC3339, sent.Header.Get("X-Bce-Date"))
			require.NoError(t, err)
			assert.Equal(t, computeunit.AttemptInfo{
				Action: purchaseAction, ServiceID: testService, Number: i + 1, RequestID: sent.Header.Get("X-Bce-Request-Id"),
				SignatureExpires: date.Add(300 * time.Second),
			}, utc(seen.attempts[i]), "the attempt that was sent, with the signature that was sent")
			assert.Contains(t, sent.Header.Get("Authorization"), "/"+sent.Header.Get("X-Bce-Date")+"/300/")
		}
	})
}

func utc(a computeunit.AttemptInfo) computeunit.AttemptInfo {
	a.SignatureExpires = a.SignatureExpires.UTC()
	return a
}

// What a hook does while an attempt waits for it, it does with a signature that is already made.
func TestAHookThatTakesTimeDoesNotChangeTheSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signed := time.Now().Truncate(time.Second)
		var info computeunit.AttemptInfo
		slow := computeunit.Hooks{BeforeAttempt: func(_ context.Context, a computeunit.AttemptInfo) error {
			info = a
			time.Sleep(20 * time.Second)
			return nil
		}}
		transport := record(answerBought())
		_, err := newClient(t, transport).PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), slow), documentedRequest())
		require.NoError(t, err)
		assert.Equal(t, signed.UTC().Format(time.RFC3339), transport.only(t).Header.Get("X-Bce-Date"))
		assert.True(t, info.SignatureExpires.Equal(signed.Add(300*time.Second)), info.SignatureExpires)
	})
}

func TestTheSignatureThatATraceSeesIsByTheCorrectedClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen diary
		transport := record(clockedService(time.Hour))
		_, err := newClient(t, transport).PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), seen.trace("a")), documentedRequest())
		require.NoError(t, err)
		require.Len(t, seen.attempts, 2)
		assert.True(t, seen.attempts[0].SignatureExpires.Equal(time.Now().Add(300*time.Second)))
		assert.True(t, seen.attempts[1].SignatureExpires.Equal(time.Now().Add(time.Hour+300*time.Second)))
	})
}

func TestTracesComposeInTheOrderOfTheirAdding(t *testing.T) {
	var seen diary
	ctx := computeunit.ContextWithHooks(computeunit.ContextWithHooks(t.Context(), seen.trace("a")), computeunit.Hooks{})
	ctx = computeunit.ContextWithHooks(computeunit.ContextWithHooks(ctx, computeunit.Hooks{}), seen.trace("b"))
	_, err := newClient(t, answerBought()).PurchaseComputeUnit(ctx, documentedRequest())
	require.NoError(t, err)
	assert.Equal(t, []string{"a before 1", "b before 1", "a after 1", "b after 1"}, seen.lines)
}

func TestTwoContextsOfOneParentShareNoTraces(t *testing.T) {
	var seen diary
	parent := computeunit.ContextWithHooks(computeunit.ContextWithHooks(computeunit.ContextWithHooks(t.Context(), seen.trace("a")), seen.trace("b")), seen.trace("c"))
	one, _ := computeunit.ContextWithHooks(parent, seen.trace("1")), computeunit.ContextWithHooks(parent, seen.trace("2"))
	_, err := newClient(t, answerBought()).PurchaseComputeUnit(one, documentedRequest())
	require.NoError(t, err)
	assert.Equal(t, []string{"a before 1", "b before 1", "c before 1", "1 before 1", "a after 1", "b after 1", "c after 1", "1 after 1"}, seen.lines)
}

func TestATraceIsCopied(t *testing.T) {
	var seen diary
	trace := seen.trace("a")
	ctx := computeunit.ContextWithHooks(t.Context(), trace)
	trace.BeforeAttempt, trace.AfterAttempt = refusingBefore(1).BeforeAttempt, nil
	_, err := newClient(t, answerBought()).PurchaseComputeUnit(ctx, documentedRequest())
	require.NoError(t, err)
	assert.Len(t, seen.lines, 2)
}

func TestAnErrorOfBeforeAttemptSendsNothingMore(t *testing.T) {
	for name, row := range map[string]struct {
		refuses, sent int
	}{"at the first attempt": {1, 0}, "at the second": {2, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := throttled(answerBought())
				_, err := newClient(t, transport).PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), refusingBefore(row.refuses)), documentedRequest())
				assertOutcome(t, computeunit.ErrNotPurchased, err)
				assert.ErrorIs(t, err, errHook)
				assert.Len(t, transport.requests(), row.sent)
				assert.Equal(t, row.refuses, attemptsOf(t, err))
			})
		})
	}
}

// A hook that let an attempt through learns how it ended, also if another one refused it then.
func TestTheFirstErrorOfBeforeAttemptEndsTheCallAndTheOthersAreNotAsked(t *testing.T) {
	var seen diary
	ctx := computeunit.ContextWithHooks(t.Context(), seen.trace("a"))
	ctx = computeunit.ContextWithHooks(computeunit.ContextWithHooks(ctx, refusingBefore(1)), seen.trace("b"))
	transport := record(answerBought())
	_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.Equal(t, []string{"a before 1", "a after 1"}, seen.lines)
	require.Len(t, seen.errs, 1)
	assertOutcome(t, computeunit.ErrNotPurchased, seen.errs[0])
	assert.ErrorIs(t, seen.errs[0], errHook)
	assert.Empty(t, transport.requests())
}

// The error of a hook can be that of another purchase, as when it keeps a journal with calls of its own.
func TestAHooksErrorThatClaimsAnOutcomeDoesNotChangeThisOne(t *testing.T) {
	claims := computeunit.Hooks{BeforeAttempt: func(context.Context, computeunit.AttemptInfo) error {
		return fmt.Errorf("journal: %w", computeunit.ErrOutcomeUnknown)
	}}
	_, err := newClient(t, answerBought()).PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), claims), documentedRequest())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
}

func TestAnErrorOfAfterAttemptEndsTheAttemptsAndLeavesTheOutcome(t *testing.T) {
	for name, row := range map[string]struct {
		answer roundTripFunc
		want   error
	}{
		"not purchased": {answerWith(429, ``, "Retry-After", "1"), computeunit.ErrNotPurchased},
		"clock off":     {answerWith(400, `{"code":"RequestExpired"}`, "Date", "Sat, 01 Jan 2000 01:00:00 GMT"), computeunit.ErrNotPurchased},
		"unknown":       {failWith(io.EOF), computeunit.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			transport := record(row.answer)
			_, err := newClient(t, transport).PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), refusingAfter()), documentedRequest())
			assertOutcome(t, row.want, err)
			assert.ErrorIs(t, err, errHook)
			transport.only(t)
		})
	}
}

func TestAnErrorOfAfterAttemptDoesNotTakeABoughtInstanceAway(t *testing.T) {
	bought, err := newClient(t, answerBought()).PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), refusingAfter()), documentedRequest())
	require.NoError(t, err)
	assert.NotEmpty(t, bought.Result.InstanceID)
}

// Every hook learns how its attempt ended, whatever the one before it returned.
func TestAnErrorOfAfterAttemptKeepsNoOtherFromItsEnd(t *testing.T) {
	var seen diary
	ctx := computeunit.ContextWithHooks(computeunit.ContextWithHooks(t.Context(), refusingAfter()), seen.trace("b"))
	_, err := newClient(t, failWith(io.EOF)).PurchaseComputeUnit(ctx, documentedRequest())
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
	assert.Equal(t, []string{"b before 1", "b after 1"}, seen.lines)
}

func TestAfterAttemptGetsWhatTheCallWouldReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen diary
		wait := answerWith(429, ``, "Retry-After", "1")
		_, err := newClient(t, record(wait, answerWith(403, deniedBody))).
			PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), seen.trace("a")), documentedRequest())
		require.Len(t, seen.errs, 2)
		assertOutcome(t, computeunit.ErrNotPurchased, seen.errs[0])
		assert.ErrorIs(t, seen.errs[0], computeunit.ErrThrottled)
		assert.Equal(t, 1, attemptsOf(t, seen.errs[0]))
		assert.Equal(t, err, seen.errs[1])
		seen = diary{}
		_, err = newClient(t, answerBought()).PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), seen.trace("a")), documentedRequest())
		assert.NoError(t, err)
		assert.Equal(t, []error{nil}, seen.errs)
	})
}

// Hooks run before the attempt is logged and before any wait: a journal is written first.
func TestAfterAttemptRunsBeforeTheLogAndTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		started := time.Now()
		first := true
		early := computeunit.Hooks{AfterAttempt: func(context.Context, computeunit.AttemptInfo, error) error {
			if first {
				assert.Empty(t, book.text.String())
				assert.Zero(t, time.Since(started))
			}
			first = false
			return nil
		}}
		_, err := newClient(t, throttled(answerBought()), book.option()).PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), early), documentedRequest())
		require.NoError(t, err)
		assert.Len(t, book.records(t, slog.LevelDebug), 3)
		assert.Equal(t, 14*time.Second, time.Since(started))
	})
}

// A journal that takes its time must not send what its caller no longer waits for.
func TestAContextThatEndsInBeforeAttemptSendsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var seen diary
	ctx = computeunit.ContextWithHooks(ctx, seen.trace("a"))
	ctx = computeunit.ContextWithHooks(ctx, computeunit.Hooks{BeforeAttempt: func(context.Context, computeunit.AttemptInfo) error {
		cancel()
		return nil
	}})
	transport := record(answerBought())
	_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, transport.requests())
	assert.Equal(t, []string{"a before 1", "a after 1"}, seen.lines)
}

func TestTheAttemptsTimeoutEndsInBeforeAttemptToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := record(answerBought())
		waits := computeunit.Hooks{BeforeAttempt: func(ctx context.Context, _ computeunit.AttemptInfo) error {
			<-ctx.Done()
			return nil
		}}
		_, err := newClient(t, transport, computeunit.WithTimeout(time.Second)).PurchaseComputeUnit(computeunit.ContextWithHooks(t.Context(), waits), documentedRequest())
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Empty(t, transport.requests())
	})
}

func TestNoHookRunsForWhatIsNotSigned(t *testing.T) {
	failing := providerFunc(func(context.Context) (computeunit.Credentials, error) { return computeunit.Credentials{}, errLost })
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for name, row := range map[string]struct {
		ctx     context.Context
		client  *computeunit.Client
		request computeunit.PurchaseComputeUnitRequest
	}{
		"an invalid request":     {t.Context(), newClient(t, answerBought()), computeunit.PurchaseComputeUnitRequest{}},
		"no credentials":         {t.Context(), newClientWith(t, failing, answerBought()), documentedRequest()},
		"a context that is done": {done, newClient(t, answerBought()), documentedRequest()},
	} {
		t.Run(name, func(t *testing.T) {
			var seen diary
			_, err := row.client.PurchaseComputeUnit(computeunit.ContextWithHooks(row.ctx, seen.trace("a")), row.request)
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.Empty(t, seen.lines)
		})
	}
}

func TestATraceSeesListingsAndCallsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen diary
		ctx := computeunit.ContextWithHooks(t.Context(), seen.trace("a"))
		client := newClient(t, record(answerWith(503, ``), answerWith(200, listing()), answerWith(200, `{}`), answerWith(403, deniedBody)))
		_, err := client.DescribeComputeUnits(ctx, computeunit.DescribeComputeUnitsRequest{ServiceID: testService})
		require.NoError(t, err)
		require.NoError(t, client.Call(ctx, "/v2/service", "ModifyService", nil, nil))
		err = client.Call(ctx, "/v2/service", "ModifyService", nil, nil)
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.Equal(t, strings.Fields("1 1 2 2 1 1 1 1"), numbers(seen.lines))
		assert.Equal(t, []string{describeAction, describeAction, "ModifyService", "ModifyService"}, actions(seen.attempts))
		assert.Equal(t, testService, seen.attempts[0].ServiceID)
		assert.Empty(t, seen.attempts[2].ServiceID)
		assertNoVerdict(t, seen.errs[0])
		assert.Equal(t, []error{nil, nil, err}, seen.errs[1:])
	})
}

func numbers(lines []string) (last []string) {
	for _, line := range lines {
		fields := strings.Fields(line)
		last = append(last, fields[len(fields)-1])
	}
	return last
}

func actions(attempts []computeunit.AttemptInfo) (actions []string) {
	for _, a := range attempts {
		actions = append(actions, a.Action)
	}
	return actions
}

func TestAnErrorOfAHookEndsAListingAndAWait(t *testing.T) {
	for name, trace := range map[string]computeunit.Hooks{"before": refusingBefore(1), "after": refusingAfter()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, answer := range []roundTripFunc{answerWith(503, ``), answerWith(429, ``, "Retry-After", "1")} {
					transport := record(answer)
					client := newClient(t, transport)
					_, err := client.WaitUntilRunning(computeunit.ContextWithHooks(within(t, time.Hour), trace), testService, "i-1")
					assertNoVerdict(t, err)
					assert.ErrorIs(t, err, errHook)
					assert.NotErrorIs(t, err, context.DeadlineExceeded)
					assert.Len(t, transport.requests(), map[string]int{"before": 0, "after": 1}[name])
				}
			})
		})
	}
}

// A trace is the caller's code: what it does with a context of its own reaches the transport.
func TestTheTransportSeesTheContextsValues(t *testing.T) {
	type key struct{}
	transport := roundTripFunc(func(req *http.Request) (*http.Response, error) {
		assert.Equal(t, "span", req.Context().Value(key{}))
		return answerBought()(req)
	})
	var seen any
	trace := computeunit.Hooks{BeforeAttempt: func(ctx context.Context, _ computeunit.AttemptInfo) error {
		seen = ctx.Value(key{})
		return nil
	}}
	ctx := computeunit.ContextWithHooks(context.WithValue(t.Context(), key{}, "span"), trace)
	_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
	require.NoError(t, err)
	assert.Equal(t, "span", seen)
}

// A hook that returns what it is given must not cost the caller the cause.
func TestATraceThatReturnsTheErrorItGetsKeepsTheCause(t *testing.T) {
	client := newClient(t, answerWith(http.StatusForbidden, deniedBody))
	ctx := computeunit.ContextWithHooks(t.Context(), computeunit.Hooks{
		AfterAttempt: func(_ context.Context, _ computeunit.AttemptInfo, err error) error { return err },
	})
	_, err := client.PurchaseComputeUnit(ctx, documentedRequest())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, computeunit.ErrAccessDenied)
	var answered *computeunit.APIError
	require.ErrorAs(t, err, &answered)
	assert.Equal(t, "AccessDenied", answered.Code)
}
