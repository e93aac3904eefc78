package computeunit_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestNewClientWithoutOptionsNeedsOnlyCredentials(t *testing.T) {
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"))
	require.NoError(t, err)
	assert.NotNil(t, client)
}

func TestNewClientRefusesANilProvider(t *testing.T) {
	client, err := computeunit.NewClient(nil)
	assert.Nil(t, client)
	assertConfigurationError(t, err)
	assert.ErrorContains(t, err, "provider is nil")
}

func TestNewClientRefusesSenselessOptions(t *testing.T) {
	for name, option := range map[string]computeunit.Option{
		"nil option":                       nil,
		"nil http.Client":                  computeunit.WithHTTPClient(nil),
		"nil logger":                       computeunit.WithLogger(nil),
		"time-out 0":                       computeunit.WithTimeout(0),
		"time-out -1ns":                    computeunit.WithTimeout(-1),
		"0 attempts":                       computeunit.WithMaxAttempts(0),
		"-1 attempts":                      computeunit.WithMaxAttempts(-1),
		"user agent empty":                 computeunit.WithUserAgent(""),
		"user agent blank":                 computeunit.WithUserAgent("  "),
		"user agent with a newline":        computeunit.WithUserAgent("a\r\nX-Evil: 1"),
		"user agent outside printed ASCII": computeunit.WithUserAgent("客户端"),
	} {
		t.Run(name, func(t *testing.T) {
			client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), option)
			assert.Nil(t, client)
			assertConfigurationError(t, err)
		})
	}
}

func TestNewClientAcceptsTheSmallestSensibleOptions(t *testing.T) {
	for name, option := range map[string]computeunit.Option{
		"time-out 1ns":     computeunit.WithTimeout(1),
		"1 attempt":        computeunit.WithMaxAttempts(1),
		"zero http.Client": computeunit.WithHTTPClient(&http.Client{}),
		"a logger":         computeunit.WithLogger(slog.New(slog.DiscardHandler)),
		"user agent":       computeunit.WithUserAgent("x"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), option)
			assert.NoError(t, err)
		})
	}
}

// assertConfigurationError checks what every error of NewClient has: one line, and the package's name in front.
func assertConfigurationError(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	assert.True(t, strings.HasPrefix(err.Error(), "computeunit: "), "%v", err)
	assert.NotContains(t, err.Error(), "\n")
}

func TestNewClientRefusesBadEndpoints(t *testing.T) {
	for name, endpoint := range map[string]string{
		"empty":                     "",
		"blank":                     " ",
		"no scheme":                 "qianfan.baidubce.com",
		"no scheme, with a port":    "qianfan.baidubce.com:443",
		"relative scheme":           "//qianfan.baidubce.com",
		"only a path":               "/v2",
		"no host":                   "https://",
		"no host but a path":        "https:///v2",
		"no host but a port":        "https://:443",
		"opaque":                    "https:qianfan.baidubce.com",
		"ftp":                       "ftp://qianfan.baidubce.com",
		"ws":                        "wss://qianfan.baidubce.com",
		"file":                      "file:///etc/passwd",
		"http":                      "http://qianfan.baidubce.com",
		"http to a private address": "http://10.0.0.1",
		"http to any address":       "http://0.0.0.0",
		"http to [::]":              "http://[::]",
		"http to 128.0.0.1":         "http://128.0.0.1",
		"http to a look-alike":      "http://localhost.example.com",
		"http to 127.0.0.1.nip.io":  "http://127.0.0.1.nip.io",
		"user":                      "https://user@qianfan.baidubce.com",
		"user and password":         "https://user:secret@qianfan.baidubce.com",
		"empty user info":           "https://@qianfan.baidubce.com",
		"query":                     "https://qianfan.baidubce.com?a=b",
		"empty query":               "https://qianfan.baidubce.com/?",
		"fragment":                  "https://qianfan.baidubce.com#a",
		"empty fragment":            "https://qianfan.baidubce.com/#",
		"port 0":                    "https://qianfan.baidubce.com:0",
		"port 65536":                "https://qianfan.baidubce.com:65536",
		"negative port":             "https://qianfan.baidubce.com:-1",
		"port in letters":           "https://qianfan.baidubce.com:https",
		"blank in the host":         "https://qianfan .baidubce.com",
		"blank in front":            " https://qianfan.baidubce.com",
		"newline":                   "https://qianfan.baidubce.com\n",
		"control character":         "https://qianfan\x01.baidubce.com",
		"host outside ASCII":        "https://千帆.baidubce.com",
		"zone":                      "https://[fe80::1%25eth0]",
		"bracket left open":         "https://[::1",
		"bad escape":                "https://qianfan.baidubce.com/%zz",
	} {
		t.Run(name, func(t *testing.T) {
			client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithEndpoint(endpoint))
			assert.Nil(t, client)
			assertConfigurationError(t, err)
			assert.ErrorContains(t, err, "endpoint")
		})
	}
}

