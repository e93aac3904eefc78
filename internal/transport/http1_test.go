package transport_test

import (
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

func TestAnIdleConnectionIsKeptForThreeSecondsAtMost(t *testing.T) {
	for theirs, want := range map[time.Duration]time.Duration{0: 3 * time.Second, time.Hour: 3 * time.Second, time.Second: time.Second} {
		assert.Equal(t, want, through(t, &http.Transport{IdleConnTimeout: theirs}).HTTP().IdleConnTimeout)
	}
	assert.Equal(t, 3*time.Second, newTransport(t, transport.Config{}).HTTP().IdleConnTimeout)
}

// A clone goes where, and trusts what, its original does. Each setting leads to the server, or away from it.
func TestACloneKeepsItsOriginalsSettings(t *testing.T) {
	secure := tlsServer(t, answerNothing)
	refused := errors.New("refused by the caller's function")
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, refused }
	for name, refuse := range map[string]func(*http.Transport){
		"Proxy":          func(t *http.Transport) { t.Proxy = func(*http.Request) (*url.URL, error) { return nil, refused } },
		"DialContext":    func(t *http.Transport) { t.DialContext = dial },
		"DialTLSContext": func(t *http.Transport) { t.DialTLSContext = dial },
		"Dial": func(t *http.Transport) {
			t.DialContext = nil
			//lint:ignore SA1019 a caller's transport may have it
			t.Dial = func(string, string) (net.Conn, error) { return nil, refused }
		},
		"VerifyConnection": func(t *http.Transport) {
			t.TLSClientConfig.VerifyConnection = func(tls.ConnectionState) error { return refused }
		},
		"the proxy's headers": func(t *http.Transport) {
			t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: secure.Listener.Addr().String()})
			t.GetProxyConnectHeader = func(context.Context, *url.URL, string) (http.Header, error) { return nil, refused }
		},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := secure.Client().Transport.(*http.Transport).Clone()
			refuse(theirs)
			a := send(t.Context(), t, through(t, theirs), secure.URL)
			assert.Equal(t, transport.Unconnected, a.Reached)
			assert.ErrorIs(t, a.Err, refused)
		})
	}
	limits := through(t, &http.Transport{MaxConnsPerHost: 5, MaxIdleConnsPerHost: 6, ResponseHeaderTimeout: 7}).HTTP()
	assert.Equal(t, []any{5, 6, time.Duration(7)},
		[]any{limits.MaxConnsPerHost, limits.MaxIdleConnsPerHost, limits.ResponseHeaderTimeout})
}

func TestASecondConnectionResumesTheTLSSession(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			secure := newServer(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.TLS.DidResume) })
			secure.TLS = &tls.Config{MinVersion: version, MaxVersion: version}
			secure.StartTLS()
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

// Its connection goes back to the pool before net/http looks at what else came on it.
func TestTheSecondResponseToARequestIsNotTakenForTheNextOnes(t *testing.T) {
	eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
		idle, next := make(chan struct{}), make(chan struct{})
		address := serveRaw(t, func(conn net.Conn) {
			eachRequest(conn, func(n int, _ *http.Request) {
				if io.WriteString(conn, answered+answered); n == 2 {
					close(next)
				}
			})
		})
		hooks := &httptrace.ClientTrace{PutIdleConn: func(error) { close(idle); await(t, next) }}
		var both sync.WaitGroup
		both.Go(func() { send(httptrace.WithClientTrace(t.Context(), hooks), t, via, "http://"+address) })
		await(t, idle)
		a := send(t.Context(), t, via, "http://"+address)
		assert.Equal(t, transport.Sent, a.Reached)
		assert.ErrorContains(t, a.Err, "before the request was sent")
		both.Wait()
	})
}

// late is a connection of a caller's that still works when it was closed, and whose end nobody hears of.
type late struct {
	*net.TCPConn
	over chan struct{}
}

func (c late) Close() error { return nil }

func (c late) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if err != nil {
		<-c.over
	}
	return n, err
}

func TestNothingIsWrittenOnAConnectionThatItsPeerEndedHoweverItIsClosed(t *testing.T) {
	var requests atomic.Int64
	half, over := make(chan struct{}), make(chan struct{})
	defer close(over)
	address := serveRaw(t, func(conn net.Conn) {
		eachRequest(conn, func(int, *http.Request) {
			if io.WriteString(conn, answered); requests.Add(1) == 1 {
				conn.(*net.TCPConn).CloseWrite() // and still reads
				close(half)
			}
		})
	})
	via := through(t, &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		require.NoError(t, err)
		return late{conn.(*net.TCPConn), over}, nil
	}})
	send(t.Context(), t, via, "http://"+address)
	await(t, half)
	assert.Equal(t, transport.Answered, send(t.Context(), t, via, "http://"+address).Reached)
	assert.EqualValues(t, 2, requests.Load())
}

func TestADialThatReturnsNothingIsAnError(t *testing.T) {
	none := func(context.Context, string, string) (net.Conn, error) { return nil, nil }
	a := send(t.Context(), t, through(t, &http.Transport{DialContext: none}), host)
	assert.Equal(t, transport.Unconnected, a.Reached)
	assert.ErrorContains(t, a.Err, "returned (nil, nil)")
}

// A second copy of a response may wait in it.
func TestAConnectionThatCannotBeLookedAtIsUsedOnce(t *testing.T) {
	dialled := 0
	via := through(t, &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		dialled++
		client, server := net.Pipe()
		go eachRequest(server, func(int, *http.Request) { io.WriteString(server, answered) })
		return client, nil
	}})
	for want := 1; want <= 2; want++ {
		assert.Equal(t, transport.Answered, send(t.Context(), t, via, "http://host").Reached)
		assert.Equal(t, want, dialled)
	}
	via.CloseIdleConnections()
}

type writesOf struct {
	net.Conn
	report func()
}

func (w writesOf) Write(b []byte) (int, error) { w.report(); return w.Conn.Write(b) }

// The proof rests on this: net/http calls GotConn before it writes, each time, and writes a POST without GetBody once.
func TestNetHTTPGivesAConnectionBeforeItWritesAndWritesOnce(t *testing.T) {
	for name, serve := range map[string]func(*net.TCPConn){
		"answers":           func(conn *net.TCPConn) { io.WriteString(conn, answered) },
		"closes unanswered": func(conn *net.TCPConn) { conn.Close() },
		"resets":            func(conn *net.TCPConn) { conn.SetLinger(0); conn.Close() },
		"times out": func(conn *net.TCPConn) {
			io.WriteString(conn, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
			conn.Close()
		},
		"goes away": func(conn *net.TCPConn) { io.WriteString(conn, answered); conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			var arrived, got, wrote atomic.Int64
			address := serveRaw(t, func(conn net.Conn) {
				eachRequest(conn, func(int, *http.Request) {
					if arrived.Add(1) == 1 { // so that the second request meets an idle connection
						io.WriteString(conn, answered)
					} else {
						serve(conn.(*net.TCPConn))
					}
				})
			})
			plain := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				return writesOf{conn, func() { assert.Equal(t, wrote.Add(1), got.Load()) }}, err
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
			assert.Equal(t, []int64{2, 2}, []int64{arrived.Load(), got.Load()})
		})
	}
}
