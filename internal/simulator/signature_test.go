package simulator

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The published vectors.
const (
	vectorTarget = "/v1/test/myfolder/readme.txt?partNumber=9&uploadId=a44cc9bab11cbd156984767aad637851"
	vectorDate   = "2015-04-27T08:23:49Z"
	vectorPrefix = "bce-auth-v1/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/" + vectorDate + "/1800/"
	vectorAll    = vectorPrefix + "content-length;content-md5;content-type;host;x-bce-date/" +
		"d74a04362e6a848f5b39b15421cb449427f419c95a480fd6b8cf9fc783e2999e"
	vectorFew = vectorPrefix + "host;x-bce-date/" +
		"1b8de5a23a56eef657c69f94c621e7acd227d049a4ba577f537d5e5cebf0cf32"
)

var (
	vectorSecret = strings.Repeat("b", 32)
	vectorTime   = time.Date(2015, 4, 27, 8, 23, 49, 0, time.UTC)
)

func vectorRequest(authorization string) *http.Request {
	r := httptest.NewRequest(http.MethodPut, vectorTarget, strings.NewReader("8 bytes."))
	r.Host = "bj.bcebos.com"
	r.Header.Set("Content-MD5", "NFzcPqhviddjRNnSOGo4rw==")
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("x-bce-date", vectorDate)
	r.Header.Set("Authorization", authorization)
	return r
}

// codeOf is the code of a refusal, or nothing.
func codeOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, statusOf[refusal.Code], refusal.Status)
	return refusal.Code
}

func TestVerifyPublishedVectors(t *testing.T) {
	assert.NoError(t, Verify(vectorRequest(vectorAll), vectorSecret, vectorTime))
	assert.NoError(t, Verify(vectorRequest(vectorFew), vectorSecret, vectorTime))
}

func TestVerifyRefusesAnyAlteredPart(t *testing.T) {
	authorization := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			header := r.Header.Get("Authorization")
			altered := strings.Replace(header, old, new, 1)
			if altered == header {
				panic("nothing altered: " + old)
			}
			r.Header.Set("Authorization", altered)
		}
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	target := func(target string) func(*http.Request) {
		return func(r *http.Request) { r.URL, _ = url.Parse(target) }
	}
	tests := map[string]struct {
		alter func(*http.Request)
		code  string
	}{
		"method":         {func(r *http.Request) { r.Method = "POST" }, codeSignatureDoesNotMatch},
		"path":           {target(strings.Replace(vectorTarget, "readme", "Readme", 1)), codeSignatureDoesNotMatch},
		"encoded slash":  {target(strings.Replace(vectorTarget, "r/r", "r%2Fr", 1)), codeSignatureDoesNotMatch},
		"query value":    {target(strings.Replace(vectorTarget, "=9", "=8", 1)), codeSignatureDoesNotMatch},
		"query name":     {target(strings.Replace(vectorTarget, "part", "Part", 1)), codeSignatureDoesNotMatch},
		"query added":    {target(vectorTarget + "&more"), codeSignatureDoesNotMatch},
		"query repeated": {target(vectorTarget + "&partNumber=9"), codeSignatureDoesNotMatch},
		"query broken":   {target(vectorTarget + "&a=%zz"), codeInvalidURI},
		"host":           {func(r *http.Request) { r.Host = "gz.bcebos.com" }, codeSignatureDoesNotMatch},
		"content-length": {func(r *http.Request) { r.ContentLength = 9 }, codeSignatureDoesNotMatch},
		"no length":      {func(r *http.Request) { r.ContentLength = -1 }, codeInvalidHTTPAuthHeader},
		"content-md5":    {header("Content-MD5", "nFzcPqhviddjRNnSOGo4rw=="), codeSignatureDoesNotMatch},
		"content-type":   {header("Content-Type", "text/html"), codeSignatureDoesNotMatch},
		"header missing": {func(r *http.Request) { r.Header.Del("Content-MD5") }, codeInvalidHTTPAuthHeader},
		"header twice":   {func(r *http.Request) { r.Header.Add("Content-MD5", "x") }, codeInvalidHTTPAuthHeader},
		"x-bce-date":     {header("x-bce-date", "2015-04-27T08:23:48Z"), codeSignatureDoesNotMatch},
		"x-bce-date far": {header("x-bce-date", "2015-04-27T08:13:48Z"), codeInvalidHTTPAuthHeader},
		"x-bce-date odd": {header("x-bce-date", "2015-04-27 08:23:49"), codeInvalidHTTPAuthHeader},
		"x-bce-date twice": {func(r *http.Request) { r.Header.Add("x-bce-date", vectorDate) },
			codeInvalidHTTPAuthHeader},
		"timestamp":      {authorization("08:23:49", "08:23:48"), codeSignatureDoesNotMatch},
		"expire":         {authorization("/1800/", "/1801/"), codeSignatureDoesNotMatch},
		"expire zero":    {authorization("/1800/", "/01800/"), codeSignatureDoesNotMatch},
		"access key":     {authorization("/aaaa", "/Aaaa"), codeSignatureDoesNotMatch},
		"signature":      {authorization("/d74a", "/d74b"), codeSignatureDoesNotMatch},
		"signature case": {authorization("/d74a", "/D74A"), codeSignatureDoesNotMatch},
		"signature end":  {authorization("2999e", "2999"), codeSignatureDoesNotMatch},
		"fewer headers":  {authorization("content-md5;", ""), codeSignatureDoesNotMatch},
		"unsigned token": {header("x-bce-security-token", "token"), codeInvalidHTTPAuthHeader},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := vectorRequest(vectorAll)
			test.alter(r)
			assert.Equal(t, test.code, codeOf(t, Verify(r, vectorSecret, vectorTime)))
		})
	}
	assert.Equal(t, codeSignatureDoesNotMatch, codeOf(t, Verify(vectorRequest(vectorAll), "other", vectorTime)))
}

