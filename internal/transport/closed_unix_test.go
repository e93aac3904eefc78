//go:build unix

package transport_test

import (
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// halting is a connection that is read once for each write, so that net/http does not notice what happens while it is idle.
type halting struct {
	*net.TCPConn
	turns chan struct{}
}

func (h halting) Read(b []byte) (int, error) { <-h.turns; return h.TCPConn.Read(b) }

func (h halting) Write(b []byte) (int, error) {
	defer func() { h.turns <- struct{}{} }()
	return h.TCPConn.Write(b)
}

func (h halting) Close() error {
	h.turns <- struct{}{}
	return h.TCPConn.Close()
}

// hasEnded waits until something is to be read from the connection, its end too.
func (h halting) hasEnded(t *testing.T) {
	raw, err := h.SyscallConn()
	require.NoError(t, err)
	require.Eventually(t, func() (ready bool) {
		raw.Control(func(fd uintptr) {
			_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
			ready = err != syscall.EAGAIN
		})
		return ready
	}, 10*time.Second, time.Millisecond)
}

// unclosed is one whose Close does nothing.
type unclosed struct{ halting }

func (unclosed) Close() error { return nil }

// A connection that its peer ended while it was idle is looked at, not written on, and another is taken at once. One that nobody
// can look at is used once: a second copy of a response may wait in it.
func TestAnIdleConnectionThatItsPeerEndedIsNotWrittenOn(t *testing.T) {
	for ended, end := range map[string]func(*net.TCPConn){
		"closed":      func(conn *net.TCPConn) { conn.Close() },
		"reset":       func(conn *net.TCPConn) { conn.SetLinger(0); conn.Close() },
		"half closed": func(conn *net.TCPConn) { conn.CloseWrite() }, // it would still read what is written
		"unasked bytes": func(conn *net.TCPConn) {
			io.WriteString(conn, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
		},
	} {
		for kind, wrap := range map[string]func(halting) net.Conn{
			"as it is":       func(conn halting) net.Conn { return conn },
			"not closed":     func(conn halting) net.Conn { return unclosed{conn} },
			"not to look at": func(conn halting) net.Conn { return struct{ net.Conn }{conn} },
		} {
			t.Run(ended+", "+kind, func(t *testing.T) {
				requests, served := make(chan struct{}, 10), make(chan *net.TCPConn, 10)
				address := serveRaw(t, func(conn net.Conn) {
					eachRequest(conn, func(int, *http.Request) {
						requests <- struct{}{}
						io.WriteString(conn, answered)
						served <- conn.(*net.TCPConn)
					})
				})
				var dialled []halting
				via := dialling(t, func(conn *net.TCPConn) net.Conn {
					dialled = append(dialled, halting{conn, make(chan struct{}, 100)})
					return wrap(dialled[len(dialled)-1])
				})
				require.Equal(t, transport.Answered, send(t.Context(), t, via, "http://"+address).Reached)
				end(<-served)
				dialled[0].hasEnded(t)
				a := send(t.Context(), t, via, "http://"+address)
				assert.Equal(t, transport.Answered, a.Reached, "%v", a.Err)
				assert.Len(t, dialled, 2)
				assert.Len(t, requests, 2)
			})
		}
	}
}
