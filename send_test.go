package computeunit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// An opaque transport that never answers: each time-out must end it, in time that does not pass for real.
func TestTheShortestTimeoutEndsAnAttempt(t *testing.T) {
	for _, test := range []struct {
		name              string
		option, ofClient  time.Duration
		context, expected time.Duration
	}{
		{"the default", 0, 0, 0, 30 * time.Second},
		{"WithTimeout", 5 * time.Second, 0, 0, 5 * time.Second},
		{"the http.Client's", 5 * time.Second, 2 * time.Second, 0, 2 * time.Second},
		{"WithTimeout, if the http.Client's is longer", 5 * time.Second, time.Hour, 0, 5 * time.Second},
		{"the context's", 5 * time.Second, 0, time.Second, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := record(func(req *http.Request) (*http.Response, error) {
					<-req.Context().Done()
					return nil, req.Context().Err()
				})
				options := []computeunit.Option{computeunit.WithHTTPClient(&http.Client{Transport: transport, Timeout: test.ofClient})}
				if test.option > 0 {
					options = append(options, computeunit.WithTimeout(test.option))
				}
				client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), options...)
				require.NoError(t, err)
				ctx := t.Context()
				if test.context > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.context)
					defer cancel()
				}
				started := time.Now()
				_, err = client.PurchaseComputeUnit(ctx, documentedRequest())
				assert.Equal(t, test.expected, time.Since(started))
				assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				transport.only(t)
			})
		})
	}
}

func TestMaxAttemptsLimitsHowOftenIsTried(t *testing.T) {
	for _, test := range []struct {
		name    string
		options []computeunit.Option
		want    int
	}{
		{"the default", nil, 3},
		{"1", []computeunit.Option{computeunit.WithMaxAttempts(1)}, 1},
		{"5", []computeunit.Option{computeunit.WithMaxAttempts(5)}, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := record(answerWith(http.StatusTooManyRequests, "", "Retry-After", "1"))
				err := buy(t, newClient(t, transport, test.options...))
				assertOutcome(t, computeunit.ErrNotPurchased, err)
				assert.Len(t, transport.requests(), test.want)
				var failed *computeunit.OutcomeError
				require.ErrorAs(t, err, &failed)
				assert.Equal(t, test.want, failed.Attempts)
			})
		})
	}
}

func TestEveryRequestIsAPOSTOfJSONFromThisPackage(t *testing.T) {
	transport := record(answerBought())
	require.NoError(t, buy(t, newClient(t, transport)))
	sent := transport.only(t)
	assert.Equal(t, http.MethodPost, sent.Method)
	assert.Equal(t, []string{"application/json"}, sent.Header["Content-Type"])
	require.Len(t, sent.Header["User-Agent"], 1)
	assert.Contains(t, sent.Header.Get("User-Agent"), "qianfan-go")
	assert.Equal(t, compact(t, documentedBody), sent.body)
	assert.Equal(t, int64(len(sent.body)), sent.ContentLength)
	assert.Empty(t, sent.TransferEncoding)
}

func TestNothingThatARequestCouldBeReplayedByIsGivenToATransport(t *testing.T) {
	transport := record(answerBought())
	require.NoError(t, buy(t, newClient(t, transport)))
	sent := transport.only(t)
	assert.Nil(t, sent.GetBody)
	for name := range sent.Header {
		assert.NotContains(t, strings.ToLower(name), "idempotency")
	}
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestEveryAttemptHasARequestIDOfItsOwnThatIsNotSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := record(answerWith(http.StatusTooManyRequests, "", "Retry-After", "1"))
		client := newClient(t, transport, computeunit.WithMaxAttempts(20))
		assertOutcome(t, computeunit.ErrNotPurchased, buy(t, client))
		seen := map[string]bool{}
		for _, sent := range transport.requests() {
			require.Len(t, sent.Header["X-Bce-Request-Id"], 1)
			id := sent.Header.Get("X-Bce-Request-Id")
			assert.Regexp(t, uuid4, id)
			assert.False(t, seen[id], "sent twice: %s", id)
			seen[id] = true
			assert.NotContains(t, signedHeaders(t, sent), "x-bce-request-id")
		}
		assert.Len(t, seen, 20)
	})
}

func TestEveryAttemptIsSignedAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := record(answerWith(http.StatusTooManyRequests, "", "Retry-After", "600"), answerBought())
		started := time.Now().UTC()
		require.NoError(t, buy(t, newClient(t, transport)))
		sent := transport.requests()
		require.Len(t, sent, 2)
		assert.Equal(t, started.Format(time.RFC3339), sent[0].Header.Get("X-Bce-Date"))
		assert.Equal(t, started.Add(10*time.Minute).Format(time.RFC3339), sent[1].Header.Get("X-Bce-Date"))
		for _, req := range sent {
			assert.Contains(t, req.Header.Get("Authorization"), "/"+req.Header.Get("X-Bce-Date")+"/300/")
			assert.Equal(t, compact(t, documentedBody), req.body)
		}
		assert.NotEqual(t, sent[0].Header.Get("Authorization"), sent[1].Header.Get("Authorization"))
	})
}

