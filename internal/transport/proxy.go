package transport

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// proxyRefusal is a proxy's status in response to CONNECT, other than 200. net/http would keep only its text, which err is.
type proxyRefusal struct {
	status int
	err    error
}

func (p *proxyRefusal) Error() string {
	status := strings.TrimSpace(fmt.Sprint(p.status, " ", http.StatusText(p.status)))
	return "the proxy answered " + status + " to CONNECT"
}

func (p *proxyRefusal) Unwrap() error { return p.err }

// checkProxyResponse is an http.Transport's OnProxyConnectResponse.
func checkProxyResponse(_ context.Context, _ *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		return &proxyRefusal{status: response.StatusCode}
	}
	return nil
}

// refusalByText knows a proxy's refusal by its reason phrase, which is all that net/http keeps of one in a caller's transport.
// It is for an error of a request that asked a proxy for a connection and got none: any other can have the same text. A proxy
// that has a phrase of its own is not understood.
func refusalByText(err error) error {
	for status := 100; status <= 599; status++ {
		if text := http.StatusText(status); text != "" && text == err.Error() {
			return &proxyRefusal{status, err}
		}
	}
	return err
}

// throughProxy adds to an error that the connection was to a proxy, if the address that was asked for is not the
// request's own.
func throughProxy(asked string, target *url.URL, err error) error {
	if asked == "" || asked == dialAddress(target) {
		return err
	}
	return fmt.Errorf("through the proxy %s: %w", asked, err)
}

// dialAddress is what net/http connects to for a request without a proxy.
func dialAddress(target *url.URL) string {
	port := target.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[target.Scheme]
	}
	return net.JoinHostPort(target.Hostname(), port)
}