func TestVerifyEveryNibble(t *testing.T) {
	start := strings.LastIndexByte(vectorAll, '/') + 1
	for i := start; i < len(vectorAll); i++ {
		nibble := byte('0')
		if vectorAll[i] == '0' {
			nibble = '1'
		}
		altered := vectorAll[:i] + string(nibble) + vectorAll[i+1:]
		require.Equal(t, codeSignatureDoesNotMatch, codeOf(t, Verify(vectorRequest(altered), vectorSecret, vectorTime)))
	}
}

func TestVerifyTakesEquivalentForms(t *testing.T) {
	tests := map[string]func(*http.Request){
		"query order": func(r *http.Request) {
			r.URL.RawQuery = "uploadId=a44cc9bab11cbd156984767aad637851&partNumber=9"
		},
		"signed headers in another order": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(vectorAll, "content-length;content-md5;content-type;host;x-bce-date",
				"x-bce-date;content-md5;host;content-length;content-type", 1))
		},
		"query authorization": func(r *http.Request) { r.URL.RawQuery += "&authorization=left-out" },
		"host with port":      func(r *http.Request) { r.Host += ":8080" },
		"value with blanks":   func(r *http.Request) { r.Header.Set("Content-Type", " text/plain ") },
		"length as header": func(r *http.Request) {
			r.ContentLength = 0
			r.Header.Set("Content-Length", "8")
		},
	}
	for name, alter := range tests {
		t.Run(name, func(t *testing.T) {
			r := vectorRequest(vectorAll)
			alter(r)
			assert.NoError(t, Verify(r, vectorSecret, vectorTime))
		})
	}
	withBadPort := vectorRequest(vectorAll)
	withBadPort.Host += ":http"
	assert.Equal(t, codeSignatureDoesNotMatch, codeOf(t, Verify(withBadPort, vectorSecret, vectorTime)))
}

