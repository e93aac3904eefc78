package computeunit_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// retrier is a transport as widely used ones are: it keeps the body, and sends again on errors and 5xx.
type retrier struct {
	send http.RoundTripper
	// before is another request that it makes on the same context, such as one for a token.
	before string
}

func (r retrier) RoundTrip(req *http.Request) (response *http.Response, err error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if r.before != "" {
		r.ask(req)
	}
	for range 4 {
		again := req.Clone(req.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		if response, err = r.send.RoundTrip(again); err == nil && response.StatusCode < 500 {
			break
		}
	}
	return response, err
}

func (r retrier) ask(req *http.Request) {
	other, _ := http.NewRequestWithContext(req.Context(), http.MethodGet, r.before, nil)
	if response, err := r.send.RoundTrip(other); err == nil {
		response.Body.Close()
	}
}

// A caller's transport that retries by itself orders once: the second sending is stopped before it leaves.
func TestTransportThatRetriesByItselfOrdersOnce(t *testing.T) {
	faults := map[string]simulator.Fault{
		"reset":       {Kind: simulator.Reset, When: simulator.AfterOrder},
		"closed":      {Kind: simulator.Close, When: simulator.AfterOrder},
		"unavailable": {Kind: simulator.ErrorAnswer, Status: 503, When: simulator.AfterOrder},
	}
	for name, fault := range faults {
		for _, http2 := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", HTTP/2"}[http2], func(t *testing.T) {
				sim := simulator.New(simulator.Config{})
				sim.Inject(simulator.Fault{}, fault) // one purchase passes, so that an idle connection waits
				server := httptest.NewUnstartedServer(sim)
				server.EnableHTTP2 = http2
				server.Config.ErrorLog = quiet()
				server.StartTLS()
				t.Cleanup(server.Close)
				client := newClientTo(t, server.URL, withTransport(retrier{send: server.Client().Transport}))

				_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
				require.NoError(t, err)
				_, err = client.PurchaseComputeUnit(t.Context(), fivePrepaid())
				assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
				assert.LessOrEqual(t, len(sim.Orders()), 2)
				assert.Equal(t, 2, sim.Requests(), "requests")
			})
		}
	}
}

func TestTransportThatAsksForATokenFirstBuys(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := newClientTo(t, server.URL, withTransport(retrier{send: transport, before: server.URL + "/token"}))
	_, err := client.PurchaseComputeUnit(t.Context(), fivePrepaid())
	require.NoError(t, err)
	assert.Len(t, sim.Orders(), 1)
}

// hedger sends the same request several times at once.
type hedger struct{ send http.RoundTripper }

func (h hedger) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	type result struct {
		response *http.Response
		err      error
	}
	results := make(chan result)
	const hedges = 3
	for range hedges {
		again := req.Clone(req.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		go func() {
			response, err := h.send.RoundTrip(again)
			results <- result{response, err}
		}()
	}
	var first result
	for range hedges {
		r := <-results
		switch {
		case r.err == nil && first.response == nil:
			first = r
		case r.err == nil:
			r.response.Body.Close()
		case first.response == nil:
			first.err = r.err
		}
	}
	if first.response != nil {
		return first.response, nil
	}
	return nil, first.err
}

func TestTransportThatHedgesOrdersOnceAtMost(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	client := newClientTo(t, server.URL, withTransport(hedger{transport}))
	orders := map[string]int{} // by service
	for i := range 200 {
		request := fivePrepaid()
		request.ServiceID = fmt.Sprint("svco-", i)
		_, err := client.PurchaseComputeUnit(t.Context(), request)
		if err != nil {
			assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
			continue
		}
		orders[request.ServiceID] = 0
	}
	server.Close() // after all that it was sent
	for _, order := range sim.Orders() {
		orders[order.ServiceID]++
	}
	for service, count := range orders {
		assert.Equal(t, 1, count, service)
	}
}
