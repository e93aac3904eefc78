package computeunit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/baidubce/bce-sdk-go/bce"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/bceauth"
	"github.com/qianfan-go/computeunit/internal/simulator"
	"github.com/qianfan-go/computeunit/internal/transport"
)

var benchTable = flag.Bool("bench-table", false, "TestBenchTable compares this client with the alternatives, in about a minute")

// The server of the benchmarks and of the soak is another process, so that what it allocates does not count: this
// test binary, started again with serverVariable set to what it shall serve.
const (
	serverVariable = "COMPUTEUNIT_TEST_SERVER"
	serveAnswer    = "answer"    // one answer, whatever comes
	serveSimulator = "simulator" // the simulator, which checks signatures and keeps a ledger
)

func TestMain(m *testing.M) {
	var handler http.Handler
	switch os.Getenv(serverVariable) {
	case "":
		os.Exit(m.Run())
	case serveAnswer:
		handler = http.HandlerFunc(answerBought)
	case serveSimulator:
		handler = simulator.New(simulator.Config{})
	}
	serve(handler)
}

const boughtBody = `{"requestId":"1bef3f87-c5b2-4419-936b-50f9884f10d4",` +
	`"result":{"instanceId":"44961088fxxxx9e9379f5daf","orderId":"7b468732xxxxxx8364292"}}`

func answerBought(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(boughtBody)))
	_, _ = io.WriteString(w, boughtBody)
}

// serve prints its address, then, for every line it reads, how many connections were opened so far. It ends with
// its input, and so with the process that started it.
func serve(handler http.Handler) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	var opened atomic.Int64
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}}
	go func() { panic(server.Serve(listener)) }()
	fmt.Println("http://" + listener.Addr().String())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(opened.Load())
	}
}

// serverProcess is a server in another process.
type serverProcess struct {
	url    string
	input  io.Writer
	output *bufio.Scanner
}

func startServer(tb testing.TB, kind string) *serverProcess {
	tb.Helper()
	path, err := os.Executable()
	require.NoError(tb, err)
	command := exec.Command(path)
	command.Env = append(os.Environ(), serverVariable+"="+kind)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	require.NoError(tb, err)
	output, err := command.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, command.Start())
	tb.Cleanup(func() { input.Close(); _ = command.Wait() })
	server := &serverProcess{input: input, output: bufio.NewScanner(output)}
	require.True(tb, server.output.Scan(), "the server did not start")
	server.url = server.output.Text()
	return server
}

// connections is how many were opened since the server started.
func (s *serverProcess) connections(tb testing.TB) int {
	tb.Helper()
	fmt.Fprintln(s.input)
	require.True(tb, s.output.Scan(), "the server is gone")
	opened, err := strconv.Atoi(s.output.Text())
	require.NoError(tb, err)
	return opened
}

const (
	benchCallers = 64
	benchAction  = "/v2/serviceresources?Action=PurchaseComputeUnit"
)

// contender is a way to make the documented purchase.
type contender struct {
	name string
	buy  func(context.Context) error
}

// contenders are what is compared. The floor is the first: the others are measured against it.
func contenders(tb testing.TB, server string) []contender {
	return []contender{
		{"net/http by hand (the floor)", floor(server, twoHMACs)},
		{"the floor with bce-sdk-go's signer", floor(server, sdkSigner)},
		{"this client", thisClient(tb, server)},
		{"bce-sdk-go's bce.BceClient", bceClient(tb, server)},
	}
}

func benchRequest() PurchaseComputeUnitRequest {
	return PurchaseComputeUnitRequest{ServiceID: "svco-48esssdpa594", Billing: Prepaid(5), ReplicasCount: 5}
}

func thisClient(tb testing.TB, server string) func(context.Context) error {
	tb.Helper()
	client, err := NewClient(StaticCredentials(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey), WithEndpoint(server))
	require.NoError(tb, err)
	return func(ctx context.Context) error {
		_, err := client.PurchaseComputeUnit(ctx, benchRequest())
		return err
	}
}

// bceClient goes the way that bce-sdk-go's own services go.
func bceClient(tb testing.TB, server string) func(context.Context) error {
	tb.Helper()
	client, err := bce.NewBceClientWithAkSk(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey, server)
	require.NoError(tb, err)
	return func(context.Context) error {
		var response floorResponse
		err := bce.NewRequestBuilder(client).WithMethod(http.MethodPost).WithURL("/v2/serviceresources").
			WithQueryParam("Action", "PurchaseComputeUnit").WithBody(newFloorRequest()).WithResult(&response).Do()
		return errors.Join(err, response.check())
	}
}

