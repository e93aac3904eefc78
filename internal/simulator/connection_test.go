package simulator_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestABrokenConnectionEndsAsItsFaultSays(t *testing.T) {
	for kind, test := range map[simulator.Kind]struct {
		err  error
		part string // of the answer that arrives
	}{
		simulator.Reset:      {syscall.ECONNRESET, ""},
		simulator.Close:      {io.EOF, ""},
		simulator.CutLength:  {io.ErrUnexpectedEOF, `{"requestId":"`},
		simulator.CutChunked: {io.ErrUnexpectedEOF, `{"requestId":"`},
	} {
		for orders, when := range []simulator.When{simulator.BeforeOrder, simulator.AfterOrder} {
			s := serve(t, simulator.Config{})
			s.Inject(simulator.Fault{Kind: kind, When: when, Delay: time.Millisecond})
			got, err := s.try(s.purchase())
			assert.ErrorIs(t, err, test.err, kind)
			assert.Contains(t, got.body, test.part, kind)
			assert.Len(t, s.Orders(), orders, kind)
		}
	}
}

// Under TLS it is the connection below that is reset: closed above, it would end with a word of farewell.
func TestAConnectionUnderTLSIsResetToo(t *testing.T) {
	s := &service{simulator.New(simulator.Config{}), t, ""}
	server := httptest.NewTLSServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.Inject(simulator.Fault{Kind: simulator.Reset})
	_, err := server.Client().Transport.RoundTrip(s.purchase())
	assert.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestWhatComesOnAConnectionAfterAWholeAnswer(t *testing.T) {
	for kind, test := range map[simulator.Kind]struct {
		again, ended bool // an answer once more; the connection, which is else the client's to end
	}{
		simulator.Twice: {true, false}, simulator.ThenClose: {false, true},
	} {
		s := serve(t, simulator.Config{})
		s.Inject(simulator.Fault{Kind: kind})
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		r := s.purchase()
		require.NoError(t, r.Write(conn))
		reader := bufio.NewReader(conn)
		first, err := http.ReadResponse(reader, r)
		require.NoError(t, err)
		body, err := io.ReadAll(first.Body)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		rest, err := io.ReadAll(reader) // until the connection or our patience ends
		assert.Equal(t, test.ended, err == nil, kind)
		assert.False(t, first.Close, "it is not announced")
		assert.Equal(t, test.again, strings.HasPrefix(string(rest), "HTTP/1.1 200 OK\r\n") && strings.HasSuffix(string(rest), string(body)), kind)
		assert.Equal(t, test.again, len(rest) > 0, kind)
		assert.Len(t, s.Orders(), 1, kind)
	}
}

func TestWithoutAConnectionToBreakTheAnswerSaysSo(t *testing.T) {
	for _, kind := range []simulator.Kind{simulator.Reset, simulator.Close, simulator.Twice} {
		s := &service{simulator.New(simulator.Config{}), t, "http://127.0.0.1"}
		s.Inject(simulator.Fault{Kind: kind})
		recorder := httptest.NewRecorder()
		s.ServeHTTP(recorder, s.purchase())
		assert.Contains(t, recorder.Body.String(), "SimulatorInvalidFault", kind)
	}
}
