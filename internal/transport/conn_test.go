package transport_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// countOpened counts the connections to a server that is not started yet.
func countOpened(server *httptest.Server) *atomic.Int64 {
	var opened atomic.Int64
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	return &opened
}

func TestARefusedConnectionIsNotPurchased(t *testing.T) {
	for name, options := range map[string][]computeunit.Option{
		"own":                nil,
		"caller's":           {withTransport(&http.Transport{})},
		"http.DefaultClient": {computeunit.WithHTTPClient(http.DefaultClient)},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, "http://"+closedPort, append(options, computeunit.WithMaxAttempts(2))...)
			assertOutcome(t, computeunit.ErrNotPurchased, buy(t.Context(), client))
		})
	}
}

func TestWhereNoConnectionIsMadeIsUnconnected(t *testing.T) {
	plain, secure := startedServer(t, drain), startedTLS(t, drain)
	for name, row := range map[string]struct {
		target    string
		permanent bool
	}{
		"refused":           {"http://" + closedPort, false},
		"bad certificate":   {secure.URL, true},
		"no TLS":            {"https" + plain.URL[len("http"):], true},
		"no such host name": {"https://bad..name", true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, via := range []*transport.Transport{newTransport(t, transport.Config{}), through(t, &http.Transport{})} {
				a := sendOnce(t.Context(), t, via, row.target)
				assert.Equal(t, transport.Unconnected, a.Reached, "%v", a.Err)
				assert.Equal(t, row.permanent, a.Permanent, "%v", a.Err)
			}
		})
	}
}

// silent accepts connections, says nothing, and reports each that the client closed.
func silent(t *testing.T) (address string, accepted, closed chan struct{}) {
	accepted, closed = make(chan struct{}, 100), make(chan struct{}, 100)
	address = serveRaw(t, func(conn net.Conn) {
		accepted <- struct{}{}
		io.Copy(io.Discard, conn)
		closed <- struct{}{}
	})
	return address, accepted, closed
}

func TestAHandshakeEndsWithItsAttempt(t *testing.T) {
	address, accepted, closed := silent(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-accepted; cancel() }()
	a := sendOnce(ctx, t, newTransport(t, transport.Config{}), "https://"+address)
	assert.Equal(t, transport.Unconnected, a.Reached)
	assert.ErrorIs(t, a.Err, context.Canceled)
	await(t, closed)
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	address, accepted, closed := silent(t)
	before := runtime.NumGoroutine()
	via := newTransport(t, transport.Config{})
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-accepted; cancel() }()
		sendOnce(ctx, t, via, "https://"+address)
		await(t, closed)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		runtime.Gosched() // assert.Eventually would have a goroutine of its own
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
}

func TestADialEndsWithItsAttempt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	via := through(t, &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		cancel()
		return nil, errLost
	}})
	a := sendOnce(ctx, t, via, "http://localhost:1")
	assert.Equal(t, transport.Unconnected, a.Reached)
	assert.ErrorIs(t, a.Err, context.Canceled)
}

// A connection whose handshake failed is closed at once, not only when its attempt ends.
func TestAConnectionWhoseHandshakeFailedIsClosed(t *testing.T) {
	closed := make(chan struct{})
	secure := server(t, drain)
	secure.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	secure.StartTLS()
	via := newTransport(t, transport.Config{MaxAttempts: 1})
	do(t.Context(), t, via, secure.URL, transport.Never)
	await(t, closed)
}

// idleCloser is a server that closes its idle connections when told to.
type idleCloser struct {
	mu     sync.Mutex
	idle   map[net.Conn]struct{}
	became chan struct{} // a connection became idle
}

func newIdleCloser(server *httptest.Server) *idleCloser {
	c := &idleCloser{idle: map[net.Conn]struct{}{}, became: make(chan struct{}, 1000)}
	server.Config.ConnState = c.state
	return c
}

func (c *idleCloser) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateIdle {
		c.idle[conn] = struct{}{}
		c.became <- struct{}{}
	} else {
		delete(c.idle, conn)
	}
}

func (c *idleCloser) close() (closed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.idle {
		conn.Close()
		delete(c.idle, conn)
		closed++
	}
	return closed
}

// The server closes its idle connections right before each purchase: none of them may cost a purchase.
func TestAClosedIdleConnectionCostsNoPurchase(t *testing.T) {
	const purchases = 200
	for name, options := range map[string][]computeunit.Option{"own": nil, "caller's": {withTransport(&http.Transport{})}} {
		t.Run(name, func(t *testing.T) {
			sim := simulator.New(simulator.Config{})
			plain := server(t, sim)
			idle := newIdleCloser(plain)
			plain.Start()
			client := newClient(t, plain.URL, append(options, computeunit.WithMaxAttempts(1))...)
			closed := 0
			for range purchases {
				require.NoError(t, buy(t.Context(), client))
				<-idle.became
				closed += idle.close()
			}
			assert.Len(t, sim.Orders(), purchases)
			assert.Equal(t, purchases, closed)
		})
	}
}

