package transport_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/bceauth"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// askedFor notes that credentials were asked for.
func askedFor(asked *bool) func(context.Context) (bceauth.Credentials, error) {
	return func(ctx context.Context) (bceauth.Credentials, error) { *asked = true; return keys(ctx) }
}

func TestAnAnsweredAttemptHasStatusHeaderAndBody(t *testing.T) {
	a := sendOnce(t.Context(), t, through(t, answering(201, "body", "X-Bce-Request-Id", "r")), host)
	assert.Equal(t, []any{1, transport.Answered, 201, "r", "body", error(nil)},
		[]any{a.Number, a.Reached, a.Status, a.Header.Get("X-Bce-Request-Id"), string(a.Body), a.Err})
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, a.RequestID)
}

func TestSkewIsTheDateAgainstTheTimeOfReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, ahead := range []time.Duration{0, time.Hour, -time.Minute} {
			date := time.Now().Add(ahead).UTC().Format(http.TimeFormat)
			skew, ok := sendOnce(t.Context(), t, through(t, answering(400, "", "Date", date)), host).Skew()
			assert.True(t, ok)
			assert.Equal(t, ahead, skew)
		}
		for _, date := range []string{"", "soon"} {
			_, ok := sendOnce(t.Context(), t, through(t, answering(400, "", "Date", date)), host).Skew()
			assert.False(t, ok)
		}
		_, ok := new(transport.Attempt).Skew()
		assert.False(t, ok)
	})
}

// sendWith makes one attempt with a Before.
func sendWith(
	ctx context.Context, t *testing.T, via *transport.Transport, before func(context.Context, *transport.Attempt) error,
) (got *transport.Attempt) {
	t.Helper()
	u, err := url.Parse(host)
	require.NoError(t, err)
	after := func(a *transport.Attempt) transport.Again {
		got = a
		return transport.Never
	}
	via.Do(ctx, &transport.Request{URL: u, Body: []byte(testBody), Before: before, After: after})
	return got
}

func TestBeforeSeesTheSignedAttemptThatIsSent(t *testing.T) {
	var seen transport.Attempt
	var sent http.Header
	via := through(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r.Header.Clone()
		return answering(200, "")(r)
	}))
	a := sendWith(t.Context(), t, via, func(_ context.Context, a *transport.Attempt) error {
		assert.Nil(t, sent)
		seen = *a
		return nil
	})
	assert.Equal(t, transport.Answered, a.Reached)
	assert.Equal(t, 1, seen.Number)
	assert.Equal(t, sent.Get("X-Bce-Request-Id"), seen.RequestID)
	signed, err := time.Parse(time.RFC3339, sent.Get("X-Bce-Date"))
	require.NoError(t, err)
	assert.Equal(t, signed.Add(5*time.Minute), seen.SignatureExpires)
}

func TestAnErrorOfBeforeSendsNothing(t *testing.T) {
	a := sendWith(t.Context(), t, through(t, mustNotSend{t}), func(context.Context, *transport.Attempt) error { return errLost })
	assert.Equal(t, transport.Unready, a.Reached)
	assert.ErrorIs(t, a.Err, errLost)
	assert.NotEmpty(t, a.RequestID)
}

func TestAContextThatEndsInBeforeSendsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := sendWith(ctx, t, through(t, mustNotSend{t}), func(context.Context, *transport.Attempt) error { cancel(); return nil })
	assert.Equal(t, transport.Unready, a.Reached)
	assert.ErrorIs(t, a.Err, context.Canceled)
}

// mustNotSend is a RoundTripper that fails the test.
type mustNotSend struct{ t *testing.T }

func (m mustNotSend) RoundTrip(*http.Request) (*http.Response, error) {
	m.t.Error("it was sent")
	return nil, errLost
}

func TestNoCredentialsIsUnready(t *testing.T) {
	via := newTransport(t, transport.Config{
		Client:      &http.Client{Transport: mustNotSend{t}},
		Credentials: func(context.Context) (bceauth.Credentials, error) { return bceauth.Credentials{}, errLost },
	})
	a := sendOnce(t.Context(), t, via, host)
	assert.Equal(t, transport.Unready, a.Reached)
	assert.ErrorIs(t, a.Err, errLost)
	assert.Empty(t, a.RequestID)
}

func TestADoneContextIsUnready(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asked := false
	via := newTransport(t, transport.Config{Client: &http.Client{Transport: mustNotSend{t}}, Credentials: askedFor(&asked)})
	got := do(ctx, t, via, host, transport.AfterBackoff)
	require.Len(t, got.attempts, 1)
	assert.Equal(t, transport.Unready, got.attempts[0].Reached)
	assert.ErrorIs(t, got.attempts[0].Err, context.Canceled)
	assert.ErrorIs(t, got.gaveUp, context.Canceled)
	assert.False(t, asked)
}

func TestAProviderThatTakesAllTheTimeSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		via := newTransport(t, transport.Config{
			Client: &http.Client{Transport: mustNotSend{t}},
			Credentials: func(ctx context.Context) (bceauth.Credentials, error) {
				<-ctx.Done()
				return keys(ctx)
			},
		})
		a := sendOnce(t.Context(), t, via, host)
		assert.Equal(t, transport.Unready, a.Reached)
		assert.ErrorIs(t, a.Err, context.DeadlineExceeded)
	})
}

// hang ends with the request's context, and an error of its own.
var hang = roundTrip(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, errLost })

func TestATimeOutNamesTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := sendOnce(t.Context(), t, through(t, hang), host)
		assert.EqualError(t, a.Err, "the attempt took longer than 1m0s: context deadline exceeded: lost")
		assert.ErrorIs(t, a.Err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, a.Duration)
	})
}

func TestTheCallersDeadlineIsNamedAsSuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a := sendOnce(ctx, t, through(t, hang), host)
		assert.EqualError(t, a.Err, "context deadline exceeded: lost")
		assert.ErrorIs(t, a.Err, context.DeadlineExceeded)
	})
}

func TestATimeOutAfterSendingIsSent(t *testing.T) {
	arrived := make(chan struct{}, 1)
	address := serveRaw(t, func(conn net.Conn) {
		http.ReadRequest(bufio.NewReader(conn))
		arrived <- struct{}{}
		io.Copy(io.Discard, conn)
	})
	for name, via := range map[string]*transport.Transport{
		"own":      newTransport(t, transport.Config{}),
		"caller's": through(t, &http.Transport{}),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-arrived; cancel() }()
			a := sendOnce(ctx, t, via, "http://"+address)
			assert.Equal(t, transport.Sent, a.Reached)
			assert.ErrorIs(t, a.Err, context.Canceled)
		})
	}
}

func TestAnAbortedResponseIsSent(t *testing.T) {
	aborting := startedServer(t, http.HandlerFunc(abort))
	a := sendOnce(t.Context(), t, newTransport(t, transport.Config{}), aborting.URL)
	assert.Equal(t, transport.Sent, a.Reached)
	assert.Error(t, a.Err)
}

func TestAResponseThatIsCutOffKeepsWhatCame(t *testing.T) {
	cutting := startedServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "part")
	}))
	a := sendOnce(t.Context(), t, newTransport(t, transport.Config{}), cutting.URL)
	assert.Equal(t, transport.Answered, a.Reached)
	assert.Equal(t, "part", string(a.Body))
	assert.ErrorContains(t, a.Err, "cut off")
}

// Enough is kept to see what it was, and no more: the rest costs memory.
func TestOfAResponseThatIsTooLargeOnlyTheBeginningIsKept(t *testing.T) {
	large := startedServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := transport.MaxBody
		if r.URL.Path == "/more" {
			size++
		}
		io.WriteString(w, strings.Repeat("x", size))
	}))
	via := newTransport(t, transport.Config{})
	a := sendOnce(t.Context(), t, via, large.URL+"/just")
	assert.NoError(t, a.Err)
	assert.Len(t, a.Body, transport.MaxBody)
	a = sendOnce(t.Context(), t, via, large.URL+"/more")
	assert.Equal(t, transport.Answered, a.Reached)
	assert.ErrorIs(t, a.Err, transport.ErrTooLarge)
	assert.Equal(t, strings.Repeat("x", 4096), string(a.Body))
	assert.Less(t, cap(a.Body), 8192)
}

