package proof

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// consumer is a program of a module of its own that uses this package, built.
type consumer struct {
	binary   string
	size     int64
	packages []string
	linked   []string // modules with a package in the binary
	modules  []string // modules in go.sum
}

func (c consumer) packagesOf(module string) (packages []string) {
	for _, p := range c.packages {
		if isOf(module, p) {
			packages = append(packages, p)
		}
	}
	return packages
}

func isOf(module, packagePath string) bool {
	return packagePath == module || strings.HasPrefix(packagePath, module+"/")
}

// buildConsumer makes a module, which takes this package from the checkout, and builds its program stripped.
func buildConsumer(t *testing.T, name, program string) consumer {
	t.Helper()
	folder := t.TempDir()
	writeConsumer(t, folder, name, program)
	goTool(t, folder, "mod", "tidy")
	c := consumer{binary: filepath.Join(folder, name)}
	goTool(t, folder, "build", "-trimpath", "-ldflags=-s -w", "-o", c.binary, ".")
	info, err := os.Stat(c.binary)
	require.NoError(t, err)
	c.size = info.Size()
	c.packages = slices.DeleteFunc(listPackages(t, folder, "."), func(p string) bool { return p == "example.com/"+name })
	c.linked = strings.Fields(goTool(t, folder, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "."))
	slices.Sort(c.linked)
	c.linked = slices.Compact(c.linked)
	c.modules = modulesIn(t, filepath.Join(folder, "go.sum"))
	return c
}

func writeConsumer(t *testing.T, folder, name, program string) {
	t.Helper()
	module := "module example.com/" + name + "\n\ngo 1.25.0\n"
	if strings.Contains(program, thisModule) {
		module += "\nrequire " + thisModule + " v0.0.0\n\nreplace " + thisModule + " => " + strconv.Quote(checkout(t)) + "\n"
	}
	sums, err := os.ReadFile(filepath.Join(checkout(t), "go.sum")) // known sums need no look-up; tidy drops those not needed
	require.NoError(t, err)
	for file, text := range map[string]string{"go.mod": module, "go.sum": string(sums), "main.go": program} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600))
	}
}

// checkout is the folder of this module.
func checkout(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	return folder
}

func listPackages(t *testing.T, folder string, patterns ...string) []string {
	t.Helper()
	return strings.Fields(goTool(t, folder, append([]string{"list", "-deps"}, patterns...)...))
}

func goTool(t *testing.T, folder string, arguments ...string) string {
	t.Helper()
	command := exec.Command("go", arguments...)
	command.Dir = folder
	command.Env = append(slices.Clip(environment), "GOWORK=off", "GOFLAGS=-buildvcs=false")
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
