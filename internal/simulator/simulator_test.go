package simulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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

func TestDocumentedExample(t *testing.T) {
	s := New(withClock(Config{}))
	got := buy(s, exampleBody)
	require.Equal(t, http.StatusOK, got.Status, got.Body)

	assert.Equal(t, got.RequestID, got.Header.Get("x-bce-request-id"))
	assert.Equal(t, "Sun, 22 Nov 2026 08:00:00 GMT", got.Header.Get("Date"))
	assert.JSONEq(t, `{"requestId":"`+got.RequestID+`","result":{"instanceId":"`+got.Result.InstanceID+
		`","orderId":"`+got.Result.OrderID+`"}}`, got.Body)
	want := Order{
		OrderID: got.Result.OrderID, InstanceID: got.Result.InstanceID, RequestID: got.RequestID,
		AccessKeyID: DefaultAccessKeyID, ServiceID: "svco-48esssdpa594", PaymentTiming: Prepaid,
		ReplicasCount: 5, Months: 5, CreatedAt: testTime, Price: 25 * PricePerReplicaMonth,
	}
	assert.Equal(t, []Order{want}, s.Orders())
	assert.Equal(t, 1, s.Requests())
	assert.Equal(t, DefaultStock-5, s.Stock())
	assert.Equal(t, DefaultBalance-want.Price, s.Balance())
}

func TestRequestIDIsUUID(t *testing.T) {
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$`, newRequestID())
	assert.NotEqual(t, newRequestID(), newRequestID())
}

func TestOrdersIsCopy(t *testing.T) {
	s := New(withClock(Config{}))
	buy(s, exampleBody)
	s.Orders()[0].OrderID = "changed"
	assert.NotEqual(t, "changed", s.Orders()[0].OrderID)
}

func TestRoutes(t *testing.T) {
	tests := map[string]struct {
		method, target string
		status         int
		code           string
	}{
		"unknown path":    {"POST", "/v2/other", 404, "ResourceNotFound"},
		"root":            {"POST", "/", 404, "ResourceNotFound"},
		"unknown version": {"POST", "/v3/serviceresources?Action=PurchaseComputeUnit", 404, "ResourceNotFound"},
		"no version":      {"POST", "/serviceresources?Action=PurchaseComputeUnit", 404, "ResourceNotFound"},
		"unknown action":  {"POST", "/v2/serviceresources?Action=SellComputeUnit", 400, "InvalidURI"},
		"no action":       {"POST", "/v2/serviceresources", 400, "InvalidURI"},
		"method":          {"GET", purchasePath, 400, "InvalidHTTPRequest"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := New(withClock(Config{}))
			r := httptest.NewRequest(test.method, test.target, strings.NewReader(exampleBody))
			defaultCaller().sign(r, r.Host)
			r.Header.Set("Content-Type", "") // signed as it is: empty
			got := serve(s, r)
			assert.Equal(t, test.status, got.Status)
			assert.Equal(t, test.code, got.Code)
			assert.NotEmpty(t, got.Message)
			assert.NotEmpty(t, got.RequestID)
			assert.Empty(t, s.Orders())
		})
	}
}

func TestPermissions(t *testing.T) {
	const listBody = `{"serviceId":"svco-1"}`
	tests := []struct {
		permission  Permission
		lists, buys bool
	}{
		{"", true, true},
		{FullControl, true, true},
		{ServiceOperate, true, true},
		{ServiceRead, true, false},
		{NoPermission, false, false},
		{"SomeOtherPolicy", false, false},
	}
	for _, test := range tests {
		t.Run(string(test.permission), func(t *testing.T) {
			c := defaultCaller()
			c.key.Permission = test.permission
			s := New(withClock(Config{Keys: []Key{c.key}}))
			assertAllowed(t, test.lists, serve(s, c.request(describePath, listBody)))
			assertAllowed(t, test.buys, serve(s, c.request(purchasePath, postpaidBody)))
			assert.Equal(t, test.buys, len(s.Orders()) == 1)
		})
	}
}

func assertAllowed(t *testing.T, allowed bool, got gotAnswer) {
	t.Helper()
	if allowed {
		assert.Equal(t, http.StatusOK, got.Status, got.Body)
		return
	}
	assert.Equal(t, http.StatusForbidden, got.Status)
	assert.JSONEq(t, `{"requestId":"`+got.RequestID+`","code":"AccessDenied","message":"Access denied."}`, got.Body)
}

func TestBodyCannotBeRead(t *testing.T) {
	s := New(withClock(Config{}))
	r := defaultCaller().request(purchasePath, "")
	r.Body = io.NopCloser(brokenReader{})
	assert.Equal(t, "InvalidHTTPRequest", serve(s, r).Code)

	got := buy(s, exampleBody+strings.Repeat(" ", maxBody))
	assert.Equal(t, "InvalidHTTPRequest", got.Code)
	assert.Equal(t, http.StatusBadRequest, got.Status)
	assert.Empty(t, s.Orders())
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestConcurrentUse(t *testing.T) {
	const buyers, each = 8, 20
	s := New(withClock(Config{Stock: buyers * each * 2}))
	var group sync.WaitGroup
	for range buyers {
		group.Go(func() {
			for range each {
				buy(s, postpaidBody)
				list(s, `{"serviceId":"svco-1"}`)
				s.Orders()
			}
		})
	}
	group.Wait()
	assert.Len(t, s.Orders(), buyers*each)
	assert.Zero(t, s.Stock())
	assert.Equal(t, 2*buyers*each, s.Requests())
	assert.Equal(t, CodeOutOfStock, buy(s, postpaidBody).Code)
}

func TestServe(t *testing.T) {
	s := New(Config{})
	address, stop, err := Serve(s)
	require.NoError(t, err)
	c := defaultCaller()
	c.at = time.Now()
	r, err := http.NewRequest(http.MethodPost, address+purchasePath, bytes.NewReader([]byte(exampleBody)))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	c.sign(r, r.URL.Host)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Len(t, s.Orders(), 1)

	require.NoError(t, stop())
	require.NoError(t, stop(), "stop may be called twice")
	_, err = http.Get(address)
	assert.Error(t, err)
}

func BenchmarkPurchase(b *testing.B) {
	s := New(withClock(Config{}))
	r := defaultCaller().request(purchasePath, exampleBody)
	for b.Loop() {
		r.Body = io.NopCloser(strings.NewReader(exampleBody))
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
}
