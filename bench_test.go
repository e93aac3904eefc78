package computeunit_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/baidubce/bce-sdk-go/auth"
	"github.com/baidubce/bce-sdk-go/bce"
	bcehttp "github.com/baidubce/bce-sdk-go/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
)

var benchRounds = flag.Int("bench-rounds", 0, "TestBench: how many rounds it compares the contenders in")

const benchCallers = 64

// contenders make the documented purchase. The second is the floor: net/http as a careful person writes it.
var contenders = []struct {
	name string
	buy  func(tb testing.TB, endpoint string) func() error
}{{"client", byClient}, {"nethttp", byHand}, {"bce", byBce}}

func startAnswering(tb testing.TB) (endpoint string) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() { listener.Close() })
	go model.AnswerAll(listener)
	return "http://" + listener.Addr().String()
}

func buyBy(callers int, buy func() error) func(*testing.B) {
	return func(b *testing.B) {
		require.NoError(b, share(callers, 2*callers, buy)) // opens the connections
		b.ReportAllocs()
		b.ResetTimer()
		require.NoError(b, share(callers, b.N, buy))
	}
}

// share makes so many purchases, shared among so many callers.
func share(callers, count int, buy func() error) error {
	var left atomic.Int64
	left.Store(int64(count))
	failed := make(chan error, callers)
	for range callers {
		go func() {
			var err error
			for err == nil && left.Add(-1) >= 0 {
				err = buy()
			}
			failed <- err
		}()
	}
	var all error
	for range callers {
		all = errors.Join(all, <-failed)
	}
	return all
}

// TestBench prints what the others take in relation to the floor: the medians of the ratios of each round, in which they take
// turns, because a machine's pace changes more from one second to the next than they differ. Nothing is asserted of time.
func TestBench(t *testing.T) {
	if *benchRounds == 0 {
		t.Skip("run with -bench-rounds")
	}
	endpoint := startAnswering(t)
	var buys []func() error
	for _, c := range contenders {
		buys = append(buys, c.buy(t, endpoint))
	}
	for _, callers := range []int{1, benchCallers} {
		results := make([][]testing.BenchmarkResult, len(contenders))
		for round := range *benchRounds {
			for n := range contenders {
				i := (round + n) % len(contenders)
				results[i] = append(results[i], testing.Benchmark(buyBy(callers, buys[i])))
			}
		}
		for i, c := range contenders {
			var times, allocations []float64
			for round, floor := range results[1] {
				times = append(times, float64(results[i][round].NsPerOp())/float64(floor.NsPerOp()))
				allocations = append(allocations, float64(results[i][round].AllocsPerOp())/float64(floor.AllocsPerOp()))
			}
			slices.Sort(times)
			slices.Sort(allocations)
			n := len(times)
			t.Logf("%d callers, %-8s %.3f of nethttp's time (half of the rounds: %.3f to %.3f), %.3f of its %d allocations", callers, c.name,
				times[n/2], times[n/4], times[n-1-n/4], allocations[n/2], results[1][0].AllocsPerOp())
		}
	}
}

func byClient(tb testing.TB, endpoint string) func() error {
	return byClientWith(tb, computeunit.WithEndpoint(endpoint))
}

func byClientWith(tb testing.TB, options ...computeunit.Option) func() error {
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), options...)
	require.NoError(tb, err)
	return func() error {
		_, err := client.PurchaseComputeUnit(context.Background(), computeunit.PurchaseComputeUnitRequest{
			ServiceID: "svco-48esssdpa594", Billing: computeunit.Prepaid(5), ReplicasCount: 5,
		})
		return err
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
	Code, Message string
	Result        struct{ InstanceID, OrderID string }
}

func newPlainRequest() *plainRequest {
	return &plainRequest{"svco-48esssdpa594", plainBilling{"Prepaid", &plainReservation{"Month", 5}}, 5}
}

func (r *plainResponse) check() error {
	if r.Code != "" || r.Result.OrderID == "" {
		return fmt.Errorf("%s: %s", r.Code, r.Message)
	}
	return nil
}

