package computeunit_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

// assertConfigurationError checks what every error of NewClient has: one line, and the package's name in front.
func assertConfigurationError(t *testing.T, client *computeunit.Client, err error) {
	t.Helper()
	assert.Nil(t, client)
	assertOneLine(t, err)
	assert.True(t, strings.HasPrefix(err.Error(), "computeunit: "), "%v", err)
}

func TestNewClientRefusesSenselessOptions(t *testing.T) {
	client, err := computeunit.NewClient(nil)
	assertConfigurationError(t, client, err)
	for _, option := range []computeunit.Option{
		nil, computeunit.WithEndpoint(""), computeunit.WithHTTPClient(nil), computeunit.WithLogger(nil),
		computeunit.WithHTTPClient(&http.Client{Transport: (*http.Transport)(nil)}),
		computeunit.WithTimeout(0), computeunit.WithTimeout(-1),
		computeunit.WithMaxAttempts(0), computeunit.WithMaxAttempts(-1), computeunit.WithUserAgent(""), computeunit.WithUserAgent("  "),
		computeunit.WithUserAgent("a\r\nX-Evil: 1"), computeunit.WithUserAgent("客户端"),
	} {
		client, err := configure(option)
		assertConfigurationError(t, client, err)
	}
	configured(t, computeunit.WithTimeout(1), computeunit.WithUserAgent("x"))
}

// No message repeats a password, wherever it stands.
func TestNewClientRefusesBadEndpointsAndRepeatsNone(t *testing.T) {
	for _, endpoint := range []string{
		" ", "qianfan.baidubce.com", "qianfan.baidubce.com:443", "//qianfan.baidubce.com", "/v2", "p4ssw0rd", "1p4ssw0rd:x",
		"https://", "https:///v2", "https://:443", "https:qianfan.baidubce.com", ":p4ssw0rd", "user:p4ssw0rd",
		"ftp://qianfan.baidubce.com", "wss://qianfan.baidubce.com", "file:///etc/passwd", "p4ssw0rd://host", "p4ssw0rd:// host",
		// http, but to loopback
		"http://qianfan.baidubce.com", "http://10.0.0.1", "http://0.0.0.0", "http://[::]", "http://128.0.0.1",
		"http://localhost.example.com", "http://127.0.0.1.nip.io", "http://p4ssw0rd.example.com",
		// more than a host and a path
		"https://p4ssw0rd@host", "https://user:p4ssw0rd@host", "https://@host", "http://user:p4ssw0rd@localhost",
		"https://user:p4ssw0rd@", "https://user:p4ssw0rd", "//user:p4ssw0rd@host", "user:p4ssw0rd@host", "https:p4ssw0rd@host",
		"https://user:p4ssw0rd@host:port", "https://user:p4ssw0rd@host:99999", "https://user:p4ssw0rd/@host",
		"https://host?password=p4ssw0rd", "https://host/?", "https://host#p4ssw0rd", "https://host/#",
		"https://host:-1", "https://host:p4ssw0rd",
		// what is sent, and signed, in another way than it is written
		"https://ho st", " https://host", "https://host\n", "https://p4ssw0rd\x01", "https://千帆.baidubce.com", "https://[p4ssw0rd",
		"https://us er:p4ssw0rd@host", "https://user:p4ssw0rd@ho st", "https://user:p4ssw0rd%zz@host", "https://user:p4ssw0rd@host/%zz",
		"https://host/%zz", "https://host/a*b", "https://host/a%2Fb", "https://host/a(b)", "https://host/[a]",
		"https://host/%2a", "https://host/a'b",
	} {
		client, err := configure(computeunit.WithEndpoint(endpoint))
		assert.ErrorContains(t, err, "endpoint", endpoint)
		assertConfigurationError(t, client, err)
		setEnv(t, testAccessKey, testSecretKey, endpoint)
		client, fromEnv := computeunit.NewClientFromEnv()
		assert.ErrorContains(t, fromEnv, "QIANFAN_CONSOLE_BASE_URL", endpoint)
		assertConfigurationError(t, client, fromEnv)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v %v", err, err, err, fromEnv), "p4ssw0rd")
	}
}

