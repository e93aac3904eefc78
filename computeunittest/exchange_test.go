package computeunittest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhatIsNoRequestOfTheAPIIsRefused(t *testing.T) {
	body := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}
	}
	for name, test := range map[string]struct {
		method, action string
		alter          func(*http.Request)
		code           string
	}{
		"unknown path":   {"POST", buying, func(r *http.Request) { r.URL.Path = "/v2/other"; r.Header.Del("Authorization") }, "ResourceNotFound"},
		"not signed":     {"POST", buying, func(r *http.Request) { r.Header.Del("Authorization") }, "SignatureEmpty"},
		"GET":            {"GET", listing, func(*http.Request) {}, "InvalidHTTPRequest"},
		"unknown action": {"POST", "Buy", func(*http.Request) {}, "InvalidURI"},
		"huge body":      {"POST", listing, body(strings.Repeat(" ", 65<<10)), "InvalidHTTPRequest"},
		"no JSON":        {"POST", buying, body("{"), "MalformedJSON"},
		"a list":         {"POST", listing, body("[]"), "InappropriateJSON"},
		"a number":       {"POST", releasing, body("7"), "InappropriateJSON"},
		"all is right":   {"POST", listing, body(`{"SERVICEID":"svco-1","more":1}`), ""},
	} {
		server := newServer(t)
		r := sign(t, server.Credentials, test.method, map[string]string{"Action": test.action}, map[string]string{})
		test.alter(r)
		assert.Equal(t, test.code, send(t, server, r), name)
		assert.Empty(t, server.Orders(), name)
		assert.Equal(t, 1, server.Requests(), name)
	}
}