// floorRequest and floorResponse are what somebody would write who needs this one purchase and nothing else.
type floorRequest struct {
	ServiceID     string       `json:"serviceId"`
	Billing       floorBilling `json:"billing"`
	ReplicasCount int          `json:"replicasCount"`
}

type floorBilling struct {
	PaymentTiming string            `json:"paymentTiming"`
	Reservation   *floorReservation `json:"reservation,omitempty"`
}

type floorReservation struct {
	TimeUnit string `json:"reservationTimeUnit"`
	Length   int    `json:"reservationLength"`
}

type floorResponse struct {
	RequestID string `json:"requestId"`
	Result    struct {
		InstanceID string `json:"instanceId"`
		OrderID    string `json:"orderId"`
	} `json:"result"`
}

func newFloorRequest() *floorRequest {
	return &floorRequest{
		ServiceID:     "svco-48esssdpa594",
		Billing:       floorBilling{"Prepaid", &floorReservation{"Month", 5}},
		ReplicasCount: 5,
	}
}

func (r *floorResponse) check() error {
	if r.Result.OrderID == "" {
		return errors.New("nothing was bought")
	}
	return nil
}

// floor is the least that buys: net/http with typed JSON and a signature. It has no time-out, no retry, and no idea of
// what an error means for the money.
func floor(server string, sign func(*http.Request, time.Time)) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchCallers}}
	return func(ctx context.Context) error {
		body, err := json.Marshal(newFloorRequest())
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server+benchAction, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		sign(req, time.Now())
		answer, err := client.Do(req)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		body, err = io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			return errors.Join(err, errors.New(answer.Status))
		}
		var response floorResponse
		if err := json.Unmarshal(body, &response); err != nil {
			return err
		}
		return response.check()
	}
}

// sdkSigner signs as this client does. What it costs more than twoHMACs, this client cannot save.
func sdkSigner(req *http.Request, now time.Time) {
	keys := bceauth.Credentials{AccessKeyID: simulator.DefaultAccessKeyID, SecretAccessKey: simulator.DefaultSecretAccessKey}
	bceauth.Sign(req, keys, now)
}

func twoHMACs(req *http.Request, now time.Time) {
	date := now.UTC().Format(time.RFC3339)
	prefix := "bce-auth-v1/" + simulator.DefaultAccessKeyID + "/" + date + "/300"
	signature := floorHMAC(floorHMAC(simulator.DefaultSecretAccessKey, prefix),
		"POST\n/v2/serviceresources\nAction=PurchaseComputeUnit\ncontent-type:application%2Fjson\nhost:"+
			url.QueryEscape(req.Host)+"\nx-bce-date:"+url.QueryEscape(date))
	req.Header.Set("X-Bce-Date", date)
	req.Header.Set("Authorization", prefix+"/content-type;host;x-bce-date/"+signature)
}

