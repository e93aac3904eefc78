package computeunit_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// panicVariable makes this test binary, started again, panic in the way that it names.
const panicVariable = "COMPUTEUNIT_TEST_PANIC"

// A panic prints its value and the stacks of all goroutines, and often ends up in a log.
func TestAPanicShowsNoSecret(t *testing.T) {
	client := newClientWith(t, provider{testCredentials()}, roundTripFunc(func(req *http.Request) (*http.Response, error) {
		panic(req.URL.Path)
	}))
	withKeys := providerFunc(func(context.Context) (computeunit.Credentials, error) { panic(testCredentials()) })
	panics := map[string]func(){
		"credentials":            func() { panic(testCredentials()) },
		"pointer to credentials": func() { c := testCredentials(); panic(&c) },
		"client":                 func() { panic(client) },
		"in the transport":       func() { _ = buy(t, client) },
		"in the provider":        func() { _ = buy(t, newClientWith(t, withKeys, answerBought())) },
	}
	if how, ok := os.LookupEnv(panicVariable); ok {
		panics[how]()
		return
	}
	for how := range panics {
		t.Run(how, func(t *testing.T) {
			command := exec.Command(os.Args[0], "-test.run=^TestAPanicShowsNoSecret$")
			command.Env = append(os.Environ(), panicVariable+"="+how, "GOTRACEBACK=all")
			output, err := command.CombinedOutput()
			require.Error(t, err)
			assert.Contains(t, string(output), "goroutine ")
			assertNoSecret(t, string(output))
		})
	}
}