// A body that only the end of the connection ends looks whole if it was cut off.
func TestABodyIsUnboundedIfOnlyTheEndOfTheConnectionEndsIt(t *testing.T) {
	gzipped := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		io.WriteString(w, text)
		w.Close()
		return b.String()
	}
	own := newTransport(t, transport.Config{})
	theirs := through(t, &http.Transport{})
	opaque := through(t, roundTrip(new(http.Transport).RoundTrip))
	all := []*transport.Transport{own, theirs, opaque}
	decompressing := []*transport.Transport{theirs, opaque}
	for name, row := range map[string]struct {
		response string
		via      []*transport.Transport
		want     bool
	}{
		"HTTP/1.0":                            {"HTTP/1.0 400 Bad\r\n\r\nx", all, true},
		"HTTP/1.1":                            {"HTTP/1.1 400 Bad\r\n\r\nx", all, true},
		"HTTP/1.1, closing":                   {"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\nx", all, true},
		"nothing came":                        {"HTTP/1.1 400 Bad\r\n\r\n", all, true},
		"it says that it is HTTP/2":           {"HTTP/2.0 400 Bad\r\n\r\nx", all, true},
		"a length":                            {"HTTP/1.1 400 Bad\r\nContent-Length: 1\r\n\r\nx", all, false},
		"a length of zero":                    {"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", all, false},
		"a length, closing":                   {"HTTP/1.0 400 Bad\r\nContent-Length: 1\r\n\r\nx", all, false},
		"chunks":                              {"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", all, false},
		"chunks, closing":                     {"HTTP/1.1 400 Bad\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", all, false},
		"decompressed":                        {"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\n\r\n" + gzipped("x"), decompressing, false},
		"decompressed, of which nothing came": {"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\n\r\n", decompressing, true},
	} {
		t.Run(name, func(t *testing.T) {
			address := serveRaw(t, func(conn net.Conn) {
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				io.Copy(io.Discard, req.Body)
				io.WriteString(conn, row.response)
			})
			for _, via := range row.via {
				a := sendOnce(t.Context(), t, via, "http://"+address)
				require.NoError(t, a.Err)
				assert.Equal(t, row.want, a.Unbounded)
			}
		})
	}
}

// Recorders such as go-vcr replay every response with Close set.
func TestAResponseOfAnotherTransportIsUnboundedOnlyIfItHasNoLength(t *testing.T) {
	for length, want := range map[int64]bool{-1: true, 0: false, 3: false, 6: false} {
		a := sendOnce(t.Context(), t, through(t, roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 403, Close: true, ContentLength: length, Body: io.NopCloser(strings.NewReader("<html>"))}, nil
		})), host)
		assert.Equal(t, transport.Answered, a.Reached)
		assert.Equal(t, want, a.Unbounded, length)
	}
}

// Of a secret that is cut nobody would know what it is.
func TestOfAResponseThatIsTooLargeTheBeginningIsCutAfterItIsRedacted(t *testing.T) {
	a := sendOnce(t.Context(), t, through(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		return answering(500, strings.Repeat("x", 4080)+req.Header.Get("Authorization")+strings.Repeat(" ", transport.MaxBody))(req)
	})), host)
	assert.ErrorIs(t, a.Err, transport.ErrTooLarge)
	assert.Equal(t, strings.Repeat("x", 4080)+"(signature)     ", string(a.Body))
}

func TestABodyOverHTTP2IsNotUnbounded(t *testing.T) {
	secure := server(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		w.(http.Flusher).Flush() // so that it has no length
		io.WriteString(w, "x")
	}))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	theirs := callers(t, secure)
	theirs.ForceAttemptHTTP2 = true
	a := sendOnce(t.Context(), t, through(t, theirs), secure.URL)
	require.NoError(t, a.Err)
	assert.Equal(t, "x", string(a.Body))
	assert.False(t, a.Unbounded)
}

// A transport that is not net/http's may give a length in one place only.
func TestABodyThatIsShorterThanAnyLengthThatWasDeclaredIsCutOff(t *testing.T) {
	for name, row := range map[string]struct {
		header []string
		field  int64
		body   io.ReadCloser
		cut    bool
		zipped bool // it was, until the transport read it
	}{
		"the field":                   {nil, 5, io.NopCloser(strings.NewReader("part")), true, false},
		"the header":                  {[]string{"5"}, 0, io.NopCloser(strings.NewReader("part")), true, false},
		"the header, no field":        {[]string{"5"}, -1, io.NopCloser(strings.NewReader("part")), true, false},
		"one of two headers":          {[]string{"4", "5"}, 4, io.NopCloser(strings.NewReader("part")), true, false},
		"a header with two":           {[]string{"4, 5"}, 4, io.NopCloser(strings.NewReader("part")), true, false},
		"the field, and no body":      {nil, 5, nil, true, false},
		"the header, and no body":     {[]string{"5"}, 0, nil, true, false},
		"whole":                       {[]string{"4"}, 4, io.NopCloser(strings.NewReader("part")), false, false},
		"longer":                      {[]string{"3"}, 0, io.NopCloser(strings.NewReader("part")), false, false},
		"no length":                   {nil, -1, io.NopCloser(strings.NewReader("part")), false, false},
		"a header that is no number":  {[]string{"long"}, -1, io.NopCloser(strings.NewReader("part")), false, false},
		"neither length nor body":     {nil, 0, nil, false, false},
		"a header of what was zipped": {[]string{"5"}, -1, io.NopCloser(strings.NewReader("part")), false, true},
		"a field of what was zipped":  {[]string{"5"}, 5, io.NopCloser(strings.NewReader("part")), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := sendOnce(t.Context(), t, through(t, roundTrip(func(*http.Request) (*http.Response, error) {
				header := http.Header{"Content-Length": row.header}
				return &http.Response{StatusCode: 400, Header: header, ContentLength: row.field, Body: row.body, Uncompressed: row.zipped}, nil
			})), host)
			assert.Equal(t, transport.Answered, a.Reached)
			assert.Equal(t, row.cut, errors.Is(a.Err, io.ErrUnexpectedEOF), "%v", a.Err)
		})
	}
}