func TestNoMessageRepeatsAPasswordWhereverItStands(t *testing.T) {
	const password = "p4ssw0rd"
	for _, endpoint := range []string{
		"https://user:" + password + "@host",
		"https://" + password + "@host",
		"http://user:" + password + "@localhost",
		"https://user:" + password + "@",
		"https://user:" + password,
		"https://user:" + password + "@ho st",
		"https://user:" + password + "@host:port",
		"https://user:" + password + "@host:99999",
		"https://user:" + password + "%zz@host",
		"https://us er:" + password + "@host",
		"https://user:" + password + "@host/%zz",
		"https://user:" + password + "/@host",
		"https://host?password=" + password,
		"https://host#" + password,
		"https://" + password + "\x01",
		"https://host:" + password,
		"https:" + password + "@host",
		"//user:" + password + "@host",
		"user:" + password + "@host",
		"user:" + password,
		password + "://host",
		password + ":// host",
		":" + password,
		"http://" + password + ".example.com",
		password,
		"1" + password + ":x",
		"https://[" + password,
	} {
		t.Run(endpoint, func(t *testing.T) {
			_, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithEndpoint(endpoint))
			require.Error(t, err)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), password)
		})
	}
}

func TestAnEndpointIsWhereRequestsGo(t *testing.T) {
	const query = "/v2/serviceresources?Action=PurchaseComputeUnit"
	for _, test := range []struct{ name, endpoint, url, host string }{
		{"https", "https://example.com", "https://example.com" + query, "example.com"},
		{"scheme in capitals", "HTTPS://example.com", "https://example.com" + query, "example.com"},
		{"port", "https://example.com:8443", "https://example.com:8443" + query, "example.com:8443"},
		{"highest port", "https://example.com:65535", "https://example.com:65535" + query, "example.com:65535"},
		{"port left out after its colon", "https://example.com:", "https://example.com" + query, "example.com"},
		{"trailing slash", "https://example.com/", "https://example.com" + query, "example.com"},
		{"trailing slashes", "https://example.com//", "https://example.com" + query, "example.com"},
		{"path kept", "https://example.com/a/b", "https://example.com/a/b" + query, "example.com"},
		{"path kept, its slash not doubled", "https://example.com/a/", "https://example.com/a" + query, "example.com"},
		{"path with an escaped blank", "https://example.com/a%20b", "https://example.com/a%20b" + query, "example.com"},
		{"localhost", "http://localhost", "http://localhost" + query, "localhost"},
		{"localhost in capitals", "http://LOCALHOST:1", "http://LOCALHOST:1" + query, "LOCALHOST:1"},
		{"127.0.0.1", "http://127.0.0.1:8080", "http://127.0.0.1:8080" + query, "127.0.0.1:8080"},
		{"127.9.9.9", "http://127.9.9.9", "http://127.9.9.9" + query, "127.9.9.9"},
		{"[::1]", "http://[::1]:8080", "http://[::1]:8080" + query, "[::1]:8080"},
		{"https to loopback", "https://127.0.0.1:8080", "https://127.0.0.1:8080" + query, "127.0.0.1:8080"},
	} {
		t.Run(test.name, func(t *testing.T) {
			transport := record(answerBought())
			require.NoError(t, buy(t, newClient(t, transport, computeunit.WithEndpoint(test.endpoint))))
			sent := transport.only(t)
			assert.Equal(t, test.url, sent.URL.String())
			assert.Equal(t, test.host, sent.Host)
		})
	}
}

func TestTheDefaultEndpointIsBaidus(t *testing.T) {
	transport := record(answerBought())
	require.NoError(t, buy(t, newClient(t, transport)))
	assert.Equal(t, "https://qianfan.baidubce.com/v2/serviceresources?Action=PurchaseComputeUnit", transport.only(t).URL.String())
}

