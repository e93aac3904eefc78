package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/transport"
)

func TestHTTP1IsSpokenOnly(t *testing.T) {
	secure := tlsServer(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })
	eachOwn(t, secure.Server, func(t *testing.T, via *transport.Transport) {
		assert.Equal(t, "HTTP/1.1", string(send(t.Context(), t, via, secure.URL).Body))
	})
}

// What a caller put into the transport beside HTTP/1.1 would send without a hook that fires.
func TestACloneHasNoOtherProtocol(t *testing.T) {
	secure := tlsServer(t, answerNothing)
	theirs := secure.Client().Transport.(*http.Transport).Clone()
	theirs.TLSClientConfig.NextProtos = []string{"h2"}
	theirs.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{
		"h2": func(string, *tls.Conn) http.RoundTripper { return mustNotSend(t) },
	}
	theirs.RegisterProtocol("https", mustNotSend(t))
	assert.Equal(t, transport.Answered, send(t.Context(), t, through(t, theirs), secure.URL).Reached)
}

func TestAnIdleConnectionIsKeptForThreeSeconds(t *testing.T) {
	for name, row := range map[string]struct {
		theirs time.Duration
		after  time.Duration
		want   int // connections for two requests
	}{
		"used again":            {0, 2900 * time.Millisecond, 1},
		"too old":               {0, 3100 * time.Millisecond, 2},
		"the caller's is long":  {time.Hour, 3100 * time.Millisecond, 2},
		"the caller's is short": {time.Second, 1100 * time.Millisecond, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dialled := 0
				dial := func(context.Context, string, string) (net.Conn, error) {
					dialled++
					client, server := net.Pipe()
					go serveKeepAlive(server)
					return client, nil
				}
				via := through(t, &http.Transport{IdleConnTimeout: row.theirs, DialContext: dial})
				send(t.Context(), t, via, "http://host")
				time.Sleep(row.after)
				assert.Equal(t, transport.Answered, send(t.Context(), t, via, "http://host").Reached)
				assert.Equal(t, row.want, dialled)
				via.CloseIdleConnections()
			})
		})
	}
	assert.Equal(t, 3*time.Second, newTransport(t, transport.Config{}).HTTP().IdleConnTimeout)
}

// serveKeepAlive answers one request after the other, until the connection ends.
func serveKeepAlive(conn net.Conn) {
	defer conn.Close()
	for reader := bufio.NewReader(conn); ; {
		req, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		io.Copy(io.Discard, req.Body)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
}

// A clone goes where, and trusts what, its original does. Each setting leads to the server, or away from it.
func TestACloneKeepsItsOriginalsSettings(t *testing.T) {
	secure := tlsServer(t, answerNothing)
	trusted := func() *http.Transport { return secure.Client().Transport.(*http.Transport).Clone() }
	to := func(_ context.Context, network, _ string) (net.Conn, error) {
		return net.Dial(network, secure.Listener.Addr().String())
	}
	refused := errors.New("refused by the caller's function")
	for name, row := range map[string]struct {
		change func(*http.Transport)
		want   error
	}{
		"as it is":     {func(*http.Transport) {}, nil},
		"certificates": {func(t *http.Transport) { t.TLSClientConfig.RootCAs = x509.NewCertPool() }, new(tls.CertificateVerificationError)},
		"Proxy":        {func(t *http.Transport) { t.Proxy = func(*http.Request) (*url.URL, error) { return nil, refused } }, refused},
		"DialContext": {func(t *http.Transport) {
			t.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, refused }
		}, refused},
		"Dial": {func(t *http.Transport) {
			t.DialContext, t.Dial = nil, func(string, string) (net.Conn, error) { return nil, refused }
		}, refused},
		"DialTLSContext": {func(t *http.Transport) {
			t.DialTLSContext = func(context.Context, string, string) (net.Conn, error) { return nil, refused }
		}, refused},
		"a dialer of one's": {func(t *http.Transport) { t.DialContext = to }, nil},
		"a dialer of TLS": {func(t *http.Transport) {
			t.DialTLSContext = (&tls.Dialer{Config: &tls.Config{RootCAs: t.TLSClientConfig.RootCAs}}).DialContext
		}, nil},
		"VerifyConnection": {func(t *http.Transport) {
			t.TLSClientConfig.VerifyConnection = func(tls.ConnectionState) error { return refused }
		}, refused},
		"the proxy's headers": {func(t *http.Transport) {
			t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: secure.Listener.Addr().String()})
			t.GetProxyConnectHeader = func(context.Context, *url.URL, string) (http.Header, error) { return nil, refused }
		}, refused},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := trusted()
			row.change(theirs)
			a := send(t.Context(), t, through(t, theirs), secure.URL)
			if row.want == nil {
				assert.Equal(t, transport.Answered, a.Reached, "%v", a.Err)
				return
			}
			assert.Equal(t, transport.Unconnected, a.Reached)
			if errors.As(row.want, new(*tls.CertificateVerificationError)) {
				assert.ErrorAs(t, a.Err, new(*tls.CertificateVerificationError))
				return
			}
			assert.ErrorIs(t, a.Err, row.want)
		})
	}
	limits := through(t, &http.Transport{MaxConnsPerHost: 5, MaxIdleConnsPerHost: 6, ResponseHeaderTimeout: 7}).HTTP()
	assert.Equal(t, []any{5, 6, time.Duration(7)},
		[]any{limits.MaxConnsPerHost, limits.MaxIdleConnsPerHost, limits.ResponseHeaderTimeout})
}