func TestATransportThatReturnsNothingProvesNothing(t *testing.T) {
	a := sendOnce(t.Context(), t, through(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, nil })), host)
	assert.Equal(t, transport.Sent, a.Reached)
	assert.Error(t, a.Err)
	a = sendOnce(t.Context(), t, through(t, roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 204}, nil
	})), host)
	assert.Equal(t, transport.Answered, a.Reached)
}

// After a 101 the body is the connection itself, which net/http does not end with the context: whoever reads it hangs. The
// server hangs up at last, so that this test fails and does not hang.
func TestSwitchingProtocolsDoesNotHang(t *testing.T) {
	for name, options := range map[string][]computeunit.Option{"own": nil, "caller's": {withTransport(&http.Transport{})}} {
		t.Run(name, func(t *testing.T) {
			left := make(chan error, 1)
			address := serveRaw(t, func(conn net.Conn) {
				http.ReadRequest(bufio.NewReader(conn))
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
				conn.SetReadDeadline(time.Now().Add(5 * time.Second))
				_, err := io.Copy(io.Discard, conn)
				left <- err
			})
			assertOutcome(t, computeunit.ErrOutcomeUnknown, buy(t.Context(), newClient(t, "http://"+address, options...)))
			assert.NoError(t, <-left, "the client left the connection open")
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var strayed atomic.Int64
	other := startedServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	for _, location := range []string{other.URL + "/v2", "", "::not a url"} {
		t.Run(location, func(t *testing.T) {
			redirecting := startedServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Location"] = []string{location}
				w.WriteHeader(http.StatusTemporaryRedirect)
			}))
			a := sendOnce(t.Context(), t, newTransport(t, transport.Config{}), redirecting.URL)
			assert.Equal(t, http.StatusTemporaryRedirect, a.Status)
		})
	}
	assert.Zero(t, strayed.Load())
}

// A transport that could replay a request would have to have one of these.
func TestNeitherGetBodyNorIdempotencyKeyIsGiven(t *testing.T) {
	via := through(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		assert.Nil(t, req.GetBody)
		for name := range req.Header {
			assert.NotContains(t, strings.ToLower(name), "idempotency")
		}
		return nil, io.EOF
	}))
	assert.Equal(t, transport.Sent, sendOnce(t.Context(), t, via, host).Reached)
}

func TestATransportThatRewritesTheURLDoesNotChangeTheNextPurchase(t *testing.T) {
	var hosts []string
	client := newClient(t, "https://localhost", withTransport(roundTrip(func(req *http.Request) (*http.Response, error) {
		hosts = append(hosts, req.URL.Host)
		req.URL.Host = "elsewhere"
		return nil, io.EOF
	})))
	for range 2 {
		assertOutcome(t, computeunit.ErrOutcomeUnknown, buy(t.Context(), client))
	}
	assert.Equal(t, []string{"localhost", "localhost"}, hosts)
}

// A key id is whatever the caller has.
func TestWhatWasSentIsRedactedFromAllThatComesBack(t *testing.T) {
	for _, keyID := range []string{"ak", `a"k<b>`, "a,k&'"} {
		t.Run(keyID, func(t *testing.T) {
			var sent string
			via := newTransport(t, transport.Config{
				Credentials: func(context.Context) (bceauth.Credentials, error) {
					return bceauth.Credentials{AccessKeyID: keyID, SecretAccessKey: "sk", SessionToken: "to/ken+=="}, nil
				},
				Client: &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
					sent = req.Header.Get("Authorization")
					return nil, fmt.Errorf("bad header %q, or %s, with %s: %w", sent, sent, req.Header.Get("X-Bce-Security-Token"), errLost)
				})},
			})
			a := sendOnce(t.Context(), t, via, host)
			assert.EqualError(t, a.Err, `bad header "(signature)", or (signature) with (session token): lost`)
			assert.ErrorIs(t, a.Err, errLost)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				assert.NotContains(t, fmt.Sprintf(verb, a.Err), "bce-auth-v1")
			}
			assert.Equal(t, "a (signature) b", a.Redact("a "+sent+" b"))
			assert.NotContains(t, fmt.Sprintf("%v %+v", a, a), keyID+"/")
		})
	}
}

func TestRedactOfAnAttemptThatSentNothing(t *testing.T) {
	assert.Equal(t, "(signature)", new(transport.Attempt).Redact("bce-auth-v1/ak/0123"))
}
