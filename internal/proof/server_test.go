package proof

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// The server of the benchmarks and of the soak is another process, so that what it allocates does not count: this
// test binary, started again with serverVariable set to what it shall serve.
const (
	serverVariable = "COMPUTEUNIT_PROOF_SERVER"
	serveAnswer    = "answer"    // one answer, whatever comes
	serveSimulator = "simulator" // the simulator, which checks signatures and keeps a ledger
)

func TestMain(m *testing.M) {
	switch os.Getenv(serverVariable) {
	case serveAnswer:
		serve(http.HandlerFunc(answerBought))
	case serveSimulator:
		serve(simulator.New(simulator.Config{}))
	default:
		os.Exit(runTests(m))
	}
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
	command.Env = append(slices.Clip(environment), serverVariable+"="+kind)
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
