package simulator_test

import (
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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

const (
	path     = "/v2/serviceresources"
	buying   = "PurchaseComputeUnit"
	listing  = "DescribeComputeUnits"
	release  = "ReleaseComputeUnit"
	example  = `{"serviceId":"svco-1","billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":5}},"replicasCount":5}`
	postpaid = `{"serviceId":"svco-1","billing":{"paymentTiming":"Postpaid"},"replicasCount":2}`
	ofOne    = `{"serviceId":"svco-1"}`
)

var keys = simulator.Key{AccessKeyID: simulator.DefaultAccessKeyID, SecretAccessKey: simulator.DefaultSecretAccessKey}

// service is a simulator on loopback.
type service struct {
	*simulator.Simulator
	*testing.T
	url string
}

func serve(t *testing.T, config simulator.Config) *service {
	t.Helper()
	s := simulator.New(config)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &service{s, t, server.URL}
}

// clock is one that stands until a test moves it.
func clock() (now *time.Time, config simulator.Config) {
	now = new(time.Time)
	*now = time.Now().Truncate(time.Second)
	return now, simulator.Config{Now: func() time.Time { return *now }}
}

func (s *service) client(options ...computeunit.Option) *computeunit.Client {
	s.Helper()
	client, err := computeunit.NewClient(computeunit.StaticCredentials(keys.AccessKeyID, keys.SecretAccessKey),
		append([]computeunit.Option{computeunit.WithEndpoint(s.url)}, options...)...)
	require.NoError(s, err)
	return client
}

// answered is what the service said.
type answered struct {
	status int
	header http.Header
	body   string

	RequestID, Code string
	Result          json.RawMessage
}

// purchase is one on the wire, signed with the default key now.
func (s *service) purchase() *http.Request { return s.request(buying, postpaid, keys) }

func (s *service) request(action, body string, by simulator.Key) *http.Request {
	s.Helper()
	r, err := http.NewRequest(http.MethodPost, s.url+path+"?Action="+action, strings.NewReader(body))
	require.NoError(s, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Bce-Request-Id", "of-the-client")
	sign(r, by)
	return r
}

// sign is written apart from the code that it tests, for requests that need no encoding but that of a port.
func sign(r *http.Request, by simulator.Key) {
	names, lines := "host", []string{r.Method, r.URL.Path, r.URL.RawQuery, "host:" + url.QueryEscape(r.Host)}
	if by.SessionToken != "" {
		r.Header.Set("X-Bce-Security-Token", by.SessionToken)
		names, lines = names+";x-bce-security-token", append(lines, "x-bce-security-token:"+by.SessionToken)
	}
	prefix := "bce-auth-v1/" + by.AccessKeyID + "/" + time.Now().UTC().Format(time.RFC3339) + "/300"
	r.Header.Set("Authorization", prefix+"/"+names+"/"+digest(digest(by.SecretAccessKey, prefix), strings.Join(lines, "\n")))
}

func digest(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	io.WriteString(mac, text)
	return hex.EncodeToString(mac.Sum(nil))
}

// call sends a body to an action.
func (s *service) call(action, body string) answered { return s.send(s.request(action, body, keys)) }

func (s *service) send(r *http.Request) answered {
	s.Helper()
	got, err := s.try(r)
	require.NoError(s, err)
	return got
}

func (s *service) try(r *http.Request) (got answered, err error) {
	s.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return got, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	_ = json.Unmarshal(body, &got) // some faults are no JSON
	got.status, got.header, got.body = response.StatusCode, response.Header, string(body)
	return got, err
}

// buy buys a replica for a service of its own, or of that name, with the client.
func (s *service) buy(client *computeunit.Client, serviceID string) error {
	_, err := client.PurchaseComputeUnit(s.Context(), computeunit.PurchaseComputeUnitRequest{
		ServiceID: serviceID, Billing: computeunit.Postpaid(), ReplicasCount: 1,
	})
	return err
}

// outcome is what a client says of a purchase.
func outcome(err error) simulator.Truth {
	switch {
	case err == nil:
		return simulator.MustBuy
	case errors.Is(err, computeunit.ErrNotPurchased):
		return simulator.MustRefuse
	default:
		return simulator.MustNotKnow
	}
}
