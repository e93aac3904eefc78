package transport

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"runtime"
	"strings"
	"sync"
)

// hooks is the evidence of a caller's transport: what that reported to httptrace about one request.
type hooks struct {
	route
	underway *underway
	req      *http.Request

	mu     sync.Mutex
	asked  []string   // addresses that connections were asked for
	handed []net.Conn // connections handed over, but for one that was found closed
	idle   bool       // one was idle, and found closed
	begun  int        // requests that wrote the first of their headers
	wrote  int        // requests that wrote all of them
	sent   bool       // the header with this request's id was written
	again  bool       // it was about to be written once more
	heard  bool       // a response began to come
}

func (h *hooks) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:              func(address string) { h.note(func() { h.asked = append(h.asked, address) }) },
		GotConn:              func(info httptrace.GotConnInfo) { h.note(func() { h.gotConn(info) }) },
		WroteHeaderField:     func(name string, values []string) { h.note(func() { h.wroteField(name, values) }) },
		WroteHeaders:         func() { h.note(func() { h.wrote++ }) },
		GotFirstResponseByte: func() { h.note(func() { h.heard = true }) },
	}
}

func (h *hooks) note(what func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	what()
}

// gotConn looks whether the connection is still open, as the gate does before it writes. On one that was found closed,
// and is then closed on this side too, nothing leaves.
func (h *hooks) gotConn(info httptrace.GotConnInfo) {
	if h.trust == hooked && info.Reused && foundClosed(info.Conn) {
		info.Conn.Close()
		h.idle = true
		return
	}
	h.handed = append(h.handed, info.Conn)
}

// foundClosed knows only TCP and Unix connections of net, and those of crypto/tls on them. Bytes that wait are a sign only if
// they can be none of HTTP/2's.
func foundClosed(c net.Conn) bool {
	secure, isTLS := c.(*tls.Conn)
	http1 := isTLS && secure.ConnectionState().NegotiatedProtocol != "h2"
	for isTLS {
		c = secure.NetConn()
		secure, isTLS = c.(*tls.Conn)
	}
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return newConnCheck(c).closed(http1)
	}
	return false
}

// wroteField keeps a caller's transport that retries by itself from ordering twice. The request id is written into a
// buffer before anything leaves; if it was written before, the connection is closed under the buffer. A transport may send
// on several at once, and the hook does not show on which: so all are closed. net/http asks hooks not to close
// connections: a second order would be worse.
//
// This stops a retrier, or a hedger, that is built on net/http or golang.org/x/net and keeps the request's context and its
// x-bce-request-id for each try. It does not stop one that gives a try a context of its own, without these hooks, or a
// request id of its own, or that is built on something that fires no hooks.
func (h *hooks) wroteField(name string, values []string) {
	switch {
	case name == "Host" || name == ":authority": // the first, over HTTP/1.1 and HTTP/2
		h.begun++
	case !strings.EqualFold(name, requestIDHeader) || len(values) != 1 || values[0] != h.underway.attempt.RequestID:
	case h.sent:
		h.again = true
		for _, c := range h.handed {
			if c != nil {
				c.Close()
			}
		}
	default:
		h.sent = len(h.handed) > 0 || !h.idle // else it is written to the connection that was found closed
	}
}

// notSent is certain only if a connection was asked for and the request got none: GetConn fired, and no GotConn followed.
// A transport's Proxy and DialContext may make requests of their own, with the context that they are given, which fire the
// same hooks. So connections that went to other requests do not count: each wrote all its headers, and this request's id
// was not among them.
//
// Without GetConn nothing is certain: a protocol of RegisterProtocol may have sent. So an error of the transport's Proxy
// function is not either, as such a protocol can end with the same one. A protocol that asks for a connection with the same
// context, through a transport of its own, and gets none, is mistaken for a request that was not sent.
func (h *hooks) notSent() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	theirs, ok := h.RoundTripper.(*http.Transport)
	if !ok || h.trust != hooked || speaksOtherProtocol(theirs) || h.sent {
		return false
	}
	return len(h.asked) > len(h.handed) && len(h.handed) <= min(h.begun, h.wrote)
}

// speaksOtherProtocol reports that a caller's *http.Transport may have sent without a hook firing, by a protocol that was
// put into TLSNextProto. To be asked after a RoundTrip only: net/http's own HTTP/2 adds itself there at the first.
func speaksOtherProtocol(theirs *http.Transport) bool {
	for _, protocol := range theirs.TLSNextProto {
		if !firesHooks(runtime.FuncForPC(reflect.ValueOf(protocol).Pointer()).Name()) {
			return true
		}
	}
	return false
}

// firesHooks knows by a function's name that it is of the HTTP/2 of net/http or of golang.org/x/net, which fire the
// hooks as HTTP/1.1 does. There is no other way to know whose it is; under another name it is not trusted.
func firesHooks(function string) bool {
	return strings.HasPrefix(function, "net/http.") || strings.HasPrefix(function, "net/http/internal/") ||
		strings.HasPrefix(function, "golang.org/x/net/http2.") || strings.Contains(function, "/golang.org/x/net/http2.")
}

func (h *hooks) closedIdle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.idle
}

func (h *hooks) explain(err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.again && h.heard:
		return fmt.Errorf("the transport tried to send again and was stopped (a response to the first had begun): %w", err)
	case h.again:
		return fmt.Errorf("the transport tried to send again and was stopped (no response to the first had come): %w", err)
	case len(h.asked) != 1:
		return err
	case h.asked[0] != dialAddress(h.req.URL) && len(h.handed) == 0 && h.underway.Err() == nil:
		err = refusalByText(err)
	}
	return throughProxy(h.asked[0], h.req.URL, err)
}

// refuse has nothing to say: whose response a caller's transport returns is its own affair.
func (h *hooks) refuse() error { return nil }