func TestTheLastOfTwoOptionsCounts(t *testing.T) {
	transport := record(answerBought())
	require.NoError(t, buy(t, newClient(t, transport, computeunit.WithUserAgent("first"), computeunit.WithUserAgent("last"))))
	assert.Equal(t, "last", transport.only(t).Header.Get("User-Agent"))
}

// setEnv sets the three variables, to nothing too, so that no test depends on where it runs.
func setEnv(t *testing.T, accessKey, secretKey, endpoint string) {
	t.Helper()
	t.Setenv("QIANFAN_ACCESS_KEY", accessKey)
	t.Setenv("QIANFAN_SECRET_KEY", secretKey)
	t.Setenv("QIANFAN_CONSOLE_BASE_URL", endpoint)
}

func TestNewClientFromEnvFailsWithoutKeysAndNamesTheVariables(t *testing.T) {
	for _, keys := range [][2]string{{"", ""}, {testAccessKey, ""}, {"", testSecretKey}} {
		setEnv(t, keys[0], keys[1], "")
		client, err := computeunit.NewClientFromEnv()
		assert.Nil(t, client)
		assertConfigurationError(t, err)
		assert.ErrorContains(t, err, "QIANFAN_ACCESS_KEY")
		assert.ErrorContains(t, err, "QIANFAN_SECRET_KEY")
		assertNoSecret(t, err.Error())
	}
}

func buyFromEnv(t *testing.T, options ...computeunit.Option) sentRequest {
	t.Helper()
	transport := record(answerBought())
	client, err := computeunit.NewClientFromEnv(append(options, computeunit.WithHTTPClient(&http.Client{Transport: transport}))...)
	require.NoError(t, err)
	require.NoError(t, buy(t, client))
	return transport.only(t)
}

func TestNewClientFromEnvSignsWithTheKeysOfTheEnvironment(t *testing.T) {
	setEnv(t, testAccessKey, testSecretKey, "")
	sent := buyFromEnv(t)
	assert.Contains(t, sent.Header.Get("Authorization"), "bce-auth-v1/"+testAccessKey+"/")
	assert.Equal(t, "qianfan.baidubce.com", sent.URL.Host)
}

func TestNewClientFromEnvSendsToTheEndpointOfTheEnvironment(t *testing.T) {
	setEnv(t, testAccessKey, testSecretKey, "http://127.0.0.1:9/prefix/")
	sent := buyFromEnv(t)
	assert.Equal(t, "http://127.0.0.1:9/prefix/v2/serviceresources?Action=PurchaseComputeUnit", sent.URL.String())
}

func TestAnOptionGoesBeforeTheEnvironment(t *testing.T) {
	setEnv(t, testAccessKey, testSecretKey, "https://environment.example.com")
	assert.Equal(t, "option.example.com", buyFromEnv(t, computeunit.WithEndpoint("https://option.example.com")).URL.Host)
}

// An endpoint of the environment that an option goes before is not looked at.
func TestAnOptionGoesBeforeABadEndpointOfTheEnvironment(t *testing.T) {
	for _, bad := range []string{"http://not.loopback.example.com", "quoted \"", "https://user:p4ssw0rd@host"} {
		setEnv(t, testAccessKey, testSecretKey, bad)
		assert.Equal(t, "option.example.com", buyFromEnv(t, computeunit.WithEndpoint("https://option.example.com")).URL.Host)
		_, err := computeunit.NewClientFromEnv(computeunit.WithTimeout(time.Second))
		assertConfigurationError(t, err)
		_, err = computeunit.NewClientFromEnv(computeunit.WithEndpoint(""))
		assertConfigurationError(t, err)
	}
}

// What NewClientFromEnv adds to the options is not written into the caller's slice.
func TestNewClientFromEnvLeavesTheCallersOptionsAlone(t *testing.T) {
	setEnv(t, testAccessKey, testSecretKey, "")
	options := append(make([]computeunit.Option, 0, 2), computeunit.WithTimeout(time.Second))
	_, err := computeunit.NewClientFromEnv(options...)
	require.NoError(t, err)
	assert.Nil(t, options[:2][1])
}

