package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGateDecidesOnce(t *testing.T) {
	first := &gate{trust: ours}
	assert.True(t, first.pass())
	assert.False(t, first.shut(), "bytes may have left")
	assert.True(t, first.pass(), "the rest of the request may follow")

	second := &gate{trust: ours}
	assert.True(t, second.shut())
	assert.False(t, second.pass(), "nothing may leave any more")
	assert.True(t, second.shut())
}

func TestGateNeverBelievesBoth(t *testing.T) {
	for range 1000 {
		g := &gate{trust: ours}
		var passed, shut atomic.Bool
		var both sync.WaitGroup
		both.Go(func() { passed.Store(g.pass()) })
		both.Go(func() { shut.Store(g.shut()) })
		both.Wait()
		require.NotEqual(t, passed.Load(), shut.Load())
	}
}

func TestGateTrustsHooksOnlyWhereTheyProveSomething(t *testing.T) {
	assert.False(t, (&gate{trust: opaque}).shut())
	assert.False(t, (&gate{trust: hooked}).shut(), "no connection was asked for: another protocol may have sent")
	asked := &gate{trust: hooked}
	asked.trace().GetConn("host:443")
	assert.True(t, asked.shut(), "asked for a connection, got none")
	handed := &gate{trust: hooked}
	handed.trace().GetConn("host:443")
	handed.trace().GotConn(httptrace.GotConnInfo{})
	assert.False(t, handed.shut())
}

// fakeConn writes nothing, or everything.
type fakeConn struct {
	net.Conn
	err   error
	wrote int
}

func (f *fakeConn) Write(b []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	f.wrote += len(b)
	return len(b), nil
}

func TestWriteWithoutARequestIsNotGated(t *testing.T) {
	fake := &fakeConn{}
	_, err := (&conn{Conn: fake}).Write([]byte("handshake"))
	assert.NoError(t, err)
	assert.Equal(t, 9, fake.wrote)
}

func TestWriteAfterGivingUpWritesNothing(t *testing.T) {
	fake := &fakeConn{}
	c, g := &conn{Conn: fake}, &gate{trust: ours}
	c.gate.Store(g)
	require.True(t, g.shut())
	_, err := c.Write([]byte("purchase"))
	assert.ErrorIs(t, err, errAbandoned)
	assert.Zero(t, fake.wrote)
}

func TestWriteOfWhichTheKernelTookNothingDoesNotCount(t *testing.T) {
	c, g := &conn{Conn: &fakeConn{err: errors.New("broken pipe")}}, &gate{trust: ours}
	c.gate.Store(g)
	_, err := c.Write([]byte("purchase"))
	assert.Error(t, err)
	assert.True(t, g.shut())
}

func TestGatedConnIsFoundUnderTLS(t *testing.T) {
	c := &conn{Conn: &fakeConn{}}
	assert.Same(t, c, gatedConn(tls.Client(tls.Client(c, nil), nil)))
	assert.Nil(t, gatedConn(&fakeConn{}))
}

// closable tells that it was closed.
type closable struct {
	net.Conn
	closed bool
}

func (c *closable) Close() error { c.closed = true; return nil }

// A transport that hedges may be handed two connections and then write on the first last.
func TestSecondWritingIsStoppedOnWhicheverConnectionItIs(t *testing.T) {
	g := &gate{trust: hooked, requestID: "r-1"}
	trace := g.trace()
	first, second := &closable{}, &closable{}
	trace.GotConn(httptrace.GotConnInfo{Conn: first})
	trace.GotConn(httptrace.GotConnInfo{Conn: second})
	trace.WroteHeaderField("Content-Type", []string{"r-1"})
	trace.WroteHeaderField(requestIDHeader, []string{"r-1"}) // on the second
	assert.False(t, first.closed || second.closed)
	trace.WroteHeaderField(requestIDHeader, []string{"r-1"}) // on the first
	assert.True(t, first.closed && second.closed)
}

// pair is two ends of a loopback connection, ours with a peek.
func pair(t *testing.T) (client *conn, server *net.TCPConn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	dialed, err := dialerForOne().dial(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	accepted, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed.(*conn), accepted.(*net.TCPConn)
}

func TestPeekSeesACloseAResetAndUnaskedBytes(t *testing.T) {
	client, server := pair(t)
	if client.peek == nil {
		t.Skip("no peek on this system")
	}
	assert.False(t, client.peek.dead(true))

	_, err := server.Write([]byte("HTTP/1.1 408 Request Timeout\r\n"))
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return client.peek.dead(true) }, time.Second, time.Millisecond, "unasked bytes, reused")
	assert.False(t, client.peek.dead(false), "bytes on a fresh connection may be TLS")

	closed, server := pair(t)
	require.NoError(t, server.Close())
	assert.Eventually(t, func() bool { return closed.peek.dead(false) }, time.Second, time.Millisecond, "closed")

	reset, server := pair(t)
	require.NoError(t, server.SetLinger(0))
	require.NoError(t, server.Close())
	assert.Eventually(t, func() bool { return reset.peek.dead(false) }, time.Second, time.Millisecond, "reset")

	require.NoError(t, client.Close())
	assert.True(t, client.peek.dead(false), "closed on this side")
}

// The default transport verifies certificates, speaks HTTP/1.1 and TLS 1.2 at least, and gates TLS connections.
func TestDefaultTransportOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, 1, r.ProtoMajor)
		assert.GreaterOrEqual(t, r.TLS.Version, uint16(tls.VersionTLS12))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)

	transport := newDefault(dialerForOne())
	t.Cleanup(transport.CloseIdleConnections)
	transport.DialTLSContext = nil // net/http's own handshake, which takes the test's root certificate
	transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for range 2 {
		g := &gate{trust: ours}
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), g.trace()), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		response, err := transport.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.True(t, g.passed(), "the gate was on the connection under TLS")
	}
	assert.EqualValues(t, tls.VersionTLS12, transport.TLSClientConfig.MinVersion)
}
