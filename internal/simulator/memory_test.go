package simulator_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// bubble runs a test in which time is faked, with a simulator in memory and a client that reaches it.
func bubble(t *testing.T, config simulator.Config, test func(t *testing.T, s *service, client *http.Client)) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{simulator.New(config), t, "http://127.0.0.1:0"}
		memory := simulator.Listen()
		server := &http.Server{Handler: s}
		go server.Serve(memory)
		transport := &http.Transport{DialContext: memory.Dial}
		test(t, s, &http.Client{Transport: transport})
		transport.CloseIdleConnections()
		require.NoError(t, server.Close())
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

func TestAServerInMemoryServesInABubble(t *testing.T) {
	bubble(t, simulator.Config{}, func(t *testing.T, s *service, client *http.Client) {
		for range 3 {
			_, err := s.post(client, time.Second)
			require.NoError(t, err)
		}
		assert.Len(t, s.Orders(), 3)
		assert.Equal(t, 2000, s.Orders()[0].CreatedAt.Year(), "the clock is the bubble's")
	})
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
