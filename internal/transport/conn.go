package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

var (
	errClosedUnused = errors.New("the server closed the connection before anything was written")
	errStray        = errors.New("the connection brought an answer before the request was sent")
	errAbandoned    = errors.New("the request was given up before anything was written")
)

// idleTimeout is short: a purchase must not meet a connection that the server is about to close.
const idleTimeout = 3 * time.Second

// maxIdlePerHost keeps a burst of 64 concurrent callers from opening new connections for every call.
const maxIdlePerHost = 64

// newDefault returns the transport for callers who bring none. It speaks HTTP/1.1 only: HTTP/2 replays requests
// in ways that are not ours to control. It does not ask for compression: answers are small.
func newDefault(d *dialer) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         d.dial,
		DialTLSContext:      d.dialTLS,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12}, // behind a proxy, where net/http shakes hands
		TLSHandshakeTimeout: 10 * time.Second,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2
		MaxIdleConnsPerHost: maxIdlePerHost,
		IdleConnTimeout:     idleTimeout,
		DisableCompression:  true,
	}
}

// conn lets the bytes of a request out only through the request's gate.
// Before a request owns it there is no gate: a TLS handshake or a proxy's CONNECT orders nothing.
type conn struct {
	net.Conn
	peek *peek
	gate atomic.Pointer[gate]
	// dropped tells demand that the connection is gone. It may be called more than once.
	dropped func()
}

func (c *conn) Close() error {
	defer c.dropped()
	return c.Conn.Close()
}

func (c *conn) Write(b []byte) (int, error) {
	g := c.gate.Load()
	if g == nil {
		return c.Conn.Write(b)
	}
	first := !g.passed()
	if first && c.peek.dead(g.reused) {
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
