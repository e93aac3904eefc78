package computeunittest_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheOfficialSDKsAreServed(t *testing.T) {
	paths, err := filepath.Glob("testdata/sdk-requests/*.http")
	require.NoError(t, err)
	require.Len(t, paths, 11)
	for _, path := range paths {
		r, server := captured(t, filepath.Base(path), 0)
		assert.Empty(t, send(t, server, r), path)
		assert.Len(t, server.Orders(), strings.Count(path, "purchase"), path)
	}
}

// Baidu's signer is held against the server's own.
func TestWhatHasToBeEncodedIsVerified(t *testing.T) {
	server := newServer(t)
	query := map[string]string{"Action": listing, "b c": "1+ä/~*&", "e": "1", "d": "2", "c": "3", "B": "4", "a": "", "authorization": "left out"}
	assert.Empty(t, send(t, server, sign(t, server.Credentials, "POST", query, map[string]string{"x-bce-note": "a b; c=~*/é"})))
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func authorization(part, instead string) func(*http.Request) {
	return func(r *http.Request) {
		header("Authorization", strings.Replace(r.Header.Get("Authorization"), part, instead, 1))(r)
	}
}

func query(query string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = query }
}

func TestARequestIsServedAsItWasSignedAndInNoOtherForm(t *testing.T) {
	const asSigned = "Action=" + listing
	for code, rows := range map[string]map[string]func(*http.Request){
		"": {"query with an authorization": query(asSigned + "&authorization=left-out")},
		"SignatureDoesNotMatch": {
			"method":         func(r *http.Request) { r.Method = "PUT" },
			"query value":    query("Action=" + buying),
			"query name":     query("action=" + listing),
			"query added":    query(asSigned + "&more"),
			"query repeated": query(asSigned + "&" + asSigned),
			"host":           func(r *http.Request) { r.Host = "127.0.0.2:18091" },
			"port":           func(r *http.Request) { r.Host = "127.0.0.1:18092" },
			"length":         func(r *http.Request) { r.ContentLength, r.Body = 0, http.NoBody },
			"type":           header("Content-Type", "text/plain"),
			"date":           header("X-Bce-Date", "2026-11-24T23:33:47Z"),
			"timestamp":      authorization("23:33:46", "23:33:45"),
			"expiry":         authorization("/1800/", "/1801/"),
			"fewer headers":  authorization("content-type;", ""),
			"signature":      authorization("/49a4", "/49a5"),
			"upper case":     authorization("/49a4", "/49A4"),
			"cut":            authorization("bfec", "bfe"),
		},
		"InvalidURI":            {"query that cannot be read": query(asSigned + "&a=%zz")},
		"InvalidHTTPAuthHeader": {"sent twice": func(r *http.Request) { r.Header.Add("X-Bce-Date", "x") }},
	} {
		for name, alter := range rows {
			r, server := captured(t, allSigned, 0)
			alter(r)
			assert.Equal(t, code, send(t, server, r), name)
		}
	}
}

// FuzzSignature wants that nothing is served but what was signed.
func FuzzSignature(f *testing.F) {
	raw, _ := captured(f, allSigned, 0)
	right := raw.Header.Get("Authorization")
	f.Add(right, raw.Method, raw.URL.RawQuery, raw.Host)
	f.Add("bce-auth-v1//////", "GET", "Action=%41", "127.0.0.1")
	f.Fuzz(func(t *testing.T, authorization, method, query, host string) {
		r, server := captured(t, allSigned, 0)
		r.Header.Set("Authorization", authorization)
		r.Method, r.URL.RawQuery, r.Host = method, query, host
		if response, _, err := try(server, r); err == nil && response.StatusCode == http.StatusOK {
			assert.Equal(t, []string{right, raw.Method, listing, raw.Host}, []string{authorization, method, r.URL.Query().Get("Action"), host})
		}
	})
}
