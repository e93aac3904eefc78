package computeunittest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// verify wants an exact bce-auth-v1 signature, made with the secret, that is valid at the time now.
//
// The signed host may be the Host header or the same without its port: the official Go and Java SDKs leave the port out.
func (a *authorization) verify(r *http.Request, secret string, now time.Time) *refusal {
	if refusal := a.checkTime(now); refusal != nil {
		return refusal
	}
	if refusal := a.checkSignedHeaders(r.Header); refusal != nil {
		return refusal
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refuse(codeInvalidURI, "the query cannot be read")
	}
	port := (&url.URL{Host: r.Host}).Port()
	for _, host := range []string{r.Host, strings.TrimSuffix(r.Host, ":"+port)} {
		headers, refusal := a.canonicalHeaders(r, host)
		if refusal != nil {
			return refusal
		}
		canonical := strings.Join([]string{r.Method, resourcePath, canonicalQuery(query), headers}, "\n")
		if hexHMAC(hexHMAC(secret, a.prefix), canonical) == a.signature {
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

func (a *authorization) canonicalHeaders(r *http.Request, host string) (string, *refusal) {
	var lines []string
	for _, name := range a.signedHeaders {
		values := r.Header.Values(name)
		switch name { // net/http keeps these two outside the Header map
		case "host":
			values = []string{host}
		case "content-length":
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		if len(values) != 1 {
			return "", malformed("signed, but not sent exactly once: %s", name)
		}
		lines = append(lines, percentEncode(name)+":"+percentEncode(values[0]))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

// percentEncode keeps the unreserved characters of RFC 3986 and nothing else, as QueryEscape does but for the blank.
func percentEncode(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
