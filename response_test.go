package computeunit_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

func TestTheRequestIDIsTheServicesWhereItGaveOne(t *testing.T) {
	for _, test := range []struct {
		name, body string
		headers    []string
		want       string
	}{
		{"in the body", `{"requestId":"body","code":"x"}`, nil, "body"},
		{"in the header", `{"code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "header"},
		{"in both", `{"requestId":"body","code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "body"},
		{"blank in the body", `{"requestId":" ","code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "header"},
		{"a number in the body", `{"requestId":7,"code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "7"},
		{"neither text nor number in the body", `{"requestId":[7],"code":"x"}`, []string{"X-Bce-Request-Id", "header"}, "header"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var failed *computeunit.OutcomeError
			require.ErrorAs(t, buyAnswered(t, 400, test.body, test.headers...), &failed)
			assert.Equal(t, test.want, failed.RequestID)
			var refusal *computeunit.APIError
			require.ErrorAs(t, failed, &refusal)
			assert.Equal(t, test.want, refusal.RequestID)
		})
	}
}

// An answer is read up to 1 MiB. An error about it goes into logs: it stays short, whichever part was long.
func TestAnErrorStaysShortHoweverLongTheAnswerIs(t *testing.T) {
	long := strings.Repeat("9", 100_000)
	for name, err := range map[string]error{
		"message":                    buyAnswered(t, 400, `{"code":"x","message":"`+long+`"}`),
		"code":                       buyAnswered(t, 400, `{"code":"`+long+`"}`),
		"body":                       buyAnswered(t, 500, long),
		"body of a success":          buyAnswered(t, 200, `"`+long+`"`),
		"location":                   buyAnswered(t, 302, "", "Location", long),
		"error_code beyond int64":    buyAnswered(t, 200, `{"error_code":`+long+`}`),
		"error_code that is no int":  buyAnswered(t, 200, `{"error_code":1.`+long+`}`),
		"request id":                 buyAnswered(t, 500, `{"requestId":"`+long+`"}`),
		"request id of a short code": buyAnswered(t, 400, `{"requestId":"`+long+`","code":"x"}`),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Less(t, len(err.Error()), 2000)
		})
	}
}

func TestTheFieldsOfAnAPIErrorHaveLongTextsWhole(t *testing.T) {
	long := strings.Repeat("长", 10_000)
	var refusal *computeunit.APIError
	require.ErrorAs(t, buyAnswered(t, 400, `{"code":"`+long+`","message":"`+long+`"}`), &refusal)
	assert.Equal(t, long, refusal.Code)
	assert.Equal(t, long, refusal.Message)
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

const byteOrderMark = "\ufeff"

// What servers put around JSON although nobody asked for it never makes a response unreadable, and never hides anything.
func TestABodyIsReadThroughCompressionAndByteOrderMarks(t *testing.T) {
	refused, unknown := computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown
	encoding := func(values ...string) (headers []string) {
		for _, value := range values {
			headers = append(headers, "Content-Encoding", value)
		}
		return headers
	}
	for _, row := range []struct {
		name    string
		headers []string
		wrap    func(string) string
		want    [3]error // for a purchase, for a refusal in a 400, and for a 400 with an id in it
	}{
		{"a byte order mark", nil, func(s string) string { return byteOrderMark + s }, [3]error{nil, refused, unknown}},
		{"gzip that is announced", encoding("gzip"), func(s string) string { return gzipped(t, s) }, [3]error{nil, refused, unknown}},
		{"gzip in capitals", encoding("X-GZIP"), func(s string) string { return gzipped(t, s) }, [3]error{nil, refused, unknown}},
		{"gzip that is not announced", nil, func(s string) string { return gzipped(t, s) }, [3]error{nil, refused, unknown}},
		{"gzip that is only announced", encoding("gzip"), func(s string) string { return s }, [3]error{nil, refused, unknown}},
		{"identity", encoding("identity"), func(s string) string { return s }, [3]error{nil, refused, unknown}},
		{"a byte order mark in gzip", nil, func(s string) string { return gzipped(t, byteOrderMark+s) }, [3]error{nil, refused, unknown}},
		{"a byte order mark before gzip", nil, func(s string) string { return byteOrderMark + gzipped(t, s) }, [3]error{nil, refused, unknown}},
		{"gzip in two members", nil, func(s string) string { return gzipped(t, s[:9]) + gzipped(t, s[9:]) }, [3]error{nil, refused, unknown}},
		{"gzip twice", nil, func(s string) string { return gzipped(t, gzipped(t, s)) }, [3]error{unknown, unknown, unknown}},
		{"gzip twice, with a byte order mark", nil, func(s string) string { return gzipped(t, byteOrderMark+gzipped(t, s)) }, [3]error{unknown, unknown, unknown}},
		{"gzip cut off", nil, func(s string) string { g := gzipped(t, s); return g[:len(g)-9] }, [3]error{unknown, unknown, unknown}},
		{"gzip with a wrong sum", nil, func(s string) string { g := gzipped(t, s); return g[:len(g)-8] + "\x00\x00\x00\x00" + g[len(g)-4:] }, [3]error{unknown, unknown, unknown}},
		{"gzip and more", nil, func(s string) string { return gzipped(t, s) + "x" }, [3]error{unknown, unknown, unknown}},
		{"a gzip bomb", nil, func(s string) string { return gzipped(t, s+strings.Repeat(" ", 8<<20)) }, [3]error{unknown, unknown, unknown}},
		{"a gzip bomb in gzip", nil, func(s string) string { return gzipped(t, gzipped(t, s+strings.Repeat(" ", 8<<20))) }, [3]error{unknown, unknown, unknown}},
		{"an encoding that is not known", encoding("br"), func(s string) string { return s }, [3]error{unknown, unknown, unknown}},
		{"two encodings", encoding("gzip, br"), func(s string) string { return s }, [3]error{unknown, unknown, unknown}},
		{"two encodings in two lines", encoding("gzip", "br"), func(s string) string { return gzipped(t, s) }, [3]error{unknown, unknown, unknown}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for i, response := range []struct {
				status int
				body   string
			}{{200, documentedAnswer}, {400, `{"code":"MalformedJSON"}`}, {400, documentedAnswer}} {
				err := buy(t, newClient(t, answerWith(response.status, row.wrap(response.body), row.headers...)))
				assertOutcome(t, row.want[i], err)
				if err != nil {
					assertOneLine(t, err)
					assert.Less(t, len(err.Error()), 2000)
				}
			}
		})
	}
}

func TestARefusalWithoutABodyNeedsNoEncoding(t *testing.T) {
	assertOutcome(t, computeunit.ErrNotPurchased, buyAnswered(t, 403, ``, "Content-Encoding", "br"))
}

// UTF-16 is not read, but it hides neither an id nor a code of a failure inside.
func TestARefusalInUTF16IsSearchedForWhatContradictsIt(t *testing.T) {
	wide := func(text string) string {
		var b strings.Builder
		b.WriteString("\xff\xfe")
		for i := range len(text) {
			b.WriteString(text[i:i+1] + "\x00")
		}
		return b.String()
	}
	assertOutcome(t, computeunit.ErrNotPurchased, buyAnswered(t, 403, wide(deniedBody)))
	assertOutcome(t, computeunit.ErrOutcomeUnknown, buyAnswered(t, 403, wide(internalBody)))
	assertOutcome(t, computeunit.ErrOutcomeUnknown, buyAnswered(t, 403, wide(documentedAnswer)))
}

// A message in GBK, whose second byte can be a backslash, hides nothing of what stands before and after it.
func TestAMessageInGBKHidesNeitherIDsNorCodes(t *testing.T) {
	for name, message := range map[string]string{
		"without a backslash":            "\xb3\xc9\xb9\xa6",
		"with one at its end":            "\xb3\xc9\xb0\\",
		"with one in it":                 "\xb0\\\xb3\xc9",
		"with two of them":               "\xb0\\\xb0\\",
		"with a quote after one":         "\xb0\\\\\"",
		"with a character read as UTF-8": "\xe4\xb8\xad\\",
	} {
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{
				"{\"message\":\"" + message + "\",\"code\":\"InternalError\"}", "{\"code\":\"InternalError\",\"message\":\"" + message + "\"}",
				"{\"message\":\"" + message + "\",\"result\":{\"instanceId\":7}}", "{\"result\":{\"instanceId\":7},\"message\":\"" + message + "\"}",
			} {
				assertOutcome(t, computeunit.ErrOutcomeUnknown, buyAnswered(t, 400, body))
			}
			assertOutcome(t, computeunit.ErrNotPurchased, buyAnswered(t, 400, "{\"message\":\""+message+"\",\"code\":\"X\"}"))
		})
	}
}

