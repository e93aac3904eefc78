package computeunit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

func describeOne(t *testing.T, client *computeunit.Client) (*computeunit.DescribeComputeUnitsResponse, error) {
	t.Helper()
	return client.DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: "svco-48exxxa594"})
}

// cutAfter answers with a body that breaks off.
func cutAfter(status int, body string) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		response, err := answerWith(status, "")(req)
		response.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), failingReader{}))
		return response, err
	}
}

// hang gives no answer as long as the attempt waits.
func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// passing are failures of one attempt that another attempt may not meet.
func passing() map[string]roundTripFunc {
	return map[string]roundTripFunc{
		"no connection":           failWith(errDial),
		"time-out":                hang,
		"cut after the last byte": cutAfter(200, listedBody),
		"429, HTML":               answerWith(429, `<html>`),
		"504, denied":             answerWith(504, deniedBody),
		"599":                     answerWith(599, ``),
		"500, cut":                cutAfter(500, ``),
	}
}

func TestDescribeIsRetriedAfterFailuresThatMayPass(t *testing.T) {
	for name, failure := range passing() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := record(failure, failure, answerWith(200, listedBody))
				_, err := describeOne(t, newClient(t, seen))
				assert.NoError(t, err)
				assert.Len(t, seen.requests(), 3)
				seen = record(failure)
				_, err = describeOne(t, newClient(t, seen, computeunit.WithMaxAttempts(4)))
				assertNoVerdict(t, err)
				assert.Len(t, seen.requests(), 4)
			})
		})
	}
}

func TestDescribeIsNotRetriedWhereThatCannotHelp(t *testing.T) {
	for name, answer := range map[string]roundTripFunc{
		"400":                      answerWith(400, `{"code":"MalformedJSON"}`),
		"401":                      answerWith(401, ``),
		"403, cut":                 cutAfter(403, deniedBody[:10]),
		"408":                      answerWith(408, ``),
		"409":                      answerWith(409, ``),
		"412":                      answerWith(412, `{"code":"PreconditionFailed"}`),
		"RequestExpired, no Date":  answerWith(400, `{"code":"RequestExpired"}`),
		"redirect":                 answerWith(307, ``, "Location", "https://elsewhere.example"),
		"code beside a list":       answerWith(200, `{"code":"AccessDenied","result":{"instances":[]}}`),
		"error_code in a 200":      answerWith(200, olderBody),
		"no content":               answerWith(204, ``),
		"null":                     answerWith(200, `null`),
		"list":                     answerWith(200, `[]`),
		"instances are text":       answerWith(200, `{"requestId":"r","result":{"instances":"none"}}`),
		"instance of another type": answerWith(200, `{"requestId":"r","result":{"instances":["i-1"]}}`),
		"id of another type":       answerWith(200, `{"requestId":"r","result":{"instances":[{"instanceId":7}]}}`),
		"replicas of another type": answerWith(200, `{"requestId":"r","result":{"instances":[{"instanceId":"i","replicasCount":"5"}]}}`),
		"more than JSON":           answerWith(200, listedBody+`x`),
		"too large":                answerWith(200, listedBody+strings.Repeat(" ", 1<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := record(answer)
				got, err := describeOne(t, newClient(t, seen))
				assertNoVerdict(t, err)
				assert.Nil(t, got)
				assert.Len(t, seen.requests(), 1)
				var api *computeunit.APIError
				assert.ErrorAs(t, err, &api)
			})
		})
	}
}

// An instance without an id is none that is documented. In a listing taken before a purchase it would stand for one
// that looks new afterwards.
func TestDescribeRefusesInstancesWithoutAnID(t *testing.T) {
	for name, instance := range map[string]string{
		"no id":    `{"paymentTiming":"Prepaid","replicasCount":5,"status":"Running"}`,
		"empty id": `{"instanceId":"","paymentTiming":"Prepaid","replicasCount":5,"status":"Running"}`,
		"blank id": `{"instanceId":" ","paymentTiming":"Prepaid","replicasCount":5,"status":"Running"}`,
		"null":     `null`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := describeOne(t, newClient(t, answerWith(200, `{"requestId":"r","result":{"instances":[`+instance+`]}}`)))
			assertNoVerdict(t, err)
		})
	}
}

func TestDescribeIsSignedAgainByTheServicesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client := store(t, simulator.Config{Now: func() time.Time { return time.Now().Add(-time.Hour) }})
		_, err := describeOne(t, client)
		assert.NoError(t, err)
		assert.Equal(t, 2, m.sim.Requests(), "the first was signed by this machine's clock")
		_, err = describeOne(t, client)
		assert.NoError(t, err)
		assert.Equal(t, 3, m.sim.Requests(), "the correction is kept")
	})
}

func TestDescribeAlwaysHasARequestID(t *testing.T) {
	const unnamed = `{"result":{"instances":[]}}`
	got, err := describeOne(t, newClient(t, answerWith(200, unnamed, "X-Bce-Request-Id", "from-the-header")))
	require.NoError(t, err)
	assert.Equal(t, "from-the-header", got.RequestID)
	seen := record(answerWith(200, unnamed))
	got, err = describeOne(t, newClient(t, seen))
	require.NoError(t, err)
	assert.Equal(t, seen.only(t).Header.Get("X-Bce-Request-Id"), got.RequestID)
}

func TestDescribeDropsTheVerdictOfSomeOtherPurchase(t *testing.T) {
	for _, foreign := range []error{
		&computeunit.OutcomeError{Outcome: computeunit.ErrNotPurchased, Err: errors.New("other")},
		computeunit.ErrOutcomeUnknown,
	} {
		_, err := describeOne(t, newClient(t, failWith(foreign), computeunit.WithMaxAttempts(1)))
		assertNoVerdict(t, err)
		assert.ErrorContains(t, err, foreign.Error())
	}
}

