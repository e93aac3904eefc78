package proof

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// linkDelay is that of one direction. It is long beside what a client needs to write a flight: only that counts, and
// not how long anything takes.
const linkDelay = 10 * time.Millisecond

// slowLink carries connections to a server with a delay each way, and counts the round trips that they take.
type slowLink struct {
	listener net.Listener
	server   string

	mu     sync.Mutex
	clocks *clocks
}

// clocks are those of both ends, in halves of a round trip. Only waiting moves them: what an end sends is stamped with
// its clock, and what arrives sets the other's to that stamp and one.
type clocks struct {
	sync.Mutex
	client, server int
}

func startSlowLink(t *testing.T, server string) *slowLink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	l := &slowLink{listener: listener, server: server}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(conn)
		}
	}()
	return l
}

// roundTrips is how many do takes, on connections that it opens.
func (l *slowLink) roundTrips(do func()) int {
	taken := &clocks{}
	l.mu.Lock()
	l.clocks = taken
	l.mu.Unlock()
	do()
	taken.Lock()
	defer taken.Unlock()
	return taken.client / 2
}

func (l *slowLink) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		return
	}
	defer server.Close()
	l.mu.Lock()
	c := l.clocks
	l.mu.Unlock()
	c.Lock()
	c.client += 2 // TCP's handshake
	c.Unlock()
	var directions sync.WaitGroup
	directions.Go(func() { c.direct(client, server, &c.client, &c.server) })
	directions.Go(func() { c.direct(server, client, &c.server, &c.client) })
	directions.Wait()
}

// flight is what one end sent, and when.
type flight struct {
	bytes []byte
	stamp int
	sent  time.Time
}

// direct carries one direction. Reading goes on while what was read waits.
func (c *clocks) direct(from, to net.Conn, clock, other *int) {
	flights := make(chan flight, 1000)
	go func() {
		defer close(flights)
		for {
			buffer := make([]byte, 1<<14)
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			c.Lock()
			stamp := *clock
			c.Unlock()
			flights <- flight{buffer[:n], stamp, time.Now()}
		}
	}()
	for f := range flights {
		time.Sleep(time.Until(f.sent.Add(linkDelay)))
		c.Lock()
		*other = max(*other, f.stamp+1)
		c.Unlock()
		to.Write(f.bytes)
	}
	to.(*net.TCPConn).CloseWrite()
}
