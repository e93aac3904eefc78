// Package examples_test builds every example once and runs it as a reader would.
package examples_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if binaries, err = os.MkdirTemp("", "examples"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(binaries)
		build := exec.Command("go", "build", "-o", binaries+string(filepath.Separator), "./...")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v\n%s", err, out))
		}
		return m.Run()
	}())
}

func binary(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(binaries, name)
}

// run returns all that an example printed, and its exit code.
func run(t *testing.T, env []string, stdin, name string, args ...string) (output string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary(name), args...)
	command.Env = append([]string{"SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}, env...)
	command.Stdin = strings.NewReader(stdin)
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return string(out), command.ProcessState.ExitCode()
}

func TestExamplesBuyFromASimulatorWithoutKeysOrNetwork(t *testing.T) {
	for name, want := range map[string]string{
		"prepaid":  `(?s)"reservationLength": 1\n.*bought: instance \S+, order \S+`,
		"postpaid": `(?s)"releaseTime": "20.*bought: instance \S+, order \S+`,
		"errors":   `(?s)bought.*must be 1 to 12.*403 AccessDenied.*unknown.*unknown.*not reached.*has 2 orders`,
	} {
		t.Run(name, func(t *testing.T) {
			output, code := run(t, nil, "", name)
			assert.Zero(t, code)
			assert.Regexp(t, want, output)
		})
	}
}

func TestAWrongFlagGetsTheUsageAndExitCode2(t *testing.T) {
	for _, args := range [][]string{{"-wrong"}, {"stray"}} {
		for _, name := range []string{"prepaid", "postpaid", "errors", "simulator"} {
			t.Run(name+strings.Join(args, ""), func(t *testing.T) {
				output, code := run(t, nil, "", name, args...)
				assert.Equal(t, 2, code)
				assert.Contains(t, output, "Usage")
			})
		}
	}
	for _, faults := range []string{"lose-keys", "503+soon", "503+-2s", "denied+order", "199", "600", "none,other"} {
		output, code := run(t, nil, "", "simulator", "-fault", faults)
		assert.Equal(t, 2, code, faults)
		assert.Contains(t, output, "FAULTS is a list")
	}
	for name, args := range map[string][]string{
		"live without a service": {"-live"}, "yes without live": {"-yes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, code := run(t, nil, "", "prepaid", args...)
			assert.Equal(t, 2, code)
		})
	}
}

func TestTheSimulatorListensOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "localhost:0", "nonsense"} {
		_, code := run(t, nil, "", "simulator", "-addr", addr)
		assert.Equal(t, 2, code, addr)
	}
}

// standIn starts examples/simulator and returns the environment that it prints. stop returns the rest of its output.
func standIn(t *testing.T, args ...string) (env []string, stop func() string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary("simulator"), append([]string{"-addr=127.0.0.1:0"}, args...)...)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		variable, found := strings.CutPrefix(strings.TrimSpace(line), "export ")
		if !found {
			break
		}
		env = append(env, variable)
	}
	return env, func() string {
		require.NoError(t, command.Process.Signal(os.Interrupt))
		var rest bytes.Buffer
		_, err := io.Copy(&rest, lines)
		require.NoError(t, err)
		require.NoError(t, command.Wait())
		return rest.String()
	}
}

// -live sends where the environment says: here to a stand-in on loopback, in another process.
func TestLiveAsksBeforeItBuys(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupt signal to send there")
	}
	env, stop := standIn(t)
	require.Len(t, env, 4)
	for _, row := range []struct {
		name, stdin string
		args        []string
		code        int
		want        string
	}{
		{"typed back", "svco-live\n", nil, 0, "bought: instance"},
		{"typed wrong", "svco-other\n", nil, 1, "nothing was bought"},
		{"nothing typed", "", nil, 1, "nothing was bought"},
		{"yes", "", []string{"-yes"}, 0, "bought: instance"},
	} {
		for _, name := range []string{"prepaid", "postpaid"} {
			t.Run(name+" "+row.name, func(t *testing.T) {
				output, code := run(t, env, row.stdin, name, append([]string{"-live", "-service", "svco-live"}, row.args...)...)
				assert.Equal(t, row.code, code)
				assert.Contains(t, output, "for real money")
				assert.Contains(t, output, row.want)
			})
		}
	}
	assert.Contains(t, stop(), "# 4 orders in 4 requests")
}

