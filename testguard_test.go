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
	"github.com/qianfan-go/computeunit/computeunittest"
)

// A test must not spend money.

// replaceDefaultTransport is what httpmock.Activate and the like do.
func replaceDefaultTransport(t *testing.T, transport http.RoundTripper) {
	original := http.DefaultTransport
	http.DefaultTransport = transport
	t.Cleanup(func() { http.DefaultTransport = original })
}

// The client can be older than the mock, and outlive it.
func TestInATestAClientSendsThroughAReplacedDefaultTransport(t *testing.T) {
	client, transport := configured(t), record(answerBought(), failWith(errDial))
	t.Run("replaced", func(t *testing.T) {
		replaceDefaultTransport(t, transport)
		require.NoError(t, buy(t, client))
		assert.Equal(t, "qianfan.baidubce.com", transport.only(t).Host)
		assertOutcome(t, unknown, buy(t, client)) // it is opaque
	})
	assertUnsent(t, false, buy(t, client))
}

func TestInATestTheDefaultEndpointIsRefusedWithoutAMock(t *testing.T) {
	// A mock of RegisterProtocol is one that a clone would not have.
	protocol := &http.Transport{DialContext: dialNobody}
	protocol.RegisterProtocol("https", answerBought())
	clients := map[string]*computeunit.Client{
		"NewClient": configured(t),
		"a client without a transport of its own":        configured(t, computeunit.WithHTTPClient(&http.Client{})),
		"a client with a transport that would be cloned": configured(t, withTransport(&http.Transport{DialContext: dialNobody})),
		"a mock of RegisterProtocol":                     configured(t, withTransport(protocol)),
		"a client with net/http's own transport":         configured(t, withTransport(http.DefaultTransport)),
	}
	for _, endpoint := range []string{"", "https://Qianfan.BaiduBCE.com.", "https://qianfan.baidubce.com:443/"} {
		setEnv(t, testAccessKey, testSecretKey, endpoint)
		client, err := computeunit.NewClientFromEnv()
		require.NoError(t, err)
		clients["NewClientFromEnv, "+endpoint] = client
	}
	for name, client := range clients {
		t.Run(name, func(t *testing.T) {
			err := buy(t, client)
			assertUnsent(t, false, err)
			for _, part := range []string{"a test must not spend money", "httpmock", "WithEndpoint", "WithHTTPClient"} {
				assert.ErrorContains(t, err, part)
			}
			assert.ErrorContains(t, list(t.Context(), client), "a test must not spend money")
			assertUnsent(t, false, call(t, client, nil, nil))
		})
	}
}

// A TestMain may only set a proxy so: what goes through net/http buys for real.
func TestInATestANetHTTPTransportInTheDefaultOnesPlaceNeedsAnEndpoint(t *testing.T) {
	replaceDefaultTransport(t, &http.Transport{DialContext: dialNobody})
	assert.ErrorContains(t, buy(t, configured(t)), "a test must not spend money")
	err := buy(t, configured(t, computeunit.WithEndpoint("https://service.invalid"), computeunit.WithMaxAttempts(1)))
	assert.ErrorIs(t, err, errDial, "with an endpoint it is sent through")
}

// In any other program the own transport's proofs are not lost in silence to an agent that wraps http.DefaultTransport.
func TestInAProgramAReplacedDefaultTransportIsNotUsed(t *testing.T) {
	output, came := goRun(t, "./testdata/replaced")
	assert.Equal(t, int64(1), came, output)
	assert.NotContains(t, output, "through the agent")
}

// goRun runs a program behind a proxy that leads nowhere, so that a test whose guard fails spends nothing, and counts how often
// the program went there.
func goRun(t *testing.T, arguments ...string) (output string, came int64) {
	t.Helper()
	var connections atomic.Int64
	proxy := httptest.NewUnstartedServer(nil)
	proxy.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
			conn.Close()
		}
	}
	proxy.Start()
	defer proxy.Close()
	command := exec.Command("go", append([]string{"run"}, arguments...)...)
	command.Env = append(os.Environ(), "HTTPS_PROXY="+proxy.URL, "NO_PROXY=", "no_proxy=")
	printed, err := command.CombinedOutput()
	require.NoError(t, err, string(printed))
	return string(printed), connections.Load()
}

// testdata/testbinary has lines for: testing.Testing, a purchase, and one with a mock.
func TestATestBinaryOfAnotherBuildToolSpendsNothing(t *testing.T) {
	for endpoint, row := range map[string]struct {
		came int64 // connections to the service
		line string
	}{"": {0, "a test must not spend money"}, "https://service.invalid": {1, "error: "}} { // the second is sent, as its endpoint was named
		output, came := goRun(t, "./testdata/testbinary", endpoint)
		lines := strings.Split(output, "\n")
		require.Len(t, lines, 4, output)
		assert.Equal(t, "testing: false", lines[0])
		assert.Contains(t, lines[1], row.line)
		assert.Equal(t, "bought: mocked", lines[2])
		assert.Equal(t, row.came, came)
	}
}

func dialNobody(context.Context, string, string) (net.Conn, error) { return nil, errDial }

// httpmock.ActivateNonDefault can come after NewClient.
func TestInATestAMockThatIsPutOnTheHTTPClientLaterIsSentThrough(t *testing.T) {
	for name, transport := range map[string]http.RoundTripper{
		"no transport": nil, "net/http's": http.DefaultTransport, "one of its own": &http.Transport{DialContext: dialNobody},
		"a wrapper": failWith(errDial),
	} {
		for which, endpoint := range map[string]computeunit.Option{
			"the default one": computeunit.WithMaxAttempts(1), "a named one": computeunit.WithEndpoint("https://service.invalid"),
		} {
			t.Run(name+", "+which, func(t *testing.T) {
				client := &http.Client{Transport: transport}
				made := configured(t, computeunit.WithHTTPClient(client), endpoint)
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
	replaceDefaultTransport(t, answerBought())
	own := &http.Transport{DialContext: dialNobody}
	err := buy(t, newClient(t, own, computeunit.WithEndpoint("https://service.invalid"), computeunit.WithMaxAttempts(1)))
	assertOutcome(t, notPurchased, err)
	assert.ErrorIs(t, err, errDial)
}

// What is sent to a loopback address is no purchase, and the mock may be that of a test beside this one.
func TestInATestALoopbackEndpointIsSentToAndNotMocked(t *testing.T) {
	server := computeunittest.NewServer()
	t.Cleanup(server.Close)
	replaceDefaultTransport(t, failWith(errDial))
	keys := computeunit.StaticCredentials(server.Credentials.AccessKeyID, server.Credentials.SecretAccessKey)
	for _, options := range [][]computeunit.Option{nil, {computeunit.WithHTTPClient(&http.Client{})}} {
		client, err := computeunit.NewClient(keys, append(options, computeunit.WithEndpoint(server.URL))...)
		require.NoError(t, err)
		require.NoError(t, buy(t, client))
	}
	assert.Len(t, server.Orders(), 2)
}