func TestAnErrorIsReadInEachOfItsForms(t *testing.T) {
	for name, row := range map[string]struct {
		body          string
		headers       []string
		code, message string
	}{
		"documented":             {`{"code":"A","message":"b"}`, nil, "A", "b"},
		"older":                  {`{"error_code":17,"error_msg":"b"}`, nil, "17", "b"},
		"older, as text":         {`{"error_code":"17","error_msg":"b"}`, nil, "17", "b"},
		"integer code and msg":   {`{"code":-17,"msg":"b"}`, nil, "-17", "b"},
		"a large integer":        {`{"code":99999999999999999999}`, nil, "99999999999999999999", ""},
		"in an error object":     {`{"error":{"code":"A","message":"b"}}`, nil, "A", "b"},
		"integer in an object":   {`{"error":{"code":17,"message":"b"}}`, nil, "17", "b"},
		"older, in an object":    {`{"error":{"error_code":17,"error_msg":"b"}}`, nil, "17", "b"},
		"msg in an object":       {`{"error":{"code":7,"msg":"b"}}`, nil, "7", "b"},
		"error_msg in an object": {`{"error":{"code":"A","error_msg":"b"}}`, nil, "A", "b"},
		"in another case":        {`{"Code":"A","MESSAGE":"b"}`, nil, "A", "b"},
		"the gateway's headers":  {``, []string{"X-Bce-Error-Code", "A", "X-Bce-Error-Message", "b"}, "A", "b"},
		"the body before them":   {`{"code":"A","message":"b"}`, []string{"X-Bce-Error-Code", "C", "X-Bce-Error-Message", "d"}, "A", "b"},
		"an error that is text":  {`{"error":"b"}`, nil, "", "b"},
		"a message of a number":  {`{"code":"A","message":7}`, nil, "A", "7"},
		"a message of an object": {`{"code":"A","message":{"zh":"b"},"msg":"c"}`, nil, "A", "c"},
		"a blank message":        {`{"code":"A","message":" ","msg":"c"}`, nil, "A", "c"},
		"nothing":                {``, nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := buyAnswered(t, 400, row.body, row.headers...)
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			answered := apiError(t, err)
			assert.Equal(t, []any{400, row.code, row.message}, []any{answered.StatusCode, answered.Code, answered.Message})
		})
	}
}

