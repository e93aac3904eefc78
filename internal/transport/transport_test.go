package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/bceauth"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func keys(context.Context) (bceauth.Credentials, error) {
	return bceauth.Credentials{AccessKeyID: "ak", SecretAccessKey: "sk"}, nil
}

func answering(status int, body string, header http.Header) roundTrip {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// do makes attempts through a RoundTripper, or the default transport where it is nil.
func do(ctx context.Context, send http.RoundTripper, target string, judge func(*Attempt) Again) (attempts []*Attempt, waits []time.Duration, gaveUp error) {
	config := Config{Timeout: time.Minute, MaxAttempts: 3, UserAgent: "test", Credentials: keys}
	if send != nil {
		config.Client = &http.Client{Transport: send}
	}
	return doWith(ctx, config, target, judge)
}

func doWith(ctx context.Context, config Config, target string, judge func(*Attempt) Again) (attempts []*Attempt, waits []time.Duration, gaveUp error) {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	n, gaveUp := New(config).Do(ctx, &Request{
		URL:      u,
		Body:     []byte(`{}`),
		After:    func(a *Attempt) Again { attempts = append(attempts, a); return judge(a) },
		Retrying: func(_ *Attempt, wait time.Duration) { waits = append(waits, wait) },
	})
	if n != len(attempts) {
		panic("Do counts otherwise than Judge")
	}
	return attempts, waits, gaveUp
}

func always(again Again) func(*Attempt) Again { return func(*Attempt) Again { return again } }

func TestAnsweredAttemptHasStatusHeaderAndBody(t *testing.T) {
	header := http.Header{"X-Bce-Request-Id": {"r"}}
	attempts, _, gaveUp := do(t.Context(), answering(201, "body", header), "https://host", always(Never))
	require.Len(t, attempts, 1)
	a := attempts[0]
	assert.NoError(t, gaveUp)
	assert.Equal(t, []any{1, Answered, 201, header, "body", error(nil)}, []any{a.Number, a.Reached, a.Status, a.Header, string(a.Body), a.Err})
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, a.RequestID)
}

func TestDoEndsAtItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts, waits, gaveUp := do(t.Context(), answering(429, "", nil), "https://host", always(AfterBackoff))
		assert.Len(t, attempts, 3)
		assert.Len(t, waits, 2)
		assert.NoError(t, gaveUp)
		assert.NotEqual(t, attempts[0].RequestID, attempts[1].RequestID)
	})
}

func TestClockIsCorrectedOnce(t *testing.T) {
	header := http.Header{"Date": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}
	attempts, waits, _ := do(t.Context(), answering(400, "", header), "https://host", always(WithClockCorrected))
	assert.Len(t, attempts, 2)
	assert.Equal(t, []time.Duration{0}, waits)
}

func TestClockIsNotCorrectedWithoutADate(t *testing.T) {
	attempts, _, _ := do(t.Context(), answering(400, "", http.Header{"Date": {"soon"}}), "https://host", always(WithClockCorrected))
	assert.Len(t, attempts, 1)
}

func TestNoCredentialsIsUnready(t *testing.T) {
	why := errors.New("sealed")
	config := Config{Timeout: time.Minute, MaxAttempts: 3, Credentials: func(context.Context) (bceauth.Credentials, error) {
		return bceauth.Credentials{}, why
	}}
	attempts, _, _ := doWith(t.Context(), config, "https://host", always(Never))
	assert.Equal(t, Unready, attempts[0].Reached)
	assert.ErrorIs(t, attempts[0].Err, why)
	assert.Empty(t, attempts[0].RequestID)
}

func TestDoneContextIsUnready(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	attempts, _, gaveUp := do(ctx, answering(200, "", nil), "https://host", always(AfterBackoff))
	assert.Len(t, attempts, 1)
	assert.Equal(t, Unready, attempts[0].Reached)
	assert.ErrorIs(t, attempts[0].Err, context.Canceled)
	assert.ErrorIs(t, gaveUp, context.Canceled)
}

