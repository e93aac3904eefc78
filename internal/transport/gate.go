package transport

import (
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
)

// gate is the evidence of the default transport. It decides once, for one request, between two facts: "bytes may have
// left this machine" and "none has, and none will". Whoever comes first wins: the connection about to write (pass), or
// the caller giving up (shut).
type gate struct {
	state  atomic.Int32
	hooks  httptrace.ClientTrace
	target *url.URL
	asked  string // the address that a connection was asked for; empty before that
	conn   *conn  // the one that the request got. It and idle are set before it sees the gate
	idle   bool   // it was there before the request, and may be closed by now
	heard  atomic.Bool
	stray  atomic.Bool
}

const (
	undecided int32 = iota
	letThrough
	shutForGood
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
	return g.state.CompareAndSwap(undecided, shutForGood) || g.state.Load() == shutForGood
}

// trace ties the gate to whatever connection the request is given.
func (g *gate) trace() *httptrace.ClientTrace {
	g.hooks.GetConn = func(address string) { g.asked = address }
	g.hooks.GotConn = g.guard
	g.hooks.GotFirstResponseByte = g.refuseStray
	return &g.hooks
}

// guard makes a connection of ours ask the gate before it writes.
func (g *gate) guard(info httptrace.GotConnInfo) {
	c := gatedConn(info.Conn)
	if c == nil {
		g.pass()
		return
	}
	lost := c.gate.Load() == nil && !c.keep() // it is about to be closed, as the attempt ended that it was made for
	if lost {
		c.Close()
	}
	g.conn, g.idle = c, info.Reused || info.WasIdle || lost
	c.gate.Store(g)
}

func (g *gate) notSent() bool { return g.shut() }

func (g *gate) closedIdle() bool { return g.idle }

func (g *gate) explain(err error) error { return throughProxy(g.asked, g.target, err) }

func (g *gate) refuse() error {
	if g.stray.Load() {
		return errStray
	}
	return nil
}
