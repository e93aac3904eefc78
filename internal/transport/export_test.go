package transport

import "net/http"

// Own is the default transport, for tests that give it a proxy or a certificate to trust.
func (t *Transport) Own() *http.Transport { return t.own }

// BeginWithMock is a program in which a mock had replaced http.DefaultTransport before this package was initialized.
func BeginWithMock() (restore func()) {
	before := original
	original = nil
	return func() { original = before }
}
