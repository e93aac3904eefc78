package computeunittest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// Server is a stand-in for the service on a loopback address, or in memory. It is safe for concurrent use. Make one with
// [NewServer], and call Close at the end.
type Server struct {
	// URL is for computeunit.WithEndpoint: http://127.0.0.1:port. Of a server in memory it leads nowhere: only Client
	// reaches it.
	URL         string
	Credentials computeunit.Credentials // what Client signs with: the first of WithKeys, else a key of the server's own

	simulator *simulator.Simulator
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
	var s settings
	for _, option := range options {
		option(&s)
	}
	if len(s.keys) == 0 {
		s.keys = []computeunit.Credentials{{
			AccessKeyID: simulator.DefaultAccessKeyID, SecretAccessKey: simulator.DefaultSecretAccessKey,
		}}
	}
	for _, k := range s.keys {
		s.config.Keys = append(s.config.Keys, simulator.Key{
			AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey, SessionToken: k.SessionToken,
		})
	}
	engine := simulator.New(s.config)
	server := &Server{
		Credentials: s.keys[0], simulator: engine, transport: &http.Transport{},
		http: &http.Server{Handler: engine, ReadHeaderTimeout: 10 * time.Second},
	}
	server.listen(s.addr)
	server.URL = "http://" + server.listener.Addr().String()
	go func() { _ = server.http.Serve(server.listener) }() // until Close
	return server
}

// listen opens the way that clients take.
func (s *Server) listen(addr string) {
	if addr == "" && inBubble() {
		memory := simulator.Listen()
		s.listener, s.transport.DialContext = memory, memory.Dial
		return
	}
	var err error
	if s.listener, err = net.Listen("tcp", cmp.Or(addr, "127.0.0.1:0")); err != nil {
		panic(fmt.Sprintf("computeunittest: %v", err))
	}
}

// inBubble knows the clock of a bubble from that of a machine, which is not years behind the release of the Go that
// testing/synctest came with.
func inBubble() bool { return time.Now().Year() < 2025 }

// Close stops the server and closes every connection to it, those with a request on them too. It may be called again.
func (s *Server) Close() {
	_ = s.http.Close() // of what is closed already: there is nothing to do about it
	_ = s.listener.Close()
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

// NextPurchases queues faults for the next purchases that are signed, permitted and valid, one for each request: the
// zero Fault lets one pass. A client that sends again meets the next. It panics on a fault that cannot be: see
// [Fault.AfterOrder].
func (s *Server) NextPurchases(faults ...Fault) { s.simulator.Inject(engineFaults(faults)...) }

// NextListings queues faults for the next listings, as NextPurchases does for purchases.
func (s *Server) NextListings(faults ...Fault) { s.simulator.InjectRead(engineFaults(faults)...) }

// NextReleases queues faults for the next releases, as NextPurchases does for purchases.
func (s *Server) NextReleases(faults ...Fault) { s.simulator.InjectRelease(engineFaults(faults)...) }

// Requests is the number of HTTP requests that arrived, whatever became of them.
func (s *Server) Requests() int { return s.simulator.Requests() }

// SetStatus gives an instance a status, and reports whether there is such an instance. Which listings show a Deleted
// instance is not documented: here all do, and only Delete takes one away.
func (s *Server) SetStatus(instanceID string, status computeunit.InstanceStatus) bool {
	return s.simulator.SetStatus(instanceID, string(status))
}

// Delete takes an instance out of the listings, and reports whether there was one. Its order stays: it was bought.
func (s *Server) Delete(instanceID string) bool { return s.simulator.Delete(instanceID) }