func TestAnEndpointIsWhereRequestsGo(t *testing.T) {
	for endpoint, want := range map[string]string{
		"HTTPS://example.com":       "https://example.com",
		"https://example.com:8443":  "https://example.com:8443",
		"https://example.com//":     "https://example.com",
		"https://example.com/a/b/":  "https://example.com/a/b",
		"https://example.com/a%20b": "https://example.com/a%20b",
		"http://LOCALHOST:1":        "http://LOCALHOST:1",
		"http://127.9.9.9:8080":     "http://127.9.9.9:8080",
		"https://127.0.0.1":         "https://127.0.0.1",
		"https://example.com:443":   "https://example.com:443",
		"http://[::1]:80/a":         "http://[::1]:80/a",
	} {
		sent, client := sentBy(t, computeunit.WithEndpoint(endpoint))
		assert.Equal(t, want+"/v2/serviceresources?Action=PurchaseComputeUnit", sent.URL.String())
		assert.Equal(t, sent.URL.Host, sent.Host, "the host that is signed")
		assert.Equal(t, want, client.Endpoint())
	}
}

func TestAClientHasTheDocumentedDefaultsWhateverTheEnvironment(t *testing.T) {
	setEnv(t, "environment", "environment", "https://environment.example.com")
	sent, client := sentBy(t)
	assert.Equal(t, "https://qianfan.baidubce.com", client.Endpoint())
	assert.Equal(t, 30*time.Second, client.Timeout())
	assert.Equal(t, "qianfan-go-computeunit/"+computeunit.Version, sent.Header.Get("User-Agent"))
	assert.Contains(t, sent.Header.Get("Authorization"), "/"+testAccessKey+"/")
	assert.Regexp(t, `^\d+\.\d+\.\d+$`, computeunit.Version)
}

func TestTheLastOfTwoOptionsCountsAndTheShorterTimeout(t *testing.T) {
	const mine = "my-service/1.2 (ops@example.com)"
	sent, client := sentBy(t, computeunit.WithUserAgent("first"), computeunit.WithUserAgent(mine),
		computeunit.WithTimeout(time.Hour), computeunit.WithTimeout(7*time.Second))
	assert.Equal(t, []string{mine}, sent.Header["User-Agent"])
	assert.Equal(t, 7*time.Second, client.Timeout())
	for theirs, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Minute: 30 * time.Second} {
		assert.Equal(t, want, configured(t, computeunit.WithHTTPClient(&http.Client{Timeout: theirs})).Timeout())
	}
}

// setEnv sets the three variables, to nothing too, so that no test depends on where it runs.
func setEnv(t *testing.T, accessKey, secretKey, endpoint string) {
	t.Helper()
	t.Setenv("QIANFAN_ACCESS_KEY", accessKey)
	t.Setenv("QIANFAN_SECRET_KEY", secretKey)
	t.Setenv("QIANFAN_CONSOLE_BASE_URL", endpoint)
}

// What copying a key into an environment does to it is found before anything is sent, and never repeated.
func TestNewClientFromEnvNamesTheVariableThatIsWrong(t *testing.T) {
	for name, key := range map[string]string{"QIANFAN_ACCESS_KEY": testAccessKey, "QIANFAN_SECRET_KEY": testSecretKey} {
		for _, spoiled := range []string{
			"", key + "\n", "\n" + key, key + "\t", key[:4] + " " + key[4:], `"` + key + `"`, "\u201c" + key + "\u201d",
			"\ufeff" + key, key + "\u200b", key + "\xff",
		} {
			setEnv(t, testAccessKey, testSecretKey, "")
			t.Setenv(name, spoiled)
			client, err := computeunit.NewClientFromEnv()
			assertConfigurationError(t, client, err)
			assert.Equal(t, []string{name}, all(`(QIANFAN_\w+)`, err.Error()))
			assertNoSecret(t, err.Error())
		}
	}
}

func TestNewClientFromEnvUsesTheEnvironmentAndOptionsGoBeforeIt(t *testing.T) {
	nothing, mine := computeunit.WithMaxAttempts(1), computeunit.WithEndpoint("https://option.example.com")
	for endpoint, row := range map[string]struct {
		option computeunit.Option
		want   string
	}{
		"":                                {nothing, "https://qianfan.baidubce.com"},
		"http://127.0.0.1:9/prefix/":      {nothing, "http://127.0.0.1:9/prefix"},
		"https://environment.example.com": {mine, "https://option.example.com"},
		`quoted "`:                        {mine, "https://option.example.com"},
	} {
		setEnv(t, testAccessKey, testSecretKey, endpoint)
		options := append(make([]computeunit.Option, 0, 2), row.option)
		client, err := computeunit.NewClientFromEnv(options...)
		require.NoError(t, err)
		assert.Equal(t, row.want, client.Endpoint())
		assert.Nil(t, options[:2][1], "what is added is not written into the caller's slice")
	}
}

