package proof

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// roughNetwork stands between clients and the service, and does to each purchase what its service id says.
type roughNetwork struct {
	listener net.Listener
	service  *url.URL
	upstream *http.Transport
	reached  sync.Map // the service ids of the purchases that came here
	serving  sync.WaitGroup
	open     sync.Map // connections
}

// disturbance is what happens to one purchase on its way. deliver hands it to the service, and returns the answer.
// The connection serves the next purchase only if act returns true.
type disturbance struct {
	name  string
	truth simulator.Truth
	act   func(conn net.Conn, number int, deliver func() []byte) (goOn bool)
}

var disturbances = []disturbance{
	{"none", simulator.MustBuy, func(conn net.Conn, _ int, deliver func() []byte) bool {
		_, err := conn.Write(deliver())
		return err == nil
	}},
	{"the connection is closed after the answer", simulator.MustBuy, func(conn net.Conn, _ int, deliver func() []byte) bool {
		conn.Write(deliver())
		return false
	}},
	{"the answer comes in pieces", simulator.MustBuy, func(conn net.Conn, number int, deliver func() []byte) bool {
		answer := deliver()
		for piece := range bytes.Lines(answer) {
			conn.Write(piece)
		}
		return true
	}},
	{"the request is lost", simulator.MustNotKnow, func(net.Conn, int, func() []byte) bool { return false }},
	{"the answer is lost", simulator.MustNotKnow, func(conn net.Conn, number int, deliver func() []byte) bool {
		deliver()
		if number%2 == 0 {
			conn.(*net.TCPConn).SetLinger(0) // a reset
		}
		return false
	}},
	{"the answer is cut", simulator.MustNotKnow, func(conn net.Conn, number int, deliver func() []byte) bool {
		answer := deliver()
		conn.Write(answer[:number%len(answer)])
		return false
	}},
	{"the request comes late", simulator.MustNotKnow, func(conn net.Conn, _ int, deliver func() []byte) bool {
		io.Copy(io.Discard, conn) // until the client has given up
		deliver()
		return false
	}},
}

func startRoughNetwork(t *testing.T, service string) *roughNetwork {
	t.Helper()
	target, err := url.Parse(service)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n := &roughNetwork{listener: listener, service: target, upstream: &http.Transport{MaxIdleConnsPerHost: campaignCallers}}
	n.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n.serving.Go(func() { n.serve(conn) })
		}
	})
	return n
}

func (n *roughNetwork) url() string { return "http://" + n.listener.Addr().String() }

// stop waits for what is still on its way, when all calls have returned: an order that comes late is an order.
func (n *roughNetwork) stop() {
	n.listener.Close()
	n.open.Range(func(conn, _ any) bool { return conn.(net.Conn).SetReadDeadline(time.Now()) == nil })
	n.serving.Wait()
	n.upstream.CloseIdleConnections()
}

func (n *roughNetwork) serve(conn net.Conn) {
	n.open.Store(conn, true)
	defer n.open.Delete(conn)
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		var wanted computeunit.PurchaseComputeUnitRequest
		if json.Unmarshal(body, &wanted) != nil {
			return
		}
		n.reached.Store(wanted.ServiceID, true)
		plan := planOf(wanted.ServiceID)
		if !disturbances[plan.disturbance].act(conn, plan.number, func() []byte { return n.deliver(request, body) }) {
			return
		}
	}
}

// deliver leaves the request as it is, so that its signature holds.
func (n *roughNetwork) deliver(request *http.Request, body []byte) []byte {
	request.URL.Scheme, request.URL.Host = n.service.Scheme, n.service.Host
	request.Body = io.NopCloser(bytes.NewReader(body))
	response, err := n.upstream.RoundTrip(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	answer, err := httputil.DumpResponse(response, true)
	if err != nil {
		panic(err)
	}
	return answer
}
