package bceauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/baidubce/bce-sdk-go/auth"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The vectors that Baidu publishes for bce-auth-v1.
func TestAuthorizeMatchesThePublishedVectors(t *testing.T) {
	const all = "content-length;content-md5;content-type;host;x-bce-date"
	for _, vector := range []struct{ signed, signature string }{
		{all, "d74a04362e6a848f5b39b15421cb449427f419c95a480fd6b8cf9fc783e2999e"},
		{"host;x-bce-date", "1b8de5a23a56eef657c69f94c621e7acd227d049a4ba577f537d5e5cebf0cf32"},
	} {
		t.Run(vector.signed, func(t *testing.T) {
			headers := map[string]string{
				"host":           "bj.bcebos.com",
				"content-length": "8",
				"content-md5":    "NFzcPqhviddjRNnSOGo4rw==",
				"content-type":   "text/plain",
				"x-bce-date":     "2015-04-27T08:23:49Z",
			}
			sign := map[string]struct{}{}
			for name := range strings.SplitSeq(vector.signed, ";") {
				sign[name] = struct{}{}
			}
			target := &url.URL{
				Path:     "/v1/test/myfolder/readme.txt",
				RawQuery: "partNumber=9&uploadId=a44cc9bab11cbd156984767aad637851",
			}
			keys := Credentials{AccessKeyID: strings.Repeat("a", 32), SecretAccessKey: strings.Repeat("b", 32)}
			at := time.Date(2015, 4, 27, 8, 23, 49, 0, time.UTC)
			options := &auth.SignOptions{HeadersToSign: sign, Timestamp: at.Unix(), ExpireSeconds: 1800}
			got := authorize(http.MethodPut, target, headers, keys, options)
			assert.Equal(t, "bce-auth-v1/"+keys.AccessKeyID+"/2015-04-27T08:23:49Z/1800/"+vector.signed+"/"+vector.signature, got)
		})
	}
}

// sign signs a purchase, and returns its header.
func sign(t *testing.T, credentials Credentials, at time.Time) (*Signature, http.Header) {
	target := &url.URL{Scheme: "https", Host: "qianfan.baidubce.com:8443", Path: "/v2/serviceresources", RawQuery: "Action=PurchaseComputeUnit"}
	header := http.Header{"Content-Type": {"application/json"}, "X-Bce-Request-Id": {"any"}}
	signature, err := Sign(target, header, credentials, at)
	require.NoError(t, err)
	return signature, header
}

func TestSignCoversHostTypeAndDateForFiveMinutes(t *testing.T) {
	at := time.Date(2026, 11, 22, 16, 0, 0, 999, time.FixedZone("UTC+8", 8*3600))
	signature, header := sign(t, Credentials{AccessKeyID: "ak", SecretAccessKey: "sk"}, at)
	assert.Equal(t, time.Date(2026, 11, 22, 8, 5, 0, 0, time.UTC), signature.Expires)
	assert.Equal(t, "2026-11-22T08:00:00Z", header.Get("x-bce-date"))
	assert.Regexp(t, `^bce-auth-v1/ak/2026-11-22T08:00:00Z/300/content-type;host;x-bce-date/[0-9a-f]{64}$`, header.Get("Authorization"))
	assert.NotContains(t, header, "X-Bce-Security-Token")
}

func TestSignCoversTheSessionToken(t *testing.T) {
	_, header := sign(t, Credentials{AccessKeyID: "ak", SecretAccessKey: "sk", SessionToken: "token"}, time.Now())
	assert.Equal(t, "token", header.Get("x-bce-security-token"))
	assert.Contains(t, header.Get("Authorization"), "/content-type;host;x-bce-date;x-bce-security-token/")
}
