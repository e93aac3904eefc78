package proof

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
)

// moodyProxy is a proxy for CONNECT that hangs, refuses, or breaks off now and then, and else serves. It connects to
// one address, whatever it is asked for.
type moodyProxy struct {
	listener net.Listener

	mu      sync.Mutex
	target  string
	seed    uint64
	asked   uint64
	hung    int
	refused int
	hanging map[net.Conn]bool
}

func startMoodyProxy() *moodyProxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	p := &moodyProxy{listener: listener, hanging: map[net.Conn]bool{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *moodyProxy) url() string { return "http://" + p.listener.Addr().String() }

// lead gives the proxy the address to connect to, and what its moods follow from.
func (p *moodyProxy) lead(target string, seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target, p.seed, p.asked, p.hung, p.refused = target, seed, 0, 0, 0
}

// refusals are what it answers instead of serving. The last is no refusal, but no tunnel either.
var refusals = []string{
	"",
	"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/login\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\n<html>please log in</html>",
}

// healthy is the highest mood, and so are most below it: 0 hangs, and as many as there are refusals refuse.
const healthy = 19

func (p *moodyProxy) serve(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	if _, err := http.ReadRequest(reader); err != nil {
		return
	}
	mood, target := p.next()
	switch {
	case mood == 0:
		p.hang(conn)
	case mood <= len(refusals):
		p.mu.Lock()
		p.refused++
		p.mu.Unlock()
		io.WriteString(conn, refusals[mood-1])
	default:
		tunnel(conn, reader, target)
	}
}

func (p *moodyProxy) next() (mood int, target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	return rand.New(rand.NewPCG(p.seed, p.asked)).IntN(healthy + 1), p.target
}

// hang waits until the client leaves.
func (p *moodyProxy) hang(conn net.Conn) {
	p.mu.Lock()
	p.hung++
	p.hanging[conn] = true
	p.mu.Unlock()
	io.Copy(io.Discard, conn)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.hanging, conn)
}

// hangUp ends them: net/http waits for a minute in an opaque transport, whatever became of the call.
func (p *moodyProxy) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.hanging {
		conn.Close()
	}
}

func (p *moodyProxy) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("asked %d times, hung %d times, refused %d times", p.asked, p.hung, p.refused)
}

func tunnel(conn net.Conn, fromClient io.Reader, target string) {
	service, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer service.Close()
	io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		defer service.Close()
		io.Copy(service, fromClient)
	}()
	io.Copy(conn, service)
}
