package transport

import "net/http"

// Own is the default transport, for tests that give it a proxy or a certificate to trust.
func (t *Transport) Own() *http.Transport { return t.own }