func TestNewClientFromEnvRefusesABadEndpointWithoutRepeatingIt(t *testing.T) {
	setEnv(t, testAccessKey, testSecretKey, "https://user:p4ssw0rd@host")
	_, err := computeunit.NewClientFromEnv()
	assertConfigurationError(t, err)
	assert.NotContains(t, err.Error(), "p4ssw0rd")
}

func TestNewClientFromEnvRefusesANilOption(t *testing.T) {
	setEnv(t, testAccessKey, testSecretKey, "")
	_, err := computeunit.NewClientFromEnv(nil)
	assertConfigurationError(t, err)
}

func TestTheEnvironmentIsNotReadByNewClient(t *testing.T) {
	setEnv(t, "environment", "environment", "https://environment.example.com")
	transport := record(answerBought())
	require.NoError(t, buy(t, newClient(t, transport)))
	sent := transport.only(t)
	assert.Equal(t, "qianfan.baidubce.com", sent.URL.Host)
	assert.Contains(t, sent.Header.Get("Authorization"), "/"+testAccessKey+"/")
}

func TestTheCallersHTTPClientIsNotChanged(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := record(answerBought())
	mine := &http.Client{Transport: transport, Jar: jar, Timeout: time.Hour}
	before := *mine
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"),
		computeunit.WithHTTPClient(mine), computeunit.WithTimeout(time.Minute))
	require.NoError(t, err)
	require.NoError(t, buy(t, client))
	assert.Equal(t, before, *mine)
}

func TestTheCallersHTTPTransportIsNotChanged(t *testing.T) {
	mine := &http.Transport{TLSClientConfig: &tls.Config{ServerName: "x"}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1}
	_, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithHTTPClient(&http.Client{Transport: mine}))
	require.NoError(t, err)
	assert.Equal(t, 1, mine.MaxIdleConnsPerHost)
	assert.True(t, mine.ForceAttemptHTTP2)
	assert.Equal(t, &tls.Config{ServerName: "x"}, mine.TLSClientConfig)
	assert.Nil(t, mine.DialContext)
	assert.Nil(t, mine.TLSNextProto)
}

func TestLaterChangesToTheCallersHTTPClientHaveNoEffect(t *testing.T) {
	used, unused := record(answerBought()), record(answerBought())
	mine := &http.Client{Transport: used}
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithHTTPClient(mine))
	require.NoError(t, err)
	mine.Transport = unused
	require.NoError(t, buy(t, client))
	used.only(t)
	assert.Empty(t, unused.requests())
}

func TestARedirectIsNotFollowedAndTheCookieJarNotAsked(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	endpoint, err := url.Parse("https://qianfan.baidubce.com/")
	require.NoError(t, err)
	jar.SetCookies(endpoint, []*http.Cookie{{Name: "session", Value: "x"}})
	for _, status := range []int{301, 302, 303, 307, 308} {
		transport := record(answerWith(status, "", "Location", "https://elsewhere.example.com/", "Set-Cookie", "a=b"))
		client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"),
			computeunit.WithHTTPClient(&http.Client{Transport: transport, Jar: jar}))
		require.NoError(t, err)
		assert.ErrorContains(t, buy(t, client), `the redirect to "https://elsewhere.example.com/" is not followed`)
		assert.NotContains(t, transport.only(t).Header, "Cookie")
		assert.Len(t, jar.Cookies(endpoint), 1)
	}
}

func TestWithUserAgentReplacesTheUserAgent(t *testing.T) {
	transport := record(answerBought())
	require.NoError(t, buy(t, newClient(t, transport, computeunit.WithUserAgent("my-service/1.2 (ops@example.com)"))))
	assert.Equal(t, []string{"my-service/1.2 (ops@example.com)"}, transport.only(t).Header["User-Agent"])
}