func TestACodeInAHeaderDecidesNoSuccess(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		code string
		want error
	}{
		"beside nothing":           {``, "AccessDenied", computeunit.ErrOutcomeUnknown},
		"beside an empty object":   {`{}`, "AccessDenied", computeunit.ErrOutcomeUnknown},
		"beside an id":             {documentedAnswer, "AccessDenied", computeunit.ErrOutcomeUnknown},
		"beside an id, of any":     {documentedAnswer, "X", computeunit.ErrOutcomeUnknown},
		"beside another code":      {deniedBody, "OptInRequired", computeunit.ErrOutcomeUnknown},
		"beside the same code":     {deniedBody, "AccessDenied", computeunit.ErrNotPurchased},
		"blank, beside an id":      {documentedAnswer, " ", nil},
		"blank, beside a code":     {deniedBody, "", computeunit.ErrNotPurchased},
		"zero, beside an id":       {documentedAnswer, " 0", nil},
		"zero, beside a code":      {deniedBody, "0", computeunit.ErrNotPurchased},
		"a failure beside a code":  {deniedBody, "InternalError", computeunit.ErrOutcomeUnknown},
		"a failure beside an id":   {documentedAnswer, "InternalError", computeunit.ErrOutcomeUnknown},
		"a failure, in other case": {``, "INTERNALERROR", computeunit.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			assertOutcome(t, row.want, buy(t, newClient(t, answerWith(200, row.body, "X-Bce-Error-Code", row.code))))
		})
	}
}

