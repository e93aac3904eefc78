//go:build unix

package transport

import (
	"net"
	"syscall"
)

// connCheck looks at what waits on a connection without taking it, as database drivers do before they reuse one.
// Only the goroutine that writes to the connection uses it. Nil cannot look.
type connCheck struct {
	raw  syscall.RawConn
	look func(fd uintptr) // made once: a purchase looks at every connection that it reuses
	one  [1]byte
	n    int
	err  error
}

func newConnCheck(c net.Conn) *connCheck {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	p := &connCheck{raw: raw}
	p.look = func(fd uintptr) { p.n, _, p.err = syscall.Recvfrom(int(fd), p.one[:], syscall.MSG_PEEK) }
	return p
}

// closed reports whether the peer has closed or reset the connection. On an idle one, bytes that wait are a sign of that
// too: the peer owes no response, so they announce the end (on a fresh one they can belong to TLS).
// It uses Control, not Read: net/http is always reading, and would hold the read lock until a response comes.
func (p *connCheck) closed(idle bool) bool {
	if p == nil {
		return false
	}
	if err := p.raw.Control(p.look); err != nil {
		return true
	}
	nothingYet := p.err == syscall.EAGAIN || p.err == syscall.EINTR
	return !nothingYet && (p.err != nil || p.n == 0 || idle)
}
