package simulator_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// bubble runs a test in which time is faked, with a simulator in memory and a client that reaches it. A server that writes to a
// connection which is no longer its own would say so.
func bubble(t *testing.T, config simulator.Config, test func(t *testing.T, s *service, client *http.Client)) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{simulator.New(config), t, "http://127.0.0.1:0"}
		memory := simulator.Listen()
		var said bytes.Buffer
		server := &http.Server{Handler: s, ErrorLog: log.New(&said, "", 0)}
		go server.Serve(memory)
		transport := &http.Transport{DialContext: memory.Dial}
		test(t, s, &http.Client{Transport: transport})
		transport.CloseIdleConnections()
		require.NoError(t, server.Close())
		assert.Empty(t, said.String())
	})
}

// post buys, signed now, and gives up after the time.
func (s *service) post(client *http.Client, patience time.Duration) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	response, err := client.Do(s.purchase().WithContext(ctx))
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	return response, err
}

func TestAMemoryThatIsClosedEndsWhoWaits(t *testing.T) {
	memory := simulator.Listen()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := memory.Dial(ended, "", "")
	assert.ErrorIs(t, err, context.Canceled)
	require.NoError(t, memory.Close())
	require.NoError(t, memory.Close())
	_, err = memory.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
	_, err = memory.Dial(t.Context(), "", "")
	assert.ErrorContains(t, err, "closed")
}