func floorHMAC(key, text string) string {
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

// purchases makes so many of them, shared among so many callers.
func purchases(c contender, callers, count int) error {
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

func BenchmarkPurchase(b *testing.B) {
	server := startServer(b, serveAnswer)
	for _, callers := range []int{1, benchCallers} {
		for _, c := range contenders(b, server.url) {
			b.Run(fmt.Sprintf("callers=%d/%s", callers, c.name), func(b *testing.B) {
				require.NoError(b, purchases(c, callers, 2*callers)) // opens the connections
				b.ReportAllocs()
				b.ResetTimer()
				require.NoError(b, purchases(c, callers, b.N))
			})
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	request := benchRequest()
	b.ReportAllocs()
	for b.Loop() {
		if err := request.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	request := benchRequest()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(request); err != nil {
			b.Fatal(err)
		}
	}
}

// The difference is what bce-sdk-go's signer costs over two HMACs and what goes into them.
func BenchmarkSign(b *testing.B) {
	req, err := http.NewRequest(http.MethodPost, defaultEndpoint+benchAction, nil)
	require.NoError(b, err)
	req.Header.Set("Content-Type", "application/json")
	b.Run("bce-sdk-go's signer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sdkSigner(req, time.Now())
		}
	})
	b.Run("two HMACs by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			twoHMACs(req, time.Now())
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	attempt := &transport.Attempt{Reached: transport.Answered, Status: http.StatusOK, Header: http.Header{}, Body: []byte(boughtBody)}
	b.ReportAllocs()
	for b.Loop() {
		var answer purchaseAnswer
		answer.read(attempt)
		if answer.result().OrderID == "" {
			b.Fatal("not decoded")
		}
	}
}

// TestBenchTable prints the comparison. Times are compared in pairs only: in each round every contender does the
// same block of work, in an order that changes, and is held against the floor's block of that round. The table
// has the medians of these ratios, because the machine's pace changes more from one second to the next than the
// contenders differ.
func TestBenchTable(t *testing.T) {
	if !*benchTable {
		t.Skip("go test -run TestBenchTable -v . -bench-table")
	}
	server := startServer(t, serveAnswer)
	compared := contenders(t, server.url)
	connections := countConnections(t, server, compared) // first: connections are kept
	one := measureTimes(t, compared, 1, 500, 72)
	many := measureTimes(t, compared, benchCallers, 1000, 72)
	allocations := countAllocations(t, compared)

	var table strings.Builder
	fmt.Fprintf(&table, "| | time, one caller | time, %d callers | allocations | connections, %d callers × 50 |\n|---|---|---|---|---|\n",
		benchCallers, benchCallers)
	for i, c := range compared {
		fmt.Fprintf(&table, "| %s | %.2f | %.2f | %.2f | %d |\n", c.name,
			median(one.ratios[i]), median(many.ratios[i]), float64(allocations[i])/float64(allocations[0]), connections[i])
	}
	t.Logf("%s, %d cores, ratios to the floor:\n\n%s", time.Now().Format(time.DateOnly), runtime.GOMAXPROCS(0), table.String())
	t.Logf("the floor: %.0f µs for one caller, %.0f µs a purchase for %d, %d allocations",
		median(one.floor), median(many.floor), benchCallers, allocations[0])
	for i, c := range compared[1:] {
		t.Logf("half of the rounds: one caller %s, %d callers %s, %d allocations: %s",
			quartiles(one.ratios[i+1]), benchCallers, quartiles(many.ratios[i+1]), allocations[i+1], c.name)
	}
}

// times are, round by round, each contender's time as a ratio to the floor's, and the floor's microseconds.
type times struct {
	ratios [][]float64
	floor  []float64
}

func measureTimes(t *testing.T, compared []contender, callers, count, rounds int) times {
	t.Helper()
	result := times{ratios: make([][]float64, len(compared))}
	for _, c := range compared {
		require.NoError(t, purchases(c, callers, count)) // warm
	}
	for round := range rounds {
		took := make([]float64, len(compared))
		for _, i := range order(len(compared), round) {
			runtime.GC() // nobody pays for another's garbage
			started := time.Now()
			require.NoError(t, purchases(compared[i], callers, count))
			took[i] = time.Since(started).Seconds()
		}
		for i := range compared {
			result.ratios[i] = append(result.ratios[i], took[i]/took[0])
		}
		result.floor = append(result.floor, took[0]*1e6/float64(count))
	}
	return result
}

// order changes who goes first, and who comes after whom.
func order(n, round int) []int {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = (round + i) % n
	}
	if round/n%2 == 1 {
		slices.Reverse(indices)
	}
	return indices
}

func countConnections(t *testing.T, server *serverProcess, compared []contender) []int {
	t.Helper()
	var opened []int
	for _, c := range compared {
		before := server.connections(t)
		require.NoError(t, purchases(c, benchCallers, benchCallers*50))
		opened = append(opened, server.connections(t)-before)
	}
	return opened
}

func countAllocations(t *testing.T, compared []contender) []int {
	t.Helper()
	const count = 2000
	var allocations []int
	for _, c := range compared {
		require.NoError(t, purchases(c, 1, count)) // warm
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.NoError(t, purchases(c, 1, count))
		runtime.ReadMemStats(&after)
		allocations = append(allocations, int((after.Mallocs-before.Mallocs+count/2)/count))
	}
	return allocations
}

func median(values []float64) float64 { return quantile(values, 0.5) }

func quartiles(values []float64) string {
	return fmt.Sprintf("%.2f to %.2f", quantile(values, 0.25), quantile(values, 0.75))
}

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