func byHand(tb testing.TB, endpoint string) func() error {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: benchCallers}}
	return func() error {
		body, err := json.Marshal(newPlainRequest())
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost,
			endpoint+"/v2/serviceresources?Action=PurchaseComputeUnit", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		signByBce(req, time.Now())
		response, err := client.Do(req)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		if err != nil || response.StatusCode != http.StatusOK {
			return errors.Join(err, errors.New(response.Status))
		}
		var bought plainResponse
		if err := json.Unmarshal(answer, &bought); err != nil {
			return err
		}
		return bought.check()
	}
}

// signByBce copies what is signed into bce-sdk-go's own request, as everybody must who signs another by it.
func signByBce(req *http.Request, now time.Time) {
	date := now.UTC().Format(time.RFC3339)
	var unsigned bcehttp.Request
	unsigned.SetMethod(req.Method)
	unsigned.SetUri(req.URL.Path)
	unsigned.SetParam("Action", "PurchaseComputeUnit")
	for name, value := range map[string]string{"host": req.URL.Host, "content-type": "application/json", "x-bce-date": date} {
		unsigned.SetHeader(name, value)
	}
	(&auth.BceV1Signer{}).Sign(&unsigned, &auth.BceCredentials{AccessKeyId: "ak", SecretAccessKey: "sk"},
		&auth.SignOptions{HeadersToSign: bceSignedHeaders, Timestamp: now.Unix(), ExpireSeconds: 300})
	req.Header.Set("X-Bce-Date", date)
	req.Header.Set("Authorization", unsigned.Header("Authorization"))
}

var bceSignedHeaders = map[string]struct{}{"host": {}, "content-type": {}, "x-bce-date": {}}

// byBce goes the way that bce-sdk-go's own services go.
func byBce(tb testing.TB, endpoint string) func() error {
	client, err := bce.NewBceClientWithAkSk("ak", "sk", endpoint)
	require.NoError(tb, err)
	return func() error {
		var bought plainResponse
		err := bce.NewRequestBuilder(client).WithMethod(http.MethodPost).WithURL("/v2/serviceresources").
			WithQueryParam("Action", "PurchaseComputeUnit").WithBody(newPlainRequest()).WithResult(&bought).Do()
		return errors.Join(err, bought.check())
	}
}

// Purchases are rare, so nearly each opens a connection. It takes one round trip for TCP, one or two for TLS, one for the request.
func TestAColdPurchaseTakesThreeRoundTrips(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	certified.Close()
	for _, row := range []struct {
		name         string
		version      uint16
		first, later int
	}{{"TLS 1.3", tls.VersionTLS13, 3, 3}, {"TLS 1.2, resumed", tls.VersionTLS12, 4, 3}} {
		inBubble(t, row.name, func(t *testing.T) {
			far := &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: row.version, MaxVersion: row.version}
			transport := certified.Client().Transport.(*http.Transport).Clone()
			transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return dialFar(far), nil }
			buy := byClientWith(t, computeunit.WithEndpoint("https://example.com"), withTransport(transport))
			for _, want := range []int{row.first, row.later, row.later} {
				started := time.Now()
				require.NoError(t, buy())
				assert.Equal(t, time.Duration(want)*roundTrip, time.Since(started))
			}
			time.Sleep(roundTrip) // what is still on its way arrives
		})
	}
}

// roundTrip is that of dialFar: nothing else takes time in a bubble of synctest.
const roundTrip = 200 * time.Millisecond

// dialFar connects to a server of one request, half a round trip away.
func dialFar(config *tls.Config) net.Conn {
	client, clientEnd := net.Pipe()
	serverEnd, server := net.Pipe()
	go carry(clientEnd, serverEnd)
	go carry(serverEnd, clientEnd)
	go func() {
		conn := tls.Server(server, config)
		defer conn.Close()
		if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			io.Copy(io.Discard, req.Body)
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+`{"result":{"orderId":"o"}}`)
		}
	}()
	time.Sleep(roundTrip) // TCP's handshake
	return client
}

// carry reads on while what was read is on its way.
func carry(from, to net.Conn) {
	defer to.Close()
	type flight struct {
		bytes []byte
		due   time.Time
	}
	flights := make(chan flight, 1000)
	go func() {
		defer close(flights)
		for {
			buffer := make([]byte, 1<<14)
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			flights <- flight{buffer[:n], time.Now().Add(roundTrip / 2)}
		}
	}()
	for f := range flights {
		time.Sleep(time.Until(f.due))
		to.Write(f.bytes)
	}
}
