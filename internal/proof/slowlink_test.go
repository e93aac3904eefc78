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

// slowLink carries connections to a server with a delay each way, and counts the round trips that they take. It gives
// both ends a clock that only waiting moves: what an end sends is stamped with its clock, and what arrives sets the
// other's to the stamp and one half of a round trip.
type slowLink struct {
	listener net.Listener
	server   string

	mu                 sync.Mutex
	atClient, atServer int // in halves of a round trip
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

// roundTrips is how many do takes.
func (l *slowLink) roundTrips(do func()) int {
	l.mu.Lock()
	l.atClient, l.atServer = 0, 0
	l.mu.Unlock()
	do()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.atClient / 2
}

func (l *slowLink) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		return
	}
	defer server.Close()
	l.mu.Lock()
	l.atClient += 2 // TCP's handshake
	l.mu.Unlock()
	var directions sync.WaitGroup
	directions.Go(func() { l.direct(client, server, &l.atClient, &l.atServer) })
	directions.Go(func() { l.direct(server, client, &l.atServer, &l.atClient) })
	directions.Wait()
}

// flight is what one end sent, and when.
type flight struct {
	bytes []byte
	stamp int
	sent  time.Time
}

// direct carries one direction. Reading goes on while what was read waits.
func (l *slowLink) direct(from, to net.Conn, clock, other *int) {
	flights := make(chan flight, 1000)
	go func() {
		defer close(flights)
		for {
			buffer := make([]byte, 1<<14)
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			l.mu.Lock()
			flights <- flight{buffer[:n], *clock, time.Now()}
			l.mu.Unlock()
		}
	}()
	for f := range flights {
		time.Sleep(time.Until(f.sent.Add(linkDelay)))
		l.mu.Lock()
		*other = max(*other, f.stamp+1)
		l.mu.Unlock()
		to.Write(f.bytes)
	}
	to.(*net.TCPConn).CloseWrite()
}
