package transport_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/bceauth"
	"github.com/qianfan-go/computeunit/internal/transport"
)

func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	io.WriteString(w, "part")
}

// How far an attempt came is certain over a transport of our own; of an opaque one, an error proves nothing.
func TestHowFarAnAttemptCame(t *testing.T) {
	for name, row := range map[string]struct {
		handler      http.HandlerFunc
		down         bool
		want, opaque transport.Reach
	}{
		"answered":         {answerNothing, false, transport.Answered, transport.Answered},
		"not connected":    {answerNothing, true, transport.Unconnected, transport.Sent},
		"aborted":          {abort, false, transport.Sent, transport.Sent},
		"response cut off": {cutOff, false, transport.Answered, transport.Answered},
	} {
		t.Run(name, func(t *testing.T) {
			secure := tlsServer(t, row.handler)
			if row.down {
				secure.Listener.Close()
			}
			reached := func(want transport.Reach) func(*testing.T, *transport.Transport) {
				return func(t *testing.T, via *transport.Transport) {
					a := send(t.Context(), t, via, secure.URL)
					assert.Equal(t, want, a.Reached, "%v", a.Err)
					assert.False(t, a.Permanent)
				}
			}
			eachOwn(t, secure.Server, reached(row.want))
			callers := secure.Client().Transport.(*http.Transport).Clone()
			t.Run("opaque", func(t *testing.T) { reached(row.opaque)(t, opaque(t, callers)) })
		})
	}
}

func TestAnAnsweredAttemptHasStatusHeaderAndBody(t *testing.T) {
	a := send(t.Context(), t, through(t, answering(201, "body", requestID, "r")), host)
	assert.Equal(t, []any{1, transport.Answered, 201, "r", "body", error(nil)},
		[]any{a.Number, a.Reached, a.Status, a.Header.Get(requestID), string(a.Body), a.Err})
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, a.RequestID)
}

// What Before is shown is sent, however long it takes.
func TestBeforeSeesTheSignedAttemptThatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent http.Header
		via := through(t, roundTrip(func(r *http.Request) (*http.Response, error) { sent = r.Header.Clone(); return answering(500, "")(r) }))
		var seen []transport.Attempt
		do(t.Context(), t, via, host, transport.AfterBackoff, func(r *transport.Request) {
			r.Before = func(_ context.Context, a *transport.Attempt) error {
				if len(seen) > 0 {
					assert.Equal(t, seen[len(seen)-1].RequestID, sent.Get(requestID), "the one before")
				}
				seen = append(seen, *a)
				time.Sleep(20 * time.Second)
				return nil
			}
		})
		require.Len(t, seen, 3)
		last := seen[2]
		assert.Equal(t, last.RequestID, sent.Get(requestID))
		signed, err := time.Parse(time.RFC3339, sent.Get("X-Bce-Date"))
		require.NoError(t, err)
		assert.Equal(t, signed.Add(5*time.Minute), last.SignatureExpires)
		assert.InDelta(t, 20, time.Since(signed).Seconds(), 1, "it is signed just before")
		assert.Greater(t, last.SignatureExpires, seen[1].SignatureExpires)
	})
}

func TestAnAttemptThatMayNotBeSentIsUnready(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done, end := context.WithCancel(t.Context())
	end()
	asked := 0
	none := func(context.Context) (bceauth.Credentials, error) { asked++; return bceauth.Credentials{}, errLost }
	for name, row := range map[string]struct {
		ctx         context.Context
		credentials func(context.Context) (bceauth.Credentials, error)
		before      func(context.Context, *transport.Attempt) error
		want        error
		asked       int
	}{
		"no credentials":         {t.Context(), none, nil, errLost, 1},
		"a context that is done": {done, none, nil, context.Canceled, 0},
		"an error of Before":     {t.Context(), keys, func(context.Context, *transport.Attempt) error { return errLost }, errLost, 0},
		"a context that ends in Before": {ctx, keys, func(context.Context, *transport.Attempt) error {
			cancel()
			return nil
		}, context.Canceled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			asked = 0
			via := newTransport(t, transport.Config{RoundTripper: mustNotSend(t), Credentials: row.credentials, Instant: true})
			a := do(row.ctx, t, via, host, transport.Never, func(r *transport.Request) { r.Before = row.before }).attempts[0]
			assert.Equal(t, transport.Unready, a.Reached)
			assert.ErrorIs(t, a.Err, row.want)
			assert.Equal(t, row.asked, asked)
		})
	}
}

