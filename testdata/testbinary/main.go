// Testbinary is a test binary as Bazel and Please link them: package testing runs in it, and [testing.Testing] is false. Its
// client is made before that, as a variable of a test's package is. It buys without a mock and with one, and prints what came
// of it.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/qianfan-go/computeunit"
)

// client is of the default endpoint, or of the one that the argument names if it is not empty.
var client = func() *computeunit.Client {
	var options []computeunit.Option
	if os.Args[1] != "" {
		options = append(options, computeunit.WithEndpoint(os.Args[1]))
	}
	made, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), append(options, computeunit.WithMaxAttempts(1))...)
	if err != nil {
		panic(err)
	}
	return made
}()

type mock struct{}

func (mock) RoundTrip(*http.Request) (*http.Response, error) {
	body := io.NopCloser(strings.NewReader(`{"requestId":"r","result":{"instanceId":"mocked","orderId":"o"}}`))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, ContentLength: -1}, nil
}

func buy() {
	bought, err := client.PurchaseComputeUnit(context.Background(), computeunit.PurchaseComputeUnitRequest{
		ServiceID: "svco-1", Billing: computeunit.Prepaid(1), ReplicasCount: 1,
	})
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Println("bought:", bought.Result.InstanceID)
}

func main() {
	testing.Init() // as testing.MainStart does
	fmt.Println("testing:", testing.Testing())
	buy()
	http.DefaultTransport = mock{}
	buy()
}
