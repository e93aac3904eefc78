package transport_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// tunnel connects a client to a server, and to nowhere else, whatever the client asked for.
func tunnel(client net.Conn, from io.Reader, server *httptest.Server) {
	target, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		return
	}
	go func() { io.Copy(target, from); target.Close() }()
	io.Copy(client, target)
}

// connectProxy is a healthy proxy of CONNECT.
func connectProxy(server *httptest.Server) func(net.Conn) {
	return func(conn net.Conn) {
		reader := bufio.NewReader(conn)
		if _, err := http.ReadRequest(reader); err != nil {
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		tunnel(conn, reader, server)
	}
}

// socksProxy is a healthy proxy of SOCKS5 (RFC 1928), without a password.
func socksProxy(server *httptest.Server) func(net.Conn) {
	return func(conn net.Conn) {
		reader := bufio.NewReader(conn)
		var head [4]byte
		io.ReadFull(reader, head[:2])
		io.CopyN(io.Discard, reader, int64(head[1])) // methods
		conn.Write([]byte{5, 0})
		io.ReadFull(reader, head[:])
		length := map[byte]int{1: net.IPv4len, 4: net.IPv6len}[head[3]]
		if head[3] == 3 { // a name
			n, _ := reader.ReadByte()
			length = int(n)
		}
		io.CopyN(io.Discard, reader, int64(length+binary.Size(uint16(0))))
		conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		tunnel(conn, reader, server)
	}
}

// hangingUp answers CONNECT, and closes the connection.
func hangingUp(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		http.ReadRequest(bufio.NewReader(conn))
		io.WriteString(conn, answer)
	}
}

// firstly handles the first connection in one way and those after it in another.
func firstly(first, rest func(net.Conn)) func(net.Conn) {
	var seen atomic.Bool
	return func(conn net.Conn) {
		if seen.CompareAndSwap(false, true) {
			first(conn)
			return
		}
		rest(conn)
	}
}

func TestAPurchaseThroughAProxyThatRefusesIsUnconnected(t *testing.T) {
	secure := startedTLS(t, drain)
	for name, row := range map[string]struct {
		answer    string
		text      string
		permanent bool
	}{
		"302":           {"HTTP/1.1 302 Found\r\nLocation: http://login\r\n\r\n", "the proxy answered 302 Found to CONNECT", false},
		"403":           {"HTTP/1.1 403 Forbidden\r\n\r\n", "the proxy answered 403 Forbidden to CONNECT", false},
		"407":           {"HTTP/1.1 407 Authenticate\r\n\r\n", "the proxy answered 407 Proxy Authentication Required to CONNECT", true},
		"502":           {"HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy answered 502 Bad Gateway to CONNECT", false},
		"another":       {"HTTP/1.1 299\r\n\r\n", "the proxy answered 299 to CONNECT", false},
		"200 with HTML": {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Log in</html>", "through the proxy 127.0.0.1:", false},
		"no HTTP":       {"220 smtp.example.com\r\n", "through the proxy 127.0.0.1:", false},
		"nothing":       {"", "through the proxy 127.0.0.1:", false},
	} {
		t.Run(name, func(t *testing.T) {
			address := serveRaw(t, firstly(hangingUp(row.answer), connectProxy(secure)))
			via := trusting(t, secure)
			via.Own().Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: address})
			a := sendOnce(t.Context(), t, via, secure.URL)
			assert.Equal(t, transport.Unconnected, a.Reached)
			assert.ErrorContains(t, a.Err, row.text)
			assert.Equal(t, row.permanent, a.Permanent, "%v", a.Err)

			assert.Equal(t, transport.Answered, sendOnce(t.Context(), t, via, secure.URL).Reached, "the proxy is healthy again")
		})
	}
}

