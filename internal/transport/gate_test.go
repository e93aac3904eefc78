package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGateDecidesOnce(t *testing.T) {
	var first, second gate
	assert.True(t, first.pass())
	assert.False(t, first.shut(), "bytes may have left")
	assert.True(t, first.pass(), "the rest of the request may follow")

	assert.True(t, second.shut())
	assert.False(t, second.pass(), "nothing may leave any more")
	assert.True(t, second.shut())
}

func TestGateNeverBelievesBoth(t *testing.T) {
	for range 1000 {
		var g gate
		var passed, shut atomic.Bool
		var both sync.WaitGroup
		both.Go(func() { passed.Store(g.pass()) })
		both.Go(func() { shut.Store(g.shut()) })
		both.Wait()
		require.NotEqual(t, passed.Load(), shut.Load())
	}
}

func TestAConnectionThatIsNotOursCountsAsSentOn(t *testing.T) {
	var g gate
	g.trace().GotConn(httptrace.GotConnInfo{Conn: &fakeConn{}})
	assert.False(t, g.notSent())
}

// fakeConn takes so many bytes of each write, and then has an error, if any.
type fakeConn struct {
	net.Conn
	takes  int
	err    error
	wrote  int
	closed bool
}

func (f *fakeConn) Write(b []byte) (int, error) {
	if f.err == nil {
		f.wrote += len(b)
		return len(b), nil
	}
	f.wrote += f.takes
	return f.takes, f.err
}

func (f *fakeConn) Read(b []byte) (int, error) { return len(b), nil }

func (f *fakeConn) Close() error { f.closed = true; return nil }

// gated is a connection that a request got.
func gated(fake *fakeConn) (*conn, *gate) {
	c, g := &conn{Conn: fake, keep: func() bool { return true }}, new(gate)
	g.guard(httptrace.GotConnInfo{Conn: c})
	return c, g
}

var errBroken = errors.New("broken pipe")

func TestWriteWithoutARequestIsNotGated(t *testing.T) {
	fake := &fakeConn{}
	_, err := (&conn{Conn: fake}).Write([]byte("handshake"))
	assert.NoError(t, err)
	assert.Equal(t, 9, fake.wrote)
}

func TestWriteAfterGivingUpWritesNothing(t *testing.T) {
	fake := &fakeConn{}
	c, g := gated(fake)
	require.True(t, g.shut())
	_, err := c.Write([]byte("purchase"))
	assert.ErrorIs(t, err, errAbandoned)
	assert.Zero(t, fake.wrote)
}

func TestWriteOfWhichTheKernelTookNothingDoesNotCount(t *testing.T) {
	c, g := gated(&fakeConn{err: errBroken})
	_, err := c.Write([]byte("purchase"))
	assert.ErrorIs(t, err, errBroken)
	assert.True(t, g.shut())
}

func TestWriteOfWhichTheKernelTookAPartCounts(t *testing.T) {
	c, g := gated(&fakeConn{err: errBroken, takes: 3})
	_, err := c.Write([]byte("purchase"))
	assert.ErrorIs(t, err, errBroken)
	assert.False(t, g.shut())
}

func TestASecondWriteOfWhichTheKernelTookNothingDoesNotTakeTheFirstBack(t *testing.T) {
	fake := &fakeConn{}
	c, g := gated(fake)
	_, err := c.Write([]byte("purch"))
	require.NoError(t, err)
	fake.err = errBroken
	_, err = c.Write([]byte("ase"))
	assert.ErrorIs(t, err, errBroken)
	assert.False(t, g.shut())
}

// A connection that is about to be closed, as the attempt ended that it was made for, is closed before anything is
// written on it.
func TestAConnectionOfAnAttemptThatEndedIsNotWrittenOn(t *testing.T) {
	fake := &fakeConn{err: net.ErrClosed}
	c, g := &conn{Conn: fake, keep: func() bool { return false }}, new(gate)
	g.guard(httptrace.GotConnInfo{Conn: c})
	assert.True(t, fake.closed)
	assert.True(t, g.closedIdle())
	assert.True(t, g.notSent())
}

func TestAConnectionIsKeptOnce(t *testing.T) {
	kept := 0
	fake := &fakeConn{}
	c := &conn{Conn: fake, keep: func() bool { kept++; return kept == 1 }}
	new(gate).guard(httptrace.GotConnInfo{Conn: c})
	new(gate).guard(httptrace.GotConnInfo{Conn: c, Reused: true})
	assert.Equal(t, 1, kept)
	assert.False(t, fake.closed)
}

// An idle connection that brings bytes before the request begins to leave brings somebody else's response.
func TestAResponseCountsOnlyIfItIsReadAfterTheRequestBeganToLeave(t *testing.T) {
	for name, row := range map[string]struct {
		idle, wrote bool
		want        error
	}{
		"idle, before": {true, false, errStray},
		"idle, after":  {true, true, nil},
		"fresh":        {false, false, nil}, // net/http reads none before it has sent
	} {
		t.Run(name, func(t *testing.T) {
			fake := &fakeConn{}
			c, g := &conn{Conn: fake, keep: func() bool { return true }}, new(gate)
			g.trace().GotConn(httptrace.GotConnInfo{Conn: c, Reused: row.idle})
			if row.wrote {
				_, err := c.Write([]byte("purchase"))
				require.NoError(t, err)
			}
			_, err := c.Read(make([]byte, 10))
			require.NoError(t, err)
			g.trace().GotFirstResponseByte()
			assert.Equal(t, row.want, g.refuse())
			assert.Equal(t, row.want != nil, fake.closed)
		})
	}
}

// A server may answer before it has read all.
func TestARequestThatBeganToLeaveIsWrittenToItsEnd(t *testing.T) {
	client, server := pair(t)
	g := new(gate)
	g.trace().GotConn(httptrace.GotConnInfo{Conn: client, Reused: true})
	_, err := client.Write([]byte("purch"))
	require.NoError(t, err)
	_, err = server.Write([]byte("HTTP/1.1 200 OK"))
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return client.check == nil || client.check.closed(true) }, 10*time.Second, time.Millisecond)
	_, err = client.Write([]byte("ase"))
	assert.NoError(t, err)
}

func TestGatedConnIsFoundUnderTLS(t *testing.T) {
	c := &conn{Conn: &fakeConn{}}
	assert.Same(t, c, gatedConn(tls.Client(tls.Client(c, nil), nil)))
	assert.Nil(t, gatedConn(&fakeConn{}))
}
