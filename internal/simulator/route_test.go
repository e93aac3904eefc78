package simulator

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRoutes(t *testing.T) {
	tests := map[string]struct {
		method, target string
		status         int
		code           string
	}{
		"unknown path":    {"POST", "/v2/other", 404, "ResourceNotFound"},
		"root":            {"POST", "/", 404, "ResourceNotFound"},
		"unknown version": {"POST", "/v3/serviceresources?Action=PurchaseComputeUnit", 404, "ResourceNotFound"},
		"no version":      {"POST", "/serviceresources?Action=PurchaseComputeUnit", 404, "ResourceNotFound"},
		"unknown action":  {"POST", "/v2/serviceresources?Action=SellComputeUnit", 400, "InvalidURI"},
		"no action":       {"POST", "/v2/serviceresources", 400, "InvalidURI"},
		"method":          {"GET", purchasePath, 400, "InvalidHTTPRequest"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := New(withClock(Config{}))
			r := httptest.NewRequest(test.method, test.target, strings.NewReader(exampleBody))
			defaultCaller().sign(r, r.Host)
			r.Header.Set("Content-Type", "") // signed as it is: empty
			got := serve(s, r)
			assert.Equal(t, test.status, got.Status)
			assert.Equal(t, test.code, got.Code)
			assert.NotEmpty(t, got.Message)
			assert.NotEmpty(t, got.RequestID)
			assert.Empty(t, s.Orders())
		})
	}
}

func TestThePathIsJudgedBeforeTheSignature(t *testing.T) {
	s := New(withClock(Config{}))
	c := defaultCaller()
	c.key.SecretAccessKey = "other"
	got := serve(s, c.request("/v2/charge?Action=PurchaseServiceResource", exampleBody))
	assert.Equal(t, http.StatusNotFound, got.Status)
	assert.Equal(t, codeResourceNotFound, got.Code)
	assert.Equal(t, codeSignatureDoesNotMatch, serve(s, c.request("/v2/serviceresources?Action=Other", "")).Code)
}
