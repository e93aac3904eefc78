package computeunit_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// serveRaw lets serve answer each connection by hand, and returns the address as an endpoint.
func serveRaw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// doubler answers every other purchase twice, in one write: refused ones with a 403, the rest with an id of their own.
type doubler struct {
	mu      sync.Mutex
	seen    int
	ordered map[string]string // service id to instance id
}

func (d *doubler) serve(conn net.Conn) {
	for reader := bufio.NewReader(conn); ; {
		req, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		var request computeunit.PurchaseComputeUnitRequest
		if json.NewDecoder(req.Body).Decode(&request) != nil {
			return
		}
		io.WriteString(conn, d.answer(request.ServiceID))
	}
}

func (d *doubler) answer(serviceID string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen++
	if d.seen%4 == 1 {
		return twice("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}")
	}
	id := fmt.Sprint("i-", d.seen)
	d.ordered[serviceID] = id
	body := fmt.Sprintf(`{"result":{"instanceId":%q}}`, id)
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if d.seen%4 == 3 {
		return twice(answer)
	}
	return answer
}

func twice(text string) string { return text + text }

// The second of two answers to one purchase must not be taken for the next one's.
func TestAnAnswerThatCameTwiceTellsNothingOfTheNextPurchase(t *testing.T) {
	log.SetOutput(io.Discard) // net/http reports the second answers there
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	service := &doubler{ordered: map[string]string{}}
	client := newClientTo(t, serveRaw(t, service.serve))
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for n := range 500 {
				request := fivePrepaid()
				request.ServiceID = fmt.Sprintf("svco-%d-%d", caller, n)
				bought, err := client.PurchaseComputeUnit(t.Context(), request)
				service.assertTold(t, request.ServiceID, bought, err)
			}
		})
	}
	callers.Wait()
}

func (d *doubler) assertTold(t *testing.T, serviceID string, bought *computeunit.PurchaseComputeUnitResponse, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		assert.Equal(t, d.ordered[serviceID], bought.Result.InstanceID)
	case errors.Is(err, computeunit.ErrNotPurchased):
		assert.Empty(t, d.ordered[serviceID])
	}
}

// After a 101 the body is the connection itself, which net/http does not end with the context.
func TestSwitchingProtocolsIsUnknownAndDoesNotHang(t *testing.T) {
	for name, options := range map[string][]computeunit.Option{
		"default transport": nil,
		"caller's":          {withTransport(&http.Transport{})},
	} {
		t.Run(name, func(t *testing.T) {
			left := make(chan struct{}) // the client closed the connection
			client := newClientTo(t, serveRaw(t, func(conn net.Conn) {
				defer close(left)
				http.ReadRequest(bufio.NewReader(conn))
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
				io.Copy(io.Discard, conn)
			}), options...)
			_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			select {
			case <-left:
			case <-time.After(10 * time.Second):
				t.Error("the connection stayed open")
			}
		})
	}
}

// sendsAndFails is a protocol of the caller's own: it sends, tells no hook, and loses the answer.
type sendsAndFails struct{ conn net.Conn }

func (s sendsAndFails) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Write(s.conn); err != nil {
		return nil, err
	}
	return nil, errLost
}

func TestErrorOfAProtocolInTLSNextProtoIsUnknown(t *testing.T) {
	for _, name := range []string{"own", "h2"} {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.TLS = &tls.Config{NextProtos: []string{name}}
		server.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
			name: func(_ *http.Server, conn *tls.Conn, _ http.Handler) { io.Copy(io.Discard, conn) },
		}
		server.StartTLS()
		t.Cleanup(server.Close)
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.NextProtos = []string{name}
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{
			name: func(_ string, conn *tls.Conn) http.RoundTripper { return sendsAndFails{conn} },
		}
		client := newClientTo(t, server.URL, withTransport(transport))
		_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
		assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
		assert.Equal(t, 1, attemptsOf(t, err), name)
	}
}

// net/http's own HTTP/2 adds itself to TLSNextProto, and fires the hooks.
func TestServerThatWentAwayFromHTTP2IsNotPurchased(t *testing.T) {
	server := httptest.NewUnstartedServer(simulator.New(simulator.Config{}))
	server.EnableHTTP2 = true
	server.StartTLS()
	client := newClientTo(t, server.URL, withTransport(server.Client().Transport), computeunit.WithMaxAttempts(1))
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	require.NoError(t, err)
	server.Close()
	server.Client().CloseIdleConnections()
	_, err = client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	assertOutcome(t, computeunit.ErrNotPurchased, err)
}