func TestTheCallersHTTPClientIsCopiedAndItsCookieJarNotAsked(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	endpoint := &url.URL{Scheme: "https", Host: "qianfan.baidubce.com"}
	jar.SetCookies(endpoint, []*http.Cookie{{Name: "session", Value: "x"}})
	transport := record(answerWith(302, "", "Location", "https://elsewhere.example.com/", "Set-Cookie", "a=b"))
	mine := &http.Client{Transport: transport, Jar: jar, Timeout: time.Hour}
	before := *mine
	client := configured(t, computeunit.WithHTTPClient(mine))
	assert.Equal(t, before, *mine)
	mine.Timeout = time.Nanosecond
	assert.ErrorContains(t, buy(t, client), "HTTP 302 Found")
	assert.NotContains(t, transport.only(t).Header, "Cookie")
	assert.Len(t, jar.Cookies(endpoint), 1)
}

func TestTheCallersHTTPTransportIsNotChanged(t *testing.T) {
	mine := &http.Transport{TLSClientConfig: &tls.Config{ServerName: "x"}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1}
	configured(t, withTransport(mine))
	assert.Equal(t, "x1 true", fmt.Sprint(mine.TLSClientConfig.ServerName, mine.MaxIdleConnsPerHost, mine.ForceAttemptHTTP2))
	assert.True(t, mine.DialContext == nil && mine.Protocols == nil)
}

func TestCloseIdleConnectionsClosesTheOwnOnesAndTheClientGoesOn(t *testing.T) {
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		connections[req.RemoteAddr] = true
		fmt.Fprint(w, documentedAnswer)
	}))
	t.Cleanup(server.Close)
	client := configured(t, computeunit.WithEndpoint(server.URL))
	for range 2 {
		require.NoError(t, buy(t, client))
		client.CloseIdleConnections()
	}
	assert.Len(t, connections, 2)
}

// closable is a transport of the caller's, whose connections are the caller's too.
type closable struct {
	roundTripFunc
	closed int
}

func (c *closable) CloseIdleConnections() { c.closed++ }

func TestCloseIdleConnectionsLeavesTheCallersAlone(t *testing.T) {
	mine := &closable{roundTripFunc: answerBought()}
	newClient(t, mine).CloseIdleConnections()
	assert.Zero(t, mine.closed)
}

// The race detector is what makes this test one: a print must not go through fields that are in use, such as the clock.
func TestAClientIsSafeForConcurrentUseAndForPrintingMeanwhile(t *testing.T) {
	server := computeunittest.NewServer(computeunittest.WithClock(func() time.Time { return time.Now().Add(time.Hour) }))
	t.Cleanup(server.Close)
	client := server.Client(computeunit.WithLogger(slog.New(slog.DiscardHandler)), computeunit.WithHooks(computeunit.Hooks{}))
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			for range 8 {
				assert.NoError(t, buyIn(t.Context(), client))
				assert.Contains(t, fmt.Sprintf("%+v %#v %d", client, struct{ Client *computeunit.Client }{client}, client), server.URL)
				client.CloseIdleConnections()
			}
		})
	}
	users.Wait()
	assert.Len(t, server.Orders(), 64)
}

func TestAClientIsPrintedAsItsEndpoint(t *testing.T) {
	for want, client := range map[string]*computeunit.Client{
		"computeunit.Client(https://example.com/a)": newClient(t, answerBought(), computeunit.WithEndpoint("https://example.com/a")),
		"computeunit.Client(<nil>)":                 {},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			assert.Equal(t, want, fmt.Sprintf(verb, client))
		}
	}
	var none *computeunit.Client
	assert.Equal(t, "<nil>", fmt.Sprint(none))
}

func TestNewClientRefusesCodesThatDoNotRefuse(t *testing.T) {
	for _, code := range []string{
		"", " ", "\t", "OutOfStock ", " OutOfStock", "\nOutOfStock", "\u3000", "0", "ok", "OK", "success", "Success", "SUCCESS",
		"InternalError", "internalerror", "Internal Error", "internal_server_error", "InternalError: x", "336000", "336100", "500000",
	} {
		for _, codes := range [][]string{{code}, {"OutOfStock", code}} {
			client, err := configure(computeunit.WithRefusalCodes(codes...))
			assertConfigurationError(t, client, err)
			assert.ErrorContains(t, err, "WithRefusalCodes: ")
		}
	}
	for _, code := range []string{"OutOfStock", "Out Of Stock", "余额不足", "-1", "336501", "AccessDenied", "SuccessNot",
		"300", "Internal"} {
		_, err := configure(computeunit.WithRefusalCodes(), computeunit.WithRefusalCodes(code))
		assert.NoError(t, err, code)
	}
}
