package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPermanent(t *testing.T) {
	notFound := func(name string) error { return &net.DNSError{Name: name, IsNotFound: true} }
	for _, row := range []struct {
		name string
		err  error
		want bool
	}{
		{"refused", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, false},
		{"certificate", fmt.Errorf("x: %w", &tls.CertificateVerificationError{}), true},
		{"not TLS", tls.RecordHeaderError{}, true},
		{"name not found", notFound("qianfan.baidubce.com"), false},
		{"name with a dot at its end", notFound("qianfan.baidubce.com."), false},
		{"name with an underscore", notFound("my_service"), false},
		{"empty label", notFound("bad..name"), true},
		{"blank", notFound("bad name"), true},
		{"label too long", notFound(strings.Repeat("a", 64)), true},
		{"longest label", notFound(strings.Repeat("a", 63)), false},
		{"name too long", notFound(strings.Repeat("a.", 127) + "a"), true},
		{"proxy wants a password", fmt.Errorf("x: %w", &proxyRefusal{status: 407}), true},
		{"proxy wants a password, as net/http puts it", refusalByText(errors.New("Proxy Authentication Required")), true},
		{"a text that need not be a proxy's", errors.New("Proxy Authentication Required"), false},
		{"proxy refuses", &proxyRefusal{status: 403}, false},
		{"server down", &net.DNSError{Name: "bad..name", IsTimeout: true}, false},
	} {
		t.Run(row.name, func(t *testing.T) { assert.Equal(t, row.want, permanent(row.err)) })
	}
}
