//go:build unix

package transport

import (
	"net"
	"syscall"
)

// peek looks at what waits on an idle connection without taking it, as database drivers do before they reuse one.
type peek struct{ raw syscall.RawConn }

func newPeek(c net.Conn) peek {
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			return peek{raw}
		}
	}
	return peek{}
}

// closed reports whether the peer has closed, reset, or written to a connection on which it owes no answer.
// It uses Control, not Read: net/http is always reading, and would hold a read lock until an answer comes.
func (p peek) closed() bool {
	if p.raw == nil {
		return false
	}
	closed := false
	err := p.raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		closed = err != syscall.EAGAIN && err != syscall.EINTR
	})
	return closed || err != nil
}
