package simulator_test

import (
	"bufio"
	"bytes"
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

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// The published vectors.
const (
	vectorTarget = "/v1/test/myfolder/readme.txt?partNumber=9&uploadId=a44cc9bab11cbd156984767aad637851"
	vectorDate   = "2015-04-27T08:23:49Z"
	vectorPrefix = "bce-auth-v1/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/" + vectorDate + "/1800/"
	vectorNames  = "content-length;content-md5;content-type;host;x-bce-date"
	vectorAll    = vectorPrefix + vectorNames + "/d74a04362e6a848f5b39b15421cb449427f419c95a480fd6b8cf9fc783e2999e"
	vectorFew    = vectorPrefix + "host;x-bce-date/1b8de5a23a56eef657c69f94c621e7acd227d049a4ba577f537d5e5cebf0cf32"
)

var (
	vectorSecret  = strings.Repeat("b", 32)
	vectorTime, _ = time.Parse(time.RFC3339, vectorDate)
)

func vector(authorization string) *http.Request {
	r := httptest.NewRequest(http.MethodPut, vectorTarget, strings.NewReader("8 bytes."))
	r.Host = "bj.bcebos.com"
	for name, value := range map[string]string{
		"Content-MD5": "NFzcPqhviddjRNnSOGo4rw==", "Content-Type": "text/plain", "x-bce-date": vectorDate, "Authorization": authorization,
	} {
		r.Header.Set(name, value)
	}
	return r
}

// codeOf is the code that a request is refused with, or nothing.
func codeOf(t *testing.T, r *http.Request, secret string, now time.Time) string {
	t.Helper()
	err := simulator.Verify(r, secret, now)
	if err == nil {
		return ""
	}
	var refusal *simulator.Refusal
	require.ErrorAs(t, err, &refusal)
	return refusal.Code
}

func TestThePublishedVectorsAreVerified(t *testing.T) {
	for _, authorization := range []string{vectorAll, vectorFew} {
		assert.Empty(t, codeOf(t, vector(authorization), vectorSecret, vectorTime))
		assert.Equal(t, "SignatureDoesNotMatch", codeOf(t, vector(authorization), "other", vectorTime))
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func target(target string) func(*http.Request) {
	return func(r *http.Request) { r.URL, _ = url.Parse(target) }
}

func TestARequestIsVerifiedInEachEquivalentFormAndInNoOther(t *testing.T) {
	for code, rows := range map[string]map[string]func(*http.Request){
		"": {
			"query in another order":          target("/v1/test/myfolder/readme.txt?uploadId=a44cc9bab11cbd156984767aad637851&partNumber=9"),
			"query with an authorization":     target(vectorTarget + "&authorization=left-out"),
			"signed headers in another order": header("Authorization", strings.Replace(vectorAll, vectorNames, "x-bce-date;content-md5;host;content-length;content-type", 1)),
			"host with a port":                func(r *http.Request) { r.Host += ":8080" },
			"value with blanks":               header("Content-Type", " text/plain "),
			"length as a header":              func(r *http.Request) { r.ContentLength = 0; r.Header.Set("Content-Length", "8") },
		},
		"SignatureDoesNotMatch": {
			"method":         func(r *http.Request) { r.Method = "POST" },
			"path":           target(strings.Replace(vectorTarget, "readme", "Readme", 1)),
			"query value":    target(strings.Replace(vectorTarget, "=9", "=8", 1)),
			"query name":     target(strings.Replace(vectorTarget, "part", "Part", 1)),
			"query added":    target(vectorTarget + "&more"),
			"query repeated": target(vectorTarget + "&partNumber=9"),
			"host":           func(r *http.Request) { r.Host = "gz.bcebos.com" },
			"host's port":    func(r *http.Request) { r.Host += ":http" },
			"content-length": func(r *http.Request) { r.ContentLength = 9 },
			"content-md5":    header("Content-MD5", "nFzcPqhviddjRNnSOGo4rw=="),
			"content-type":   header("Content-Type", "text/html"),
			"x-bce-date":     header("x-bce-date", "2015-04-27T08:23:48Z"),
			"timestamp":      header("Authorization", strings.Replace(vectorAll, "08:23:49", "08:23:48", 1)),
			"expiry":         header("Authorization", strings.Replace(vectorAll, "/1800/", "/1801/", 1)),
			"access key":     header("Authorization", strings.Replace(vectorAll, "/aaaa", "/Aaaa", 1)),
			"case":           header("Authorization", strings.Replace(vectorAll, "/d74a", "/D74A", 1)),
			"end":            header("Authorization", vectorAll[:len(vectorAll)-1]),
			"fewer headers":  header("Authorization", strings.Replace(vectorAll, "content-md5;", "", 1)),
		},
		"InvalidURI": {"query that cannot be read": target(vectorTarget + "&a=%zz")},
		"InvalidHTTPAuthHeader": {
			"two of them":        func(r *http.Request) { r.Header.Add("Authorization", vectorAll) },
			"signed, sent twice": func(r *http.Request) { r.Header.Add("Content-MD5", "x") },
			"token not signed":   header("x-bce-security-token", "token"),
		},
	} {
		for name, alter := range rows {
			r := vector(vectorAll)
			alter(r)
			assert.Equal(t, code, codeOf(t, r, vectorSecret, vectorTime), name)
		}
	}
	for i := len(vectorAll) - 64; i < len(vectorAll); i++ {
		digit := map[bool]string{true: "1", false: "0"}[vectorAll[i] == '0']
		altered := vector(vectorAll[:i] + digit + vectorAll[i+1:])
		require.Equal(t, "SignatureDoesNotMatch", codeOf(t, altered, vectorSecret, vectorTime))
	}
}

// They are captured, as they stood on the wire.
func TestTheOfficialSDKsAreServed(t *testing.T) {
	paths, err := filepath.Glob("testdata/sdk-requests/*.http")
	require.NoError(t, err)
	require.Len(t, paths, 11)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
			require.NoError(t, err)
			signed, err := time.Parse(time.RFC3339, strings.Split(r.Header.Get("Authorization"), "/")[2])
			require.NoError(t, err)
			s := simulator.New(simulator.Config{Now: func() time.Time { return signed }})
			recorder := httptest.NewRecorder()
			s.ServeHTTP(recorder, r)
			assert.Equal(t, http.StatusOK, recorder.Code, recorder.Body)
			for _, order := range s.Orders() {
				assert.Equal(t, 5, order.Months)
			}
			assert.Equal(t, strings.Contains(path, "purchase"), len(s.Orders()) == 1)
			r.Host = "127.0.0.1:18099.example"
			s.ServeHTTP(recorder, r)
			assert.Contains(t, recorder.Body.String(), "SignatureDoesNotMatch")
		})
	}
}

// FuzzVerify wants that nothing is verified but what was signed.
func FuzzVerify(f *testing.F) {
	for _, authorization := range []string{vectorAll, vectorFew, "bce-auth-v1//////"} {
		f.Add(authorization, "PUT", vectorTarget, "bj.bcebos.com", vectorDate)
	}
	f.Fuzz(func(t *testing.T, authorization, method, target, host, date string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := vector(authorization)
		r.Method, r.URL, r.Host = method, u, host
		r.Header.Set("x-bce-date", date)
		if simulator.Verify(r, vectorSecret, vectorTime) != nil {
			return
		}
		parts := strings.Split(authorization, "/")
		names := strings.Split(parts[4], ";")
		slices.Sort(names)
		parts[4] = strings.Join(slices.Compact(names), ";")
		assert.Contains(t, []string{vectorAll, vectorFew}, strings.Join(parts, "/"))
		assert.Equal(t, []string{"PUT", "/v1/test/myfolder/readme.txt", vectorDate}, []string{method, u.Path, strings.TrimSpace(date)})
		assert.Regexp(t, `^bj\.bcebos\.com(:\d+)?$`, host)
	})
}