func TestVerifyMalformedHeader(t *testing.T) {
	tests := map[string]string{
		"blank":              " ",
		"other scheme":       strings.Replace(vectorAll, "v1", "v2", 1),
		"five parts":         strings.TrimSuffix(vectorPrefix, "/") + "/host",
		"seven parts":        vectorAll + "/more",
		"no signature":       vectorPrefix + "host/",
		"no access key":      "bce-auth-v1//" + vectorDate + "/1800/host/00",
		"no headers":         vectorPrefix + "/00",
		"timestamp":          strings.Replace(vectorAll, vectorDate, "yesterday", 1),
		"timestamp fraction": strings.Replace(vectorAll, "49Z", "49.5Z", 1),
		"expire text":        strings.Replace(vectorAll, "1800", "soon", 1),
		"expire negative":    strings.Replace(vectorAll, "1800", "-1", 1),
		"expire huge":        strings.Replace(vectorAll, "1800", "9999999999", 1),
		"upper case":         strings.Replace(vectorAll, ";host;", ";Host;", 1),
		"expire zero":        strings.Replace(vectorAll, "1800", "0", 1),
		"repeated":           vectorPrefix + "host;host/00",
		"repeated apart":     vectorPrefix + "host;x-bce-date;host/00",
		"empty name":         vectorPrefix + ";host/00",
		"no host":            vectorPrefix + "x-bce-date/00",
		"not sent":           vectorPrefix + "host;x-other/00",
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			err := Verify(vectorRequest(header), vectorSecret, vectorTime)
			assert.Equal(t, codeInvalidHTTPAuthHeader, codeOf(t, err))
		})
	}
	twice := vectorRequest(vectorAll)
	twice.Header.Add("Authorization", vectorAll)
	assert.Equal(t, codeInvalidHTTPAuthHeader, codeOf(t, Verify(twice, vectorSecret, vectorTime)))
}

func TestVerifyEmptyAuthorization(t *testing.T) {
	empty := vectorRequest("")
	assert.Equal(t, codeSignatureEmpty, codeOf(t, Verify(empty, vectorSecret, vectorTime)))
	empty.Header.Del("Authorization")
	assert.Equal(t, codeSignatureEmpty, codeOf(t, Verify(empty, vectorSecret, vectorTime)))
}

func TestVerifyTime(t *testing.T) {
	tests := map[string]struct {
		now  time.Time
		code string
	}{
		"last moment":    {vectorTime.Add(30 * time.Minute), ""},
		"expired":        {vectorTime.Add(30*time.Minute + 1), codeRequestExpired},
		"ahead":          {vectorTime.Add(-clockTolerance), ""},
		"too far ahead":  {vectorTime.Add(-clockTolerance - 1), codeRequestExpired},
		"long ago":       {vectorTime.AddDate(10, 0, 0), codeRequestExpired},
		"other location": {vectorTime.In(time.FixedZone("CST", 8*3600)), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.code, codeOf(t, Verify(vectorRequest(vectorAll), vectorSecret, test.now)))
		})
	}
}

func TestRefusalError(t *testing.T) {
	err := Verify(vectorRequest(""), vectorSecret, vectorTime)
	assert.EqualError(t, err, "400 SignatureEmpty: there is no Authorization")
}

func TestPercentEncode(t *testing.T) {
	assert.Equal(t, "aZ09-._~%2F%20%25%2B%E4%B8%AD", percentEncode("aZ09-._~/ %+中"))
}

func TestHostForms(t *testing.T) {
	tests := map[string][]string{
		"host":           {"host"},
		"host:80":        {"host:80", "host"},
		"[::1]":          {"[::1]"},
		"[::1]:80":       {"[::1]:80", "[::1]"},
		"host:":          {"host:"},
		"host:99999":     {"host:99999"},
		"127.0.0.1:8080": {"127.0.0.1:8080", "127.0.0.1"},
	}
	for host, want := range tests {
		assert.Equal(t, want, hostForms(host), host)
	}
}

