// Package bceauth signs an HTTP request the way Baidu AI Cloud wants it (bce-auth-v1).
//
// The algorithm is bce-sdk-go's [auth.BceV1Signer]; this package only translates between net/http and it.
package bceauth

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/baidubce/bce-sdk-go/auth"
	bcehttp "github.com/baidubce/bce-sdk-go/http"
)

// Expiry is how long a signature is good for. It is short because the body is not part of the signature:
// whoever saw the Authorization header could send another body with it until then.
const Expiry = 5 * time.Minute

const (
	dateHeader  = "X-Bce-Date"
	tokenHeader = "X-Bce-Security-Token"
)

// Credentials are the keys to sign with. SessionToken is empty except for temporary (STS) credentials.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// signedHeaders must be lower-case: the signer compares them so. It adds every x-bce- header by itself.
var signedHeaders = map[string]struct{}{"host": {}, "content-type": {}, "x-bce-date": {}}

// Signature is what Sign put on a request, to take out of all that comes back. A pointer to it prints as an address in
// what holds it.
type Signature struct {
	Expires              time.Time
	authorization, token string
}

// Sign sets X-Bce-Date, X-Bce-Security-Token (if there is a token) and Authorization on req.
// It signs the host as net/http will send it, content-type and those two. Call it last before sending.
func Sign(req *http.Request, credentials Credentials, at time.Time) *Signature {
	date := at.UTC().Format(time.RFC3339)
	headers := map[string]string{
		"host":         host(req),
		"content-type": req.Header.Get("Content-Type"),
		"x-bce-date":   date,
	}
	authorization := authorize(req, headers, credentials, &auth.SignOptions{
		HeadersToSign: signedHeaders,
		Timestamp:     at.Unix(),
		ExpireSeconds: int(Expiry / time.Second),
	})
	values := [...]string{date, authorization}
	req.Header[dateHeader] = values[0:1:1]
	req.Header["Authorization"] = values[1:2:2]
	if credentials.SessionToken != "" {
		req.Header[tokenHeader] = []string{credentials.SessionToken}
	}
	return &Signature{time.Unix(at.Unix(), 0).Add(Expiry).UTC(), authorization, credentials.SessionToken}
}

// authorize returns the Authorization header. The signer puts it, and the session token, into headers.
func authorize(req *http.Request, headers map[string]string, credentials Credentials, options *auth.SignOptions) string {
	var unsigned bcehttp.Request
	unsigned.SetMethod(req.Method)
	unsigned.SetUri(req.URL.Path)
	unsigned.SetHeaders(headers)
	for pair := range strings.SplitSeq(req.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		unsigned.SetParam(unescape(name), unescape(value))
	}
	new(auth.BceV1Signer).Sign(&unsigned, &auth.BceCredentials{
		AccessKeyId:     credentials.AccessKeyID,
		SecretAccessKey: credentials.SecretAccessKey,
		SessionToken:    credentials.SessionToken,
	}, options)
	return headers["Authorization"]
}

// unescape leaves alone what is not escaped right.
func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func host(req *http.Request) string {
	if req.Host != "" {
		return req.Host
	}
	return req.URL.Host
}
