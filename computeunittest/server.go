package computeunittest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/qianfan-go/computeunit"
)

// Server is a stand-in for the service on a loopback address, or in memory. It is safe for concurrent use. Make one with
// [NewServer], and call Close at the end.
type Server struct {
	// URL is for computeunit.WithEndpoint: http://127.0.0.1:port. Of a server in memory it leads nowhere: only Client
	// reaches it.
	URL         string
	Credentials computeunit.Credentials // what Client signs with: the first of WithKeys, else a key of the server's own

	settings                      settings
	ledger                        ledger
	requests                      atomic.Int64
	purchases, listings, releases queue

	listener  net.Listener
	transport *http.Transport
	http      *http.Server
}

// NewServer starts a Server: one with ample stock and balance, whose instances run and are listed at once. It panics
// if it cannot listen or if an option is wrong.
//
// In a testing/synctest bubble the server is in memory, if [WithAddr] does not say otherwise: waiting for a network is not
// durably blocking there, so that no time would pass. A bubble is known by its clock, which begins at the year 2000.
func NewServer(options ...Option) *Server {
	settings := newSettings(options)
	s := &Server{
		Credentials: settings.keys[0], settings: settings, transport: &http.Transport{},
		ledger: ledger{stock: settings.stock, balance: settings.balance},
	}
	s.listen()
	s.URL = "http://" + s.listener.Addr().String()
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve)}
	go func() { _ = s.http.Serve(s.listener) }() // until Close
	return s
}

// listen opens the way that clients take.
func (s *Server) listen() {
	if s.settings.addr == "" && inBubble() {
		memory := listenInMemory()
		s.listener, s.transport.DialContext = memory, memory.dial
		return
	}
	var err error
	if s.listener, err = net.Listen("tcp", cmp.Or(s.settings.addr, "127.0.0.1:0")); err != nil {
		panic(fmt.Sprintf("computeunittest: %v", err))
	}
}

// inBubble knows the clock of a bubble from that of a machine, which is not years behind the release of the Go that
// testing/synctest came with.
func inBubble() bool { return time.Now().Year() < 2025 }

// Close stops the server and closes every connection to it, those with a request on them too. It may be called again.
func (s *Server) Close() {
	_ = s.http.Close()     // of what is closed already: there is nothing to do about it
	_ = s.listener.Close() // if Serve has not begun, nobody else does
}

// Client is a new client of the server, with a transport of its own, so that a mock that replaced http.DefaultTransport does
// not get its requests. Options may change everything, its endpoint too: one that WithHTTPClient gives another transport
// does not reach a server in memory. It panics if one is wrong.
func (s *Server) Client(options ...computeunit.Option) *computeunit.Client {
	client, err := computeunit.NewClient(key{s.Credentials}, append([]computeunit.Option{
		computeunit.WithEndpoint(s.URL), computeunit.WithHTTPClient(&http.Client{Transport: s.transport}),
	}, options...)...)
	if err != nil {
		panic(fmt.Sprintf("computeunittest: %v", err))
	}
	return client
}

// key is the provider of the credentials, which may have a session token.
type key struct{ credentials computeunit.Credentials }

func (k key) Credentials(context.Context) (computeunit.Credentials, error) { return k.credentials, nil }

// Requests is the number of HTTP requests that arrived, whatever became of them.
func (s *Server) Requests() int { return int(s.requests.Load()) }
