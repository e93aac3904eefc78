package transport_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// throughProxy makes a transport go through a proxy on loopback.
func throughProxy(via *transport.Transport, scheme, address string) {
	via.HTTP().Proxy = http.ProxyURL(&url.URL{Scheme: scheme, User: url.UserPassword("user", "secret"), Host: address})
}

func TestAProxyThatGivesNoConnectionIsUnconnected(t *testing.T) {
	for name, row := range map[string]struct {
		answer, text string
		permanent    bool
	}{
		"302":           {"HTTP/1.1 302 Found\r\nLocation: http://login\r\n\r\n", "the proxy answered 302 Found to CONNECT", false},
		"407":           {"HTTP/1.1 407 Authenticate\r\n\r\n", "the proxy answered 407 Proxy Authentication Required to CONNECT", true},
		"502":           {"HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy answered 502 Bad Gateway to CONNECT", false},
		"204":           {"HTTP/1.1 204 No Content\r\n\r\n", "the proxy answered 204 No Content to CONNECT", false},
		"200 with HTML": {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Log in</html>", "", false},
		"no HTTP":       {"220 smtp.example.com\r\n", "", false},
		"nothing":       {"", "", false},
		"down":          {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
				address := closedPort
				if name != "down" {
					address = serveRaw(t, hangUp(row.answer))
				}
				throughProxy(via, "http", address)
				a := send(t.Context(), t, via, host)
				assert.Equal(t, transport.Unconnected, a.Reached)
				assert.ErrorContains(t, a.Err, "through the proxy "+address+": ")
				assert.ErrorContains(t, a.Err, row.text)
				assert.NotContains(t, a.Err.Error(), "secret")
				assert.Equal(t, row.permanent, a.Permanent, "%v", a.Err)
			})
		})
	}
}

func TestACallersOnProxyConnectResponseIsAskedFirst(t *testing.T) {
	via := through(t, &http.Transport{
		OnProxyConnectResponse: func(context.Context, *url.URL, *http.Request, *http.Response) error { return errLost },
	})
	throughProxy(via, "http", serveRaw(t, hangUp("HTTP/1.1 407 No\r\n\r\n")))
	assert.ErrorIs(t, send(t.Context(), t, via, host).Err, errLost)
}

// connectProxy is a healthy proxy of CONNECT that leads to one server, whatever the client asked for.
func connectProxy(to string) func(net.Conn) {
	return func(conn net.Conn) {
		reader := bufio.NewReader(conn)
		http.ReadRequest(reader)
		io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		forward(conn, reader, to)
	}
}

// forward connects a client to a server.
func forward(client net.Conn, from io.Reader, to string) {
	target, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	go func() { io.Copy(target, from); target.Close() }()
	io.Copy(client, target)
}

func TestARequestGoesThroughAProxy(t *testing.T) {
	secure := tlsServer(t, answerNothing)
	eachOwn(t, secure.Server, func(t *testing.T, via *transport.Transport) {
		throughProxy(via, "http", serveRaw(t, connectProxy(secure.Listener.Addr().String())))
		assert.Equal(t, transport.Answered, send(t.Context(), t, via, "https://example.com").Reached)
	})
}