// An unknown outcome shows what there was, so that a person can find out.
func TestAnUnknownOutcomeShowsItsEvidence(t *testing.T) {
	for name, row := range map[string]struct {
		err   error
		parts []string
	}{
		"HTML": {
			buyAnswered(t, 200, `<html>welcome</html>`, "Content-Type", "text/html; charset=gbk"),
			[]string{"HTTP 200", `content type "text/html; charset=gbk"`, "20 bytes", "<html>welcome</html>", "not the documented JSON"},
		},
		"a code": {
			buyAnswered(t, 200, `{"code":"OutOfStock","message":"库存不足"}`, "Content-Type", "application/json"),
			[]string{"OutOfStock", "库存不足", `content type "application/json"`, "not documented as a refusal"},
		},
		"an integer code": {buyAnswered(t, 200, olderBody), []string{`code "336003"`, `message "no"`}},
		"an encoding": {
			buyAnswered(t, 200, `xyz`, "Content-Encoding", "br"),
			[]string{`encoding "br"`, "3 bytes", "xyz", "not supported"},
		},
		"compressed": {
			buyAnswered(t, 200, gzipped(t, `{"status":"Processing"}`), "Content-Encoding", "gzip"),
			[]string{`encoding "gzip"`, `Processing`, "neither an instance id nor an order id"},
		},
		"an id that is a number":  {buyAnswered(t, 200, `{"result":{"instanceId":17}}`), []string{"instance id", `"a number"`, `:17}`}},
		"an id that is an object": {buyAnswered(t, 200, `{"result":{"orderId":{"a":1}}}`), []string{"order id", `"an object"`, `{\"a\":1}`}},
		"two ids":                 {buyAnswered(t, 200, `{"result":{"orderId":"o","OrderID":"p"}}`), []string{"order id", `"o" "p"`}},
		"an invisible id":         {buyAnswered(t, 200, `{"result":{"instanceId":"i\u200b"}}`), []string{"instance id", `i\u200b`}},
		"an id beside a refusal":  {buyAnswered(t, 403, `{"result":{"orderId":"o-1"}}`), []string{"HTTP 403", "o-1", "the status refuses, but there is an id in the body"}},
		"an id beside a code":     {buyAnswered(t, 200, `{"code":"X","result":{"orderId":"o-1"}}`), []string{"o-1", "an error code and an id"}},
		"a failure inside":        {buyAnswered(t, 400, internalBody), []string{"InternalError", "a failure inside"}},
		"a failure of any form":   {buyAnswered(t, 400, `<Code>InternalError</Code>`), []string{"<Code>InternalError</Code>", "a failure inside"}},
		"a status":                {buyAnswered(t, 504, ``, "Server", "gateway"), []string{"HTTP 504 Gateway Timeout", "0 bytes", "a gateway or a proxy"}},
		"a body that is too large": {
			buyAnswered(t, 200, "<html>Log in"+strings.Repeat("x", 1<<20), "Content-Type", "text/html"),
			[]string{"HTTP 200", "longer than", "more than 1048576 bytes", "<html>Log in", "text/html"},
		},
		"no body": {buyAnswered(t, 204, ``), []string{"HTTP 204 No Content", "0 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			assertOutcome(t, computeunit.ErrOutcomeUnknown, row.err)
			assertOneLine(t, row.err)
			assert.NotEmpty(t, apiError(t, row.err).Evidence)
			for _, part := range row.parts {
				assert.ErrorContains(t, row.err, part)
			}
		})
	}
}