// sessions is a TLS server that answers whether the connection of a request resumed a session.
func sessions(t *testing.T, version uint16) *counted {
	secure := newServer(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.TLS.DidResume) })
	secure.TLS = &tls.Config{MinVersion: version, MaxVersion: version}
	secure.StartTLS()
	return secure
}

var tlsVersions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

func TestASecondConnectionResumesTheTLSSession(t *testing.T) {
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			secure := sessions(t, version)
			eachOwn(t, secure.Server, func(t *testing.T, via *transport.Transport) { // which share no sessions, either
				for _, want := range []string{"false", "true", "true"} {
					assert.Equal(t, want, string(send(t.Context(), t, via, secure.URL).Body))
					via.CloseIdleConnections()
				}
				via.HTTP().TLSClientConfig.Time = func() time.Time { return secure.Certificate().NotAfter.Add(time.Hour) }
				assert.ErrorAs(t, send(t.Context(), t, via, secure.URL).Err, new(*tls.CertificateVerificationError), "it does not verify any more")
			})
		})
	}
}

// crypto/tls does not call VerifyPeerCertificate for a session that is resumed.
func TestACallersVerifyPeerCertificateIsAskedForEachConnection(t *testing.T) {
	secure := tlsServer(t, answerNothing)
	asked := 0
	theirs := secure.Client().Transport.(*http.Transport).Clone()
	theirs.TLSClientConfig.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { asked++; return nil }
	via := through(t, theirs)
	for range 2 {
		send(t.Context(), t, via, secure.URL)
		via.CloseIdleConnections()
	}
	assert.Equal(t, 2, asked)
}

// Idle connections are kept for a burst to find.
func TestABurstUsesConnectionsAgain(t *testing.T) {
	const callers, purchases = 64, 20
	busy := plainServer(t, answerNothing)
	via := newTransport(t, transport.Config{})
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range purchases {
				send(t.Context(), t, via, busy.URL)
			}
		})
	}
	group.Wait()
	assert.Less(t, busy.opened.Load(), int64(callers*purchases/4))
}

// silent accepts connections, says nothing, and reports each that the client closed.
func silent(t *testing.T, first func(net.Conn)) (address string, accepted, closed chan struct{}) {
	accepted, closed = make(chan struct{}, 100), make(chan struct{}, 100)
	address = serveRaw(t, func(conn net.Conn) {
		first(conn)
		accepted <- struct{}{}
		io.Copy(io.Discard, conn)
		closed <- struct{}{}
	})
	return address, accepted, closed
}

// What net/http does on a connection before a request gets it would go on after the attempt, whose request can go over another.
func TestAHandshakeEndsWithItsAttempt(t *testing.T) {
	nothing := func(net.Conn) {}
	for name, row := range map[string]struct {
		proxy string // its scheme
		first func(net.Conn)
	}{
		"TLS":               {"", nothing},
		"CONNECT":           {"http", nothing},
		"TLS after CONNECT": {"http", hangUp("HTTP/1.1 200 OK\r\n\r\n")},
		"SOCKS5":            {"socks5", nothing},
	} {
		t.Run(name, func(t *testing.T) {
			eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
				address, accepted, closed := silent(t, row.first)
				if row.proxy != "" {
					via.HTTP().Proxy = http.ProxyURL(&url.URL{Scheme: row.proxy, Host: address})
				}
				ctx, cancel := context.WithCancel(t.Context())
				go func() { <-accepted; cancel() }()
				a := send(ctx, t, via, "https://"+address)
				assert.Equal(t, transport.Unconnected, a.Reached)
				assert.ErrorIs(t, a.Err, context.Canceled)
				await(t, closed)
			})
		})
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

func TestADialEndsWithItsAttempt(t *testing.T) {
	for _, underTLS := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ended := false
			dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				ended = true
				return nil, errLost
			}
			theirs := &http.Transport{DialContext: dial}
			if underTLS {
				theirs = &http.Transport{DialTLSContext: dial}
			}
			assert.Equal(t, transport.Unconnected, send(t.Context(), t, through(t, theirs), host).Reached)
			synctest.Wait()
			assert.True(t, ended)
		})
	}
}

