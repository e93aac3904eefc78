package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dialerForOne makes one connection without waiting.
func dialerForOne() *dialer {
	d := new(dialer)
	d.demand.begin()
	return d
}

func TestDialTLSVerifiesTheCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	_, err := dialerForOne().dialTLS(t.Context(), "tcp", server.Listener.Addr().String())
	var certificate *tls.CertificateVerificationError
	assert.ErrorAs(t, err, &certificate)
	assert.True(t, hopeless(err))
	_, err = dialerForOne().dialTLS(t.Context(), "tcp", "no-port")
	assert.Error(t, err)
}

func TestDialTLSRefusesWhatIsOlderThanTLS12(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, err := dialerForOne().dialTLS(t.Context(), "tcp", server.Listener.Addr().String())
	assert.ErrorContains(t, err, "protocol version")
}

// detached is what net/http makes of the context of an attempt before it dials.
func detached(attempt context.Context) context.Context { return context.WithoutCancel(attempt) }

func TestDialEndsWithItsAttempt(t *testing.T) {
	attempt, cancel := context.WithTimeout(t.Context(), time.Minute)
	dialing, done := dialContext(detached(&underway{Context: attempt}))
	defer done()
	assert.NoError(t, dialing.Err())
	cancel()
	<-dialing.Done()
	_, err := new(dialer).dial(detached(&underway{Context: attempt}), "tcp", "127.0.0.1:1")
	assert.ErrorIs(t, err, context.Canceled)
}

// A dial that is given up half-way would have to be made again by the next attempt.
func TestDialOfAnAttemptThatWasServedGoesOnToItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempt, cancel := context.WithTimeout(t.Context(), time.Minute)
		under := &underway{Context: attempt}
		dialing, done := dialContext(detached(under))
		defer done()
		under.served.Store(true)
		cancel()
		synctest.Wait()
		assert.NoError(t, dialing.Err())
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.ErrorIs(t, dialing.Err(), context.DeadlineExceeded)
	})
}

func TestDialThatFailsLeavesNoConnectionCounted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	d := dialerForOne()
	_, err = d.dial(t.Context(), "tcp", listener.Addr().String())
	assert.Error(t, err)
	assert.Zero(t, d.demand.connections)
}

func TestConnectionThatIsClosedTwiceIsDroppedOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	d := dialerForOne()
	made, err := d.dial(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	assert.Equal(t, 1, d.demand.connections)
	made.Close()
	made.Close()
	assert.Zero(t, d.demand.connections)
}

// countingConn keeps what is written, one entry a write.
type countingConn struct {
	net.Conn
	writes *[]string
}

func (c countingConn) Write(b []byte) (int, error) {
	*c.writes = append(*c.writes, string(bytes.Clone(b)))
	return c.Conn.Write(b)
}

// net/http writes the headers of a body that it does not know by themselves: twice the work, on both sides.
func TestRequestLeavesInOneWrite(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	var writes []string
	transport := New(Config{Timeout: time.Minute, MaxAttempts: 1, UserAgent: "test", Credentials: keys})
	t.Cleanup(transport.own.CloseIdleConnections)
	transport.own.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		made, err := transport.dialer.dial(ctx, network, address)
		if err == nil {
			made.(*conn).Conn = countingConn{made.(*conn).Conn, &writes}
		}
		return made, err
	}
	_, _ = transport.Do(t.Context(), &Request{URL: u, Body: []byte(`{"a":1}`), After: func(a *Attempt) Again {
		assert.Equal(t, Answered, a.Reached)
		return Never
	}})
	require.Len(t, writes, 1)
	assert.Contains(t, writes[0], "\r\n\r\n{\"a\":1}")
}
