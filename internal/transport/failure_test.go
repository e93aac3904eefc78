package transport_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// Another attempt helps unless a certificate does not verify, a peer speaks no TLS, or a proxy wants another password.
func TestWhereNoConnectionIsMadeIsUnconnected(t *testing.T) {
	plain, secure := plainServer(t, answerNothing), tlsServer(t, answerNothing)
	for name, row := range map[string]struct {
		target    string
		permanent bool
	}{
		"bad certificate": {secure.URL, true},
		"no TLS":          {"https" + plain.URL[len("http"):], true},
		"no such host":    {"https://service.invalid", false},
	} {
		t.Run(name, func(t *testing.T) {
			eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
				a := send(t.Context(), t, via, row.target)
				assert.Equal(t, transport.Unconnected, a.Reached, "%v", a.Err)
				assert.Equal(t, row.permanent, a.Permanent, "%v", a.Err)
			})
		})
	}
}

// throughProxy makes a transport go through a proxy on loopback.
func throughProxy(via *transport.Transport, address string) {
	via.HTTP().Proxy = http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword("user", "secret"), Host: address})
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
				throughProxy(via, address)
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
	throughProxy(via, serveRaw(t, hangUp("HTTP/1.1 407 No\r\n\r\n")))
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

// socksProxy is the same of SOCKS5 (RFC 1928), without a password.
func socksProxy(to string) func(net.Conn) {
	return func(conn net.Conn) {
		reader := bufio.NewReader(conn)
		var head [4]byte
		io.ReadFull(reader, head[:2])
		io.CopyN(io.Discard, reader, int64(head[1])) // methods
		conn.Write([]byte{5, 0})
		io.ReadFull(reader, head[:]) // of which the last says that a name follows
		length, _ := reader.ReadByte()
		io.CopyN(io.Discard, reader, int64(length)+int64(binary.Size(uint16(0))))
		conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		forward(conn, reader, to)
	}
}

// sendThroughEnvironment is set if this test binary was started again, with a proxy in its environment, which net/http reads once.
const sendThroughEnvironment = "COMPUTEUNIT_TEST_SEND"

func TestTheEnvironmentsProxyIsUsed(t *testing.T) {
	if os.Getenv(sendThroughEnvironment) != "" {
		a := send(t.Context(), t, newTransport(t, transport.Config{}), "https://example.com")
		fmt.Println("came to:", a.Reached, a.Err)
		return
	}
	secure := tlsServer(t, answerNothing)
	root := filepath.Join(t.TempDir(), "root.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	require.NoError(t, os.WriteFile(root, block, 0o600))
	for scheme, proxy := range map[string]func(string) func(net.Conn){"http": connectProxy, "socks5": socksProxy} {
		command := exec.Command(os.Args[0], "-test.run=^TestTheEnvironmentsProxyIsUsed$")
		address := scheme + "://" + serveRaw(t, proxy(secure.Listener.Addr().String()))
		command.Env = append(os.Environ(), sendThroughEnvironment+"=1",
			"SSL_CERT_FILE="+root, "HTTPS_PROXY="+address, "NO_PROXY=", "no_proxy=")
		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s", output)
		assert.True(t, strings.HasPrefix(string(output), fmt.Sprint("came to: ", transport.Answered)), "%s", output)
	}
	assert.Equal(t, int64(2), secure.requests.Load())
}