// The connection of an attempt that hangs in a proxy's handshake is closed with the attempt, and holds up no other.
func TestAProxyThatHangsHoldsUpItsOwnAttemptOnly(t *testing.T) {
	secure := startedTLS(t, drain)
	hangingTLS := func(conn net.Conn) { // after CONNECT
		reader := bufio.NewReader(conn)
		http.ReadRequest(reader)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		io.Copy(io.Discard, reader)
	}
	hanging := func(conn net.Conn) { io.Copy(io.Discard, conn) }
	for name, row := range map[string]struct {
		scheme       string
		hangs, works func(net.Conn)
	}{
		"CONNECT":           {"http", hanging, connectProxy(secure)},
		"TLS after CONNECT": {"http", hangingTLS, connectProxy(secure)},
		"SOCKS5":            {"socks5", hanging, socksProxy(secure)},
	} {
		t.Run(name, func(t *testing.T) {
			hung, closed := make(chan struct{}), make(chan struct{})
			hangs := func(conn net.Conn) { hung <- struct{}{}; row.hangs(conn); closed <- struct{}{} }
			address := serveRaw(t, firstly(hangs, firstly(hangs, row.works)))
			via := trusting(t, secure)
			via.Own().Proxy = http.ProxyURL(&url.URL{Scheme: row.scheme, Host: address})

			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-hung; cancel() }()
			a := sendOnce(ctx, t, via, secure.URL)
			assert.Equal(t, transport.Unconnected, a.Reached)
			assert.ErrorIs(t, a.Err, context.Canceled)
			await(t, closed)

			var all sync.WaitGroup
			answered := func() { assert.Equal(t, transport.Answered, sendOnce(t.Context(), t, via, secure.URL).Reached) }
			all.Go(answered) // it hangs too, until a connection of another becomes idle
			await(t, hung)
			for range 8 {
				all.Go(answered)
			}
			all.Wait()
			await(t, closed)
		})
	}
}

// An attempt that asked for a connection may be served over another, which became idle meanwhile.
func TestTheConnectionOfAnAttemptThatWasServedOverAnotherIsClosed(t *testing.T) {
	arrived, goOn := make(chan struct{}), make(chan struct{})
	secure := startedTLS(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/slow" {
			close(arrived)
			<-goOn
		}
	}))
	hung, closed := make(chan struct{}), make(chan struct{})
	second := func(conn net.Conn) { close(hung); io.Copy(io.Discard, conn); close(closed) }
	address := serveRaw(t, firstly(connectProxy(secure), second))
	via := trusting(t, secure)
	via.Own().Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: address})
	var both sync.WaitGroup
	both.Go(func() { sendOnce(t.Context(), t, via, secure.URL+"/slow") })
	await(t, arrived)
	both.Go(func() {
		assert.Equal(t, transport.Answered, sendOnce(t.Context(), t, via, secure.URL).Reached)
	})
	await(t, hung)
	close(goOn)
	both.Wait()
	await(t, closed)
}

func TestTLSSessionsAreResumedBehindAProxy(t *testing.T) {
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			secure := sessions(t, version)
			via := trusting(t, secure)
			via.Own().Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: serveRaw(t, connectProxy(secure))})
			for _, want := range []string{"false", "true"} {
				assert.Equal(t, want, string(sendOnce(t.Context(), t, via, secure.URL).Body))
				via.CloseIdleConnections()
			}
		})
	}
}

// net/http keeps only the reason phrase: one of the proxy's own hides its status.
func TestACallersProxyThatRefusesIsUnconnected(t *testing.T) {
	for name, row := range map[string]struct {
		answer    string
		text      string
		permanent bool
	}{
		"302":                      {"HTTP/1.1 302 Found\r\n\r\n", "the proxy answered 302 Found to CONNECT", false},
		"407":                      {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy answered 407 Proxy Authentication Required to CONNECT", true},
		"502":                      {"HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy answered 502 Bad Gateway to CONNECT", false},
		"a phrase of its own":      {"HTTP/1.1 407 Authenticate\r\n\r\n", "Authenticate", false},
		"no phrase, and no status": {"HTTP/1.1 407\r\n\r\n", "unknown status code", false},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := &url.URL{Scheme: "http", Host: serveRaw(t, hangingUp(row.answer))}
			a := sendOnce(t.Context(), t, through(t, &http.Transport{Proxy: http.ProxyURL(proxy)}), "https://127.0.0.1:1")
			assert.Equal(t, transport.Unconnected, a.Reached)
			assert.Equal(t, row.permanent, a.Permanent)
			assert.EqualError(t, a.Err, "through the proxy "+proxy.Host+": "+row.text)
		})
	}
}

