package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Verify reports whether the request carries an exact bce-auth-v1 signature, made with the secret, that is valid at the
// time now. The error is a *Refusal. Whose secret it is, and whether a session token is the right one, is the caller's to
// know.
//
// The signed host may be the Host header or the same without its port: the official Go and Java SDKs leave the port out.
func Verify(r *http.Request, secretAccessKey string, now time.Time) error {
	auth, refusal := readAuthorization(r.Header)
	if refusal == nil {
		refusal = auth.verify(r, secretAccessKey, now, 0)
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

func (a *authorization) verify(r *http.Request, secret string, now time.Time, leeway time.Duration) *Refusal {
	if refusal := a.checkTime(now, leeway); refusal != nil {
		return refusal
	}
	if refusal := a.checkSignedHeaders(r.Header); refusal != nil {
		return refusal
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refuse(codeInvalidURI, "the query cannot be read")
	}
	for _, host := range hostForms(r.Host) {
		headers, refusal := a.canonicalHeaders(r, host)
		if refusal != nil {
			return refusal
		}
		path := strings.ReplaceAll(percentEncode(r.URL.Path), "%2F", "/")
		canonical := strings.Join([]string{r.Method, path, canonicalQuery(query), headers}, "\n")
		want := hexHMAC(hexHMAC(secret, a.prefix), canonical)
		if subtle.ConstantTimeCompare([]byte(want), []byte(a.signature)) == 1 {
			return nil
		}
	}
	return refuse(codeSignatureDoesNotMatch, "the signature is not the one of this request")
}

func hexHMAC(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// hostForms is the host as sent and, if it has a port, the host without it.
func hostForms(host string) []string {
	port := (&url.URL{Host: host}).Port()
	if port == "" {
		return []string{host}
	}
	return []string{host, strings.TrimSuffix(host, ":"+port)}
}

func canonicalQuery(query url.Values) string {
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			if !strings.EqualFold(name, "authorization") {
				pairs = append(pairs, percentEncode(name)+"="+percentEncode(value))
			}
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func (a *authorization) canonicalHeaders(r *http.Request, host string) (string, *Refusal) {
	var lines []string
	for _, name := range a.signedHeaders {
		values := r.Header.Values(name)
		switch { // net/http keeps these two outside the Header map
		case name == "host":
			values = []string{host}
		case name == "content-length" && r.ContentLength > 0:
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		if len(values) != 1 {
			return "", malformed("signed, but not sent exactly once: %s", name)
		}
		lines = append(lines, percentEncode(name)+":"+percentEncode(strings.TrimSpace(values[0])))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

// percentEncode keeps the unreserved characters of RFC 3986 and nothing else, as QueryEscape does but for the blank.
func percentEncode(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