// Each row buys twice for a service.
func TestTheSimulatorMisbehavesByFlagsAndByServiceID(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupt signal to send there")
	}
	const bought, refused, unknown = "bought: instance", "nothing was bought", "an order may exist"
	for _, row := range []struct {
		args    []string
		service string
		want    [2]string // of the first purchase and of the second
		ledger  string
	}{
		{nil, "svco-1", [2]string{bought, bought}, "# 2 orders in 2 requests"},
		{[]string{"-stock=0"}, "svco-1", [2]string{refused, refused}, "# 0 orders in 2 requests"},
		{[]string{"-stock=1"}, "svco-1", [2]string{bought, refused}, "# 1 order in 2 requests"},
		{[]string{"-fault=lose-answer"}, "svco-1", [2]string{unknown, unknown}, "1 x Prepaid for svco-1, 1 month,"},
		{[]string{"-fault=lose-request"}, "svco-1", [2]string{unknown, unknown}, "# 0 orders in 2 requests"},
		{[]string{"-fault=lose-answer,none"}, "svco-1", [2]string{unknown, bought}, "# 2 orders in 2 requests"},
		{[]string{"-fault=503+order,denied"}, "svco-1", [2]string{unknown, refused}, "# 1 order in 2 requests"},
		{[]string{"-fault=out-of-stock,out-of-balance"}, "svco-1", [2]string{refused, refused}, "# 0 orders in 2 requests"},
		{[]string{"-fault=expired,none"}, "svco-1", [2]string{bought, bought}, "# 2 orders in 3 requests"},
		{[]string{"-fault=none+1ms,404+1ms"}, "svco-1", [2]string{bought, refused}, "# 1 order in 2 requests"},
		{[]string{"-delay=1ms"}, "svco-1", [2]string{bought, bought}, "# 2 orders in 2 requests"},
		{nil, "svco-1~lose-answer,none", [2]string{unknown, bought}, "# 2 orders in 2 requests"},
		{[]string{"-fault=denied"}, "svco-1~none", [2]string{bought, bought}, "# 2 orders in 2 requests"},
		{nil, "svco-1~nonsense", [2]string{refused, refused}, "# 0 orders in 2 requests"},
	} {
		t.Run(strings.Join(row.args, " ")+" "+row.service, func(t *testing.T) {
			env, stop := standIn(t, row.args...)
			for _, want := range row.want {
				output, code := run(t, env, "", "prepaid", "-live", "-yes", "-service", row.service)
				assert.Equal(t, want == bought, code == 0)
				assert.Contains(t, output, want)
				assert.Contains(t, output, "about to buy from http://127.0.0.1:")
			}
			assert.Contains(t, stop(), row.ledger)
		})
	}
}

func TestTheSimulatorsListingsMisbehaveToo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupt signal to send there")
	}
	for _, row := range []struct {
		args    []string
		service string
		want    error
	}{
		{nil, "svco-1", nil},
		{[]string{"-list-fault=denied"}, "svco-1", computeunit.ErrAccessDenied},
		{nil, "svco-1~none~denied", computeunit.ErrAccessDenied},
		{[]string{"-list-fault=denied"}, "svco-1~~none", nil},
	} {
		env, stop := standIn(t, row.args...)
		_, err := clientOf(t, env).DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: row.service})
		assert.ErrorIs(t, err, row.want)
		assert.Contains(t, stop(), "# 0 orders in 1 request\n")
	}
}

// clientOf is a client of the simulator whose environment it is.
func clientOf(t *testing.T, env []string, options ...computeunit.Option) *computeunit.Client {
	environment := map[string]string{}
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		environment[name] = value
	}
	client, err := computeunit.NewClient(
		computeunit.StaticCredentials(environment["QIANFAN_ACCESS_KEY"], environment["QIANFAN_SECRET_KEY"]),
		append(options, computeunit.WithEndpoint(environment["QIANFAN_CONSOLE_BASE_URL"]))...)
	require.NoError(t, err)
	return client
}

// The order is made at once.
func TestTheSimulatorsAnswersComeLate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupt signal to send there")
	}
	for _, row := range []struct {
		args    []string
		service string
	}{
		{[]string{"-delay=1h"}, "svco-1"},
		{[]string{"-fault=none+1h"}, "svco-1"},
		{nil, "svco-1~none+1h"},
	} {
		env, stop := standIn(t, row.args...)
		_, err := clientOf(t, env, computeunit.WithTimeout(500*time.Millisecond)).PurchaseComputeUnit(t.Context(),
			computeunit.PurchaseComputeUnitRequest{ServiceID: row.service, Billing: computeunit.Prepaid(1), ReplicasCount: 1})
		assert.ErrorIs(t, err, computeunit.ErrOutcomeUnknown)
		assert.Contains(t, stop(), "# 1 order in 1 request\n")
	}
}

func TestAFaultThatDeniesItsOrderIsRefused(t *testing.T) {
	output, code := run(t, nil, "", "simulator", "-fault", "403+order")
	assert.NotZero(t, code)
	assert.Contains(t, output, "it says that nothing was bought")
}

func TestLiveWithoutKeysBuysNothing(t *testing.T) {
	output, code := run(t, nil, "svco-live\n", "prepaid", "-live", "-service", "svco-live")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "QIANFAN_ACCESS_KEY")
}

// The two that can spend money have a file in common, because each is to be copied alone: .ci/run compiles such copies.
func TestPrepaidAndPostpaidAskInTheSameWay(t *testing.T) {
	prepaid, err := os.ReadFile("prepaid/live.go")
	require.NoError(t, err)
	postpaid, err := os.ReadFile("postpaid/live.go")
	require.NoError(t, err)
	assert.Equal(t, string(prepaid), string(postpaid))
}
