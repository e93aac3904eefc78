package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	authVersion     = "bce-auth-v1"
	timestampLayout = "2006-01-02T15:04:05Z"
	headerDate      = "X-Bce-Date"
	headerToken     = "X-Bce-Security-Token"
)

// authorization is the Authorization header in its parts:
// bce-auth-v1/{accessKeyID}/{timestamp}/{expireSeconds}/{signedHeaders}/{signature}.
type authorization struct {
	accessKeyID   string
	timestamp     string
	expireSeconds string
	signedHeaders []string
	signature     string

	signedAt time.Time
	lifetime time.Duration
}

// readAuthorization takes the header apart and refuses whatever is not exactly the documented form.
func readAuthorization(header http.Header) (authorization, *Refusal) {
	values := header.Values("Authorization")
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return authorization{}, refuse(codeSignatureEmpty, "there is no Authorization")
	}
	if len(values) != 1 {
		return authorization{}, invented(codeInvalidHTTPAuthHeader, "want one Authorization header, got %d", len(values))
	}
	parts := strings.Split(values[0], "/")
	if len(parts) != 6 || slices.Contains(parts, "") || parts[0] != authVersion {
		return authorization{}, malformed("want six parts, the first of them %s", authVersion)
	}
	auth := authorization{
		accessKeyID:   parts[1],
		timestamp:     parts[2],
		expireSeconds: parts[3],
		signedHeaders: strings.Split(parts[4], ";"),
		signature:     parts[5],
	}
	refusal := auth.readTimes()
	return auth, refusal
}

func (a *authorization) readTimes() *Refusal {
	signedAt, err := time.Parse(timestampLayout, a.timestamp)
	// Parse lets fractions of a second pass.
	if err != nil || signedAt.Format(timestampLayout) != a.timestamp {
		return malformed("the timestamp is not of the form %s", timestampLayout)
	}
	seconds, err := strconv.ParseUint(a.expireSeconds, 10, 31)
	switch {
	case err != nil:
		return malformed("the expiration is not a number of seconds")
	case seconds == 0: // no least one is documented
		return invented(codeInvalidHTTPAuthHeader, "the expiration is zero")
	}
	a.signedAt, a.lifetime = signedAt, time.Duration(seconds)*time.Second
	return nil
}

// checkSignedHeaders wants a lower-case list without repetition, with the host
// in it, and with the session token if there is one. The list may be in any
// order: Baidu's Python SDK joins it from a set.
func (a *authorization) checkSignedHeaders(header http.Header) *Refusal {
	for i, name := range a.signedHeaders {
		if name == "" || name != strings.ToLower(name) {
			return malformed("a signed header is not in lower case: %q", name)
		}
		if slices.Contains(a.signedHeaders[:i], name) {
			return invented(codeInvalidHTTPAuthHeader, "a header is signed twice: %s", name)
		}
	}
	if !a.signs("host") {
		return invented(codeInvalidHTTPAuthHeader, "the host is not signed")
	}
	if header.Get(headerToken) != "" && !a.signs(headerToken) {
		return malformed("%s is not signed", headerToken)
	}
	return nil
}

func (a *authorization) signs(name string) bool {
	return slices.Contains(a.signedHeaders, strings.ToLower(name))
}

func malformed(format string, args ...any) *Refusal {
	return refuse(codeInvalidHTTPAuthHeader, format, args...)
}
