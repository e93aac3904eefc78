package examples_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each example is to be copied: its folder must compile in another module, whatever is beside it here.
func TestEveryExampleCompilesInAnotherModule(t *testing.T) {
	folders := exampleFolders(t)
	require.GreaterOrEqual(t, len(folders), 5)
	others := otherModule(t, "..")
	for _, folder := range folders {
		assertNothingInternal(t, folder)
		if !isModule(folder) {
			copyFolder(t, folder, filepath.Join(others, folder))
		}
	}
	vet(t, others)
}

// A module of its own has requirements that the root has not.
func TestEveryExampleWithRequirementsCompilesInAnotherModule(t *testing.T) {
	for _, folder := range exampleFolders(t) {
		if !isModule(folder) {
			continue
		}
		t.Run(folder, func(t *testing.T) {
			download(t, folder)
			module := otherModule(t, folder)
			copyFolder(t, folder, filepath.Join(module, folder))
			vet(t, module)
		})
	}
}

func TestTheExamplesInTheDocumentationCompileInAnotherModule(t *testing.T) {
	module := otherModule(t, "..")
	for name, folder := range map[string]string{"computeunit": "..", "computeunittest": "../computeunittest"} {
		text, err := os.ReadFile(filepath.Join(folder, "example_test.go"))
		require.NoError(t, err)
		require.NoError(t, os.Mkdir(filepath.Join(module, name), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(module, name, "example_test.go"), text, 0o600))
	}
	vet(t, module)
}

// exampleFolders are the folders beside this file.
func exampleFolders(t *testing.T) (folders []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.IsDir() {
			folders = append(folders, entry.Name())
		}
	}
	return folders
}

func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

// The two that can spend money have a file in common, because each is to be copied alone.
func TestPrepaidAndPostpaidAskInTheSameWay(t *testing.T) {
	prepaid, err := os.ReadFile("prepaid/live.go")
	require.NoError(t, err)
	postpaid, err := os.ReadFile("postpaid/live.go")
	require.NoError(t, err)
	assert.Equal(t, string(prepaid), string(postpaid))
}

// assertNothingInternal wants imports that every module may have.
func assertNothingInternal(t *testing.T, folder string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range file.Imports {
			assert.NotContains(t, imported.Path.Value, "/internal/", path)
			assert.NotContains(t, imported.Path.Value, "/computeunit/examples/", path)
		}
	}
}

// download brings the requirements of a nested module into the module cache, which has those of the root only. Without
// them there, and without a network, nothing can compile the copy.
func download(t *testing.T, folder string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "mod", "download")
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		require.Empty(t, os.Getenv("CI"), "the requirements of %s: %s", folder, output)
		t.Skipf("the requirements of %s are not to be had: %s", folder, output)
	}
}

// otherModule is an empty module with the requirements of the one in the folder, and this repository for the library.
func otherModule(t *testing.T, folder string) (module string) {
	t.Helper()
	module = t.TempDir()
	repository, err := filepath.Abs("..")
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	require.NoError(t, err)
	_, requirements, found := strings.Cut(string(text), "\ngo ")
	require.True(t, found)
	lines := []string{"module example.com/copied", "", "go " + requirements}
	lines = append(lines, "replace github.com/qianfan-go/computeunit => "+strconv.Quote(filepath.ToSlash(repository)))
	if !strings.Contains(requirements, "github.com/qianfan-go/computeunit") {
		lines = append(lines, "require github.com/qianfan-go/computeunit v0.0.0-00010101000000-000000000000")
	}
	mod := strings.ReplaceAll(strings.Join(lines, "\n"), "replace github.com/qianfan-go/computeunit => ../..\n", "")
	require.NoError(t, os.WriteFile(filepath.Join(module, "go.mod"), []byte(mod+"\n"), 0o600))
	sums, err := os.ReadFile(filepath.Join(folder, "go.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(module, "go.sum"), sums, 0o600))
	return module
}

// copyFolder leaves out what makes the folder a module.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() == "go.mod" || entry.Name() == "go.sum" {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, relative), 0o700)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), text, 0o600)
	}))
}

// vet compiles the module with its tests, from the module cache: no network.
func vet(t *testing.T, module string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "vet", "./...")
	command.Dir = module
	command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off", "GOTOOLCHAIN=local")
	output, err := command.CombinedOutput()
	assert.NoError(t, err, string(output))
}
