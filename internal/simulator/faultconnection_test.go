package simulator

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConnectionFaults(t *testing.T) {
	tests := []struct {
		kind    Kind
		want    error
		answers bool
	}{
		{Reset, syscall.ECONNRESET, false},
		{Close, io.EOF, false},
		{CutLength, io.ErrUnexpectedEOF, true},
		{CutChunked, io.ErrUnexpectedEOF, true},
	}
	for _, test := range tests {
		t.Run(string(test.kind), func(t *testing.T) {
			eachWhen(t, Fault{Kind: test.kind}, func(t *testing.T, when When, answer *http.Response, body []byte, err error) {
				assert.ErrorIs(t, err, test.want)
				assert.Equal(t, test.answers, answer != nil)
				assert.Equal(t, test.answers, len(body) > 0)
				assert.NotContains(t, string(body), "orderId")
			})
		})
	}
}

func TestConnectionFaultsUnderTLS(t *testing.T) {
	s := New(withClock(Config{}))
	server := httptest.NewTLSServer(s)
	defer server.Close()
	s.Inject(Fault{Kind: Reset}, Fault{Kind: Close, When: AfterOrder})

	_, err := server.Client().Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = server.Client().Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
	assert.ErrorIs(t, err, io.EOF)
	assert.Len(t, s.Orders(), 1)
}

func TestConnectionFaultsNeedConnection(t *testing.T) {
	for _, kind := range []Kind{Reset, Close, CutLength, CutChunked} {
		s := New(withClock(Config{}))
		s.Inject(Fault{Kind: kind})
		got := buy(s, postpaidBody)
		assert.Equal(t, http.StatusInternalServerError, got.Status)
		assert.Contains(t, got.Body, CodeInvalidFault)
	}
	assert.Panics(t, func() { setLinger(nil) })
}

func TestTwoAnswersToOneRequest(t *testing.T) {
	s := New(withClock(Config{}))
	s.Inject(Fault{Kind: Twice, When: AfterOrder})
	server, _ := newServer(t, s)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, wireRequest(t.Context(), server.URL, purchasePath, postpaidBody).Write(conn))
	answers := bufio.NewReader(conn)
	for range 2 {
		answer, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		assert.Contains(t, string(body), s.Orders()[0].OrderID)
	}
	assert.Len(t, s.Orders(), 1)
}