// A provider need not honour its context.
func TestAProviderDoesNotOutlastTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, credentials := range map[string]func(context.Context) (bceauth.Credentials, error){
			"it goes on": func(context.Context) (bceauth.Credentials, error) { time.Sleep(time.Hour); return keys(t.Context()) },
			"it is late": func(ctx context.Context) (bceauth.Credentials, error) { <-ctx.Done(); return keys(ctx) },
		} {
			started := time.Now()
			a := send(t.Context(), t, newTransport(t, transport.Config{RoundTripper: mustNotSend(t), Credentials: credentials}), host)
			assert.Equal(t, transport.Unready, a.Reached, name)
			assert.ErrorIs(t, a.Err, context.DeadlineExceeded, name)
			assert.Equal(t, time.Minute, time.Since(started), name)
		}
		time.Sleep(time.Hour)
	})
}

// A provider panics where its caller can recover, and one that ends its goroutine (a test that fails in it) gives no credentials.
func TestAProviderThatDoesNotReturn(t *testing.T) {
	panicking := func(context.Context) (bceauth.Credentials, error) { panic("no") }
	via := newTransport(t, transport.Config{RoundTripper: mustNotSend(t), Credentials: panicking})
	assert.PanicsWithValue(t, "no", func() { send(t.Context(), t, via, host) })

	ending := func(context.Context) (bceauth.Credentials, error) { runtime.Goexit(); return keys(t.Context()) }
	via = newTransport(t, transport.Config{RoundTripper: mustNotSend(t), Credentials: ending})
	assert.Equal(t, transport.Unready, send(t.Context(), t, via, host).Reached)
}

func TestATimeOutNamesItsLimit(t *testing.T) {
	hang := roundTrip(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, errLost })
	synctest.Test(t, func(t *testing.T) {
		a := send(t.Context(), t, through(t, hang), host)
		assert.EqualError(t, a.Err, "the attempt took longer than 1m0s: context deadline exceeded: lost")
		assert.ErrorIs(t, a.Err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, a.Duration)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a = send(ctx, t, through(t, hang), host)
		assert.EqualError(t, a.Err, "context deadline exceeded: lost", "the caller's own")
		assert.ErrorIs(t, a.Err, context.DeadlineExceeded)
	})
}

func TestAContextThatEndsAfterSendingIsSent(t *testing.T) {
	arrived := make(chan struct{}, 1)
	address := serveRaw(t, func(conn net.Conn) {
		http.ReadRequest(bufio.NewReader(conn))
		arrived <- struct{}{}
		io.Copy(io.Discard, conn)
	})
	eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		a := send(ctx, t, via, "http://"+address)
		assert.Equal(t, transport.Sent, a.Reached)
		assert.ErrorIs(t, a.Err, context.Canceled)
	})
}

func TestABodyIsReadToItsEndOrThereIsAnError(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	encoded := func(encoding string) roundTrip { return answering(403, "y", "Content-Encoding", encoding) }
	declaring := func(length int64) roundTrip {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 403, ContentLength: length, Body: io.NopCloser(strings.NewReader("part"))}, nil
		}
	}
	for name, row := range map[string]struct {
		send roundTrip
		want string // of the error
	}{
		"as long as may be":     {answering(200, long), ""},
		"longer":                {answering(200, long+"x"), "longer than 1048576 bytes"},
		"as long as declared":   {declaring(4), ""},
		"shorter than declared": {declaring(5), "cut off"},
		"of no declared length": {declaring(-1), ""},
		"no body":               {func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 403}, nil }, ""},
		"not encoded":           {encoded("identity"), ""},
		"encoded":               {encoded("br"), `encoded as "br"`},
		"gzip not decoded":      {encoded("gzip"), `encoded as "gzip"`},
	} {
		t.Run(name, func(t *testing.T) {
			a := send(t.Context(), t, through(t, row.send), host)
			assert.Equal(t, transport.Answered, a.Reached)
			if row.want == "" {
				assert.NoError(t, a.Err)
				return
			}
			assert.ErrorContains(t, a.Err, row.want)
		})
	}
}

