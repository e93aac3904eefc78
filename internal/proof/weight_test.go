package proof

import (
	"bufio"
	"bytes"
	"cmp"
	"flag"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var weight = flag.Bool("weight", false, "TestWeight builds two programs, and prints what importing this package costs")

const (
	thisModule = "github.com/qianfan-go/computeunit"
	bceModule  = "github.com/baidubce/bce-sdk-go"
)

// linked is what a program may link through this package: these, and what they need. testing answers one question: is
// this a test, which must not spend money?
var linked = []string{"net/http", "encoding/json", "log/slog", "testing", bceModule + "/auth"}

func TestNothingElseIsLinked(t *testing.T) {
	allowed := listPackages(t, checkout(t), linked...)
	for _, p := range listPackages(t, checkout(t), thisModule) {
		if !isOf(thisModule, p) {
			assert.Contains(t, allowed, p)
		}
	}
}

// bareProgram makes one POST. clientProgram makes the same, and a purchase too. Neither does so without an argument.
const bareProgram = `package main

import (
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	if len(os.Args) > 1 {
		response, err := http.Post(os.Args[1], "application/json", strings.NewReader("{}"))
		if err != nil {
			panic(err)
		}
		defer response.Body.Close()
		io.Copy(os.Stdout, response.Body)
	}
}
`

var clientProgram = strings.NewReplacer(
	"import (", "import (\n\t\"context\"",
	"\"strings\"", "\"strings\"\n\n\t\""+thisModule+"\"",
	"io.Copy(", "buy()\n\t\tio.Copy(",
).Replace(bareProgram) + `
func buy() {
	client, err := computeunit.NewClientFromEnv()
	if err != nil {
		panic(err)
	}
	_, err = client.PurchaseComputeUnit(context.Background(), computeunit.PurchaseComputeUnitRequest{
		ServiceID: "svco-48esssdpa594", Billing: computeunit.Prepaid(5), ReplicasCount: 5,
	})
	if err != nil {
		panic(err)
	}
}
`

// wantModules are those that a user's go.sum has lines for: what the tests of this package need is among them.
var wantModules = []string{bceModule, "github.com/jarcoal/httpmock", "github.com/stretchr/testify", "go.yaml.in/yaml/v3"}

// TestWeight prints what importing this package costs a service that has net/http anyway.
func TestWeight(t *testing.T) {
	if !*weight {
		t.Skip("make weight; TestNothingElseIsLinked is its short version")
	}
	bare, client := buildConsumer(t, "bare", bareProgram), buildConsumer(t, "client", clientProgram)
	ours, theirs := client.packagesOf(thisModule), client.packagesOf(bceModule)
	standard := len(client.packages) - len(bare.packages) - len(ours) - len(theirs)
	init := initTime(t, client.binary, thisModule, bceModule)

	t.Logf("%s, %s", time.Now().UTC().Format(time.DateOnly), goTool(t, ".", "version"))
	t.Logf("\n\n| | a bare POST | the same with this client | added |\n|---|---|---|---|\n"+
		"| packages linked | %d | %d | %d: %d of ours, %d of bce-sdk-go, %d of the standard library |\n"+
		"| binary, stripped | 1.00 | %.2f | %.2f MB |\n"+
		"| modules linked | 0 | %d | %s |\n"+
		"| modules in go.sum after `go mod tidy` | %d | %d | %s |\n"+
		"| share of the time at init | | %.0f %% | in packages of ours and bce-sdk-go's |\n",
		len(bare.packages), len(client.packages), len(client.packages)-len(bare.packages), len(ours), len(theirs), standard,
		float64(client.size)/float64(bare.size), float64(client.size-bare.size)/1e6,
		len(client.linked), strings.Join(client.linked, ", "),
		len(bare.modules), len(client.modules), strings.Join(client.modules, ", "),
		100*init.ours/init.all)
	t.Logf("packages added: %s", strings.Join(slices.DeleteFunc(client.packages, func(p string) bool { return slices.Contains(bare.packages, p) }), " "))
	assert.ElementsMatch(t, wantModules, client.modules, "modules in a user's go.sum")
}

// spent is time at init in milliseconds.
type spent struct{ ours, all float64 }

// initTime runs the program, which does nothing, and takes the run that was disturbed least: the quickest.
func initTime(t *testing.T, binary string, modules ...string) spent {
	t.Helper()
	var runs []spent
	for range 41 {
		command := exec.Command(binary)
		command.Env = append(slices.Clip(environment), "GODEBUG=inittrace=1")
		var trace bytes.Buffer
		command.Stderr = &trace
		assert.NoError(t, command.Run())
		runs = append(runs, readInitTrace(t, &trace, modules))
	}
	return slices.MinFunc(runs, func(a, b spent) int { return cmp.Compare(a.all, b.all) })
}

// readInitTrace reads lines like "init net/http @0.5 ms, 0.035 ms clock, 5120 bytes, 63 allocs". Packages with
// nothing to initialize have none.
func readInitTrace(t *testing.T, trace *bytes.Buffer, modules []string) (sum spent) {
	t.Helper()
	for lines := bufio.NewScanner(trace); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || fields[0] != "init" {
			continue
		}
		milliseconds, err := strconv.ParseFloat(fields[4], 64)
		assert.NoError(t, err, lines.Text())
		sum.all += milliseconds
		if slices.ContainsFunc(modules, func(m string) bool { return isOf(m, fields[1]) }) {
			sum.ours += milliseconds
		}
	}
	return sum
}
