//go:build unix

package transport

import (
	"net"
	"syscall"
)

// peek looks at what waits on a connection without taking it, as database drivers do before they reuse one.
type peek struct{ raw syscall.RawConn }

func newPeek(c net.Conn) peek {
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			return peek{raw}
		}
	}
	return peek{}
}

// dead reports whether the peer has closed or reset the connection. On a reused one, bytes that wait are a sign of
// that too: the peer owes no answer, so they announce the end (on a fresh one they can belong to TLS).
// It uses Control, not Read: net/http is always reading, and would hold the read lock until an answer comes.
func (p peek) dead(reused bool) bool {
	if p.raw == nil {
		return false
	}
	dead := false
	err := p.raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		nothingYet := err == syscall.EAGAIN || err == syscall.EINTR
		dead = !nothingYet && (err != nil || n == 0 || reused)
	})
	return dead || err != nil
}
