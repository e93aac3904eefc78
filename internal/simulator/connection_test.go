package simulator_test

import (
	"bufio"
	"bytes"
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

// dialogue sends a purchase by hand, and reads what comes until the connection ends, or for a while.
func (s *service) dialogue() (first *http.Response, rest string, ended bool) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s, err)
	defer conn.Close()
	r := s.purchase()
	require.NoError(s, r.Write(conn))
	reader := bufio.NewReader(conn)
	first, err = http.ReadResponse(reader, r)
	require.NoError(s, err)
	body, err := io.ReadAll(first.Body)
	require.NoError(s, err)
	first.Body = io.NopCloser(bytes.NewReader(body))
	require.NoError(s, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	left, err := io.ReadAll(reader) // until the connection or our patience ends
	return first, string(left), err == nil
}

func TestAnAnswerIsSentTwiceOnItsConnection(t *testing.T) {
	s := serve(t, simulator.Config{})
	s.Inject(simulator.Fault{Kind: simulator.Twice})
	first, rest, ended := s.dialogue()
	assert.False(t, ended, "it is the client that ends it")
	body, _ := io.ReadAll(first.Body)
	assert.True(t, strings.HasPrefix(rest, "HTTP/1.1 200 OK\r\n"), rest)
	assert.True(t, strings.HasSuffix(rest, string(body)), rest)
	assert.Len(t, s.Orders(), 1)
}

func TestAConnectionIsClosedAfterAWholeAnswerWithoutAWord(t *testing.T) {
	s := serve(t, simulator.Config{})
	s.Inject(simulator.Fault{Kind: simulator.ThenClose})
	first, rest, ended := s.dialogue()
	assert.Equal(t, []any{false, "", true}, []any{first.Close, rest, ended})
	assert.Len(t, s.Orders(), 1)
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