func TestANilContextIsAnErrorAndNothingIsSent(t *testing.T) {
	transport := record(answerBought())
	var none context.Context
	_, err := newClient(t, transport).PurchaseComputeUnit(none, documentedRequest())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.Empty(t, transport.requests())
}

func TestAContextThatIsDoneSendsNothing(t *testing.T) {
	transport := record(answerBought())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, transport.requests())
}

// Time stands still in these: a wait is seen by how far the clock moved.

func TestRetryAfterIsHonoured(t *testing.T) {
	for _, row := range []struct {
		name, value string
		want        time.Duration
	}{
		{"seconds", "7", 7 * time.Second},
		{"long", "86400", 24 * time.Hour},
		{"zero", "0", 0},
		{"date", "Sat, 01 Jan 2000 00:01:00 GMT", time.Minute}, // the fake clock starts at 2000-01-01
		{"date that has passed", "Fri, 31 Dec 1999 23:00:00 GMT", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := record(answerWith(429, "", "Retry-After", row.value), answerBought())
				started := time.Now()
				assert.NoError(t, buy(t, newClient(t, transport)))
				assert.Equal(t, row.want, time.Since(started))
				assert.Len(t, transport.requests(), 2)
			})
		})
	}
}

// A listing shows it: a purchase without a connection would need a network.
func TestBackoffGrowsWithFullJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []time.Time
		client := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
			sent = append(sent, time.Now())
			return nil, errLost
		}), computeunit.WithMaxAttempts(9))
		waits := make([]map[time.Duration]bool, 8)
		for range 50 {
			sent = nil
			_, err := describe(t, client)
			require.ErrorIs(t, err, errLost)
			require.Len(t, sent, 9)
			for i := range waits {
				if waits[i] == nil {
					waits[i] = map[time.Duration]bool{}
				}
				wait := sent[i+1].Sub(sent[i])
				waits[i][wait] = true
				assert.LessOrEqual(t, wait, min(500*time.Millisecond<<i, 10*time.Second))
			}
		}
		for _, seen := range waits {
			assert.Greater(t, len(seen), 40, "waits are random")
		}
	})
}

func TestAWaitPastTheDeadlineGivesUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		transport := record(answerWith(429, "", "Retry-After", "61"))
		started := time.Now()
		_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorIs(t, err, computeunit.ErrThrottled)
		assert.ErrorContains(t, err, "gave up")
		assert.Zero(t, time.Since(started))
		transport.only(t)
	})
}

func TestCancellingAWaitEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		transport := record(answerWith(429, "", "Retry-After", "60"))
		started := time.Now()
		_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, computeunit.ErrThrottled)
		assert.Equal(t, time.Second, time.Since(started))
		transport.only(t)
	})
}

// clockedService rejects a timestamp that is more than five minutes off its own clock.
func clockedService(offset time.Duration) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		now := time.Now().Add(offset)
		date := now.UTC().Format(http.TimeFormat)
		sent, err := time.Parse(time.RFC3339, req.Header.Get("X-Bce-Date"))
		if err != nil || sent.Sub(now).Abs() > 5*time.Minute {
			return answerWith(400, `{"code":"RequestExpired"}`, "Date", date)(req)
		}
		return answerWith(200, documentedAnswer, "Date", date)(req)
	}
}

func TestRequestExpiredIsSignedAgainByTheServicesClock(t *testing.T) {
	for _, offset := range []time.Duration{-time.Hour, time.Hour, 400 * 24 * time.Hour} {
		t.Run(offset.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := record(clockedService(offset))
				client := newClient(t, transport)
				assert.NoError(t, buy(t, client))
				assert.NoError(t, buy(t, client))
				var dates []string
				for _, sent := range transport.requests() {
					dates = append(dates, sent.Header.Get("X-Bce-Date"))
				}
				right := time.Now().Add(offset).UTC().Format(time.RFC3339)
				assert.Equal(t, []string{time.Now().UTC().Format(time.RFC3339), right, right}, dates,
					"one correction, kept for the second purchase")
			})
		})
	}
}

func TestRequestExpiredIsTriedOnceMoreOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := record(answerWith(400, `{"code":"RequestExpired"}`, "Date", time.Now().UTC().Format(http.TimeFormat)))
		err := buy(t, newClient(t, transport, computeunit.WithMaxAttempts(9)))
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorIs(t, err, computeunit.ErrRequestExpired)
		assert.Len(t, transport.requests(), 2)
	})
}