func TestACutBodyShowsWhatCameOfIt(t *testing.T) {
	err := buy(t, newClient(t, cutAfter(200, `{"result":{"instanceId":"i-1"`)))
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.ErrorContains(t, err, "i-1")
	assert.ErrorContains(t, err, "cut off")
}

// A refusal that has neither a code nor a message where they are known to be shows what it has.
func TestARefusalThatSaysNothingThatIsReadShowsItsBody(t *testing.T) {
	for body, part := range map[string]string{
		`{"detail":"quota exceeded"}`:                        "quota exceeded",
		`{"errors":[{"code":"X","message":"no stock"}]}`:     "no stock",
		`{"requestId":"r","reason":"no stock"}`:              "no stock",
		`[{"code":"X"}]`:                                     `[{\"code\":\"X\"}]`,
		`"no stock"`:                                         "no stock",
		`{"code":0,"error_code":null,"message":" ","a":"b"}`: `\"a\":\"b\"`,
	} {
		err := buyAnswered(t, 400, body, "Content-Type", "application/json")
		assertOutcome(t, computeunit.ErrNotPurchased, err)
		assert.ErrorContains(t, err, part)
		assert.ErrorContains(t, err, `content type "application/json"`)
	}
	assert.Empty(t, apiError(t, buyAnswered(t, 400, ``)).Evidence, "there is nothing to show")
	assert.Empty(t, apiError(t, buyAnswered(t, 400, `{"message":"no stock"}`)).Evidence)
}

// A signature is taken out before the sample is cut: of half a one nobody would know what it is.
func TestTheSampleOfABodyIsCutAfterItIsRedacted(t *testing.T) {
	for _, before := range []int{150, 185, 190, 195, 199} {
		client := newClient(t, roundTripFunc(func(req *http.Request) (*http.Response, error) {
			return answerWith(500, strings.Repeat("x", before)+req.Header.Get("Authorization")+" and more")(req)
		}))
		evidence := apiError(t, buy(t, client)).Evidence
		sample := strings.Repeat("x", before) + "(signature) and more" + strings.Repeat(" ", 200)
		assert.Contains(t, evidence, strings.TrimSpace(sample[:200]))
		assert.NotContains(t, evidence, "bce", before)
	}
}

func TestAnErrorNamesNoTypesOfGo(t *testing.T) {
	_, listing := describe(t, newClient(t, answerWith(200, `{"requestId":"r","result":{"instances":{}}}`), computeunit.WithMaxAttempts(1)))
	for want, err := range map[string]error{
		`json: unexpected object in "result.instances"`: listing,
		`json: unexpected array in "result"`:            buyAnswered(t, 200, `{"requestId":"r","result":[]}`),
		`json: unexpected string`:                       buyAnswered(t, 200, `"ok"`),
		`json: unexpected number in "releaseTime"`:      json.Unmarshal([]byte(`{"billing":{"releaseTime":7}}`), new(computeunit.PurchaseComputeUnitRequest)),
	} {
		assert.ErrorContains(t, err, want)
		for _, goType := range []string{"Go ", "strictjson", "struct", "billingJSON", "Response"} {
			assert.NotContains(t, err.Error(), goType)
		}
	}
}

func TestARefusalThatSpeaksForItselfHasNoEvidence(t *testing.T) {
	assert.Empty(t, apiError(t, buyAnswered(t, 403, deniedBody, "Content-Type", "application/json")).Evidence)
}

func TestTheSampleOfABodyIsShort(t *testing.T) {
	evidence := apiError(t, buyAnswered(t, 500, strings.Repeat("界", 100_000))).Evidence
	assert.Less(t, len(evidence), 1200)
	assert.Contains(t, evidence, "300000 bytes")
}

