//go:build linux

package servers

import (
	"io"
	"net"
	"strings"
	"sync"
)

// A Proxy stands before a server, so that its connections can be cut in the middle of a statement.
type Proxy struct {
	DSN string // of the server, through the proxy

	listener net.Listener
	target   string

	mu    sync.Mutex
	conns map[net.Conn]bool
	down  bool
}

// NewProxy listens on a free port of loopback and connects to a server. It ends with the process.
func NewProxy(s *Server) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		DSN:      strings.Replace(s.DSN, s.Address, listener.Addr().String(), 1),
		listener: listener, target: s.Address, conns: map[net.Conn]bool{},
	}
	go p.accept()
	return p, nil
}

// Cut closes every connection, in both directions, whatever is on its way.
func (p *Proxy) Cut() { p.SetDown(p.isDown()) }

// SetDown cuts, and has new connections end at once as long as it is down.
func (p *Proxy) SetDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *Proxy) isDown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(client)
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer p.track(client)()
	if p.isDown() {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.track(server)()
	ended := make(chan struct{}, 2)
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		ended <- struct{}{}
	}
	go pass(server, client)
	go pass(client, server)
	<-ended
}

// track has a connection cut by Cut until the function that it returns closes it.
func (p *Proxy) track(conn net.Conn) (done func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
		_ = conn.Close()
	}
}