// The server is gone, and only an idle connection remembers it: nothing was written.
func TestAServerThatWentAwayIsUnconnected(t *testing.T) {
	eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
		for range 20 {
			server := plainServer(t, answerNothing)
			require.Equal(t, transport.Answered, send(t.Context(), t, via, server.URL).Reached)
			server.Close()
			assert.Equal(t, transport.Unconnected, send(t.Context(), t, via, server.URL).Reached)
		}
	})
}

// DialTLSContext's connections are under TLS that is not ours to count, so each is used once; and they must not speak HTTP/2.
func TestAConnectionOfDialTLSContext(t *testing.T) {
	secure := tlsServer(t, answerNothing)
	roots := secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	dialling := func(protocols ...string) *transport.Transport {
		dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, NextProtos: protocols}}
		return through(t, &http.Transport{DialTLSContext: dialer.DialContext})
	}
	via := dialling()
	for range 3 {
		assert.Equal(t, transport.Answered, send(t.Context(), t, via, secure.URL).Reached)
	}
	assert.Equal(t, int64(3), secure.opened.Load())

	a := send(t.Context(), t, dialling("h2", "http/1.1"), secure.URL)
	assert.Equal(t, transport.Unconnected, a.Reached)
	assert.True(t, a.Permanent)
	assert.ErrorContains(t, a.Err, "DialTLSContext agreed on HTTP/2")
}

// doubler answers every other request twice, in one write, with the request's id.
func doubler(conn net.Conn) {
	reader := bufio.NewReader(conn)
	for n := 0; ; n++ {
		req, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		io.Copy(io.Discard, req.Body)
		id := req.Header.Get(requestID)
		answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(id), id)
		io.WriteString(conn, strings.Repeat(answer, 1+n%2))
	}
}

func TestTheSecondResponseToARequestIsNotTakenForTheNextOnes(t *testing.T) {
	address := serveRaw(t, doubler)
	eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for range 500 {
					a := send(t.Context(), t, via, "http://"+address)
					if a.Err == nil {
						assert.Equal(t, a.RequestID, string(a.Body))
					} else {
						assert.Equal(t, transport.Sent, a.Reached, "%v", a.Err)
					}
				}
			})
		}
		callers.Wait()
	})
}

// net/http writes the headers of a body that it does not know by themselves: twice the work, on both sides.
func TestARequestLeavesInOneWrite(t *testing.T) {
	var writes []string
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return writesOf{conn, func(b []byte) { writes = append(writes, string(b)) }}, err
	}
	send(t.Context(), t, through(t, &http.Transport{DialContext: dial}), plainServer(t, answerNothing).URL)
	require.Len(t, writes, 1)
	assert.Contains(t, writes[0], "\r\n\r\n"+testBody)
}

type writesOf struct {
	net.Conn
	report func([]byte)
}

func (w writesOf) Write(b []byte) (int, error) { w.report(b); return w.Conn.Write(b) }

// The proof rests on this: net/http calls GotConn before it writes, each time, and writes a POST without GetBody once.
func TestNetHTTPGivesAConnectionBeforeItWritesAndWritesOnce(t *testing.T) {
	for name, serve := range map[string]func(conn net.Conn, request int){
		"answers":           func(conn net.Conn, _ int) { io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") },
		"closes unanswered": func(conn net.Conn, n int) { conn.Close() },
		"resets":            func(conn net.Conn, n int) { conn.(*net.TCPConn).SetLinger(0); conn.Close() },
		"times out": func(conn net.Conn, n int) {
			io.WriteString(conn, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
			conn.Close()
		},
		"goes away": func(conn net.Conn, n int) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var arrived atomic.Int64
			address := serveRaw(t, func(conn net.Conn) {
				for reader := bufio.NewReader(conn); ; {
					req, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					io.Copy(io.Discard, req.Body)
					if n := int(arrived.Add(1)); n == 1 { // so that the second request meets an idle connection
						io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					} else {
						serve(conn, n)
					}
				}
			})
			var got, wrote atomic.Int64
			plain := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				return writesOf{conn, func([]byte) { assert.Equal(t, wrote.Add(1), got.Load()) }}, err
			}}
			defer plain.CloseIdleConnections()
			hooks := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { got.Add(1) }}
			for range 2 {
				req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), hooks), http.MethodPost, "http://"+address,
					io.NopCloser(strings.NewReader(testBody)))
				require.NoError(t, err)
				req.ContentLength = int64(len(testBody))
				if response, err := plain.RoundTrip(req); err == nil {
					io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
			}
			assert.Equal(t, int64(2), arrived.Load())
			assert.Equal(t, int64(2), got.Load())
		})
	}
}