// The race detector is what makes this test one.
func TestAClientIsSafeForConcurrentUse(t *testing.T) {
	const callers, purchases = 32, 8
	transport := record(roundTripFunc(func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.Header.Get("X-Bce-Request-Id"), "0") { // some of them, at random
			return answerWith(http.StatusForbidden, `{"code":"AccessDenied"}`)(req)
		}
		return answerBought()(req)
	}))
	client := newClient(t, transport, computeunit.WithLogger(slog.New(slog.DiscardHandler)))
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for n := range purchases {
				request := documentedRequest()
				if caller%2 == 0 { // the other half all buys the same
					request.ServiceID = fmt.Sprintf("svco-%d-%d", caller, n)
				}
				answer, err := client.PurchaseComputeUnit(t.Context(), request)
				if err == nil {
					assert.NotEmpty(t, answer.Result.OrderID)
					continue
				}
				var failed *computeunit.OutcomeError
				if assert.ErrorAs(t, err, &failed) {
					assert.Equal(t, request.ServiceID, failed.ServiceID)
				}
			}
		})
	}
	wg.Wait()
	assert.Len(t, transport.requests(), callers*purchases)
}

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
		"a client with net/http's own transport": func() (*computeunit.Client, error) {
			own := &http.Client{Transport: http.DefaultTransport}
			return computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithHTTPClient(own))
		},
		"a client that is mocked too late": func() (*computeunit.Client, error) {
			mocked := new(http.Client)
			client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithHTTPClient(mocked))
			mocked.Transport = answerBought()
			return client, err
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
			assert.Equal(t, 1, attemptsOf(t, err))
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

func TestInATestANamedEndpointIsSentTo(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	require.NoError(t, buy(t, newClientTo(t, server.URL)))
	assert.Len(t, sim.Orders(), 1)
}

// In any other program the own transport's proofs are not lost in silence to an agent that wraps http.DefaultTransport.
func TestInAProgramAReplacedDefaultTransportIsNotUsedAndReportedOnce(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	output, err := exec.Command("go", "run", "./testdata/replaced", server.URL,
		simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey).CombinedOutput()
	require.NoError(t, err, string(output))
	assert.Len(t, sim.Orders(), 2, string(output))
	assert.Equal(t, 1, strings.Count(string(output), `"level":"WARN"`), string(output))
	assert.Contains(t, string(output), "main.agent")
	assert.Contains(t, string(output), "WithHTTPClient")
}

func TestAPortThatIsTheSchemesDefaultIsLeftOutBeforeSigning(t *testing.T) {
	for endpoint, host := range map[string]string{
		"https://example.com:443": "example.com", "http://localhost:80": "localhost", "https://[::1]:443": "[::1]", "http://[::1]:80/a": "[::1]",
		"https://example.com:80": "example.com:80", "http://localhost:443": "localhost:443", "https://example.com:4430": "example.com:4430",
	} {
		transport := record(answerBought())
		client := newClient(t, transport, computeunit.WithEndpoint(endpoint))
		require.NoError(t, buy(t, client))
		sent := transport.only(t)
		assert.Equal(t, host, sent.Host)
		assert.Equal(t, host, sent.URL.Host)
		assert.NoError(t, simulator.Verify(sent.Request, testSecretKey, time.Now()))
	}
}

func TestAnEndpointsPathIsPlain(t *testing.T) {
	for _, path := range []string{"/a*b", "/a%2Fb", "/a(b)", "/[a]", "/a%2ab", "/a'b", "/a!b"} {
		_, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithEndpoint("https://example.com"+path))
		if err == nil { // net/http sends it as it is
			transport := record(answerBought())
			require.NoError(t, buy(t, newClient(t, transport, computeunit.WithEndpoint("https://example.com"+path))))
			assert.NoError(t, simulator.Verify(transport.only(t).Request, testSecretKey, time.Now()), path)
			continue
		}
		assert.ErrorContains(t, err, "no escapes, and no character that needs one", path)
	}
	_, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithEndpoint("https://example.com/a*b"))
	assert.ErrorContains(t, err, "*")
}

func TestAClientKnowsItsEndpointAndItsTimeout(t *testing.T) {
	client := newClient(t, answerBought(), computeunit.WithEndpoint("https://Example.com:443/a/"), computeunit.WithTimeout(7*time.Second))
	assert.Equal(t, "https://Example.com/a", client.Endpoint())
	assert.Equal(t, 7*time.Second, client.Timeout())
	client = newClient(t, answerBought())
	assert.Equal(t, "https://qianfan.baidubce.com", client.Endpoint())
	assert.Equal(t, 30*time.Second, client.Timeout())
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithHTTPClient(&http.Client{Timeout: time.Second}))
	require.NoError(t, err)
	assert.Equal(t, time.Second, client.Timeout(), "the shorter one counts")
}

func TestTheVersionIsInTheUserAgent(t *testing.T) {
	transport := record(answerBought())
	require.NoError(t, buy(t, newClient(t, transport)))
	assert.Equal(t, "qianfan-go-computeunit/"+computeunit.Version, transport.only(t).Header.Get("User-Agent"))
	assert.Regexp(t, `^\d+\.\d+\.\d+$`, computeunit.Version)
}

