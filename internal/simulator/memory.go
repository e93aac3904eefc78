package simulator

import (
	"context"
	"errors"
	"net"
)

// Memory is a net.Listener whose connections never leave the process, so that a server and its clients work in a
// testing/synctest bubble. Make one with Listen.
type Memory struct {
	dialed chan net.Conn
	open   context.Context
	close  func()
}

// Listen makes a Memory.
func Listen() *Memory {
	open, end := context.WithCancel(context.Background())
	return &Memory{make(chan net.Conn), open, end}
}

// Accept waits for a call of Dial.
func (m *Memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.dialed:
		return conn, nil
	case <-m.open.Done():
		return nil, net.ErrClosed
	}
}

// Close ends Accept and Dial. Connections that were made stay.
func (m *Memory) Close() error {
	m.close()
	return nil
}

// Addr is a loopback address at which nobody can be reached.
func (m *Memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// Dial makes a connection, for http.Transport.DialContext. The address does not matter.
func (m *Memory) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case m.dialed <- theirs:
		return ours, nil
	case <-m.open.Done():
		return nil, errors.New("the server is closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
