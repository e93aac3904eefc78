package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
)

// permanent reports whether connecting again would fail the same way: a certificate that does not verify, a peer that
// does not speak TLS, a host name that cannot exist, a proxy that wants another password.
func permanent(err error) bool {
	var certificate *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	var dns *net.DNSError
	return errors.As(err, &certificate) || errors.As(err, &notTLS) ||
		errors.As(err, &dns) && dns.IsNotFound && !validHostName(dns.Name) || isProxyAuthRequired(err)
}

func isProxyAuthRequired(err error) bool {
	var refusal *proxyRefusal
	return errors.As(err, &refusal) && refusal.status == http.StatusProxyAuthRequired
}

// validHostName knows only the lengths and the letters that DNS allows: names that break them are refused
// by resolvers without asking anybody.
func validHostName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notInHostName) {
			return false
		}
	}
	return len(name) <= 253
}

func notInHostName(r rune) bool {
	return !(r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
}
