package transport

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pair is two ends of a loopback connection, ours as it is dialled.
func pair(t *testing.T) (client *conn, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	dialed, err := dial(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	accepted, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed.(*conn), accepted.(*net.TCPConn)
}

func TestConnCheck(t *testing.T) {
	for name, row := range map[string]struct {
		happens     func(t *testing.T, client *conn, server *net.TCPConn)
		idle, fresh bool // whether an idle and a fresh connection count as closed
	}{
		"open": {func(*testing.T, *conn, *net.TCPConn) {}, false, false},
		"unasked bytes, which on a fresh one may be TLS": {func(t *testing.T, _ *conn, server *net.TCPConn) {
			_, err := server.Write([]byte("HTTP/1.1 408 Request Timeout\r\n"))
			require.NoError(t, err)
		}, true, false},
		"closed by the peer": {func(t *testing.T, _ *conn, server *net.TCPConn) { require.NoError(t, server.Close()) }, true, true},
		"reset by the peer": {func(t *testing.T, _ *conn, server *net.TCPConn) {
			require.NoError(t, server.SetLinger(0))
			require.NoError(t, server.Close())
		}, true, true},
		"closed on this side": {func(t *testing.T, client *conn, _ *net.TCPConn) { require.NoError(t, client.Close()) }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t)
			if client.check == nil {
				t.Skip("connections cannot be looked at on this system")
			}
			row.happens(t, client, server)
			assert.Eventually(t, func() bool { return client.check.closed(true) == row.idle }, 10*time.Second, time.Millisecond)
			assert.Equal(t, row.fresh, client.check.closed(false))
		})
	}
}

func TestAConnectionThatCannotBeLookedAtCountsAsOpen(t *testing.T) {
	var none *connCheck
	assert.False(t, none.closed(true))
	assert.Nil(t, newConnCheck(&fakeConn{}))
}
