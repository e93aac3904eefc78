package transport

import "net/http"

// HTTP is the default transport, or the clone, for tests that give it a proxy, a dialer or a certificate to trust.
func (t *Transport) HTTP() *http.Transport { return t.usual.(http1).Transport }
