package transport_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// replaceDefault replaces http.DefaultTransport for the time of a test.
func replaceDefault(t *testing.T, replacement http.RoundTripper) {
	before := http.DefaultTransport
	http.DefaultTransport = replacement
	t.Cleanup(func() { http.DefaultTransport = before })
}

// incomparable is a RoundTripper that == would panic on.
type incomparable struct {
	roundTrip
	_ []int
}

func TestATestSendsThroughAReplacedDefaultTransport(t *testing.T) {
	for name, replacement := range map[string]http.RoundTripper{
		"function":     answering(201, ""),
		"incomparable": incomparable{roundTrip: answering(201, "")},
	} {
		t.Run(name, func(t *testing.T) {
			via := newTransport(t, transport.Config{Testing: yes, DefaultEndpoint: true})
			replaceDefault(t, replacement)
			assert.Equal(t, 201, sendOnce(t.Context(), t, via, host).Status)
		})
	}
}

func TestATestWithHTTPMockActivatedIsMocked(t *testing.T) {
	via := newTransport(t, transport.Config{Testing: yes, DefaultEndpoint: true})
	httpmock.Activate(t)
	httpmock.RegisterResponder(http.MethodPost, host, httpmock.NewStringResponder(202, ""))
	assert.Equal(t, 202, sendOnce(t.Context(), t, via, host).Status)
	httpmock.RegisterResponder(http.MethodPost, host, httpmock.NewErrorResponder(errLost))
	assert.Equal(t, transport.Sent, sendOnce(t.Context(), t, via, host).Reached, "a mock proves nothing")
}

// An *http.Transport in the place of http.DefaultTransport is a mock too, and counts as opaque.
func TestATestSendsThroughAnotherHTTPTransportToo(t *testing.T) {
	replaceDefault(t, &http.Transport{})
	via := newTransport(t, transport.Config{Testing: yes})
	assert.Equal(t, transport.Sent, sendOnce(t.Context(), t, via, "http://"+closedPort).Reached)
}

func TestATestDoesNotSendToTheDefaultEndpoint(t *testing.T) {
	asked := false
	via := newTransport(t, transport.Config{Testing: yes, DefaultEndpoint: true, Credentials: askedFor(&asked)})
	a := sendOnce(t.Context(), t, via, "http://"+closedPort)
	assert.Equal(t, transport.Unready, a.Reached)
	for _, way := range []string{"must not spend money", "httpmock.Activate", "computeunittest", "WithEndpoint", "WithHTTPClient"} {
		assert.ErrorContains(t, a.Err, way)
	}
	assert.False(t, asked)
}

// http.DefaultTransport is what such a client sends through, whenever its http.Client is mocked.
func TestATestDoesNotSendThroughACallersClientWithoutATransport(t *testing.T) {
	for name, client := range map[string]*http.Client{"none": {}, "http.DefaultTransport": {Transport: http.DefaultTransport}} {
		t.Run(name, func(t *testing.T) {
			via := newTransport(t, transport.Config{Testing: yes, DefaultEndpoint: true, Client: client})
			assert.Equal(t, transport.Unready, sendOnce(t.Context(), t, via, startedServer(t, drain).URL).Reached)
		})
	}
	replaceDefault(t, answering(201, ""))
	via := newTransport(t, transport.Config{Testing: yes, DefaultEndpoint: true, Client: &http.Client{}})
	assert.Equal(t, 201, sendOnce(t.Context(), t, via, host).Status)
}

// The mock is taken away before the client is used: what is there then is net/http's own.
func TestATestThatBeganWithAMockDoesNotSendWithoutIt(t *testing.T) {
	t.Cleanup(transport.BeginWithMock())
	for _, client := range []*http.Client{nil, {}} {
		via := newTransport(t, transport.Config{Testing: yes, DefaultEndpoint: true, Client: client})
		assert.Equal(t, transport.Unready, sendOnce(t.Context(), t, via, startedServer(t, drain).URL).Reached)
	}
}

func TestOtherProgramsAndNamedEndpointsAreSentTo(t *testing.T) {
	for name, config := range map[string]transport.Config{
		"test, named endpoint":      {Testing: yes},
		"program, default endpoint": {DefaultEndpoint: true},
		"test, caller's client":     {Testing: yes, DefaultEndpoint: true, Client: &http.Client{Transport: &http.Transport{}}},
	} {
		t.Run(name, func(t *testing.T) {
			a := sendOnce(t.Context(), t, newTransport(t, config), startedServer(t, drain).URL)
			assert.Equal(t, transport.Answered, a.Reached)
		})
	}
}

func TestAProgramGoesAroundAReplacedDefaultTransportAndReportsThatOnce(t *testing.T) {
	replacement := answering(500, "")
	reports := 0
	report := func(_ context.Context, used http.RoundTripper) {
		reports++
		assert.IsType(t, replacement, used)
	}
	via := newTransport(t, transport.Config{DefaultEndpoint: true, Replaced: report})
	started := startedServer(t, drain)
	sendOnce(t.Context(), t, via, started.URL)
	assert.Zero(t, reports)
	replaceDefault(t, replacement)
	for range 3 {
		assert.Equal(t, 200, sendOnce(t.Context(), t, via, started.URL).Status)
	}
	assert.Equal(t, 1, reports)
	sendOnce(t.Context(), t, newTransport(t, transport.Config{}), started.URL) // nobody to report to
}
