package proof

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/baidubce/bce-sdk-go/auth"
	"github.com/baidubce/bce-sdk-go/bce"
	bcehttp "github.com/baidubce/bce-sdk-go/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

const benchCallers = 64

// contender is a way to make the documented purchase.
type contender struct {
	name string
	buy  func(context.Context) error
}

// What the others are measured against: places in contenders.
const (
	bareFloor   = 0 // what net/http and typed JSON cost
	signedFloor = 1 // the same with the signer that Baidu maintains: what a client that uses it cannot save
)

func contenders(tb testing.TB, server string) []contender {
	return []contender{
		{"net/http by hand, two HMACs", byHand(server, benchTransport(), twoHMACs)},
		{"net/http by hand, signed by bce-sdk-go", byHand(server, benchTransport(), sdkSigner)},
		{"this client", thisClient(tb, server)},
		{"bce-sdk-go's BceClient", bceClient(tb, server)},
	}
}

func benchTransport() *http.Transport { return &http.Transport{MaxIdleConnsPerHost: benchCallers} }

func thisClient(tb testing.TB, server string) func(context.Context) error {
	client := newClient(tb, server)
	return func(ctx context.Context) error {
		_, err := client.PurchaseComputeUnit(ctx, prepaidFor("svco-48esssdpa594"))
		return err
	}
}

// bceClient goes the way that bce-sdk-go's own services go.
func bceClient(tb testing.TB, server string) func(context.Context) error {
	tb.Helper()
	client, err := bce.NewBceClientWithAkSk(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey, server)
	require.NoError(tb, err)
	return func(context.Context) error {
		var response plainResponse
		err := bce.NewRequestBuilder(client).WithMethod(http.MethodPost).WithURL("/v2/serviceresources").
			WithQueryParam("Action", "PurchaseComputeUnit").WithBody(newPlainRequest()).WithResult(&response).Do()
		return errors.Join(err, response.check())
	}
}

// plainRequest and plainResponse are what somebody would write who needs this one purchase and nothing else.
type plainRequest struct {
	ServiceID     string       `json:"serviceId"`
	Billing       plainBilling `json:"billing"`
	ReplicasCount int          `json:"replicasCount"`
}

type plainBilling struct {
	PaymentTiming string            `json:"paymentTiming"`
	Reservation   *plainReservation `json:"reservation,omitempty"`
}

type plainReservation struct {
	TimeUnit string `json:"reservationTimeUnit"`
	Length   int    `json:"reservationLength"`
}

type plainResponse struct {
	RequestID string `json:"requestId"`
	Result    struct {
		InstanceID string `json:"instanceId"`
		OrderID    string `json:"orderId"`
	} `json:"result"`
}

func newPlainRequest() *plainRequest {
	return &plainRequest{
		ServiceID:     "svco-48esssdpa594",
		Billing:       plainBilling{"Prepaid", &plainReservation{"Month", 5}},
		ReplicasCount: 5,
	}
}

func (r *plainResponse) check() error {
	if r.Result.OrderID == "" {
		return errors.New("nothing was bought")
	}
	return nil
}

// byHand is the least that buys: net/http with typed JSON and a signature. It has no time-out, no retry, and no idea of
// what an error means for the money.
func byHand(server string, transport http.RoundTripper, sign func(*http.Request, time.Time)) func(context.Context) error {
	client := &http.Client{Transport: transport}
	return func(ctx context.Context) error {
		body, err := json.Marshal(newPlainRequest())
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/v2/serviceresources?Action=PurchaseComputeUnit",
			bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		sign(req, time.Now())
		response, err := client.Do(req)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		return readBought(response)
	}
}

func readBought(response *http.Response) error {
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return errors.Join(err, errors.New(response.Status))
	}
	var bought plainResponse
	if err := json.Unmarshal(body, &bought); err != nil {
		return err
	}
	return bought.check()
}

// What sdkSigner and twoHMACs sign: what Baidu's pages for this API do, and content-type.
var sdkSignedHeaders = map[string]struct{}{"host": {}, "content-type": {}, "x-bce-date": {}}

// sdkSigner copies what is signed into bce-sdk-go's own request, as everybody must who signs another by it.
func sdkSigner(req *http.Request, now time.Time) {
	date := now.UTC().Format(time.RFC3339)
	var unsigned bcehttp.Request
	unsigned.SetMethod(req.Method)
	unsigned.SetUri(req.URL.Path)
	unsigned.SetParam("Action", "PurchaseComputeUnit")
	unsigned.SetHeader("host", req.URL.Host)
	unsigned.SetHeader("content-type", req.Header.Get("Content-Type"))
	unsigned.SetHeader("x-bce-date", date)
	(&auth.BceV1Signer{}).Sign(&unsigned,
		&auth.BceCredentials{AccessKeyId: simulator.DefaultAccessKeyID, SecretAccessKey: simulator.DefaultSecretAccessKey},
		&auth.SignOptions{HeadersToSign: sdkSignedHeaders, Timestamp: now.Unix(), ExpireSeconds: 300})
	req.Header.Set("X-Bce-Date", date)
	req.Header.Set("Authorization", unsigned.Header("Authorization"))
}

func twoHMACs(req *http.Request, now time.Time) {
	date := now.UTC().Format(time.RFC3339)
	prefix := "bce-auth-v1/" + simulator.DefaultAccessKeyID + "/" + date + "/300"
	signature := hexHMAC(hexHMAC(simulator.DefaultSecretAccessKey, prefix),
		"POST\n/v2/serviceresources\nAction=PurchaseComputeUnit\ncontent-type:application%2Fjson\nhost:"+
			url.QueryEscape(req.Host)+"\nx-bce-date:"+url.QueryEscape(date))
	req.Header.Set("X-Bce-Date", date)
	req.Header.Set("Authorization", prefix+"/content-type;host;x-bce-date/"+signature)
}

func hexHMAC(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// A comparison is fair only if all do what is compared: each must buy from a server that checks signatures.
func TestContendersBuy(t *testing.T) {
	server := startServer(t, serveSimulator)
	for _, c := range contenders(t, server.url) {
		t.Run(c.name, func(t *testing.T) { assert.NoError(t, c.buy(t.Context())) })
	}
}

// buyWith makes so many purchases, shared among so many callers.
func buyWith(c contender, callers, count int) error {
	var left atomic.Int64
	left.Store(int64(count))
	failed := make(chan error, callers)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := c.buy(context.Background()); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(failed)
	return <-failed
}
