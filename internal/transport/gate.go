package transport

import (
	"net"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
)

// gate decides once, for one request, between two facts: "bytes may have left this machine" and "none has, and
// none will". Whoever comes first wins: the connection about to write (pass), or the caller giving up (shut).
type gate struct {
	state  atomic.Int32
	hooks  httptrace.ClientTrace
	reused bool // the connection served a request before; set before the connection sees the gate
	conn   *conn
	heard  atomic.Bool // the connection brought something since the request began to leave
	stray  atomic.Bool // an answer was there before that: it is not this request's

	trust trust

	// For transports that are not ours:
	requestID string
	getConn   atomic.Bool
	mu        sync.Mutex
	handed    []net.Conn // every connection handed over
	written   bool       // the request id was written once
}

const (
	undecided int32 = iota
	letThrough
	shutForGood
)

// trust says how much a RoundTripper's trace hooks prove.
type trust int

const (
	// opaque: not an *http.Transport. It may send without firing a hook, and more than once.
	opaque trust = iota
	// hooked: the caller's *http.Transport. A request that asked for a connection and got none was not sent.
	// One that did not even ask may have gone through a protocol registered with RegisterProtocol.
	hooked
	// ours: the default transport, whose connections pass through the gate themselves.
	ours
)

// pass is called before bytes are written. False means: too late, the request was given up.
func (g *gate) pass() bool {
	return g.state.CompareAndSwap(undecided, letThrough) || g.passed()
}

// takeBack is for a pass after which not a byte was written.
func (g *gate) takeBack() { g.state.CompareAndSwap(letThrough, undecided) }

func (g *gate) passed() bool { return g.state.Load() == letThrough }

// shut reports whether it is certain that nothing was sent, and makes it stay so.
func (g *gate) shut() bool {
	if g.trust == opaque || g.trust == hooked && !g.getConn.Load() {
		return false
	}
	return g.state.CompareAndSwap(undecided, shutForGood) || g.state.Load() == shutForGood
}

// trace ties the gate to whatever connection the request is given.
func (g *gate) trace() *httptrace.ClientTrace {
	if g.trust == ours {
		g.hooks.GotConn = g.guard
		g.hooks.GotFirstResponseByte = g.refuseStray
		return &g.hooks
	}
	g.hooks.GetConn = func(string) { g.getConn.Store(true) }
	g.hooks.GotConn = func(info httptrace.GotConnInfo) {
		g.pass() // on a connection that is not ours being handed over counts as sending
		g.mu.Lock()
		defer g.mu.Unlock()
		g.handed = append(g.handed, info.Conn)
	}
	g.hooks.WroteHeaderField = g.stopSecond
	return &g.hooks
}

// guard makes a connection of ours ask the gate before it writes.
func (g *gate) guard(info httptrace.GotConnInfo) {
	c := gatedConn(info.Conn)
	if c == nil {
		g.pass()
		return
	}
	g.reused, g.conn = info.Reused, c
	c.gate.Store(g)
}

// refuseStray is for a server, or a proxy, that answers one request twice. What was read before this request began to
// leave would be taken for its answer, and each answer after that for the next one's.
func (g *gate) refuseStray() {
	if g.reused && !g.heard.Load() {
		g.stray.Store(true)
		g.conn.Close()
	}
}

// stopSecond keeps a caller's transport that retries by itself from ordering twice. The request id is written into a
// buffer before anything leaves; where it was written before, the connection is closed under the buffer. A transport
// may send on several at once, and the hook does not tell on which: so all are closed. net/http asks hooks not to
// close connections: a second order would be worse.
func (g *gate) stopSecond(name string, values []string) {
	if !strings.EqualFold(name, requestIDHeader) || len(values) != 1 || values[0] != g.requestID {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.written {
		for _, c := range g.handed {
			if c != nil {
				c.Close()
			}
		}
	}
	g.written = true
}
