package computeunit_test

import (
	"fmt"
	"go/scanner"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// The conventions for the code in the READMEs, so that it can be compiled:
//
//   - A ```go fence that starts with "package" is a whole file. Those of one package belong together; one that
//     imports "testing" is a _test.go file. They are compiled, vetted, and their tests are run.
//   - Every other ```go fence is statements. They are compiled and vetted as the body of a function that returns an
//     error, with the names of fragmentNames, and with the imports of fragmentImports that they use.
var readmes = []string{"README.md", "README.zh-CN.md"}

const fragmentNames = `
var (
	ctx     = context.Background()
	client  *computeunit.Client
	before  *computeunit.DescribeComputeUnitsResponse
	request computeunit.PurchaseComputeUnitRequest
	err     error
)
`

var fragmentImports = map[string]string{
	"context": "context", "errors": "errors", "json": "encoding/json", "log": "log", "slog": "log/slog", "time": "time",
	"computeunit": "github.com/qianfan-go/computeunit",
}

var fencePattern = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// fences are the contents of a README's code blocks in a language.
func fences(t *testing.T, readme, language string) (code []string) {
	t.Helper()
	for _, match := range fencePattern.FindAllStringSubmatch(read(t, readme), -1) {
		if match[1] == language {
			code = append(code, match[2])
		}
	}
	require.NotEmpty(t, code, readme)
	return code
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// prose is a README without its code blocks.
func prose(t *testing.T, readme string) string {
	t.Helper()
	return fencePattern.ReplaceAllString(read(t, readme), "")
}

// TestREADME compiles, vets and runs the code of both READMEs as a service would: in modules of their own.
func TestREADME(t *testing.T) {
	for _, readme := range readmes {
		t.Run(readme, func(t *testing.T) {
			folder := readmeModule(t, readme)
			inModule(t, folder, nil, "vet", "./...")
			inModule(t, folder, nil, "test", "./...")
			assert.Contains(t, buyFromSimulator(t, folder, simulator.Fault{}), "bought: instance")
			lost := simulator.Fault{Kind: simulator.Reset, When: simulator.AfterOrder}
			assert.Contains(t, buyFromSimulator(t, folder, lost), "bought, as the list shows: instance")
		})
	}
}

// readmeModule writes a module with all the code. It takes this package from the checkout, and the rest from the
// module cache: no network.
func readmeModule(t *testing.T, readme string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	checkout, err := os.Getwd()
	require.NoError(t, err)
	_, requirements, _ := strings.Cut(read(t, "go.mod"), "\ngo ")
	write(t, folder, "go.mod", "module example.com/readme\n\ngo "+requirements+
		"\nrequire github.com/qianfan-go/computeunit v0.0.0\n\nreplace github.com/qianfan-go/computeunit => "+strconv.Quote(checkout)+"\n")
	write(t, folder, "go.sum", read(t, "go.sum"))
	for i, code := range fences(t, readme, "go") {
		name, isFile := strings.CutPrefix(code, "package ")
		switch {
		case !isFile:
			write(t, folder, fmt.Sprintf("fragment%d/fragment.go", i), wrapped(code))
		case strings.Contains(code, `"testing"`):
			write(t, folder, fmt.Sprintf("%s/fence%d_test.go", strings.Fields(name)[0], i), code)
		default:
			write(t, folder, fmt.Sprintf("%s/fence%d.go", strings.Fields(name)[0], i), code)
		}
	}
	return folder
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	path := filepath.Join(folder, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// wrapped makes a file of statements.
func wrapped(code string) string {
	var file strings.Builder
	file.WriteString("package fragment\n\nimport (\n")
	for _, name := range slices.Sorted(maps.Keys(fragmentImports)) {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(code + fragmentNames) {
			fmt.Fprintf(&file, "\t%q\n", fragmentImports[name])
		}
	}
	file.WriteString(")\n" + fragmentNames + "\nfunc _() error {\n" + code)
	file.WriteString("\t_, _ = client, err\n\treturn nil\n}\n")
	return file.String()
}

func inModule(t *testing.T, folder string, environment []string, arguments ...string) string {
	t.Helper()
	command := exec.Command("go", arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off", "GOTOOLCHAIN=local")
	command.Env = append(command.Env, environment...)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "go %s:\n%s", strings.Join(arguments, " "), output)
	return string(output)
}

func buyFromSimulator(t *testing.T, folder string, fault simulator.Fault) (output string) {
	t.Helper()
	sim := simulator.New(simulator.Config{})
	sim.Inject(fault)
	url, stop, err := simulator.Serve(sim)
	require.NoError(t, err)
	defer stop()
	defer func() { assert.Len(t, sim.Orders(), 1) }()
	return inModule(t, folder, []string{
		"QIANFAN_ACCESS_KEY=" + simulator.DefaultAccessKeyID,
		"QIANFAN_SECRET_KEY=" + simulator.DefaultSecretAccessKey,
		"QIANFAN_CONSOLE_BASE_URL=" + url,
	}, "run", "./main")
}

func TestTheREADMEsHaveTheSameCode(t *testing.T) {
	for language, bare := range map[string]func(string) string{"go": withoutGoComments, "sh": withoutShellComments} {
		code := make([][]string, len(readmes))
		for i, readme := range readmes {
			for _, fence := range fences(t, readme, language) {
				code[i] = append(code[i], bare(fence))
			}
		}
		assert.Equal(t, code[0], code[1])
	}
}

// withoutGoComments is the tokens, one a line.
func withoutGoComments(code string) string {
	var tokens strings.Builder
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(code)), []byte(code), nil, 0)
	for {
		_, kind, literal := s.Scan()
		if kind == token.EOF {
			return tokens.String()
		}
		fmt.Fprintf(&tokens, "%s %s\n", kind, literal)
	}
}

var shellComment = regexp.MustCompile(`(?m)^#.*$`)

func withoutShellComments(code string) string { return shellComment.ReplaceAllString(code, "#") }

func TestTheREADMEsNameTheTwoCommands(t *testing.T) {
	for _, readme := range readmes {
		assert.Equal(t, "go run ./examples/prepaid\ngo test ./...\n", fences(t, readme, "sh")[0], readme)
	}
}

// What the READMEs point at must be there: files, headings, tests, programs, targets of make.
func TestTheREADMEsPointAtWhatExists(t *testing.T) {
	tests := testNames(t)
	for _, readme := range readmes {
		text := prose(t, readme)
		for _, link := range all(`\]\(([^)]+)\)`, text) {
			checkLink(t, readme, link)
		}
		named := all(`\b((?:Test|Fuzz|Example)[A-Z]\w+)`, text)
		assert.Greater(t, len(named), 20, readme)
		for _, name := range named {
			assert.True(t, tests[name], "%s: there is no test %s", readme, name)
		}
		for _, program := range all(`go run \./(\w+/\w+)`, read(t, readme)) {
			assert.DirExists(t, program, readme)
		}
		makefile := read(t, "Makefile")
		for _, target := range all("`make ([\\w-]+)`", text) {
			assert.Regexp(t, `(?m)^`+target+`:`, makefile, readme)
		}
	}
}

// all is the first group of every match.
func all(pattern, text string) (found []string) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

func checkLink(t *testing.T, readme, link string) {
	t.Helper()
	switch heading, within := strings.CutPrefix(link, "#"); {
	case strings.HasPrefix(link, "https://"):
	case within:
		assert.Contains(t, anchors(t, readme), heading, readme)
	default:
		_, err := os.Stat(filepath.FromSlash(link))
		assert.NoError(t, err, readme)
	}
}

// anchors are the headings as GitHub links to them: lower-case, blanks as hyphens, without punctuation.
func anchors(t *testing.T, readme string) (anchors []string) {
	punctuation := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, heading := range all(`(?m)^#+ (.+)$`, prose(t, readme)) {
		anchors = append(anchors, strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(heading), ""), " ", "-"))
	}
	return anchors
}

// testNames are the tests of this module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "internal/*/*_test.go"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			for _, name := range all(`(?m)^func ((?:Test|Fuzz|Example)\w+)\(`, read(t, path)) {
				names[name] = true
			}
		}
	}
	return names
}
