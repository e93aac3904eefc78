package simulator

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

// captured reads a request of an official SDK, and when it was signed.
func captured(t *testing.T, path string) (r *http.Request, signedAt time.Time) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	r, err = http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	require.NoError(t, err)
	signedAt, err = time.Parse(timestampLayout, strings.Split(r.Header.Get("Authorization"), "/")[2])
	require.NoError(t, err)
	return r, signedAt
}

func capturedPaths(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/sdk-requests/*.http")
	require.NoError(t, err)
	require.Len(t, paths, 11)
	return paths
}

func TestTheOfficialSDKsAreServed(t *testing.T) {
	for _, path := range capturedPaths(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r, signedAt := captured(t, path)
			s := New(Config{Now: func() time.Time { return signedAt }})
			got := serve(s, r)
			require.Equal(t, http.StatusOK, got.Status, got.Body)
			if strings.Contains(path, "purchase") {
				require.Len(t, s.Orders(), 1)
				assert.Equal(t, got.Result.OrderID, s.Orders()[0].OrderID)
				assert.Equal(t, 5, s.Orders()[0].Months)
			} else {
				assert.Contains(t, got.Body, `"instances":[]`)
			}
		})
	}
}

func TestAnAlteredRequestOfAnSDKIsRefused(t *testing.T) {
	for _, path := range capturedPaths(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r, signedAt := captured(t, path)
			r.Host = "127.0.0.1:18099.example"
			got := serve(New(Config{Now: func() time.Time { return signedAt }}), r)
			assert.Equal(t, codeSignatureDoesNotMatch, got.Code)
		})
	}
}

func TestADateSomeTimeFromTheTimestampIsAccepted(t *testing.T) {
	for off, code := range map[time.Duration]string{
		0: "", time.Second: "", -time.Second: "", 303 * time.Second: "", dateTolerance: "", -dateTolerance: "",
		dateTolerance + time.Second: codeInvalidHTTPAuthHeader, -dateTolerance - time.Second: codeInvalidHTTPAuthHeader,
	} {
		c := defaultCaller()
		c.dateOff = off
		assert.Equal(t, code, serve(New(withClock(Config{})), c.request(purchasePath, exampleBody)).Code, off)
	}
}