// The server is gone, and only an idle connection remembers it: nothing was written, so nothing was bought.
func TestAServerThatWentAwayIsNotPurchased(t *testing.T) {
	for range 50 {
		gone := httptest.NewServer(simulator.New(simulator.Config{}))
		client := newClient(t, gone.URL, computeunit.WithMaxAttempts(1))
		require.NoError(t, buy(t.Context(), client))
		gone.Close()
		assertOutcome(t, computeunit.ErrNotPurchased, buy(t.Context(), client))
	}
}

// Idle connections are kept for a burst to find: it opens no connection for each of its purchases.
func TestABurstUsesConnectionsAgain(t *testing.T) {
	const callers, purchases = 64, 20
	sim := simulator.New(simulator.Config{})
	busy := server(t, sim)
	opened := countOpened(busy)
	busy.Start()
	client := newClient(t, busy.URL)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range purchases {
				assert.NoError(t, buy(t.Context(), client))
			}
		})
	}
	group.Wait()
	assert.Len(t, sim.Orders(), callers*purchases)
	assert.Less(t, opened.Load(), int64(callers*purchases/4))
}

// net/http writes the headers of a body that it does not know by themselves: twice the work, on both sides.
func TestARequestLeavesInOneWrite(t *testing.T) {
	var writes []string
	via := newTransport(t, transport.Config{})
	dial := via.Own().DialContext
	via.Own().DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return writesOf{conn, &writes}, err
	}
	assert.Equal(t, transport.Answered, sendOnce(t.Context(), t, via, startedServer(t, drain).URL).Reached)
	require.Len(t, writes, 1)
	assert.Contains(t, writes[0], "\r\n\r\n"+testBody)
}

// writesOf keeps what is written, one entry a write.
type writesOf struct {
	net.Conn
	writes *[]string
}

func (w writesOf) NetConn() net.Conn { return w.Conn }

func (w writesOf) Write(b []byte) (int, error) {
	*w.writes = append(*w.writes, string(b))
	return w.Conn.Write(b)
}

func TestTheDefaultTransportSpeaksHTTP1AndModernTLSOnly(t *testing.T) {
	secure := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto)
	}))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	assert.Equal(t, "HTTP/1.1", string(sendOnce(t.Context(), t, trusting(t, secure), secure.URL).Body))

	old := server(t, drain)
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	a := sendOnce(t.Context(), t, trusting(t, old), old.URL)
	assert.Equal(t, transport.Unconnected, a.Reached)
	assert.ErrorContains(t, a.Err, "protocol version")
}

// sessions is a TLS server that answers whether the connection of a request resumed a session.
func sessions(t *testing.T, version uint16) *httptest.Server {
	secure := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, r.TLS.DidResume)
	}))
	secure.TLS = &tls.Config{MinVersion: version, MaxVersion: version}
	secure.StartTLS()
	return secure
}

var tlsVersions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

func TestASecondConnectionResumesTheTLSSession(t *testing.T) {
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			secure := sessions(t, version)
			via := trusting(t, secure)
			for _, want := range []string{"false", "true", "true"} {
				assert.Equal(t, want, string(sendOnce(t.Context(), t, via, secure.URL).Body))
				via.CloseIdleConnections()
			}
		})
	}
}

// Two servers of one name and one ticket key would accept each other's sessions.
func TestTLSSessionsAreNotSharedBetweenTransports(t *testing.T) {
	secure := sessions(t, tls.VersionTLS13)
	for range 2 {
		assert.Equal(t, "false", string(sendOnce(t.Context(), t, trusting(t, secure), secure.URL).Body))
	}
}

func TestASessionWhoseCertificateNoLongerVerifiesIsNotResumed(t *testing.T) {
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			secure := sessions(t, version)
			via := trusting(t, secure)
			assert.Equal(t, "false", string(sendOnce(t.Context(), t, via, secure.URL).Body))
			via.CloseIdleConnections()
			via.Own().TLSClientConfig.Time = func() time.Time { return secure.Certificate().NotAfter.Add(time.Hour) }
			a := sendOnce(t.Context(), t, via, secure.URL)
			assert.Equal(t, transport.Unconnected, a.Reached)
			var certificate *tls.CertificateVerificationError
			assert.ErrorAs(t, a.Err, &certificate)
		})
	}
}