func TestAnErrorSaysWhoAnswered(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"the service":            {buyAnswered(t, 403, deniedBody), "the service answered HTTP 403"},
		"the service, two codes": {buyAnswered(t, 400, `{"requestId":"r-1","code":"A","error_code":5}`), "the service answered HTTP 400"},
		"the service, no object": {buyAnswered(t, 200, `{"requestId":"r-1","result":[]}`), "the service answered HTTP 200"},
		"the gateway's code":     {buyAnswered(t, 403, ``, "X-Bce-Error-Code", "IamSignatureInvalid"), "the service or its gateway answered HTTP 403"},
		"the gateway's request":  {buyAnswered(t, 502, `<html>`, "X-Bce-Request-Id", "r"), "the service or its gateway answered HTTP 502"},
		"a proxy":                {buyAnswered(t, 502, `<html>`), "something on the way, such as a gateway or a proxy, answered HTTP 502"},
	} {
		t.Run(name, func(t *testing.T) { assert.ErrorContains(t, row.err, row.want) })
	}
}

// A wrong clock is named by how much it is off, whatever the code: the codes for it are not all documented.
func TestARefusalWhoseDateIsFarAwayNamesTheDifferenceOfTheClocks(t *testing.T) {
	for _, status := range []int{400, 401, 403} {
		for _, row := range []struct {
			ahead time.Duration // of the service
			want  string
		}{
			{0, ""}, {time.Minute, ""}, {-time.Minute, ""},
			{61 * time.Second, "this machine's clock is 1m1s behind the Date"}, {-61 * time.Second, "this machine's clock is 1m1s ahead of the Date"},
			{8 * time.Hour, "8h0m0s behind"}, {-8 * time.Hour, "8h0m0s ahead of"},
		} {
			t.Run(fmt.Sprint(status, " ", row.ahead), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					date := time.Now().Add(row.ahead).UTC().Format(http.TimeFormat)
					err := buyAnswered(t, status, `{"code":"SignatureDoesNotMatch"}`, "Date", date)
					assertOutcome(t, computeunit.ErrNotPurchased, err)
					assert.Equal(t, row.want != "", strings.Contains(err.Error(), "clock"), err)
					assert.ErrorContains(t, err, row.want)
				})
			})
		}
	}
}

func TestOtherStatusesSayNothingOfTheClock(t *testing.T) {
	for _, status := range []int{200, 404, 429, 500} {
		assert.NotContains(t, buyAnswered(t, status, ``, "Date", "Sat, 01 Jan 2000 00:00:00 GMT").Error(), "clock", status)
	}
}

func TestARedirectIsNotFollowedAndItsErrorSaysWhereTo(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		assert.ErrorContains(t, buyAnswered(t, status, ``, "Location", "/login"), `the redirect to "/login" is not followed`)
	}
}

func TestARedirectToNowhereIsNotCalledARedirect(t *testing.T) {
	for _, status := range []int{300, 304, 307} {
		assert.NotContains(t, buyAnswered(t, status, ``).Error(), "redirect to", status)
	}
}

// What a response makes ambiguous is shown, but no secret that it repeats.
func TestARemarkShowsNoSecretThatAResponseRepeats(t *testing.T) {
	echo := func(req *http.Request) (*http.Response, error) {
		token := req.Header.Get("X-Bce-Security-Token")
		return answerWith(200, `{"result":{"instanceId":"i-1","instanceId":"`+token+`"}}`)(req)
	}
	client := newClientWith(t, provide(testCredentials()), roundTripFunc(echo))
	err := buy(t, client)
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
	assert.NotContains(t, err.Error(), testSessionToken)
	echoEncoding := func(req *http.Request) (*http.Response, error) {
		return answerWith(200, `{}`, "Content-Encoding", req.Header.Get("X-Bce-Security-Token"))(req)
	}
	client = newClientWith(t, provide(testCredentials()), roundTripFunc(echoEncoding))
	assert.NotContains(t, buy(t, client).Error(), testSessionToken)
}

