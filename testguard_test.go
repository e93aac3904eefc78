package computeunit_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// A test must not spend money.

// deadEnd is an address of a proxy that leads nowhere, so that a test whose guard fails spends nothing, and counts who came.
func deadEnd(t *testing.T) (address string, came *atomic.Int64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	came = new(atomic.Int64)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			conn.Close()
		}
	}()
	return "http://" + listener.Addr().String(), came
}

// runTestBinary runs testdata/testbinary, which has lines for: testing.Testing, a purchase, and one with a mock.
func runTestBinary(t *testing.T, proxy string, arguments ...string) []string {
	command := exec.Command("go", append([]string{"run", "./testdata/testbinary"}, arguments...)...)
	command.Env = append(os.Environ(), "HTTPS_PROXY="+proxy, "NO_PROXY=", "no_proxy=")
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	require.Len(t, lines, 3, string(output))
	require.Equal(t, "testing: false", lines[0])
	return lines
}

func TestATestBinaryOfAnotherBuildToolSpendsNothing(t *testing.T) {
	proxy, came := deadEnd(t)
	lines := runTestBinary(t, proxy)
	assert.Zero(t, came.Load(), "connections to the service")
	assert.Contains(t, lines[1], "a test must not spend money")
	assert.Equal(t, "bought: mocked", lines[2])
}

func TestATestBinaryOfAnotherBuildToolIsMockedAtANamedEndpointToo(t *testing.T) {
	proxy, came := deadEnd(t)
	lines := runTestBinary(t, proxy, "https://service.invalid")
	assert.Equal(t, int64(1), came.Load(), "it is sent without the mock, as its endpoint was named")
	assert.Equal(t, "bought: mocked", lines[2])
}

func dialNobody(context.Context, string, string) (net.Conn, error) { return nil, errDial }

// httpmock.ActivateNonDefault can come after NewClient.
func TestInATestAMockThatIsPutOnTheHTTPClientLaterIsSentThrough(t *testing.T) {
	for name, transport := range map[string]func() http.RoundTripper{
		"no transport":   func() http.RoundTripper { return nil },
		"net/http's":     func() http.RoundTripper { return http.DefaultTransport },
		"one of its own": func() http.RoundTripper { return &http.Transport{DialContext: dialNobody} },
	} {
		for _, endpoint := range []string{"", "https://service.invalid"} {
			t.Run(name+" "+endpoint, func(t *testing.T) {
				var options []computeunit.Option
				if endpoint != "" {
					options = append(options, computeunit.WithEndpoint(endpoint))
				}
				client := &http.Client{Transport: transport()}
				made, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"),
					append(options, computeunit.WithHTTPClient(client), computeunit.WithMaxAttempts(1))...)
				require.NoError(t, err)
				httpmock.ActivateNonDefault(client)
				t.Cleanup(httpmock.DeactivateAndReset)
				httpmock.RegisterNoResponder(httpmock.NewStringResponder(200, documentedAnswer))
				require.NoError(t, buy(t, made))
				assert.Equal(t, 1, httpmock.GetTotalCallCount())
			})
		}
	}
}

// The stand-in's client has one, and another test's mock must not reach it.
func TestInATestATransportOfItsOwnIsNotReplacedByAMockOfTheDefaultOne(t *testing.T) {
	replaceDefaultTransport(t, failWith(errDial))
	sim := simulator.New(simulator.Config{})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	require.NoError(t, buy(t, newClientTo(t, server.URL, withTransport(&http.Transport{}))))
	assert.Len(t, sim.Orders(), 1)
}