func TestAResponseThatIsCutOffKeepsWhatCame(t *testing.T) {
	cutting := plainServer(t, cutOff)
	eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
		a := send(t.Context(), t, via, cutting.URL)
		assert.Equal(t, "part", string(a.Body))
		assert.ErrorIs(t, a.Err, io.ErrUnexpectedEOF)
	})
}

// Compression is asked for and undone by net/http, also if the caller's transport would not.
func TestCompressionIsNetHTTPsAffair(t *testing.T) {
	zipping := plainServer(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "gzip", r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		io.WriteString(zip, "whole")
		zip.Close()
	})
	for name, via := range map[string]*transport.Transport{
		"default": newTransport(t, transport.Config{}),
		"clone":   through(t, &http.Transport{DisableCompression: true}),
	} {
		a := send(t.Context(), t, via, zipping.URL)
		assert.NoError(t, a.Err, name)
		assert.Equal(t, "whole", string(a.Body), name)
	}
}

// After a 101 the body is the connection itself, which net/http does not end with the context: whoever reads it hangs. The
// server hangs up at last, so that this test fails and does not hang.
func TestSwitchingProtocolsDoesNotHang(t *testing.T) {
	eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
		left := make(chan error, 1)
		address := serveRaw(t, func(conn net.Conn) {
			hangUp("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")(conn)
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, err := io.Copy(io.Discard, conn)
			left <- err
		})
		assert.Equal(t, 101, send(t.Context(), t, via, "http://"+address).Status)
		assert.NoError(t, <-left, "the client left the connection open")
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	other := plainServer(t, answerNothing)
	redirecting := plainServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	assert.Equal(t, http.StatusTemporaryRedirect, send(t.Context(), t, newTransport(t, transport.Config{}), redirecting.URL).Status)
	assert.Zero(t, other.requests.Load())
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
	assert.Equal(t, transport.Sent, send(t.Context(), t, via, host).Reached)
}

// crypto/hmac panics on such a key under GODEBUG=fips140=only.
func TestAKeyThatCannotSignIsUnready(t *testing.T) {
	if os.Getenv("GODEBUG") != "fips140=only" {
		command := exec.Command(os.Args[0], "-test.run=^TestAKeyThatCannotSignIsUnready$", "-test.v")
		command.Env = append(os.Environ(), "GODEBUG=fips140=only")
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
		assert.Contains(t, string(output), "--- PASS")
		return
	}
	a := send(t.Context(), t, through(t, mustNotSend(t)), host)
	assert.Equal(t, transport.Unready, a.Reached)
	assert.ErrorContains(t, a.Err, "cannot sign")
}

func TestWhatWasSentIsRedactedFromAllThatComesBack(t *testing.T) {
	var sent string
	via := newTransport(t, transport.Config{
		Credentials: func(context.Context) (bceauth.Credentials, error) {
			return bceauth.Credentials{AccessKeyID: "ak", SecretAccessKey: "sk", SessionToken: "to/ken+=="}, nil
		},
		RoundTripper: roundTrip(func(req *http.Request) (*http.Response, error) {
			sent = req.Header.Get("Authorization")
			return nil, fmt.Errorf("bad header %q with %s: %w", sent, req.Header.Get("X-Bce-Security-Token"), errLost)
		}),
	})
	a := send(t.Context(), t, via, host)
	assert.EqualError(t, a.Err, `bad header "(signature)" with (session token): lost`)
	assert.ErrorIs(t, a.Err, errLost)
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		assert.NotContains(t, fmt.Sprintf(verb, a.Err)+fmt.Sprintf(verb, a), "bce-auth-v1")
	}
	assert.Equal(t, "a (signature) b", a.Redact("a "+sent+" b"))
	assert.Equal(t, "as it is", new(transport.Attempt).Redact("as it is"), "nothing was sent")
}