func TestCloseIdleConnectionsClosesTheOwnOnesAndTheClientGoesOn(t *testing.T) {
	idle := make(chan struct{}, 8)
	closed := make(chan struct{}, 8)
	server := httptest.NewUnstartedServer(simulator.New(simulator.Config{}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateIdle:
			idle <- struct{}{}
		case http.StateClosed:
			closed <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClientTo(t, server.URL)
	for range 2 {
		require.NoError(t, buy(t, client))
		<-idle
		client.CloseIdleConnections()
		<-closed
	}
}

func TestCloseIdleConnectionsLeavesTheCallersAlone(t *testing.T) {
	closing := &closingTransport{}
	client := newClient(t, closing)
	client.CloseIdleConnections()
	require.NoError(t, buy(t, client))
	assert.Zero(t, closing.closed)
}

type closingTransport struct{ closed int }

func (c *closingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	return answerBought()(req)
}
func (c *closingTransport) CloseIdleConnections() { c.closed++ }

// The race detector is what makes this test one: a print must not go through fields that are in use.
func TestPrintingAClientInAnyWayWhileItIsInUseIsSafeAndShort(t *testing.T) {
	sim := simulator.New(simulator.Config{Now: func() time.Time { return time.Now().Add(time.Hour) }}) // its clock is corrected meanwhile
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	client := newClientTo(t, server.URL)
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for range 20 {
				assert.NoError(t, buy(t, client))
				client.CloseIdleConnections()
			}
		})
	}
	users.Go(func() {
		for range 20 {
			for how, text := range printed(client) {
				if how == "%T" {
					continue
				}
				assert.Less(t, len(text), 400, how)
				assert.NotContains(t, text, simulator.DefaultSecretAccessKey, how)
				if !strings.Contains(how, "json") && how != "no verb" {
					assert.Contains(t, text, "computeunit.Client("+server.URL+")", how)
				}
			}
			_ = fmt.Sprintf("%+v %#v", struct{ Client *computeunit.Client }{client}, []*computeunit.Client{client})
		}
	})
	users.Wait()
}

func TestAClientThatIsNoneCanBePrinted(t *testing.T) {
	var none *computeunit.Client
	for _, client := range []*computeunit.Client{none, {}} {
		assert.NotPanics(t, func() {
			assert.Equal(t, "computeunit.Client()", fmt.Sprintf("%+v", client))
		})
	}
}

func TestNewClientRefusesCodesThatDoNotRefuse(t *testing.T) {
	for _, code := range []string{
		"", " ", "\t", "OutOfStock ", " OutOfStock", "\nOutOfStock", "\u3000",
		"InternalError", "internalerror", "INTERNALERROR", "336000", "336100", "500000",
		"0", "00", "-0", "+0", "0.0", "200", "201", "202", "299", "Success", "success", "SUCCESS", "Succeed", "succeeded", "Successful", "OK", "ok", "Ok", "Okay",
		"true", "Done", "Accepted", "Created", "成功", "购买成功", "Completed", "finished", "Success.", "\"OK\"", "Purchased", "bought", "yes", "null",
		"Processing", "In Progress", "处理中。", "336100.0", "0336100", "3.361e5", "+500000", "InternalError.", "(internalerror)", "200.0", "0200",
		"OrderCreated", "Submitted", "Queued", "下单成功", "创建成功", "支付成功", "下单成功，不成功退款", "排队中", "Internal Error", "internal server error", "InternalServerError",
		"InternalError: x", "BCE.336000",
	} {
		for _, codes := range [][]string{{code}, {"OutOfStock", code}} {
			client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithRefusalCodes(codes...))
			assert.Nil(t, client, "%q", code)
			if assert.Error(t, err, "%q", code) {
				assertConfigurationError(t, err)
				assert.ErrorContains(t, err, "WithRefusalCodes: the code ")
			}
		}
	}
}

func TestNewClientAcceptsCodesThatCanRefuse(t *testing.T) {
	for _, codes := range [][]string{nil, {"OutOfStock"}, {"Out Of Stock"}, {"余额不足"}, {"336501", "-1"}, {"AccessDenied"}, {"SuccessNot"}, {"不成功"}, {"下单不成功"}, {"Unfinished"}, {"-336100"}, {"336100.5"}, {"300"}, {"199"}} {
		_, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithRefusalCodes(codes...))
		assert.NoError(t, err, "%q", codes)
	}
}

