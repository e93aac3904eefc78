package transport_test

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/bceauth"
	"github.com/qianfan-go/computeunit/internal/transport"
)

func TestAnAttemptThatMayNotBeSentIsUnready(t *testing.T) {
	done, end := context.WithCancel(t.Context())
	end()
	none := func(context.Context) (bceauth.Credentials, error) { return bceauth.Credentials{}, errLost }
	ending := func(ctx context.Context) (bceauth.Credentials, error) { runtime.Goexit(); return keys(ctx) }
	forbid := func(context.Context, *transport.Attempt) error { return errLost }
	for want, row := range map[string]struct {
		ctx         context.Context
		credentials func(context.Context) (bceauth.Credentials, error)
	}{
		"context canceled":     {done, none}, // nobody is asked for credentials
		"no credentials: lost": {t.Context(), none},
		"no credentials: the provider ended its goroutine": {t.Context(), ending}, // as a test does that fails in it
		"lost": {t.Context(), keys}, // an error of Before
	} {
		via := newTransport(t, transport.Config{RoundTripper: mustNotSend(t), Credentials: row.credentials})
		a := do(row.ctx, t, via, host, transport.Never, func(r *transport.Request) { r.Before = forbid }).attempts[0]
		assert.Equal(t, transport.Unready, a.Reached, want)
		assert.EqualError(t, a.Err, want)
	}
}

func TestTheShorterLimitEndsAnAttemptAndTheErrorNamesIt(t *testing.T) {
	hang := roundTrip(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, errLost })
	for callers, want := range map[time.Duration]string{
		time.Hour:   "the attempt took longer than 1m0s: context deadline exceeded: lost",
		time.Second: "context deadline exceeded: lost",
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), callers)
			defer cancel()
			a := send(ctx, t, through(t, hang), host)
			assert.EqualError(t, a.Err, want)
			assert.ErrorIs(t, a.Err, context.DeadlineExceeded)
			assert.Equal(t, min(callers, time.Minute), a.Duration)
		})
	}
}

func TestWhyABodyIsNotWhole(t *testing.T) {
	body := func(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }
	for want, response := range map[string]*http.Response{
		"longer than 1048576 bytes": {Body: body(strings.Repeat("x", 1<<20+1))},
		"cannot be read: lost":      {Body: io.NopCloser(iotest.ErrReader(errLost))},
		"cut off":                   {Body: body("part"), ContentLength: 5},
		`encoded as "br"`:           {Body: body("y"), Header: http.Header{"Content-Encoding": {"br"}}},
		`encoded as "identity, br"`: {Body: body("y"), Header: http.Header{"Content-Encoding": {"identity", "br"}}},
	} {
		a := send(t.Context(), t, through(t, roundTrip(func(*http.Request) (*http.Response, error) { return response, nil })), host)
		assert.Equal(t, transport.Answered, a.Reached)
		assert.ErrorContains(t, a.Err, want)
	}
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
	eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
		a := send(t.Context(), t, via, zipping.URL)
		assert.NoError(t, a.Err)
		assert.Equal(t, "whole", string(a.Body))
	})
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
	redirecting := plainServer(t, http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect).ServeHTTP)
	assert.Equal(t, http.StatusTemporaryRedirect, send(t.Context(), t, newTransport(t, transport.Config{}), redirecting.URL).Status)
	assert.EqualValues(t, 1, redirecting.requests.Load())
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
