package simulator

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	exampleBody = `{"serviceId":"svco-48esssdpa594",
		"billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":5}},
		"replicasCount":5}`
	postpaidBody = `{"serviceId":"svco-1","billing":{"paymentTiming":"Postpaid"},"replicasCount":2}`
	purchasePath = "/v2/serviceresources?Action=PurchaseComputeUnit"
	describePath = "/v2/serviceresources?Action=DescribeComputeUnits"
)

var testTime = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: testTime} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// caller signs requests with a key of its own.
type caller struct {
	key     Key
	at      time.Time
	expire  string
	headers []string      // to sign
	dateOff time.Duration // of x-bce-date from the signed timestamp
}

func defaultCaller() caller {
	return caller{
		key:     Key{AccessKeyID: DefaultAccessKeyID, SecretAccessKey: DefaultSecretAccessKey},
		at:      testTime,
		expire:  "300",
		headers: []string{"content-type", "host", "x-bce-date"},
	}
}

// sign is written apart from the code that it tests, for requests whose path
// and query need no encoding.
func (c caller) sign(r *http.Request, host string) {
	timestamp := c.at.UTC().Format("2006-01-02T15:04:05Z")
	r.Header.Set("x-bce-date", c.at.Add(c.dateOff).UTC().Format("2006-01-02T15:04:05Z"))
	if c.key.SessionToken != "" {
		r.Header.Set("x-bce-security-token", c.key.SessionToken)
	}
	lines := []string{r.Method, r.URL.Path, r.URL.RawQuery}
	for _, name := range c.headers {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = host
		case "content-length":
			value = json.Number(jsonInt(r.ContentLength)).String()
		}
		lines = append(lines, name+":"+strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
	}
	prefix := "bce-auth-v1/" + c.key.AccessKeyID + "/" + timestamp + "/" + c.expire
	signature := testHMAC(testHMAC(c.key.SecretAccessKey, prefix), strings.Join(lines, "\n"))
	r.Header.Set("Authorization", prefix+"/"+strings.Join(c.headers, ";")+"/"+signature)
}

func jsonInt(n int64) string {
	text, _ := json.Marshal(n)
	return string(text)
}

func testHMAC(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	io.WriteString(mac, text)
	return hex.EncodeToString(mac.Sum(nil))
}

func (c caller) request(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	c.sign(r, r.Host)
	return r
}

// answer is what came back, decoded if it was JSON.
type gotAnswer struct {
	Status    int
	Header    http.Header
	Body      string
	RequestID string `json:"requestId"`
	Code      string `json:"code"`
	Message   string `json:"message"`
	Result    struct {
		InstanceID string     `json:"instanceId"`
		OrderID    string     `json:"orderId"`
		Instances  []instance `json:"instances"`
	} `json:"result"`
}

func serve(s *Simulator, r *http.Request) gotAnswer {
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, r)
	got := gotAnswer{}
	_ = json.Unmarshal(recorder.Body.Bytes(), &got) // some faults are no JSON
	got.Status, got.Header, got.Body = recorder.Code, recorder.Header(), recorder.Body.String()
	return got
}

func buy(s *Simulator, body string) gotAnswer {
	return serve(s, defaultCaller().request(purchasePath, body))
}

func list(s *Simulator, body string) gotAnswer {
	return serve(s, defaultCaller().request(describePath, body))
}

func withClock(config Config) Config {
	config.Now = newClock().Now
	return config
}

const (
	service1    = `{"serviceId":"svco-1"}`
	startOfTest = "2026-11-22T08:00:00Z"
)

func prepaidBody(reservation string) string {
	return fmt.Sprintf(`{"serviceId":"svco-1","replicasCount":1,
		"billing":{"paymentTiming":"Prepaid","reservation":%s}}`, reservation)
}

func postpaidWith(field string) string {
	return fmt.Sprintf(`{"serviceId":"svco-1","replicasCount":1,"billing":{"paymentTiming":"Postpaid",%s}}`, field)
}

// newServer serves over real HTTP, and gives a client that follows nothing.
func newServer(t *testing.T, s *Simulator) (*httptest.Server, *http.Client) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return server, client
}

func wireRequest(ctx context.Context, base, target, body string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+target, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	defaultCaller().sign(r, r.URL.Host)
	return r
}

// meet buys once over the wire from a simulator with this fault.
func meet(t *testing.T, fault Fault) (*Simulator, *http.Response, []byte, error) {
	t.Helper()
	s := New(withClock(Config{}))
	s.Inject(fault)
	server, client := newServer(t, s)
	answer, err := client.Do(wireRequest(t.Context(), server.URL, purchasePath, postpaidBody))
	if err != nil {
		return s, nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return s, answer, body, err
}

// eachWhen runs the test for a fault before and after the order, and then looks in the ledger.
func eachWhen(t *testing.T, fault Fault, test func(t *testing.T, when When, answer *http.Response, body []byte, err error)) {
	for orders, when := range []When{BeforeOrder, AfterOrder} {
		t.Run(when.String(), func(t *testing.T) {
			fault.When = when
			s, answer, body, err := meet(t, fault)
			test(t, when, answer, body, err)
			assert.Len(t, s.Orders(), orders)
		})
	}
}

// sendInMemory buys without a network, signed now, and gives up after the time.
func sendInMemory(t *testing.T, s *Simulator, patience time.Duration) (*http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:1"+purchasePath, strings.NewReader(postpaidBody))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Bce-Request-Id", "of-the-client")
	c := defaultCaller()
	c.at = time.Now()
	c.sign(r, r.URL.Host)
	return InMemory(s).RoundTrip(r)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

// The published vectors.
const (
	vectorTarget = "/v1/test/myfolder/readme.txt?partNumber=9&uploadId=a44cc9bab11cbd156984767aad637851"
	vectorDate   = "2015-04-27T08:23:49Z"
	vectorPrefix = "bce-auth-v1/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/" + vectorDate + "/1800/"
	vectorAll    = vectorPrefix + "content-length;content-md5;content-type;host;x-bce-date/" +
		"d74a04362e6a848f5b39b15421cb449427f419c95a480fd6b8cf9fc783e2999e"
	vectorFew = vectorPrefix + "host;x-bce-date/" +
		"1b8de5a23a56eef657c69f94c621e7acd227d049a4ba577f537d5e5cebf0cf32"
)

var (
	vectorSecret = strings.Repeat("b", 32)
	vectorTime   = time.Date(2015, 4, 27, 8, 23, 49, 0, time.UTC)
)

func vectorRequest(authorization string) *http.Request {
	r := httptest.NewRequest(http.MethodPut, vectorTarget, strings.NewReader("8 bytes."))
	r.Host = "bj.bcebos.com"
	r.Header.Set("Content-MD5", "NFzcPqhviddjRNnSOGo4rw==")
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("x-bce-date", vectorDate)
	r.Header.Set("Authorization", authorization)
	return r
}

// codeOf is the code of a refusal, or nothing.
func codeOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, statusOf[refusal.Code], refusal.Status)
	return refusal.Code
}

// assertRefused buys with a body, and nothing comes of it.
func assertRefused(t *testing.T, body, code, message string) {
	t.Helper()
	s := New(withClock(Config{}))
	got := buy(s, body)
	assert.Equal(t, http.StatusBadRequest, got.Status)
	assert.Equal(t, code, got.Code)
	assert.Equal(t, message, got.Message)
	assert.Empty(t, s.Orders())
}
