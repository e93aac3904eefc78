package computeunittest_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/baidubce/bce-sdk-go/auth"
	bcehttp "github.com/baidubce/bce-sdk-go/http"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

const (
	path      = "/v2/serviceresources"
	buying    = "PurchaseComputeUnit"
	listing   = "DescribeComputeUnits"
	releasing = "ReleaseComputeUnit"
	prepaid   = `{"serviceId":"svco-1","billing":{"paymentTiming":"Prepaid","reservation":{"reservationTimeUnit":"Month","reservationLength":5}},"replicasCount":5}`
	allSigned = "node-list-2.http" // its time, length, type, date and host, for half an hour
	postpaid  = `{"serviceId":"svco-1","billing":{"paymentTiming":"Postpaid"},"replicasCount":2}`
)

// newServer starts a server that ends with the test.
func newServer(t testing.TB, options ...computeunittest.Option) *computeunittest.Server {
	t.Helper()
	server := computeunittest.NewServer(options...)
	t.Cleanup(server.Close)
	return server
}

// call sends a body as it is, and returns how it was refused: the zero value if it was not.
func call(t *testing.T, server *computeunittest.Server, action, body string) computeunit.APIError {
	t.Helper()
	err := server.Client().Call(t.Context(), path, action, json.RawMessage(body), nil)
	if err == nil {
		return computeunit.APIError{}
	}
	var refusal *computeunit.APIError
	require.ErrorAs(t, err, &refusal)
	return *refusal
}

// list is what a service has of a payment timing, or of both.
func list(t *testing.T, server *computeunittest.Server, serviceID string, timing computeunit.PaymentTiming) []computeunit.Instance {
	t.Helper()
	listed, err := server.Client().DescribeComputeUnits(t.Context(),
		computeunit.DescribeComputeUnitsRequest{ServiceID: serviceID, PaymentTiming: timing})
	require.NoError(t, err)
	return listed.Result.Instances
}

// captured is a request of an official SDK as it stood on the wire, and a server whose clock stands so long after its time.
func captured(t testing.TB, file string, late time.Duration) (*http.Request, *computeunittest.Server) {
	t.Helper()
	raw, err := os.Open("testdata/sdk-requests/" + file)
	require.NoError(t, err)
	t.Cleanup(func() { raw.Close() })
	r, err := http.ReadRequest(bufio.NewReader(raw))
	require.NoError(t, err)
	signed, err := time.Parse(time.RFC3339, strings.Split(r.Header.Get("Authorization"), "/")[2])
	require.NoError(t, err)
	return r, newServer(t, computeunittest.WithClock(func() time.Time { return signed.Add(late) }))
}

// sign makes a request for svco-1 with Baidu's own signer.
func sign(t *testing.T, by computeunit.Credentials, method string, query, headers map[string]string) *http.Request {
	t.Helper()
	headers["host"] = "127.0.0.1:80"
	var unsigned bcehttp.Request
	unsigned.SetMethod(method)
	unsigned.SetUri(path)
	unsigned.SetParams(query)
	unsigned.SetHeaders(headers)
	new(auth.BceV1Signer).Sign(&unsigned, &auth.BceCredentials{AccessKeyId: by.AccessKeyID, SecretAccessKey: by.SecretAccessKey},
		&auth.SignOptions{HeadersToSign: map[string]struct{}{"host": {}}, ExpireSeconds: 300})
	values := url.Values{}
	for name, value := range query {
		values.Set(name, value)
	}
	r, err := http.NewRequest(method, path+"?"+values.Encode(), strings.NewReader(`{"serviceId":"svco-1"}`))
	require.NoError(t, err)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	r.Host = headers["host"]
	return r
}

// send sends a request as it is, and returns the code that it is refused with: none if it is served.
func send(t *testing.T, server *computeunittest.Server, r *http.Request) string {
	t.Helper()
	_, body, err := try(server, r)
	require.NoError(t, err)
	var answered struct{ Code string }
	require.NoError(t, json.Unmarshal(body, &answered))
	return answered.Code
}

func try(server *computeunittest.Server, r *http.Request) (response *http.Response, body []byte, err error) {
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", strings.TrimPrefix(server.URL, "http://")
	transport := &http.Transport{DisableKeepAlives: true}
	if response, err = transport.RoundTrip(r); err == nil {
		defer response.Body.Close()
		body, err = io.ReadAll(response.Body)
	}
	return response, body, err
}
