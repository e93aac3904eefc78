package computeunit_test

import (
	"bufio"
	"bytes"
	"cmp"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var weight = flag.Bool("weight", false, "TestWeight builds two programs, and tells what importing this package costs")

const (
	thisModule = "github.com/qianfan-go/computeunit"
	bceModule  = "github.com/baidubce/bce-sdk-go"
)

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
		answer, err := http.Post(os.Args[1], "application/json", strings.NewReader("{}"))
		if err != nil {
			panic(err)
		}
		defer answer.Body.Close()
		io.Copy(os.Stdout, answer.Body)
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

// TestWeight prints what importing this package costs a service that has net/http anyway.
func TestWeight(t *testing.T) {
	if !*weight {
		t.Skip("go test -run TestWeight -v . -weight")
	}
	bare, client := buildConsumer(t, "bare", bareProgram), buildConsumer(t, "client", clientProgram)
	ours, theirs := client.packagesOf(thisModule), client.packagesOf(bceModule)
	standard := len(client.packages) - len(bare.packages) - len(ours) - len(theirs)
	init := initTime(t, client.binary, thisModule, bceModule)

	t.Logf("%s, %s", time.Now().Format(time.DateOnly), goTool(t, ".", "version"))
	t.Logf("\n\n| | a bare POST | the same with this client | added |\n|---|---|---|---|\n"+
		"| packages linked | %d | %d | %d: %d of ours, %d of bce-sdk-go, %d of the standard library |\n"+
		"| binary, stripped | %.2f MB | %.2f MB | %.2f MB, × %.2f |\n"+
		"| modules linked | 0 | %d | %s |\n"+
		"| modules in go.sum after go mod tidy | %d | %d | %s |\n"+
		"| time at init | %.0f µs | %.0f µs | %.0f µs, %.0f %% of the whole, in packages of ours and bce-sdk-go's |\n",
		len(bare.packages), len(client.packages), len(client.packages)-len(bare.packages), len(ours), len(theirs), standard,
		megabytes(bare.size), megabytes(client.size), megabytes(client.size-bare.size), float64(client.size)/float64(bare.size),
		len(client.linked), strings.Join(client.linked, ", "),
		len(bare.modules), len(client.modules), strings.Join(client.modules, ", "),
		initTime(t, bare.binary).all, init.all, init.ours, 100*init.ours/init.all)
	added := slices.DeleteFunc(client.packages, func(p string) bool { return slices.Contains(bare.packages, p) })
	t.Logf("packages added: %s", strings.Join(added, " "))
}

// consumer is a service's module, built.
type consumer struct {
	binary   string
	size     int64
	packages []string
	linked   []string // modules with a package in the binary
	modules  []string // modules in go.sum
}

func (c consumer) packagesOf(module string) []string {
	var of []string
	for _, p := range c.packages {
		if p == module || strings.HasPrefix(p, module+"/") {
			of = append(of, p)
		}
	}
	return of
}

// buildConsumer makes a module of its own, which takes this package from the checkout, and builds it stripped.
func buildConsumer(t *testing.T, name, program string) consumer {
	t.Helper()
	folder := t.TempDir()
	checkout, err := os.Getwd()
	require.NoError(t, err)
	write := func(file, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600))
	}
	module := "module example.com/" + name + "\n\ngo 1.25.0\n"
	if strings.Contains(program, thisModule) {
		module += "\nrequire " + thisModule + " v0.0.0\n\nreplace " + thisModule + " => " + strconv.Quote(checkout) + "\n"
	}
	sums, err := os.ReadFile("go.sum") // known sums need no look-up; tidy drops those that the service does not need
	require.NoError(t, err)
	write("go.mod", module)
	write("go.sum", string(sums))
	write("main.go", program)

	goTool(t, folder, "mod", "tidy")
	goTool(t, folder, "build", "-trimpath", "-ldflags=-s -w", "-o", name, ".")
	c := consumer{binary: filepath.Join(folder, name), packages: strings.Fields(goTool(t, folder, "list", "-deps", "."))}
	c.packages = slices.DeleteFunc(c.packages, func(p string) bool { return p == "example.com/"+name })
	modules := strings.Fields(goTool(t, folder, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "."))
	slices.Sort(modules)
	c.linked = slices.Compact(modules)
	c.modules = modulesIn(t, filepath.Join(folder, "go.sum"))
	info, err := os.Stat(c.binary)
	require.NoError(t, err)
	c.size = info.Size()
	return c
}

func goTool(t *testing.T, folder string, arguments ...string) string {
	t.Helper()
	command := exec.Command("go", arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	require.NoError(t, err, "go %s: %s", strings.Join(arguments, " "), problems.String())
	return strings.TrimSpace(string(output))
}

// modulesIn names the modules that a go.sum has lines for. Of one with only a go.mod line no code is downloaded.
func modulesIn(t *testing.T, path string) []string {
	t.Helper()
	sums, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	code := map[string]bool{}
	var modules []string
	for line := range strings.Lines(string(sums)) {
		fields := strings.Fields(line)
		if !slices.Contains(modules, fields[0]) {
			modules = append(modules, fields[0])
		}
		code[fields[0]] = code[fields[0]] || !strings.HasSuffix(fields[1], "/go.mod")
	}
	for i, module := range modules {
		if !code[module] {
			modules[i] = module + " (go.mod only)"
		}
	}
	return modules
}

// spent is time at init in microseconds.
type spent struct{ ours, all float64 }

// initTime runs the program, which does nothing, and takes the run that was disturbed least: the quickest.
func initTime(t *testing.T, binary string, modules ...string) spent {
	t.Helper()
	var runs []spent
	for range 41 {
		command := exec.Command(binary)
		command.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		var trace bytes.Buffer
		command.Stderr = &trace
		require.NoError(t, command.Run())
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
		require.NoError(t, err, lines.Text())
		sum.all += 1000 * milliseconds
		if slices.ContainsFunc(modules, func(m string) bool { return strings.HasPrefix(fields[1], m) }) {
			sum.ours += 1000 * milliseconds
		}
	}
	return sum
}

func megabytes(size int64) float64 { return float64(size) / 1e6 }
