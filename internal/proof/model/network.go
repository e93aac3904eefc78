package model

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Network stands between clients and the service, and does to each purchase what its fault says.
type Network struct {
	Service *Service                     // what serves the requests
	Fault   func(serviceID string) Fault // what meets the purchases for a service

	attempts  sync.Map // by service id
	listeners []net.Listener
	open      sync.Map // connections
	serving   sync.WaitGroup
}

// Fault is what becomes of one request, and the one honest report of it.
type Fault struct {
	Name string
	// Want is the error that an honest client returns if its request reached the fault; nil: bought.
	Want error
	// Orders is whether the service gets the request, and makes its order.
	Orders bool
	// Status, if not 0, makes a response in place of the service's.
	Status int
	// Text is its body, after lines of headers and an empty one if there are any. {instanceId} and {orderId} stand for those
	// of the order.
	Text string
	// Act sends the answer; nil: as it is. The connection serves the next request if it returns true.
	Act func(Exchange) (goOn bool)
	// Times is how many requests of a call meet the fault; 0: all.
	Times int
}

// Exchange is a request that came whole.
type Exchange struct {
	Conn      net.Conn
	ServiceID string
	Answer    func() []byte // has the service do what the fault lets it do
}

// Listen serves a listener until Close.
func (n *Network) Listen(listener net.Listener) {
	n.listeners = append(n.listeners, listener)
	n.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n.serving.Go(func() { n.serve(conn) })
		}
	})
}

// Close is for when every call has returned. It waits for what is still on its way: an order that comes late is an order.
func (n *Network) Close() {
	for _, listener := range n.listeners {
		listener.Close()
	}
	n.open.Range(func(conn, _ any) bool { return conn.(net.Conn).SetReadDeadline(time.Now()) == nil })
	n.serving.Wait()
}

// Reached is how many requests for a service came here whole.
func (n *Network) Reached(serviceID string) int {
	count, _ := n.attempts.Load(serviceID)
	reached, _ := count.(int)
	return reached
}

func (n *Network) serve(conn net.Conn) {
	n.open.Store(conn, true)
	defer n.open.Delete(conn)
	defer conn.Close()
	for reader := bufio.NewReader(conn); ; {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		if !n.act(conn, request) {
			return
		}
	}
}

func (n *Network) act(conn net.Conn, request *http.Request) (goOn bool) {
	serviceID := ServiceOf(request)
	fault := Fault{}
	if IsPurchase(request) {
		fault = n.Fault(serviceID)
	}
	attempt := n.Reached(serviceID) + 1 // one caller at a time buys for a service
	n.attempts.Store(serviceID, attempt)
	if fault.Times > 0 && attempt > fault.Times {
		fault = Fault{}
	}
	if fault.Act == nil {
		fault.Act = send
	}
	return fault.Act(Exchange{conn, serviceID, func() []byte { return n.answer(request, fault) }})
}

func (n *Network) answer(request *http.Request, fault Fault) []byte {
	if fault.Status != 0 && !fault.Orders {
		return fault.response(n.Service.Now(), "none", "none")
	}
	response, err := n.Service.RoundTrip(request)
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		panic(err)
	}
	var bought struct {
		Result struct{ InstanceID, OrderID string }
	}
	if err := json.Unmarshal(body, &bought); err != nil {
		panic(err)
	}
	if ids := bought.Result; fault.Status != 0 && ids.OrderID != "" { // the service's own refusal stays as it is
		return fault.response(n.Service.Now(), ids.InstanceID, ids.OrderID)
	}
	return Fault{Status: response.StatusCode, Text: "\n\n" + string(body)}.response(n.Service.Now(), "", "")
}

// response is the fault's own, as the service's with its Date.
func (f Fault) response(date time.Time, instanceID, orderID string) []byte {
	head, body, hasHead := strings.Cut(f.Text, "\n\n")
	if !hasHead {
		head, body = "", f.Text
	}
	body = strings.NewReplacer("{instanceId}", instanceID, "{orderId}", orderID).Replace(body)
	var lines strings.Builder
	fmt.Fprintf(&lines, "HTTP/1.1 %d %s\r\n", f.Status, http.StatusText(f.Status))
	for line := range strings.SplitSeq(head, "\n") {
		if line != "" {
			fmt.Fprintf(&lines, "%s\r\n", line)
		}
	}
	if !strings.Contains(head, "Date: ") {
		fmt.Fprintf(&lines, "Date: %s\r\n", date.UTC().Format(http.TimeFormat))
	}
	lines.WriteString("X-Bce-Request-Id: r-1\r\n")
	if !strings.Contains(head, "Transfer-Encoding") && bodyAllowed(f.Status) {
		fmt.Fprintf(&lines, "Content-Length: %d\r\n", len(body))
	}
	return []byte(lines.String() + "\r\n" + body)
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func send(x Exchange) (goOn bool) {
	_, err := x.Conn.Write(x.Answer())
	return err == nil
}