func TestRequestExpiredWithoutADateIsNotSentAgain(t *testing.T) {
	for name, headers := range map[string][]string{"none": nil, "not a date": {"Date", "now"}} {
		t.Run(name, func(t *testing.T) {
			transport := record(answerWith(400, `{"code":"RequestExpired"}`, headers...))
			assertOutcome(t, computeunit.ErrNotPurchased, buy(t, newClient(t, transport)))
			transport.only(t)
		})
	}
}

// A code alone does not make an attempt worth another one: only the code that says that the clock is off does.
func TestARefusalIsSentOnceHoweverFarItsDateIsAway(t *testing.T) {
	for _, code := range []string{"AccessDenied", "SignatureDoesNotMatch", "IamSignatureInvalid", "requestexpired", ""} {
		t.Run(code, func(t *testing.T) {
			transport := record(answerWith(400, `{"code":"`+code+`"}`, "Date", "Sat, 01 Jan 2000 00:00:00 GMT"))
			assertOutcome(t, computeunit.ErrNotPurchased, buy(t, newClient(t, transport)))
			transport.only(t)
		})
	}
}

func TestA429IsSentAgainOnlyWithARetryAfter(t *testing.T) {
	for name, row := range map[string]struct {
		headers []string
		sent    int
	}{
		"none":       {nil, 1},
		"empty":      {[]string{"Retry-After", ""}, 1},
		"negative":   {[]string{"Retry-After", "-1"}, 1},
		"not a time": {[]string{"Retry-After", "soon"}, 1},
		"a second":   {[]string{"Retry-After", "1"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := record(answerWith(429, ``, row.headers...))
				err := buy(t, newClient(t, transport))
				assertOutcome(t, computeunit.ErrNotPurchased, err)
				assert.ErrorIs(t, err, computeunit.ErrThrottled)
				assert.Len(t, transport.requests(), row.sent)
				assert.Equal(t, row.sent, attemptsOf(t, err))
			})
		})
	}
}

func TestARequestThatIsNoJSONIsNotSent(t *testing.T) {
	transport := record(answerWith(200, `{}`))
	err := newClient(t, transport).Call(t.Context(), "/v2/service", "ModifyService", math.Inf(1), nil)
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorContains(t, err, "encoding the request")
	assert.Empty(t, transport.requests())
}

// An errgroup cancels its context with the first error as the cause, and net/http returns that cause as its own
// error. The verdict on the first purchase is not one on the second.
func TestAContextWhoseCauseIsAnotherPurchasesErrorKeepsTheOutcomesApart(t *testing.T) {
	for _, other := range []error{computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown} {
		cause := &computeunit.OutcomeError{Outcome: other, ServiceID: "svco-other", RequestID: "r-other", Err: errors.New("no stock")}
		assertOwn := func(t *testing.T, err error) {
			t.Helper()
			var failed *computeunit.OutcomeError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, "svco-48esssdpa594", failed.ServiceID)
			assert.NotErrorIs(t, failed.Err, error(cause))
			var another *computeunit.OutcomeError
			assert.False(t, errors.As(failed.Err, &another), "the cause must hold no other purchase's error")
		}
		t.Run(other.Error()+", cancelled while sending", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			transport := record(func(req *http.Request) (*http.Response, error) {
				cancel(cause)
				<-req.Context().Done()
				return nil, fmt.Errorf("round trip: %w", context.Cause(req.Context())) // as net/http does
			})
			_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			assertOwn(t, err)
			assert.ErrorContains(t, err, "no stock")
		})
		t.Run(other.Error()+", cancelled before", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(cause)
			_, err := newClient(t, record(answerBought())).PurchaseComputeUnit(ctx, documentedRequest())
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assertOwn(t, err)
		})
		t.Run(other.Error()+", cancelled while waiting", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Minute, func() { cancel(cause) })
				transport := record(answerWith(429, "", "Retry-After", "3600"), answerBought())
				_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
				assertOutcome(t, computeunit.ErrNotPurchased, err)
				assertOwn(t, err)
				transport.only(t)
			})
		})
		t.Run(other.Error()+", cancelled while reading the answer", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			transport := record(func(req *http.Request) (*http.Response, error) {
				response, err := answerBought()(req)
				response.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"requestId":"r-1",`), readerFunc(func([]byte) (int, error) {
					cancel(cause)
					return 0, context.Cause(ctx)
				})))
				return response, err
			})
			_, err := newClient(t, transport).PurchaseComputeUnit(ctx, documentedRequest())
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			assertOwn(t, err)
		})
	}
}
