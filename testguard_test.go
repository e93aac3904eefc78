package computeunit_test

import (
	"context"
	"net"
	"net/http"
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

func TestInATestAClientSendsThroughAReplacedDefaultTransport(t *testing.T) {
	transport := record(answerBought(), failWith(errDial))
	replaceDefaultTransport(t, transport)
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"))
	require.NoError(t, err)
	require.NoError(t, buy(t, client))
	assert.Equal(t, "qianfan.baidubce.com", transport.only(t).Host)
	assertOutcome(t, computeunit.ErrOutcomeUnknown, buy(t, client)) // it is opaque
}

func TestInATestHTTPMockIsWhatAClientSendsTo(t *testing.T) {
	httpmock.Activate(t)
	httpmock.RegisterResponder(http.MethodPost, "https://qianfan.baidubce.com/v2/serviceresources?Action=PurchaseComputeUnit",
		httpmock.NewStringResponder(200, documentedAnswer))
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"))
	require.NoError(t, err)
	require.NoError(t, buy(t, client))
	assert.Equal(t, 1, httpmock.GetTotalCallCount())
}

// The client can be older than the mock, and outlive it.
func TestInATestAReplacementCountsFromTheNextAttemptOn(t *testing.T) {
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"))
	require.NoError(t, err)
	t.Run("replaced", func(t *testing.T) {
		replaceDefaultTransport(t, answerBought())
		require.NoError(t, buy(t, client))
	})
	assertOutcome(t, computeunit.ErrNotPurchased, buy(t, client))
}

func TestInATestTheDefaultEndpointIsRefusedWithoutAMock(t *testing.T) {
	setEnv(t, testAccessKey, testSecretKey, "")
	for name, make := range map[string]func() (*computeunit.Client, error){
		"NewClient": func() (*computeunit.Client, error) {
			return computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"))
		},
		"NewClientFromEnv": func() (*computeunit.Client, error) { return computeunit.NewClientFromEnv() },
		"a client without a transport of its own": func() (*computeunit.Client, error) {
			return computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithHTTPClient(&http.Client{}))
		},
		"a client with a transport that would be cloned": func() (*computeunit.Client, error) {
			own := &http.Client{Transport: &http.Transport{DialContext: dialNobody}}
			return computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithHTTPClient(own))
		},
		"a mock of RegisterProtocol, which a clone would not have": func() (*computeunit.Client, error) {
			own := &http.Transport{DialContext: dialNobody}
			own.RegisterProtocol("https", answerBought())
			return computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), withTransport(own))
		},
		"a client with net/http's own transport": func() (*computeunit.Client, error) {
			own := &http.Client{Transport: http.DefaultTransport}
			return computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithHTTPClient(own))
		},
		"an environment with the default in capitals": func() (*computeunit.Client, error) {
			t.Setenv("QIANFAN_CONSOLE_BASE_URL", "https://Qianfan.BaiduBCE.com.")
			return computeunit.NewClientFromEnv()
		},
		"an environment that repeats the default": func() (*computeunit.Client, error) {
			t.Setenv("QIANFAN_CONSOLE_BASE_URL", "https://qianfan.baidubce.com:443/")
			return computeunit.NewClientFromEnv()
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := make()
			require.NoError(t, err)
			err = buy(t, client)
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.Zero(t, attemptsOf(t, err))
			for _, part := range []string{"a test must not spend money", "httpmock", "WithEndpoint", "WithHTTPClient"} {
				assert.ErrorContains(t, err, part)
			}
			_, err = describe(t, client)
			assert.ErrorContains(t, err, "a test must not spend money")
			err = client.Call(t.Context(), "/v2/service", "ModifyService", nil, nil)
			assertOutcome(t, computeunit.ErrNotPurchased, err)
		})
	}
}

func standInKeys(server *computeunittest.Server) computeunit.CredentialsProvider {
	return computeunit.StaticCredentials(server.Credentials.AccessKeyID, server.Credentials.SecretAccessKey)
}

func TestInATestANamedEndpointIsSentTo(t *testing.T) {
	server := computeunittest.NewServer()
	t.Cleanup(server.Close)
	client, err := computeunit.NewClient(standInKeys(server), computeunit.WithEndpoint(server.URL))
	require.NoError(t, err)
	require.NoError(t, buy(t, client))
	assert.Len(t, server.Orders(), 1)
}

// In any other program the own transport's proofs are not lost in silence to an agent that wraps http.DefaultTransport.
func TestInAProgramAReplacedDefaultTransportIsNotUsed(t *testing.T) {
	server := computeunittest.NewServer()
	t.Cleanup(server.Close)
	output, err := exec.Command("go", "run", "./testdata/replaced", server.URL,
		server.Credentials.AccessKeyID, server.Credentials.SecretAccessKey).CombinedOutput()
	require.NoError(t, err, string(output))
	assert.Len(t, server.Orders(), 2, string(output))
}

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
	replaceDefaultTransport(t, answerBought())
	own := &http.Transport{DialContext: dialNobody}
	err := buy(t, newClient(t, own, computeunit.WithEndpoint("https://service.invalid"), computeunit.WithMaxAttempts(1)))
	assertOutcome(t, computeunit.ErrNotPurchased, err)
	assert.ErrorIs(t, err, errDial)
}

// What is sent to a loopback address is no purchase, and the mock may be that of a test beside this one.
func TestInATestALoopbackEndpointIsNotMocked(t *testing.T) {
	server := computeunittest.NewServer()
	t.Cleanup(server.Close)
	replaceDefaultTransport(t, failWith(errDial))
	for _, options := range [][]computeunit.Option{nil, {computeunit.WithHTTPClient(&http.Client{})}} {
		client, err := computeunit.NewClient(standInKeys(server), append(options, computeunit.WithEndpoint(server.URL))...)
		require.NoError(t, err)
		require.NoError(t, buy(t, client))
	}
	assert.Len(t, server.Orders(), 2)
}