func TestDescribeFailsAtOnceWithKeysThatCannotWork(t *testing.T) {
	keys := []simulator.Key{{AccessKeyID: "known", SecretAccessKey: "secret", Permission: simulator.NoPermission}}
	for name, row := range map[string]struct {
		credentials computeunit.CredentialsProvider
		want        error
	}{
		"unknown key":   {computeunit.StaticCredentials("other", "secret"), computeunit.ErrInvalidCredentials},
		"wrong secret":  {computeunit.StaticCredentials("known", "other"), computeunit.ErrInvalidCredentials},
		"no permission": {computeunit.StaticCredentials("known", "secret"), computeunit.ErrAccessDenied},
	} {
		t.Run(name, func(t *testing.T) {
			m := &inMemory{sim: simulator.New(simulator.Config{Keys: keys})}
			_, err := describeOne(t, newClientWith(t, row.credentials, m))
			assertNoVerdict(t, err)
			assert.ErrorIs(t, err, row.want)
			assert.Equal(t, 1, m.sim.Requests())
		})
	}
}

func TestDescribeOutlivesBrokenConnections(t *testing.T) {
	for _, kind := range []simulator.Kind{simulator.Reset, simulator.Close, simulator.CutLength, simulator.CutChunked} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			sim := simulator.New(simulator.Config{})
			server := httptest.NewServer(sim)
			t.Cleanup(server.Close)
			sim.InjectRead(simulator.Fault{Kind: kind})
			_, err := describeOne(t, newClientTo(t, server.URL))
			assert.NoError(t, err)
			assert.Equal(t, 2, sim.Requests())
		})
	}
}

func TestDescribeTriesARefusedConnectionAgain(t *testing.T) {
	_, err := describeOne(t, newClientTo(t, "http://"+closedPort(t), computeunit.WithMaxAttempts(2)))
	assertNoVerdict(t, err)
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.ErrorContains(t, err, "attempt 2")
}

func TestWaitUntilRunningLooksAtItsOwnInstanceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, client, id := bought(t)
		other, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		require.NoError(t, err)
		require.True(t, m.sim.SetStatus(other.Result.InstanceID, simulator.StatusDeleted))
		instance, err := client.WaitUntilRunning(t.Context(), "svco-48esssdpa594", id, nil)
		require.NoError(t, err)
		assert.Equal(t, id, instance.InstanceID)
	})
}

func TestWaitUntilRunningGoesOnThroughEveryPassingFailure(t *testing.T) {
	for name, failure := range passing() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := slices.Repeat([]roundTripFunc{failure}, 7) // more than the attempts of two listings
				client := newClient(t, record(append(script, answerWith(200, listedBody))...))
				_, err := client.WaitUntilRunning(t.Context(), "svco-48exxxa594", "i-1", nil)
				assert.NoError(t, err)
			})
		})
	}
}

func TestWaitUntilRunningNamesTheFailureThatTheContextEndedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := newClient(t, answerWith(503, internalBody)).WaitUntilRunning(soon(t), "svco-1", "i-1", nil)
		assertNoVerdict(t, err)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		var api *computeunit.APIError
		require.ErrorAs(t, err, &api)
		assert.Equal(t, 503, api.StatusCode)
	})
}

func TestCallIsSignedWithTheSessionTokenAndThePathOfTheEndpoint(t *testing.T) {
	seen := record(answerWith(200, `{}`))
	client := newClientWith(t, providerFunc(func(context.Context) (computeunit.Credentials, error) { return testCredentials(), nil }),
		seen, computeunit.WithEndpoint("https://gateway.example/qianfan"))
	require.NoError(t, client.Call(t.Context(), "/v2/service", "A&B=c/d", nil, nil))
	sent := seen.only(t)
	assert.Equal(t, "/qianfan/v2/service", sent.URL.Path)
	assert.Equal(t, map[string][]string{"Action": {"A&B=c/d"}}, map[string][]string(sent.URL.Query()))
	assert.Equal(t, testSessionToken, sent.Header.Get("X-Bce-Security-Token"))
	assert.NoError(t, simulator.Verify(sent.Request, testSecretKey, time.Now()))
}

func TestCallIsUnknownWithoutAWholeObjectInASuccess(t *testing.T) {
	for name, answer := range map[string]roundTripFunc{
		"null":       answerWith(200, `null`),
		"list":       answerWith(200, `[{}]`),
		"text":       answerWith(200, `"ok"`),
		"no content": answerWith(204, ``),
		"cut JSON":   answerWith(200, `{"requestId":"r"`),
		"cut body":   cutAfter(200, `{}`),
		"too large":  answerWith(200, `{}`+strings.Repeat(" ", 1<<20)),
		"time-out":   hang,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := record(answer)
				err := newClient(t, seen, computeunit.WithMaxAttempts(9)).Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
				assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
				assert.Len(t, seen.requests(), 1)
			})
		})
	}
}

// What can be known beforehand must not cost the doubt afterwards.
func TestCallSendsNothingWhoseAnswerItCannotDecode(t *testing.T) {
	var typedNil *modified
	for name, response := range map[string]any{"no pointer": modified{}, "nil pointer": typedNil} {
		t.Run(name, func(t *testing.T) {
			seen := record(answerWith(200, `{}`))
			err := newClient(t, seen).Call(t.Context(), "/v2/service", "ModifyService", nil, response)
			assert.ErrorIs(t, err, computeunit.ErrNotPurchased)
			assert.Empty(t, seen.requests())
		})
	}
}