// The sets of headers that the official SDKs sign.
func TestSimulatorAcceptsOfficialSDKs(t *testing.T) {
	for _, headers := range []string{
		"content-type;host;request-source;x-bce-date",
		"host;x-bce-date",
		"content-length;content-type;host;x-bce-date",
	} {
		for _, host := range []string{"127.0.0.1:8080", "127.0.0.1"} {
			t.Run(headers+" "+host, func(t *testing.T) {
				s := New(withClock(Config{}))
				c := defaultCaller()
				c.headers = strings.Split(headers, ";")
				r := httptest.NewRequest(http.MethodPost, purchasePath, strings.NewReader(exampleBody))
				r.Host = "127.0.0.1:8080"
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Request-Source", "qianfan_py_sdk")
				c.sign(r, host)
				got := serve(s, r)
				assert.Equal(t, http.StatusOK, got.Status, got.Body)
			})
		}
	}
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

func FuzzVerifySignature(f *testing.F) {
	seed := func(authorization string) {
		f.Add(authorization, "PUT", vectorTarget, "bj.bcebos.com", "NFzcPqhviddjRNnSOGo4rw==", "text/plain", vectorDate, "", int64(8))
	}
	seed(vectorAll)
	seed(vectorFew)
	seed("bce-auth-v1//////")
	f.Add(vectorFew, "PUT", "/%zz?;&a=%", "[::1]:80", "", "", "", "token", int64(-1))
	f.Fuzz(func(t *testing.T, authorization, method, target, host, md5, contentType, date, token string, length int64) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := vectorRequest(authorization)
		r.Method, r.URL, r.Host, r.ContentLength = method, u, host, length
		r.Header.Set("Content-MD5", md5)
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("x-bce-date", date)
		r.Header.Set("x-bce-security-token", token)
		err = Verify(r, vectorSecret, vectorTime)
		var refusal *Refusal
		if err != nil {
			require.True(t, errors.As(err, &refusal))
			require.NotZero(t, refusal.Status)
			return
		}
		requireVector(t, r)
	})
}

// inOrder sorts the list of signed headers, whose order does not matter.
func inOrder(authorization string) string {
	parts := strings.Split(authorization, "/")
	if len(parts) == 6 {
		names := strings.Split(parts[4], ";")
		slices.Sort(names)
		parts[4] = strings.Join(names, ";")
	}
	return strings.Join(parts, "/")
}

// requireVector wants a request that was verified to be one of the two that
// were signed. It knows nothing of canonical forms.
func requireVector(t *testing.T, r *http.Request) {
	authorization := inOrder(r.Header.Get("Authorization"))
	require.Contains(t, []string{vectorAll, vectorFew}, authorization)
	require.Equal(t, "PUT", r.Method)
	require.Equal(t, "/v1/test/myfolder/readme.txt", r.URL.Path)
	query := r.URL.Query()
	for name := range query {
		if strings.EqualFold(name, "authorization") {
			delete(query, name)
		}
	}
	require.Equal(t, url.Values{"partNumber": {"9"}, "uploadId": {"a44cc9bab11cbd156984767aad637851"}}, query)
	require.Regexp(t, `^bj\.bcebos\.com(:\d+)?$`, r.Host)
	require.Equal(t, vectorDate, r.Header.Get("x-bce-date"))
	require.Empty(t, r.Header.Get("x-bce-security-token"))
	if authorization == vectorAll {
		require.Equal(t, "NFzcPqhviddjRNnSOGo4rw==", strings.TrimSpace(r.Header.Get("Content-MD5")))
		require.Equal(t, "text/plain", strings.TrimSpace(r.Header.Get("Content-Type")))
		require.Equal(t, int64(8), r.ContentLength)
	}
}
