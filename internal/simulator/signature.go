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

// Both bounds are invented: the service's own are not documented.
const (
	// clockTolerance is how far ahead of the simulator's clock a signature may be.
	clockTolerance = 5 * time.Minute
	// dateTolerance is how far x-bce-date and the signed timestamp may be apart.
	// Baidu's Node.js and Java SDKs read the clock twice, and the curl example of
	// its pages has them five minutes and three seconds apart.
	dateTolerance = 10 * time.Minute
)

// Verify reports whether the request carries an exact bce-auth-v1 signature, made
// with the secret, that is valid at the time now. The error is a *Refusal.
// Whose secret it is, and whether a session token is the right one, is the
// caller's to know.
//
// The signed host may be the Host header or the same without its port: the
// official Go and Java SDKs leave the port out.
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
	if refusal := a.checkDate(r.Header); refusal != nil {
		return refusal
	}
	if refusal := a.checkTime(now, leeway); refusal != nil {
		return refusal
	}
	if refusal := a.checkSignedHeaders(r.Header); refusal != nil {
		return refusal
	}
	for _, host := range hostForms(r.Host) {
		canonical, refusal := a.canonicalRequest(r, host)
		if refusal != nil {
			return refusal
		}
		if a.matches(canonical, secret) {
			return nil
		}
	}
	return refuse(codeSignatureDoesNotMatch, "the signature is not the one of this request")
}

// checkDate compares x-bce-date, if it is sent, with the signed timestamp. That
// they be equal is not documented.
func (a *authorization) checkDate(header http.Header) *Refusal {
	dates := header.Values(headerDate)
	if len(dates) == 0 {
		return nil
	}
	date, err := time.Parse(timestampLayout, dates[0])
	if err != nil {
		return malformed("want %s of the form %s", headerDate, timestampLayout)
	}
	if len(dates) > 1 {
		return invented(codeInvalidHTTPAuthHeader, "want one %s, got %d", headerDate, len(dates))
	}
	if date.Sub(a.signedAt).Abs() > dateTolerance {
		return invented(codeInvalidHTTPAuthHeader, "%s and the signed timestamp are over %v apart", headerDate, dateTolerance)
	}
	return nil
}

// checkTime refuses a signature that is not of its time.
func (a *authorization) checkTime(now time.Time, leeway time.Duration) *Refusal {
	if now.After(a.signedAt.Add(a.lifetime + leeway)) {
		return refuse(codeRequestExpired, "the signature has expired")
	}
	if a.signedAt.After(now.Add(clockTolerance)) {
		return invented(codeRequestExpired, "the signature is of a time to come")
	}
	return nil
}

// matches takes the same time for every wrong signature.
func (a *authorization) matches(canonical, secret string) bool {
	prefix := strings.Join([]string{authVersion, a.accessKeyID, a.timestamp, a.expireSeconds}, "/")
	want := hexHMAC(hexHMAC(secret, prefix), canonical)
	return subtle.ConstantTimeCompare([]byte(want), []byte(a.signature)) == 1
}

func hexHMAC(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// hostForms is the host as sent and, if it has a port, the host without it.
func hostForms(host string) []string {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 {
		return []string{host}
	}
	if _, err := strconv.ParseUint(host[colon+1:], 10, 16); err != nil {
		return []string{host}
	}
	return []string{host, host[:colon]}
}

func (a *authorization) canonicalRequest(r *http.Request, host string) (string, *Refusal) {
	query, refusal := canonicalQuery(r.URL.RawQuery)
	if refusal != nil {
		return "", refusal
	}
	headers, refusal := a.canonicalHeaders(r, host)
	if refusal != nil {
		return "", refusal
	}
	return strings.Join([]string{r.Method, canonicalPath(r.URL), query, headers}, "\n"), nil
}

// canonicalPath goes segment by segment, so that an encoded slash stays one.
func canonicalPath(u *url.URL) string {
	segments := strings.Split(u.EscapedPath(), "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			plain = segment // cannot be: EscapedPath is well formed
		}
		segments[i] = percentEncode(plain)
	}
	return strings.Join(segments, "/")
}

func canonicalQuery(raw string) (string, *Refusal) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return "", refuse(codeInvalidURI, "the query cannot be read")
	}
	var pairs []string
	for name, values := range query {
		if strings.EqualFold(name, "authorization") {
			continue
		}
		for _, value := range values {
			pairs = append(pairs, percentEncode(name)+"="+percentEncode(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&"), nil
}

func (a *authorization) canonicalHeaders(r *http.Request, host string) (string, *Refusal) {
	lines := make([]string, 0, len(a.signedHeaders))
	for _, name := range a.signedHeaders {
		values := headerValues(r, name, host)
		if len(values) != 1 {
			return "", malformed("signed, but not sent exactly once: %s", name)
		}
		lines = append(lines, percentEncode(name)+":"+percentEncode(strings.TrimSpace(values[0])))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

// headerValues knows the two headers that net/http keeps outside the Header map.
func headerValues(r *http.Request, name, host string) []string {
	switch {
	case name == "host":
		return []string{host}
	case name == "content-length" && r.ContentLength > 0:
		return []string{strconv.FormatInt(r.ContentLength, 10)}
	default:
		return r.Header.Values(name)
	}
}

// percentEncode keeps the unreserved characters of RFC 3986 and nothing else.
func percentEncode(text string) string {
	const digits = "0123456789ABCDEF"
	encoded := make([]byte, 0, len(text)+8)
	for _, b := range []byte(text) {
		if isUnreserved(b) {
			encoded = append(encoded, b)
		} else {
			encoded = append(encoded, '%', digits[b>>4], digits[b&15])
		}
	}
	return string(encoded)
}

func isUnreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
		b == '-' || b == '.' || b == '_' || b == '~'
}