// What copying a value into an environment does to it is found before anything is sent, and never repeated.
func TestNewClientFromEnvNamesTheVariableAndWhatIsWrongWithIt(t *testing.T) {
	problems := map[string]func(string) string{
		"ends with a newline":           func(s string) string { return s + "\n" },
		"ends with a newline ":          func(s string) string { return s + "\r\n" },
		"ends with a newline  ":         func(s string) string { return s + "\r" },
		"is quoted":                     func(s string) string { return `"` + s + `"` },
		"is quoted ":                    func(s string) string { return "'" + s + "'" },
		"is quoted  ":                   func(s string) string { return "`" + s + "`" },
		"begins with a byte order mark": func(s string) string { return "\ufeff" + s },
		"begins with a blank":           func(s string) string { return " " + s },
		"begins with a blank ":          func(s string) string { return "\t" + s },
		"begins with a blank  ":         func(s string) string { return "\n" + s },
		"ends with a blank":             func(s string) string { return s + " " },
		"ends with a blank ":            func(s string) string { return s + "\t" },
		"has a blank":                   func(s string) string { return s[:4] + " " + s[4:] },
		"a character outside ASCII":     func(s string) string { return s + "\u200b" },
		"outside ASCII in it":           func(s string) string { return "\u201c" + s + "\u201d" },
		"outside ASCII in it ":          func(s string) string { return s + "\u00a0" },
		"outside ASCII in it  ":         func(s string) string { return s + "\xff" },
	}
	const endpoint = "https://user-p4ssw0rd.example.com"
	for problem, spoil := range problems {
		for _, name := range []string{"QIANFAN_ACCESS_KEY", "QIANFAN_SECRET_KEY", "QIANFAN_CONSOLE_BASE_URL"} {
			t.Run(name+" "+problem, func(t *testing.T) {
				setEnv(t, testAccessKey, testSecretKey, endpoint)
				t.Setenv(name, spoil(os.Getenv(name)))
				client, err := computeunit.NewClientFromEnv()
				assert.Nil(t, client)
				assertConfigurationError(t, err)
				assert.ErrorContains(t, err, name+" ")
				assert.ErrorContains(t, err, strings.TrimRight(problem, " "))
				assertNoSecret(t, err.Error())
				assert.NotContains(t, err.Error(), "p4ssw0rd")
				for _, other := range []string{"QIANFAN_ACCESS_KEY", "QIANFAN_SECRET_KEY", "QIANFAN_CONSOLE_BASE_URL"} {
					assert.Equal(t, other == name, strings.Contains(err.Error(), other), "it names the variable, and no other")
				}
			})
		}
	}
}

func TestNewClientFromEnvFindsAKeyThatWouldBreakTheHeaderApart(t *testing.T) {
	setEnv(t, testAccessKey+"/x", testSecretKey, "")
	_, err := computeunit.NewClientFromEnv()
	assertConfigurationError(t, err)
	assert.ErrorContains(t, err, "QIANFAN_ACCESS_KEY has a slash in it")
	assertNoSecret(t, err.Error())
}

func TestNewClientFromEnvNamesTheVariableOfABadEndpoint(t *testing.T) {
	for _, endpoint := range []string{"qianfan.baidubce.com", "http://example.com", "https://example.com?a=b", "https://", "ftp://example.com"} {
		setEnv(t, testAccessKey, testSecretKey, endpoint)
		_, err := computeunit.NewClientFromEnv()
		assertConfigurationError(t, err)
		assert.ErrorContains(t, err, "QIANFAN_CONSOLE_BASE_URL: the endpoint")
	}
}

func TestNewClientFromEnvNamesTheKeyThatIsNotSet(t *testing.T) {
	setEnv(t, "", testSecretKey, "")
	_, err := computeunit.NewClientFromEnv()
	assert.ErrorContains(t, err, "QIANFAN_ACCESS_KEY is not set")
	setEnv(t, testAccessKey, "", "")
	_, err = computeunit.NewClientFromEnv()
	assert.ErrorContains(t, err, "QIANFAN_SECRET_KEY is not set")
}
