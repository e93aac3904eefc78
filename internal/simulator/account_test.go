package simulator

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPermissions(t *testing.T) {
	const listBody = `{"serviceId":"svco-1"}`
	tests := []struct {
		permission  Permission
		lists, buys bool
	}{
		{"", true, true},
		{FullControl, true, true},
		{ServiceOperate, true, true},
		{ServiceRead, true, false},
		{NoPermission, false, false},
		{"SomeOtherPolicy", false, false},
	}
	for _, test := range tests {
		t.Run(string(test.permission), func(t *testing.T) {
			c := defaultCaller()
			c.key.Permission = test.permission
			s := New(withClock(Config{Keys: []Key{c.key}}))
			assertAllowed(t, test.lists, serve(s, c.request(describePath, listBody)))
			assertAllowed(t, test.buys, serve(s, c.request(purchasePath, postpaidBody)))
			assert.Equal(t, test.buys, len(s.Orders()) == 1)
		})
	}
}

func assertAllowed(t *testing.T, allowed bool, got gotAnswer) {
	t.Helper()
	if allowed {
		assert.Equal(t, http.StatusOK, got.Status, got.Body)
		return
	}
	assert.Equal(t, http.StatusForbidden, got.Status)
	assert.JSONEq(t, `{"requestId":"`+got.RequestID+`","code":"AccessDenied","message":"Access denied."}`, got.Body)
}

func TestSimulatorRefusesSignatures(t *testing.T) {
	tests := map[string]struct {
		alter  func(*caller)
		status int
		code   string
	}{
		"unknown key":  {func(c *caller) { c.key.AccessKeyID = "other" }, 403, "InvalidAccessKeyId"},
		"wrong secret": {func(c *caller) { c.key.SecretAccessKey = "other" }, 400, "SignatureDoesNotMatch"},
		"expired":      {func(c *caller) { c.at = c.at.Add(-time.Hour) }, 400, "RequestExpired"},
		"to come":      {func(c *caller) { c.at = c.at.Add(time.Hour) }, 400, "RequestExpired"},
		"malformed":    {func(c *caller) { c.headers = []string{"x-bce-date"} }, 400, "InvalidHTTPAuthHeader"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := New(withClock(Config{}))
			c := defaultCaller()
			test.alter(&c)
			got := serve(s, c.request(purchasePath, exampleBody))
			assert.Equal(t, test.status, got.Status)
			assert.Equal(t, test.code, got.Code)
			assert.Equal(t, "Sun, 22 Nov 2026 08:00:00 GMT", got.Header.Get("Date"))
			assert.Empty(t, s.Orders())
		})
	}
	unsigned := httptest.NewRequest(http.MethodPost, purchasePath, strings.NewReader(exampleBody))
	assert.Equal(t, "SignatureEmpty", serve(New(Config{}), unsigned).Code)
}

func TestSessionToken(t *testing.T) {
	signed := []string{"content-type", "host", "x-bce-date", "x-bce-security-token"}
	tests := map[string]struct {
		known, sent string
		headers     []string
		code        string
	}{
		"right":        {"token", "token", signed, ""},
		"not signed":   {"token", "token", signed[:3], "InvalidHTTPAuthHeader"},
		"wrong":        {"token", "other", signed, "InvalidAccessKeyId"},
		"missing":      {"token", "", signed[:3], "InvalidAccessKeyId"},
		"not expected": {"", "token", signed, "InvalidAccessKeyId"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := defaultCaller()
			key := c.key
			key.SessionToken = test.known
			s := New(withClock(Config{Keys: []Key{key}}))
			c.key.SessionToken, c.headers = test.sent, test.headers
			assert.Equal(t, test.code, serve(s, c.request(purchasePath, exampleBody)).Code)
			assert.Equal(t, test.code == "", len(s.Orders()) == 1)
		})
	}
}
