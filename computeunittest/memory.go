package computeunittest

import (
	"context"
	"errors"
	"net"
)

// memory is a net.Listener whose connections never leave the process, so that a server and its clients work in a
// testing/synctest bubble.
type memory struct {
	dialed chan net.Conn
	open   context.Context
	close  func()
}

func listenInMemory() *memory {
	open, end := context.WithCancel(context.Background())
	return &memory{make(chan net.Conn), open, end}
}

// Accept waits for a call of dial.
func (m *memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.dialed:
		return conn, nil
	case <-m.open.Done():
		return nil, net.ErrClosed
	}
}

// Close ends Accept and dial. Connections that were made stay.
func (m *memory) Close() error {
	m.close()
	return nil
}

// Addr is a loopback address at which nobody can be reached.
func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// dial makes a connection, for http.Transport.DialContext. The address does not matter, and nobody waits for long: the server
// accepts until it is closed.
func (m *memory) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case m.dialed <- theirs:
		return ours, nil
	case <-m.open.Done():
		return nil, errors.New("the server is closed")
	}
}