// Tokens of STS have hundreds of characters. Wherever a response repeats one, no part of it is shown: what is cut is redacted
// first.
func TestNoErrorShowsAPartOfALongToken(t *testing.T) {
	credentials := testCredentials()
	credentials.SessionToken = strings.Repeat("st1b3d5f7a9c0e", 36)
	for name, answer := range map[string]func(token, signature string) roundTripFunc{
		"an id": func(token, _ string) roundTripFunc {
			return answerWith(200, `{"result":{"instanceId":"`+token+`\u0000"}}`)
		},
		"one of two ids": func(token, _ string) roundTripFunc {
			return answerWith(200, `{"result":{"orderId":"o","orderId":"`+token+`"}}`)
		},
		"a list":      func(token, _ string) roundTripFunc { return answerWith(200, `{"result":{"instanceId":["`+token+`"]}}`) },
		"an encoding": func(token, _ string) roundTripFunc { return answerWith(200, `{}`, "Content-Encoding", token) },
		"a type":      func(token, _ string) roundTripFunc { return answerWith(500, `{}`, "Content-Type", token) },
		"a place":     func(token, _ string) roundTripFunc { return answerWith(302, ``, "Location", "/"+token) },
		"a code and a message": func(token, _ string) roundTripFunc {
			return answerWith(400, `{"code":"`+token+`","message":"`+token+`"}`)
		},
		"a signature at a cut": func(token, signature string) roundTripFunc {
			return answerWith(500, tokensBefore(1550, token)+signature)
		},
		"a signature, too large": func(token, signature string) roundTripFunc {
			return answerWith(500, tokensBefore(4046, token)+signature+strings.Repeat(" ", 1<<20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var authorization string
			err := buy(t, newClientWith(t, provide(credentials), roundTripFunc(func(req *http.Request) (*http.Response, error) {
				authorization = req.Header.Get("Authorization")
				return answer(req.Header.Get("X-Bce-Security-Token"), authorization[strings.LastIndexByte(authorization, '/')+1:])(req)
			}), computeunit.WithMaxAttempts(1)))
			require.Error(t, err)
			shown := err.Error() + marshal(t, err)
			assert.NotContains(t, shown, credentials.SessionToken[:8])
			assert.NotContains(t, shown, authorization[len(authorization)-64:][:8])
		})
	}
}

// tokensBefore is as many whole tokens as fit into a length, and blanks.
func tokensBefore(length int, token string) string {
	return strings.Repeat(token, length/len(token)) + strings.Repeat(" ", length%len(token))
}

// A transport that is not net/http's may hide that a body broke off.
func TestABodyThatIsShorterThanItsLengthIsCutOff(t *testing.T) {
	short := roundTripFunc(func(req *http.Request) (*http.Response, error) {
		response, err := answerWith(403, deniedBody)(req)
		response.ContentLength = int64(len(deniedBody)) + 1
		return response, err
	})
	err := buy(t, newClient(t, short))
	assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// Without a length and without chunks the end of the connection ends a body, also one that is cut off. Only JSON in brackets
// then shows that it is whole. JSON that breaks off does not prove anything whatever its length says.
func TestABodyThatMayBeCutOffProvesNoRefusalAtEachLevelOfTrust(t *testing.T) {
	refused, unknown := computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown
	length := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
	chunks := func(body string) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	const whole, broken = `{"requestId":"r","code":"X"}`, `{"requestId":"r","result":{"instan`
	for name, row := range map[string]struct {
		response string
		want     error
	}{
		"JSON that breaks off":                  {"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n" + broken, unknown},
		"JSON that breaks off, over HTTP/1.0":   {`HTTP/1.0 400 Bad` + "\r\n\r\n" + `{"requestId":"r","code":"Inter`, unknown},
		"a list that breaks off":                {"HTTP/1.1 400 Bad\r\n\r\n" + `[{"code":"X"},`, unknown},
		"JSON that breaks off after a BOM":      {"HTTP/1.1 400 Bad\r\n\r\n" + "\ufeff " + broken, unknown},
		"a text that may break off":             {"HTTP/1.1 400 Bad\r\n\r\n" + `"no"`, unknown},
		"a number that may break off":           {"HTTP/1.1 400 Bad\r\n\r\n" + `12`, unknown},
		"HTML":                                  {"HTTP/1.1 403 No\r\n\r\n<html>no</html>", unknown},
		"nothing":                               {"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n", unknown},
		"a 429 of HTML":                         {"HTTP/1.1 429 No\r\nRetry-After: 0\r\n\r\n<html>no</html>", unknown},
		"JSON that is whole":                    {"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n" + whole, refused},
		"JSON that is whole, over HTTP/1.0":     {"HTTP/1.0 400 Bad\r\n\r\n\ufeff \n" + whole + "\n", refused},
		"a list that is whole":                  {"HTTP/1.0 400 Bad\r\n\r\n[" + whole + "]", refused},
		"compressed JSON that is whole":         {"HTTP/1.0 400 Bad\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(t, whole), refused},
		"compressed JSON that breaks off":       {"HTTP/1.0 400 Bad\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(t, broken), unknown},
		"compressed HTML":                       {"HTTP/1.0 403 No\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(t, `<html>no</html>`), refused},
		"compressed HTML that breaks off":       {"HTTP/1.0 403 No\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(t, `<html>no</html>`)[:20], unknown},
		"compressed nothing":                    {"HTTP/1.0 403 No\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(t, ``), unknown},
		"JSON that breaks off, with its length": {"HTTP/1.1 400 Bad\r\n" + length(broken), unknown},
		"JSON that breaks off, in chunks":       {"HTTP/1.1 400 Bad\r\n" + chunks(broken), unknown},
		"HTML with its length":                  {"HTTP/1.1 403 No\r\n" + length("<html>no</html>"), refused},
		"HTML in chunks":                        {"HTTP/1.1 403 No\r\n" + chunks("<html>no</html>"), refused},
		"nothing, with its length":              {"HTTP/1.1 400 Bad\r\nConnection: close\r\n" + length(""), refused},
		"HTML of JavaScript":                    {"HTTP/1.1 403 No\r\n" + length(`{{template}} is missing`), refused},
		"a success that is whole":               {"HTTP/1.0 200 OK\r\n\r\n" + documentedAnswer, nil},
		"a success that breaks off":             {"HTTP/1.0 200 OK\r\n\r\n" + documentedAnswer[:len(documentedAnswer)-1], unknown},
	} {
		t.Run(name, func(t *testing.T) {
			address := serveRaw(t, func(conn net.Conn) {
				if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					io.Copy(io.Discard, req.Body)
					io.WriteString(conn, row.response)
				}
			})
			for _, level := range levels(t) {
				if level.tls {
					continue // HTTP/2 marks each end, and a tunnel changes nothing
				}
				err := buy(t, newClientTo(t, "http://"+address, level.options()...))
				assertOutcome(t, row.want, err)
				if row.want == unknown {
					assert.Equal(t, 1, attemptsOf(t, err), level.name)
				}
			}
		})
	}
}

func TestARefusalThatProvesNothingSaysWhy(t *testing.T) {
	for why, body := range map[string]string{
		"there is an id in the body": `{"result":{"instanceId":"i"}}`,
		"there is a result in the":   `{"result":"i"}`,
		"the body may be cut off":    `{"code":"X"`,
		"a failure inside":           internalBody,
		"is of another type":         `{"code":[1]}`,
		"is not supported":           `x`,
	} {
		for _, status := range refusingStatuses {
			headers := []string{"Location", "/login", "Retry-After", "0"}
			if body == `x` {
				headers = append(headers, "Content-Encoding", "br")
			}
			err := buyAnswered(t, status, body, headers...)
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			assert.ErrorContains(t, err, why, status)
		}
	}
}
