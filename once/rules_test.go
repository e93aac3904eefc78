package once_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/proof"
)

var runRules = flag.Bool("rules", false, "TestRules: switch each rule off in a copy of the module, and run the test that has to find it")

// TestRulesApply keeps the patches that switch the rules off up to date.
func TestRulesApply(t *testing.T) {
	rules, err := proof.Rules("internal/proof/testdata/rules")
	require.NoError(t, err)
	require.NotEmpty(t, rules)
	for _, rule := range rules {
		_, err := rule.Apply("..")
		assert.NoError(t, err)
		assert.Regexp(t, `^Test\w+$`, rule.FoundBy, rule.Name)
	}
}

// TestRules shows that the proof can fail: without any one of the rules a test finds what breaks.
func TestRules(t *testing.T) {
	if !*runRules {
		t.Skip("run with -rules")
	}
	rules, err := proof.Rules("internal/proof/testdata/rules")
	require.NoError(t, err)
	for _, rule := range rules {
		changed, err := rule.Apply("..")
		require.NoError(t, err)
		output, err := testWith(t, changed, rule)
		var failed *exec.ExitError
		if assert.ErrorAs(t, err, &failed, "%s: no test fails", rule.Name) {
			t.Logf("%-32s %s", rule.Name, how(t, string(output), rule.FoundBy))
		}
	}
}

// testWith runs tests of this package in a copy of the module with other files.
func testWith(t *testing.T, changed map[string]string, rule proof.Rule) ([]byte, error) {
	root := t.TempDir()
	for _, part := range []string{".", "internal", "once"} {
		require.NoError(t, copyTree("..", part, root))
	}
	for name, text := range changed {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	command := exec.Command("go", "test", "-trimpath", "-vet=off", "-timeout=10m", "-count=1", "-run", "^"+rule.FoundBy+"$")
	if rule.FoundBy == "TestSchedule" {
		command.Args = append(command.Args, "-schedule=20000")
	}
	command.Dir = filepath.Join(root, rule.In)
	return command.CombinedOutput()
}

// copyTree copies the Go files of the root, or whole folders but for nested modules.
func copyTree(from, part, to string) error {
	return filepath.WalkDir(filepath.Join(from, part), func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && part == "." && name != ".":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case part == "." && (strings.HasSuffix(name, "_test.go") || filepath.Ext(name) != ".go" && !strings.HasPrefix(name, "go.")):
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), data, 0o600)
		}
		return err
	})
}

// how reads from a test's output what it found.
func how(t *testing.T, output, run string) string {
	if found := regexp.MustCompile(`seed (\d+): (\[.*\])`).FindStringSubmatch(output); found != nil {
		return fmt.Sprintf("%s, seed %s: %s", run, found[1], found[2])
	}
	if !strings.Contains(output, "--- FAIL: "+run) {
		t.Errorf("it does not build, or another test failed:\n%.2000s", output)
	}
	return run
}
