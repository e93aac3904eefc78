package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
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

// A clone goes where, and trusts what, its original does. Each setting leads away from the server.
func TestACloneKeepsItsOriginalsSettings(t *testing.T) {
	secure := tlsServer(t, answerNothing)
	roots := secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, errLost }
	distrust := func(tls.ConnectionState) error { return errLost }
	for name, theirs := range map[string]*http.Transport{
		"Proxy":            {Proxy: func(*http.Request) (*url.URL, error) { return nil, errLost }},
		"DialContext":      {DialContext: dial},
		"DialTLSContext":   {DialTLSContext: dial},
		"Dial":             {Dial: func(string, string) (net.Conn, error) { return nil, errLost }},
		"VerifyConnection": {TLSClientConfig: &tls.Config{RootCAs: roots, VerifyConnection: distrust}},
		"the proxy's headers": {
			Proxy:                 http.ProxyURL(&url.URL{Scheme: "http", Host: secure.Listener.Addr().String()}),
			GetProxyConnectHeader: func(context.Context, *url.URL, string) (http.Header, error) { return nil, errLost },
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := send(t.Context(), t, through(t, theirs), secure.URL)
			assert.Equal(t, transport.Unconnected, a.Reached)
			assert.ErrorIs(t, a.Err, errLost)
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

// What net/http does on a connection before a request gets it would go on after the attempt, whose request can go over another.
func TestAHandshakeEndsWithItsAttempt(t *testing.T) {
	for name, row := range map[string]struct{ proxy, first string }{ // the proxy's scheme, and what it answers before it is silent
		"TLS":               {"", ""},
		"CONNECT":           {"http", ""},
		"TLS after CONNECT": {"http", "HTTP/1.1 200 OK\r\n\r\n"},
		"SOCKS5":            {"socks5", ""},
	} {
		t.Run(name, func(t *testing.T) {
			eachOwn(t, nil, func(t *testing.T, via *transport.Transport) {
				ctx, cancel := context.WithCancel(t.Context())
				closed := make(chan struct{}, 100)
				address := serveRaw(t, func(conn net.Conn) {
					if row.first != "" {
						hangUp(row.first)(conn)
					}
					cancel()
					io.Copy(io.Discard, conn)
					closed <- struct{}{}
				})
				if row.proxy != "" {
					throughProxy(via, row.proxy, address)
				}
				a := send(ctx, t, via, "https://"+address)
				assert.Equal(t, transport.Unconnected, a.Reached)
				assert.ErrorIs(t, a.Err, context.Canceled)
				await(t, closed)
			})
		})
	}
}

func TestADialEndsWithItsAttempt(t *testing.T) {
	ended := 0
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		ended++
		return nil, errLost
	}
	for _, theirs := range []*http.Transport{{DialContext: dial}, {DialTLSContext: dial}} {
		synctest.Test(t, func(t *testing.T) {
			assert.Equal(t, transport.Unconnected, send(t.Context(), t, through(t, theirs), host).Reached)
			synctest.Wait()
		})
	}
	assert.Equal(t, 2, ended)
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

func TestADialThatReturnsNothingIsAnError(t *testing.T) {
	none := func(context.Context, string, string) (net.Conn, error) { return nil, nil }
	a := send(t.Context(), t, through(t, &http.Transport{DialContext: none}), host)
	assert.Equal(t, transport.Unconnected, a.Reached)
	assert.ErrorContains(t, a.Err, "returned (nil, nil)")
}

type writesOf struct {
	*net.TCPConn
	report func()
}

func (w writesOf) Write(b []byte) (int, error) { w.report(); return w.TCPConn.Write(b) }

// The proof rests on this: net/http shows a connection before it writes on it, each time, and writes a request once, whatever the
// server does then.
func TestARequestIsWrittenOnceOnAConnectionThatWasShownBefore(t *testing.T) {
	for name, row := range map[string]struct {
		serve func(*net.TCPConn)
		want  transport.Reach
	}{
		"answers":           {func(conn *net.TCPConn) { io.WriteString(conn, answered) }, transport.Answered},
		"closes unanswered": {func(conn *net.TCPConn) { conn.Close() }, transport.Sent},
		"resets":            {func(conn *net.TCPConn) { conn.SetLinger(0); conn.Close() }, transport.Sent},
		"goes away":         {func(conn *net.TCPConn) { io.WriteString(conn, answered); conn.Close() }, transport.Answered},
		"times out": {func(conn *net.TCPConn) {
			io.WriteString(conn, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
			conn.Close()
		}, transport.Answered},
	} {
		t.Run(name, func(t *testing.T) {
			var arrived, shown, wrote atomic.Int64
			address := serveRaw(t, func(conn net.Conn) {
				eachRequest(conn, func(int, *http.Request) {
					if arrived.Add(1) == 1 { // so that the second request meets an idle connection
						io.WriteString(conn, answered)
					} else {
						row.serve(conn.(*net.TCPConn))
					}
				})
			})
			via := dialling(t, func(conn *net.TCPConn) net.Conn {
				return writesOf{conn, func() { assert.Equal(t, wrote.Add(1), shown.Load()) }}
			})
			hooks := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { shown.Add(1) }}
			ctx := httptrace.WithClientTrace(t.Context(), hooks)
			send(ctx, t, via, "http://"+address)
			assert.Equal(t, row.want, send(ctx, t, via, "http://"+address).Reached)
			assert.Equal(t, []int64{2, 2}, []int64{arrived.Load(), shown.Load()})
		})
	}
}