func TestNobodyListeningIsUnconnected(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	attempts, _, _ := do(t.Context(), nil, server.URL, always(Never))
	assert.Equal(t, Unconnected, attempts[0].Reached)
	assert.False(t, attempts[0].Hopeless)
}

func TestAbortedAnswerIsSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(server.Close)
	attempts, _, _ := do(t.Context(), nil, server.URL, always(Never))
	assert.Equal(t, Sent, attempts[0].Reached)
	assert.Error(t, attempts[0].Err)
}

func TestAnAnswerTooLargeIsNotRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := MaxAnswer
		if r.URL.Path == "/more" {
			size++
		}
		io.WriteString(w, strings.Repeat("x", size))
	}))
	t.Cleanup(server.Close)
	attempts, _, _ := do(t.Context(), nil, server.URL+"/just", always(Never))
	assert.NoError(t, attempts[0].Err)
	assert.Len(t, attempts[0].Body, MaxAnswer)
	attempts, _, _ = do(t.Context(), nil, server.URL+"/more", always(Never))
	assert.Equal(t, Answered, attempts[0].Reached)
	assert.ErrorIs(t, attempts[0].Err, ErrTooLarge)
}

func TestTimeOutNamesTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, errors.New("lost")
		})
		attempts, _, _ := do(t.Context(), hang, "https://host", always(Never))
		assert.ErrorContains(t, attempts[0].Err, "longer than 1m0s: context deadline exceeded: lost")
		assert.ErrorIs(t, attempts[0].Err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, attempts[0].Duration)
	})
}

func TestTheCallersDeadlineIsNamedAsSuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		hang := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, errors.New("lost")
		})
		attempts, _, _ := do(ctx, hang, "https://host", always(Never))
		assert.EqualError(t, attempts[0].Err, "context deadline exceeded: lost")
		assert.ErrorIs(t, attempts[0].Err, context.DeadlineExceeded)
	})
}

func TestTrustFollowsTheTransport(t *testing.T) {
	for name, row := range map[string]struct {
		client *http.Client
		want   trust
	}{
		"none":              {nil, ours},
		"no transport":      {&http.Client{}, hooked},
		"an http.Transport": {&http.Client{Transport: &http.Transport{}}, hooked},
		"a wrapper":         {&http.Client{Transport: answering(200, "", nil)}, opaque},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, row.want, New(Config{Client: row.client}).trust()) })
	}
}

func TestNewCopiesTheCallersClient(t *testing.T) {
	client := &http.Client{Timeout: time.Second}
	transport := New(Config{Client: client, Timeout: time.Minute})
	client.Transport = answering(200, "", nil)
	assert.Equal(t, time.Second, transport.timeout)
	assert.Equal(t, hooked, transport.trust())
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0":                             0,
		"120":                           2 * time.Minute,
		"99999999999999999999":          maxRetryAfter,
		"9223372036854775807":           maxRetryAfter,
		"Sun, 22 Nov 2026 08:00:30 GMT": 30 * time.Second,
		"Sun, 22 Nov 2026 07:00:00 GMT": 0,
		"Sun, 22 Nov 9999 07:00:00 GMT": maxRetryAfter,
		"":                              -1,
		"-1":                            -1,
		"soon":                          -1,
		"1.5":                           -1,
	} {
		t.Run(value, func(t *testing.T) {
			wait, ok := retryAfter(http.Header{"Retry-After": {value}}, now)
			if want < 0 {
				assert.False(t, ok)
				return
			}
			assert.True(t, ok)
			assert.Equal(t, want, wait)
		})
	}
}

func TestBackoffStaysUnderItsMaximum(t *testing.T) {
	for attempt, most := range map[int]time.Duration{1: firstBackoff, 2: 2 * firstBackoff, 5: 8 * time.Second, 6: maxBackoff, 1 << 40: maxBackoff} {
		for range 1000 {
			assert.LessOrEqual(t, backoff(attempt), most)
		}
	}
}
