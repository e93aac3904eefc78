package computeunittest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit"
)

const (
	authVersion     = "bce-auth-v1"
	timestampLayout = "2006-01-02T15:04:05Z"
	headerToken     = "X-Bce-Security-Token"

	// clockTolerance is how far ahead of the server's clock a signature may be. The service's own is not documented.
	clockTolerance = 5 * time.Minute
)

// authorization is the Authorization header in its parts:
// bce-auth-v1/{accessKeyID}/{timestamp}/{expireSeconds}/{signedHeaders}/{signature}.
type authorization struct {
	accessKeyID   string
	signedHeaders []string
	signature     string
	prefix        string // the first four parts, which the signing key is made of

	signedAt time.Time
	lifetime time.Duration
}

// authenticate finds the key of the request and checks the signature with it.
func (s *Server) authenticate(x *exchange) *refusal {
	auth, refusal := readAuthorization(x.r.Header)
	if refusal != nil {
		return refusal
	}
	known := func(k computeunit.Credentials) bool { return k.AccessKeyID == auth.accessKeyID }
	i := slices.IndexFunc(s.settings.keys, known)
	if i < 0 {
		return refuse(codeInvalidAccessKeyID, "the access key is unknown")
	}
	x.key = s.settings.keys[i]
	if refusal := auth.verify(x.r, x.key.SecretAccessKey, x.now); refusal != nil {
		return refusal
	}
	if x.r.Header.Get(headerToken) != x.key.SessionToken {
		return invented(codeInvalidAccessKeyID, "%s is not the one of this access key", headerToken)
	}
	return nil
}

// readAuthorization takes the header apart and refuses whatever is not exactly the documented form.
func readAuthorization(header http.Header) (*authorization, *refusal) {
	values := header.Values("Authorization")
	if strings.Join(values, "") == "" {
		return nil, refuse(codeSignatureEmpty, "there is no Authorization")
	}
	parts := strings.Split(values[0], "/")
	if len(values) != 1 || len(parts) != 6 || slices.Contains(parts, "") || parts[0] != authVersion {
		return nil, malformed("want one header with six parts, the first of them %s", authVersion)
	}
	signedAt, err := time.Parse(timestampLayout, parts[2])
	if err != nil {
		return nil, malformed("the timestamp is not of the form %s", timestampLayout)
	}
	seconds, err := strconv.ParseUint(parts[3], 10, 31)
	if err != nil {
		return nil, malformed("the expiration is not a number of seconds")
	}
	return &authorization{
		accessKeyID: parts[1], signedHeaders: strings.Split(parts[4], ";"), signature: parts[5],
		prefix: strings.Join(parts[:4], "/"), signedAt: signedAt, lifetime: time.Duration(seconds) * time.Second,
	}, nil
}

// checkTime refuses a signature that is not of its time. x-bce-date is not looked at: that it has to equal the signed
// timestamp is not documented, and Baidu's Node.js and Java SDKs read the clock twice.
func (a *authorization) checkTime(now time.Time) *refusal {
	if now.After(a.signedAt.Add(a.lifetime)) {
		return refuse(codeRequestExpired, "the signature has expired")
	}
	if a.signedAt.After(now.Add(clockTolerance)) {
		return invented(codeRequestExpired, "the signature is of a time to come")
	}
	return nil
}

// checkSignedHeaders wants names in lower case, with the host among them, and with the session token if there is one. They
// may be in any order: Baidu's Python SDK joins them from a set.
func (a *authorization) checkSignedHeaders(header http.Header) *refusal {
	for _, name := range a.signedHeaders {
		if name != strings.ToLower(name) {
			return malformed("a signed header is not in lower case: %q", name)
		}
	}
	if !slices.Contains(a.signedHeaders, "host") {
		return invented(codeInvalidHTTPAuthHeader, "the host is not signed")
	}
	if header.Get(headerToken) != "" && !slices.Contains(a.signedHeaders, strings.ToLower(headerToken)) {
		return malformed("%s is not signed", headerToken)
	}
	return nil
}

func malformed(format string, args ...any) *refusal {
	return refuse(codeInvalidHTTPAuthHeader, format, args...)
}