// A text that net/http makes of a proxy's status can be that of any other error, which stays as it is.
func TestAnErrorThatReadsLikeAStatusIsNotAProxysUnlessOneWasAsked(t *testing.T) {
	cause := errors.New("Proxy Authentication Required")
	failing := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, cause }}
	a := sendOnce(t.Context(), t, through(t, failing), "http://127.0.0.1:1")
	assert.Equal(t, transport.Unconnected, a.Reached)
	assert.False(t, a.Permanent)
	assert.Same(t, cause, a.Err)

	silent := serveRaw(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	for name, proxy := range map[string]func(*http.Request) (*url.URL, error){
		"no proxy": nil,
		"a proxy":  http.ProxyURL(&url.URL{Scheme: "http", Host: silent}),
	} {
		for _, target := range []string{"http://" + silent, "https://" + silent} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, cause)
			defer cancel()
			a := sendOnce(ctx, t, through(t, &http.Transport{Proxy: proxy}), target)
			assert.ErrorIs(t, a.Err, cause, name)
			assert.ErrorIs(t, a.Err, context.DeadlineExceeded, name)
			assert.NotContains(t, a.Err.Error(), "the proxy answered", name)
			assert.False(t, a.Permanent, name)
		}
	}

	refused := sendOnce(t.Context(), t, through(t, &http.Transport{Proxy: http.ProxyURL(&url.URL{
		Scheme: "http", Host: serveRaw(t, hangingUp("HTTP/1.1 502 Bad Gateway\r\n\r\n")),
	})}), "https://127.0.0.1:1")
	wrapped := errors.Unwrap(errors.Unwrap(refused.Err)) // in what names the proxy, and in what names its status
	assert.EqualError(t, wrapped, "Bad Gateway")
}

func TestAProxyThatIsDownIsUnconnected(t *testing.T) {
	proxy := &url.URL{Scheme: "http", Host: closedPort}
	via := newTransport(t, transport.Config{})
	via.Own().Proxy = http.ProxyURL(proxy)
	a := sendOnce(t.Context(), t, via, host)
	assert.Equal(t, transport.Unconnected, a.Reached)
	assert.False(t, a.Permanent)
	assert.ErrorContains(t, a.Err, "proxy "+proxy.Host)
}

// buyThroughEnvironment is set if this test binary was started again, with a proxy in its environment, which net/http
// reads once.
const buyThroughEnvironment = "COMPUTEUNIT_TEST_BUY"

func TestTheEnvironmentsProxyIsUsed(t *testing.T) {
	if os.Getenv(buyThroughEnvironment) != "" {
		fmt.Println("bought:", buy(t.Context(), newClient(t, "https://example.com", computeunit.WithMaxAttempts(1))))
		return
	}
	sim := simulator.New(simulator.Config{})
	secure := startedTLS(t, sim)
	root := filepath.Join(t.TempDir(), "root.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	require.NoError(t, os.WriteFile(root, block, 0o600))
	buyThrough := func(proxy string) string {
		command := exec.Command(os.Args[0], "-test.run=^TestTheEnvironmentsProxyIsUsed$")
		command.Env = append(os.Environ(), buyThroughEnvironment+"=1", "SSL_CERT_FILE="+root, "HTTPS_PROXY="+proxy, "NO_PROXY=", "no_proxy=")
		output, err := command.CombinedOutput()
		require.NoError(t, err, "%s", output)
		return string(output)
	}
	assert.Contains(t, buyThrough("http://"+serveRaw(t, connectProxy(secure))), "bought: <nil>")
	assert.Contains(t, buyThrough("socks5://"+serveRaw(t, socksProxy(secure))), "bought: <nil>")
	assert.Len(t, sim.Orders(), 2)

	refused := buyThrough("http://" + serveRaw(t, hangingUp("HTTP/1.1 407 No\r\n\r\n")))
	assert.Contains(t, refused, "not purchased")
	assert.Contains(t, refused, "the proxy answered 407 Proxy Authentication Required to CONNECT")
	assert.Len(t, sim.Orders(), 2)
}
