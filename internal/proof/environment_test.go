package proof

import (
	"encoding/pem"
	"io"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// The default transport takes its proxy and the certificates that it trusts from the environment. Go reads both once a
// process: so they are set before any test.
var proxy *moodyProxy

// defaultTrustsTests reports whether the default transport trusts the certificate of httptest: if Go takes roots from a file.
var defaultTrustsTests = runtime.GOOS != "windows" && runtime.GOOS != "darwin"

// proxiedHost is in the certificate of httptest. Nobody looks it up: the proxy connects to the service, whatever it is asked for.
const proxiedHost = "https://example.com"

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	log.SetOutput(io.Discard) // net/http reports there what it thinks of faults
	folder, err := os.MkdirTemp("", "proof")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	proxy = startMoodyProxy()
	defer proxy.listener.Close()
	for name, value := range map[string]string{
		"SSL_CERT_FILE": writeCertificate(folder), "HTTPS_PROXY": proxy.url(), "NO_PROXY": "", "no_proxy": "",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// writeCertificate writes the one that every TLS server of httptest has.
func writeCertificate(folder string) (path string) {
	path = filepath.Join(folder, "certificate.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate()[0].Certificate[0]})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		panic(err)
	}
	return path
}
