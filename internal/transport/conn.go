package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

var (
	errClosedUnused = errors.New("the server closed the connection before anything was written")
	errAbandoned    = errors.New("the request was given up before anything was written")
)

// idleTimeout is short: a purchase must not meet a connection that the server is about to close.
const idleTimeout = 3 * time.Second

// maxIdlePerHost keeps a burst of 64 concurrent callers from opening new connections for every call.
const maxIdlePerHost = 64

// newDefault returns the transport for callers who bring none. It speaks HTTP/1.1 only: HTTP/2 replays requests
// in ways that are not ours to control. It does not ask for compression: responses are small.
//
// It resumes TLS sessions, which over TLS 1.2 saves a round trip. The sessions are this transport's alone, and so of one
// endpoint; crypto/tls keeps them by host name, offers none whose certificate does not verify any more, and sends no
// early data over TCP.
func newDefault() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: checkProxyResponse,
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(0)},
		TLSHandshakeTimeout:    10 * time.Second,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: MaxBody,
	}
}

// dial ends with the attempt that it is for. So does what net/http then does on the connection, the handshakes with a
// proxy and of TLS: it does that on a context of its own, which would go on whatever became of the request. So the
// connection is closed when its attempt ends, unless a request got it before.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	attempt := attemptContext(ctx)
	var dialer net.Dialer
	dialed, err := dialer.DialContext(attempt, network, address)
	if err != nil {
		return nil, err
	}
	keep := context.AfterFunc(attempt, func() { dialed.Close() })
	return &conn{Conn: dialed, keep: keep, check: newConnCheck(dialed)}, nil
}

// attemptContext is that of the attempt that a dial is for.
func attemptContext(ctx context.Context) context.Context {
	if attempt, ok := ctx.Value(underwayKey{}).(*underway); ok {
		return attempt
	}
	return ctx
}

// conn lets the bytes of a request out only through the request's gate.
// Before a request owns it there is no gate: a TLS handshake or a proxy's CONNECT orders nothing.
type conn struct {
	net.Conn
	check *connCheck
	gate  atomic.Pointer[gate]
	keep  func() bool // keeps it open when its attempt ends. False: too late. Called once, by the first request that gets it
}

func (c *conn) Write(b []byte) (int, error) {
	g := c.gate.Load()
	if g == nil {
		return c.Conn.Write(b)
	}
	first := !g.passed()
	if first && c.check.closed(g.idle) {
		return 0, errClosedUnused
	}
	if !g.pass() {
		return 0, errAbandoned
	}
	n, err := c.Conn.Write(b)
	if first && n == 0 && err != nil {
		g.takeBack() // the kernel took nothing
	}
	return n, err
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if g := c.gate.Load(); g != nil && n > 0 && g.passed() {
		g.heard.Store(true)
	}
	return n, err
}

// gatedConn finds our conn under the layers of TLS that net/http put on it.
func gatedConn(layer net.Conn) *conn {
	for {
		switch l := layer.(type) {
		case *conn:
			return l
		case interface{ NetConn() net.Conn }:
			layer = l.NetConn()
		default:
			return nil
		}
	}
}
