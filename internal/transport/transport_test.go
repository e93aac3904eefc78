package transport_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/transport"
)

func TestATransportThatExcludesHTTP1IsRefused(t *testing.T) {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	_, err := transport.New(transport.Config{RoundTripper: &http.Transport{Protocols: protocols}})
	assert.ErrorContains(t, err, "exclude HTTP/1")
	protocols.SetHTTP1(true)
	_, err = transport.New(transport.Config{RoundTripper: &http.Transport{Protocols: protocols}})
	assert.NoError(t, err)
}

// A program for js/wasm, where fetch follows redirects, cannot send: it is run by node, with what comes with Go for that.
func TestOnJSNothingCanBeSent(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no node to run it")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	execute := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "go_js_wasm_exec")
	command := exec.Command("go", "run", "-exec", execute, "./testdata/js")
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
	assert.Equal(t, 2, strings.Count(string(output), "js/wasm is not supported"), string(output))
}
