// Js prints why there is no transport on js/wasm, neither a default one nor one of the caller's.
package main

import (
	"fmt"
	"net/http"

	"github.com/qianfan-go/computeunit/internal/transport"
)

func main() {
	for _, callers := range []http.RoundTripper{nil, http.DefaultTransport} {
		_, err := transport.New(transport.Config{RoundTripper: callers})
		fmt.Println(err)
	}
}
