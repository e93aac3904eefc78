package proof

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var runRules = flag.Bool("rules", false, "TestRules: switch each rule off in a copy of its files, and run the tests that have to find it")

// rulesOf are the folders of patches that each switch a rule off, and where one is looked for beside the packages
// that it changes.
var rulesOf = map[string][]string{
	"testdata/rules":                     {".", "./internal/transport"},
	"once/internal/proof/testdata/rules": {"./once", "-schedule=30000"},
}

// TestRules shows that the tests can fail: each patch applies, and with -rules a test finds what it does.
func TestRules(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git applies the patches")
	}
	for folder, packages := range rulesOf {
		patches, err := filepath.Glob(filepath.Join("..", "..", folder, "*.patch"))
		require.NoError(t, err)
		for _, patch := range patches {
			t.Run(strings.TrimSuffix(filepath.Base(patch), ".patch"), func(t *testing.T) {
				text, err := os.ReadFile(patch)
				require.NoError(t, err)
				changed := apply(t, string(text))
				if *runRules {
					t.Parallel()
					find(t, string(text), changed, packages)
				}
			})
		}
	}
}

// apply returns a folder with the files that a patch changes, as they are with it.
func apply(t *testing.T, patch string) (changed string) {
	t.Helper()
	changed = t.TempDir()
	files := filesOf(patch)
	require.NotEmpty(t, files, "the patch changes nothing")
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("..", "..", file))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(changed, file)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(changed, file), text, 0o600))
	}
	git := exec.Command("git", "apply", "--unidiff-zero", "-")
	git.Dir, git.Stdin = changed, strings.NewReader(patch)
	output, err := git.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return changed
}

func filesOf(patch string) (files []string) {
	for _, found := range regexp.MustCompile(`(?m)^\+\+\+ b/(\S+)`).FindAllStringSubmatch(patch, -1) {
		files = append(files, found[1])
	}
	return files
}

// find runs the tests of the changed packages with the changed files in place of their own, and then the others: all, or those
// that a line "Found by: TestName" names.
func find(t *testing.T, patch, changed string, others []string) {
	t.Helper()
	arguments := []string{"test", "-vet=off", "-count=1", "-failfast", "-skip=README"}
	if _, name, found := strings.Cut(patch, "\nFound by: "); found {
		name, _, _ = strings.Cut(name, "\n")
		arguments = append(arguments, "-run=^("+name+")")
	}
	var first []string
	for _, file := range filesOf(patch) {
		first = append(first, "./"+path.Dir(file))
	}
	for _, packages := range [][]string{first, others} {
		test := exec.Command("go", slices.Concat(arguments, packages)...)
		test.Dir = filepath.Join("..", "..")
		test.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay(t, patch, changed)) // also for tests that build
		if output, err := test.CombinedOutput(); err != nil {
			assert.Contains(t, string(output), "--- FAIL: ", "it does not build")
			return
		}
	}
	assert.Fail(t, "no test fails")
}

// overlay is a file in which the go command reads which files to replace.
func overlay(t *testing.T, patch, changed string) string {
	t.Helper()
	replace := map[string]string{}
	for _, file := range filesOf(patch) {
		original, err := filepath.Abs(filepath.Join("..", "..", file))
		require.NoError(t, err)
		replace[original] = filepath.Join(changed, file)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	name := filepath.Join(changed, "overlay.json")
	require.NoError(t, os.WriteFile(name, text, 0o600))
	return name
}
