package computeunit_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/simulator"
)

// The closed lists of docs/outcomes.md, written down apart from the code.
var (
	refusingStatuses = []int{
		307, 308, 400, 401, 402, 403, 404, 405, 407, 410, 411, 412, 413, 414, 415, 417, 421, 422, 426, 428, 429, 431, 451,
	}
	refusingCodes = []string{
		"AccessDenied", "InvalidAccessKeyId", "InvalidHTTPAuthHeader", "SignatureDoesNotMatch", "InvalidMarker",
		"IdempotentParameterMismatch", "IamSignatureInvalid", "RequestExpired", "OptInRequired", "InappropriateJSON",
		"MalformedJSON", "InvalidHTTPRequest", "InvalidURI", "InvalidVersion", "PreconditionFailed",
	}
	failureCodes = []string{"InternalError", "336000", "336100", "500000"}
)

const (
	bought2xx   = "an id and no code"
	refusal     = "a documented code of a refusal, and no id"
	contradicts = "an id, or a code of a failure inside, that a refusal does not go with"
	proves0     = "neither"
)

var tooDeep = strings.Repeat("[", 102) + strings.Repeat("]", 102)

// bodies are what can stand in a response, and what that proves.
var bodies = []struct{ name, body, proves string }{
	{"the documented answer", documentedAnswer, bought2xx},
	{"only an instance id", `{"requestId":"r","result":{"instanceId":"i"}}`, bought2xx},
	{"only an order id", `{"result":{"orderId":"o"}}`, bought2xx},
	{"an id and integer codes of 0", `{"code":0,"error_code":0,"error":null,"result":{"orderId":"o"}}`, bought2xx},

	{"a documented code", deniedBody, refusal},
	{"a documented code in an older form", `{"error_code":"MalformedJSON","error_msg":"no"}`, refusal},
	{"a documented code in an error object", `{"error":{"code":"OptInRequired","message":"no"}}`, refusal},
	{"a documented code, result is null", `{"code":"AccessDenied","result":null}`, refusal},
	{"a documented code, ids are null", `{"code":"AccessDenied","result":{"instanceId":null,"orderId":""}}`, refusal},
	{"a documented code, success is false", `{"success":false,"code":"AccessDenied"}`, refusal},

	{"a documented code and an id", `{"code":"AccessDenied","result":{"instanceId":"i"}}`, contradicts},
	{"an undocumented code and an id", `{"code":"OutOfStock","result":{"orderId":"o"}}`, contradicts},
	{"an integer code and an id", `{"error_code":17,"result":{"orderId":"o"}}`, contradicts},
	{"a failure inside", internalBody, contradicts},
	{"a failure inside, as an integer", `{"error_code":336100,"error_msg":"try again"}`, contradicts},
	{"a failure inside, as an integer code", `{"code":500000,"msg":"try again"}`, contradicts},
	{"a failure inside, as digits in a text", `{"code":"336000"}`, contradicts},
	{"a failure inside, in an error object", `{"error":{"code":"InternalError"}}`, contradicts},
	{"a failure inside, and an id", `{"code":"InternalError","result":{"instanceId":"i"}}`, contradicts},
	{"a failure inside beside a documented code", `{"code":"AccessDenied","error_code":336100}`, contradicts},
	{"an id that is a number", `{"result":{"instanceId":1}}`, contradicts},
	{"an id that is an object", `{"result":{"orderId":{"id":"o"}}}`, contradicts},
	{"an id that is a list", `{"result":{"orderId":["o"]}}`, contradicts},
	{"an id that is true", `{"code":"AccessDenied","result":{"orderId":true}}`, contradicts},
	{"ids in a list", `{"result":[{"instanceId":"i"}]}`, contradicts},
	{"ids in a list, and a documented code", `{"code":"AccessDenied","result":[{"instanceId":"i"}]}`, contradicts},
	{"ids in a list in the result", `{"code":"AccessDenied","result":{"units":[{"instanceId":"i"}]}}`, contradicts},
	{"ids outside of the result", `{"instanceId":"i"}`, contradicts},
	{"two instance ids", `{"result":{"instanceId":"i","InstanceId":"j"}}`, contradicts},
	{"an id in what is not JSON", `created instanceId=i-1, then failed`, contradicts},
	{"an id in JSON that ends early", `{"code":"AccessDenied","result":{"instanceId":"i"`, contradicts},
	{"a failure inside in JSON that ends early", `{"code":"InternalError"`, contradicts},
	{"a failure inside in XML", `<Error><Code>InternalError</Code></Error>`, contradicts},
	{"a failure inside, as a fraction", `{"errno":336100.0}`, contradicts},
	{"a failure inside in a text", `{"code":"Bad","message":"upstream said {\"code\":\"InternalError\"}"}`, contradicts},
	{"a failure inside in XML in a text", `{"code":"Bad","message":"<Code>InternalError</Code>"}`, contradicts},
	{"an id in a text", `{"code":"Bad","body":"{\"result\":{\"instanceId\":\"i-1\"}}"}`, contradicts},
	{"an id in a text in a text", `{"code":"Bad","body":"{\"b\":\"{\\\"orderId\\\":\\\"o\\\"}\"}"}`, contradicts},
	{"a text that is all", `"{\"result\":{\"instanceId\":\"i-1\"}}"`, contradicts},
	{"an id under another name", `{"code":"Bad","order_id":"o"}`, contradicts},
	{"ids under another name", `{"code":"Bad","data":{"instanceIds":["i"]}}`, contradicts},
	{"a result that is text", `{"code":"Bad","result":"i-123"}`, contradicts},
	{"a result that is a number", `{"code":"Bad","result":123}`, contradicts},
	{"a result that is true", `{"code":"Bad","result":true}`, contradicts},
	{"a result that is a list", `{"code":"Bad","Result":["i-123"]}`, contradicts},
	{"a result that has something", `{"code":"AccessDenied","result":{"id":"i-123"}}`, contradicts},
	{"JSON that breaks off", `{"code":"Bad","message":"no`, contradicts},
	{"an id beside an error under another name", `{"errorCode":"OutOfStock","result":{"instanceId":"i"}}`, contradicts},
	{"an id beside success of false", `{"success":false,"result":{"instanceId":"i"}}`, contradicts},
	{"a documented code beside success of true", `{"code":"AccessDenied","success":true}`, contradicts},
	{"a code beside success of true in a text", `{"code":"AccessDenied","data":[{"Success":" TRUE"}]}`, contradicts},
	{"success of 1", `{"code":"AccessDenied","success":1}`, contradicts},
	{"JSON, and more that breaks off", `{"code":"X"}{"result":"or`, contradicts},
	{"a failure inside, nested too deep to be found", `{"a":` + tooDeep + `,"code":"\u0049nternalError"}`, contradicts},
	{"an id, nested too deep to be found", `{"a":` + tooDeep + `,"result":{"\u006frderId":"o"}}`, contradicts},
	{"a result, nested too deep to be found", `{"code":"AccessDenied","a":` + tooDeep + `,"result":"ordered"}`, contradicts},

	{"nothing", ``, proves0},
	{"HTML", `<html><h1>welcome</h1></html>`, proves0},
	{"an empty object", `{}`, proves0},
	{"null", `null`, proves0},
	{"a request id alone", `{"requestId":"r"}`, proves0},
	{"ids that are empty", `{"result":{"instanceId":"","orderId":null}}`, proves0},
	{"an undocumented code", `{"code":"OutOfStock","message":"库存不足"}`, proves0},
	{"an undocumented integer code", olderBody, proves0},
	{"a documented code in another case", `{"code":"accessdenied"}`, proves0},
	{"two codes", `{"code":"AccessDenied","Code":"OptInRequired"}`, proves0},
	{"an error without a code", `{"error":"no"}`, proves0},
	{"a code that says it went well", `{"code":"Success","result":{}}`, proves0},
	{"a result of nothing", `{"code":"Bad","result":[{"a":null},false,0,""]}`, proves0},
	{"an error under another name", `{"errorCode":"OutOfStock"}`, proves0},
	{"success is false", `{"success":false,"message":"no"}`, proves0},
	{"success is false in a text", `{"success":" False ","code":"Bad"}`, proves0},
	{"JSON, and more", `{"code":"Bad"} {"message":"no"}`, proves0},
	{"a text with brackets", `{"code":"Bad","message":"<b>no</b> {x}"}`, proves0},
}

// outcomeOf is the outcome table for responses that were read whole.
func outcomeOf(status int, proves string) error {
	switch {
	case slices.Contains(refusingStatuses, status) && proves != contradicts && proves != bought2xx:
		return computeunit.ErrNotPurchased
	case 200 <= status && status <= 299 && proves == refusal:
		return computeunit.ErrNotPurchased
	case 200 <= status && status <= 299 && proves == bought2xx:
		return nil
	}
	return computeunit.ErrOutcomeUnknown
}

// Every status that a RoundTripper can return, with every kind of body, whole and cut off.
func TestEveryStatusWithEveryBody(t *testing.T) {
	for i, row := range bodies {
		t.Run(row.name, func(t *testing.T) {
			check := newChecker(t)
			for status := range 1000 {
				check.answer(outcomeOf(status, row.proves), status, answerWith(status, row.body))
				if slices.Contains(oneOfEach, i) {
					check.answer(computeunit.ErrOutcomeUnknown, status, cutAfter(status, row.body))
				}
			}
		})
	}
}

// The stand-in service has the table too: it must not deny an order that it makes.
func TestTheStandInKnowsWhichAnswersProveThatNothingWasBought(t *testing.T) {
	for _, row := range bodies {
		for status := 200; status <= 599; status++ {
			fault := simulator.Fault{Kind: simulator.RawAnswer, Status: status, Body: row.body, When: simulator.AfterOrder}
			if proves := outcomeOf(status, row.proves) == computeunit.ErrNotPurchased; proves != (fault.Valid() != nil) {
				t.Errorf("%s, %d: it proves that nothing was bought: %v, but the stand-in says: %v", row.name, status, proves, fault.Valid())
			}
		}
	}
}

// checker is a client that gets one response after the other.
type checker struct {
	*testing.T
	client *computeunit.Client
	next   roundTripFunc
	sent   int
}

func newChecker(t *testing.T) *checker {
	c := &checker{T: t}
	c.client = newClient(t, roundTripFunc(func(req *http.Request) (*http.Response, error) {
		c.sent++
		return c.next(req)
	}))
	return c
}

// answer checks the outcome, and that one response is enough for it.
func (c *checker) answer(want error, status int, answer roundTripFunc) {
	c.Helper()
	c.next, c.sent = answer, 0
	response, err := c.client.PurchaseComputeUnit(c.Context(), documentedRequest())
	if !isOutcome(want, response, err) || c.sent != 1 {
		c.Errorf("status %d, sent %d times: want %v, got %v", status, c.sent, want, err)
	}
}

// isOutcome is assertOutcome for many.
func isOutcome(want error, response *computeunit.PurchaseComputeUnitResponse, err error) bool {
	if want == nil {
		return err == nil && response.Result.InstanceID+response.Result.OrderID != ""
	}
	return response == nil && errors.Is(err, want) &&
		errors.Is(err, computeunit.ErrNotPurchased) != errors.Is(err, computeunit.ErrOutcomeUnknown)
}

func TestEveryDocumentedCodeOfARefusalRefusesInASuccess(t *testing.T) {
	for _, code := range refusingCodes {
		t.Run(code, func(t *testing.T) {
			check := newChecker(t)
			for _, status := range []int{200, 201, 299} {
				check.answer(computeunit.ErrNotPurchased, status, answerWith(status, `{"code":"`+code+`"}`))
			}
			for _, body := range []string{
				`{"code":"` + code + ` "}`, `{"code":"` + strings.ToUpper(code) + `"}`, `{"code":"` + code + `2"}`, `{"code":"X","Code":"` + code + `"}`,
				`{"code":"` + code + `","result":{"orderId":"o"}}`, `{"code":"` + code + `","errors":[{"code":"InternalError"}]}`,
			} {
				check.answer(computeunit.ErrOutcomeUnknown, 200, answerWith(200, body))
			}
		})
	}
}

func TestACodeOfAFailureInsideIsUnknownWhateverTheStatus(t *testing.T) {
	check := newChecker(t)
	for _, code := range failureCodes {
		forms := []string{
			`{"code":"` + code + `"}`, `{"Code":"` + strings.ToLower(code) + ` "}`, `{"error_code":"` + code + `"}`, `{"error":{"code":"` + code + `"}}`,
			`{"code":"AccessDenied","code":"` + code + `"}`, `{"code":"` + code + `","code":"AccessDenied"}`,
			`{"error":{"code":"` + code + `"},"error":{"code":"AccessDenied"}}`, `{"error":{"code":"AccessDenied"},"error":{"code":"` + code + `"}}`,
			`{"errors":[{"errorCode":"` + code + `"}]}`, `{"result":{"code":"` + code + `"}}`,
			`{"code":"` + code + `."}`, `{"message":"{\"code\":\"` + code + `\"}"}`, `{"code":"` + code + `"} and more`, `{"code":"` + code + `"`, "{\"message\":\"\xb0\x5c\",\"code\":\"" + code + `"}`, `<Code>` + code + `</Code>`, `error ` + code,
			`{"error":"` + code + `: queue full after the order"}`, `{"code":"[` + code + `]"}`, `{"code":"#` + code + `"}`, `{"code":"BCE.` + code + `"}`,
			`{"errors":["` + code + `: internal"]}`, `{"error":"upstream said ` + code + ` and no more"}`, `{"code":"错误` + code + `"}`,
			`{"code":"AccessDenied","error_msg":"` + code + `: x"}`, `"` + code + `"`, `["` + code + `"]`, `[{"a":[]},"E-` + code + `"]`,
		}
		if _, err := strconv.Atoi(code); err == nil {
			forms = append(forms, `{"code":"`+code+`.0"}`, `{"code":"0`+code+`"}`, `{"errors":[{"code":`+code+`.00}]}`, `{"errno":`+code+`e0}`)
			forms = append(forms, code, code+`.0`, `{"code":"#0`+code+`: x"}`, `{"code":`+code+`}`, `{"error_code":`+code+`,"error_msg":"x"}`, `{"error":{"code":`+code+`}}`)
		}
		for _, status := range append([]int{200, 202, 500}, refusingStatuses...) {
			for _, form := range forms {
				check.answer(computeunit.ErrOutcomeUnknown, status, answerWith(status, form, "Retry-After", "0"))
			}
			for _, header := range []string{code, `"` + code + `"`, code + ", " + code, "AccessDenied;" + code, code + ": x"} {
				check.answer(computeunit.ErrOutcomeUnknown, status, answerWith(status, ``, "X-Bce-Error-Code", header))
				check.answer(computeunit.ErrOutcomeUnknown, status, answerWith(status, ``, "X-Bce-Error-Code", "AccessDenied", "X-Bce-Error-Code", header))
				check.answer(computeunit.ErrOutcomeUnknown, status, answerWith(status, ``, "X-Bce-Error-Code", "AccessDenied", "X-Bce-Error-Message", header))
			}
		}
	}
}

// Digits inside other digits are no code, and a number elsewhere is none.
func TestARefusalThatMerelyHasTheDigitsOfAFailureIsARefusal(t *testing.T) {
	for _, body := range []string{
		`{"code":"QuotaExceeded","limit":500000}`, `{"code":3361000}`, `<html>ray 15000001, NoInternalErrors</html>`, `{"message":"at most 336000"}`,
		`{"code":"InternalErrors"}`, `{"code":"NoInternalError"}`, `{"code":"Quota_336000"}`, `{"code":"-336000"}`, `{"code":"336000.5"}`, `[15000001,"NoInternalErrors"]`,
	} {
		newChecker(t).answer(computeunit.ErrNotPurchased, 400, answerWith(400, body))
	}
}

// What a success must have, from both sides of each bound.
func TestASuccessIsBoughtOnlyWithAnIDThatIsCertain(t *testing.T) {
	refused, unknown := computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown
	for _, row := range []struct {
		name, body string
		want       error
	}{
		{"unknown fields", `{"a":1,"result":{"instanceId":"i","more":[{}]},"z":null}`, nil},
		{"null code", `{"code":null,"error_code":0,"message":null,"result":{"instanceId":"i"}}`, nil},
		{"empty code", `{"code":"","result":{"instanceId":"i"}}`, nil},
		{"empty error", `{"error":{},"result":{"instanceId":"i"}}`, nil},
		{"an error object of nothing", `{"error":{"code":0,"message":""},"result":{"instanceId":"i"}}`, nil},
		{"error is false", `{"error":false,"result":{"instanceId":"i"}}`, nil},
		{"the same id twice", `{"result":{"instanceId":"i"},"result":{"instanceId":"i","orderId":"o"}}`, nil},
		{"an id, then null and an empty one", `{"result":{"instanceId":"i","instanceId":null,"InstanceID":""}}`, nil},
		{"error_code of minus zero", `{"error_code":-0,"result":{"instanceId":"i"}}`, nil},
		{"an escaped id", `{"result":{"instanceId":"\u0069"}}`, nil},
		{"an escaped name", `{"result":{"\u0069nstanceId":"i"}}`, nil},
		{"an id of a language", `{"result":{"instanceId":"实例-1"}}`, nil},
		{"request id of another type", `{"requestId":7,"result":{"instanceId":"i"}}`, nil},
		{"request id is a list", `{"requestId":[1],"result":{"instanceId":"i"}}`, nil},
		{"message of another type", `{"message":{"zh":"好"},"result":{"instanceId":"i"}}`, nil},
		{"status and startTime of any type", `{"result":{"instanceId":"i","status":2,"startTime":17}}`, nil},
		{"a byte order mark", "\ufeff" + documentedAnswer, nil},
		{"broken text in the message", "{\"message\":\"\xff\",\"result\":{\"instanceId\":\"i\"}}", nil},
		{"GBK in the message, before the ids", "{\"message\":\"\xb3\xc9\xb9\xa6\",\"result\":{\"instanceId\":\"i\"}}", nil},
		{"a backslash in GBK, before the ids", "{\"message\":\"\xb0\\\",\"result\":{\"instanceId\":\"i\"}}", nil},
		{"nothing under names of errors", `{"success":true,"errorCode":"","errno":0,"errors":[],"result":{"instanceId":"i","error":null,"code":0}}`, nil},
		{"names that are none of errors", `{"regionCode":"bj","errorMsg":"ok","result":{"instanceId":"i","preferred":1,"statusCode":200}}`, nil},
		{"a backslash in GBK, after the ids", "{\"result\":{\"instanceId\":\"i\"},\"message\":\"\xb0\\\"}", nil},

		{"the same code twice", `{"code":"AccessDenied","Code":"AccessDenied"}`, refused},
		{"an escaped code", `{"code":"\u0041ccessDenied"}`, refused},
		{"a code in a header that is the body's", `{"code":"AccessDenied"}`, refused},
		{"a backslash in GBK, before the code", "{\"message\":\"\xb0\\\",\"code\":\"AccessDenied\"}", refused},

		{"a code, then none", `{"code":"X","code":"","result":{"instanceId":"i"}}`, unknown},
		{"a code, then null", `{"code":"X","code":null,"result":{"instanceId":"i"}}`, unknown},
		{"an error_code, then none", `{"error_code":5,"error_code":0,"result":{"instanceId":"i"}}`, unknown},
		{"a blank code beside an id", `{"code":" ","result":{"instanceId":"i"}}`, unknown},
		{"a code of another type", `{"code":true,"result":{"instanceId":"i"}}`, unknown},
		{"a code that is a fraction", `{"code":0.0,"result":{"instanceId":"i"}}`, unknown},
		{"a code that is an object", `{"code":{},"result":{"instanceId":"i"}}`, unknown},
		{"a documented code beside one of another type", `{"code":"AccessDenied","error_code":[7]}`, unknown},
		{"a documented code beside an integer one", `{"code":"AccessDenied","error_code":17}`, unknown},
		{"error is text beside an id", `{"error":"oops","result":{"instanceId":"i"}}`, unknown},
		{"error is true beside an id", `{"error":true,"result":{"instanceId":"i"}}`, unknown},
		{"error is a list beside an id", `{"error":["oops"],"result":{"instanceId":"i"}}`, unknown},
		{"error has only a message beside an id", `{"error":{"message":"oops"},"result":{"instanceId":"i"}}`, unknown},
		{"error has a code beside an id", `{"error":{"code":5},"result":{"instanceId":"i"}}`, unknown},
		{"a code of broken text", "{\"code\":\"AccessDenied\xff\"}", unknown},
		{"a code that is zero in a text", `{"code":"0","result":{"instanceId":"i"}}`, unknown},
		{"a code that is a status", `{"code":"402"}`, unknown},
		{"a failure inside in a list beside an id", `{"errors":[{"code":"InternalError"}],"result":{"instanceId":"i"}}`, unknown},
		{"a failure inside in the result beside an id", `{"result":{"instanceId":"i","errorCode":336100}}`, unknown},
		{"errorCode beside an id", `{"errorCode":"OutOfStock","result":{"instanceId":"i"}}`, unknown},
		{"errno beside an id", `{"ERRNO":7,"result":{"instanceId":"i"}}`, unknown},
		{"err_code beside an id", `{"result":{"instanceId":"i"},"err_code":"X"}`, unknown},
		{"errors beside an id", `{"errors":[{"message":"oops"}],"result":{"instanceId":"i"}}`, unknown},
		{"a code in the result", `{"result":{"instanceId":"i","code":"OutOfStock"}}`, unknown},
		{"an error in the result", `{"result":{"instanceId":"i","error":{"message":"oops"}}}`, unknown},
		{"an error elsewhere", `{"data":[{"errorNo":7}],"result":{"instanceId":"i"}}`, unknown},
		{"success is false", `{"success":false,"result":{"instanceId":"i"}}`, unknown},
		{"success is true", `{"success":true,"result":{"instanceId":"i","success":"True"},"Success":1}`, nil},
		{"success is null", `{"success":null,"result":{"instanceId":"i"}}`, nil},
		{"success is false in the result", `{"requestId":"r","result":{"success":false,"orderId":"o-1"}}`, unknown},
		{"success is false elsewhere", `{"data":[{"SUCCESS":false}],"result":{"orderId":"o-1"}}`, unknown},
		{"success is 0", `{"success":0,"result":{"orderId":"o-1"}}`, unknown},
		{"success is false in blanks", `{"success":" False ","result":{"orderId":"o-1"}}`, unknown},
		{"success is no", `{"success":"no","result":{"orderId":"o-1"}}`, unknown},
		{"success is a list of false", `{"success":[false],"result":{"orderId":"o-1"}}`, unknown},
		{"an error, nested too deep to be found", `{"a":` + tooDeep + `,"errorCode":"Failed","result":{"instanceId":"i"}}`, unknown},
		{"success is false, then true", `{"success":"False","success":true,"result":{"instanceId":"i"}}`, unknown},
		{"errorCode is a documented code", `{"errorCode":"AccessDenied"}`, unknown},
		{"a documented code, and a result", `{"code":"AccessDenied","result":{"id":"i"}}`, unknown},
		{"a documented code, and an id in a text", `{"code":"AccessDenied","message":"{\"orderId\":1}"}`, unknown},
		{"InternalError in another case", `{"code":"internalError "}`, unknown},

		{"blank", ` `, unknown},
		{"JSON cut by one", documentedAnswer[:len(documentedAnswer)-1], unknown},
		{"more than JSON", documentedAnswer + `x`, unknown},
		{"two answers", documentedAnswer + documentedAnswer, unknown},
		{"text", `"ok"`, unknown},
		{"a list", `[` + documentedAnswer + `]`, unknown},
		{"null result", `{"requestId":"r","result":null}`, unknown},
		{"blank ids", `{"result":{"instanceId":" ","orderId":"\t"}}`, unknown},
		{"one id of another type", `{"result":{"instanceId":1,"orderId":"o"}}`, unknown},
		{"an id, then one of another type", `{"result":{"instanceId":"i","instanceId":1}}`, unknown},
		{"a result twice, once with an id", `{"result":{"instanceId":"i"},"result":"x"}`, unknown},
		{"a result twice, with different ids", `{"result":{"instanceId":"i"},"result":{"instanceId":"j"}}`, unknown},
		{"ids in two cases", `{"result":{"orderId":"o","ORDERID":"p"}}`, unknown},
		{"result is a list, with a code", `{"code":"AccessDenied","result":[]}`, unknown},
		{"result is text, with a code", `{"code":"AccessDenied","result":"i-123"}`, unknown},
		{"result is a number, with a code", `{"code":"AccessDenied","result":123}`, unknown},
		{"a zero-width id", `{"result":{"instanceId":"\u200b"}}`, unknown},
		{"an id with a zero-width character in it", `{"result":{"instanceId":"i\u200d1"}}`, unknown},
		{"an id with a byte order mark", `{"result":{"instanceId":"\ufeffi"}}`, unknown},
		{"an id with a soft hyphen", `{"result":{"instanceId":"i\u00ad"}}`, unknown},
		{"an id with a direction", `{"result":{"instanceId":"\u202ei"}}`, unknown},
		{"an id that is a filler", `{"result":{"instanceId":"\u3164"}}`, unknown},
		{"an id that is an empty pattern of Braille", `{"result":{"instanceId":"\u2800"}}`, unknown},
		{"an id with a variation selector", `{"result":{"instanceId":"i\ufe0f"}}`, unknown},
		{"an id with a joiner of graphemes", `{"result":{"instanceId":"i\u034f"}}`, unknown},
		{"an id with a no-break space", `{"result":{"instanceId":"i\u00a0"}}`, unknown},
		{"an id with a control character", `{"result":{"orderId":"\u0000"}}`, unknown},
		{"an id with a newline", `{"result":{"orderId":"o\n"}}`, unknown},
		{"an id of broken text", "{\"result\":{\"instanceId\":\"\xff\"}}", unknown},
		{"an id of half a character", `{"result":{"instanceId":"\ud800"}}`, unknown},
		{"an id in GBK", "{\"result\":{\"instanceId\":\"\xb0\\\"}}", unknown},
		{"an id that is certain, and one that is not", `{"result":{"instanceId":"i","orderId":"\u200b"}}`, unknown},
		{"too large", documentedAnswer + strings.Repeat(" ", 1<<20), unknown},
		{"nested too deep", `{"code":"AccessDenied","a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `,"result":{"instanceId":"i"}}`, unknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			response, err := newClient(t, answerWith(200, row.body)).PurchaseComputeUnit(t.Context(), documentedRequest())
			assertOutcome(t, row.want, err)
			assert.Equal(t, row.want == nil, response != nil)
		})
	}
}

// level is a client that knows more or less about what was sent.
type level struct {
	name    string
	options func() []computeunit.Option
	opaque  bool
	tls     bool
}

// levels are the three levels of trust: the own transport, the caller's *http.Transport, and anything else.
func levels(t *testing.T) []level {
	t.Helper()
	transport := func(change func(*http.Transport)) func() []computeunit.Option {
		return func() []computeunit.Option {
			theirs := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 8}
			change(theirs)
			t.Cleanup(theirs.CloseIdleConnections)
			return []computeunit.Option{withTransport(theirs)}
		}
	}
	proxy, err := url.Parse("http://" + serveRaw(t, tunnel))
	require.NoError(t, err)
	return []level{
		{name: "the own transport", options: func() []computeunit.Option { return nil }},
		{name: "the caller's, HTTP/1.1", options: transport(func(*http.Transport) {})},
		{name: "the caller's, HTTP/2", tls: true, options: transport(func(t *http.Transport) { t.ForceAttemptHTTP2 = true })},
		{name: "the caller's, with a proxy", tls: true, options: transport(func(t *http.Transport) { t.Proxy = http.ProxyURL(proxy) })},
		{name: "opaque", opaque: true, options: func() []computeunit.Option {
			theirs := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 8}
			t.Cleanup(theirs.CloseIdleConnections)
			return []computeunit.Option{withTransport(roundTripFunc(theirs.RoundTrip))}
		}},
	}
}

// tunnel is a proxy that lets through what it is asked to.
func tunnel(conn net.Conn) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	target, err := net.Dial("tcp", req.Host)
	if err != nil {
		io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		return
	}
	defer target.Close()
	io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		io.Copy(target, conn)
		target.Close()
	}()
	io.Copy(conn, target)
}

// serve starts a server of the level's protocol, and makes a client of it.
func (l level) serve(t *testing.T, handler http.HandlerFunc, options ...computeunit.Option) *computeunit.Client {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = quiet()
	server.EnableHTTP2 = l.name == "the caller's, HTTP/2"
	if l.tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return newClientTo(t, server.URL, append(l.options(), options...)...)
}

// scripted answers as the service id says: status, number of the body, whole or cut off.
func scripted(w http.ResponseWriter, req *http.Request) {
	var request computeunit.PurchaseComputeUnitRequest
	var status, body int
	var cut bool
	if json.NewDecoder(req.Body).Decode(&request) != nil {
		panic(http.ErrAbortHandler)
	}
	fmt.Sscan(request.ServiceID, &status, &body, &cut)
	text := bodies[body].body
	if cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(text)+1))
	}
	w.WriteHeader(status)
	io.WriteString(w, text)
	if cut {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// Every final status that HTTP knows, over sockets, at each level of trust.
func TestEveryStatusOverSocketsAtEachLevelOfTrust(t *testing.T) {
	for _, level := range levels(t) {
		t.Run(level.name, func(t *testing.T) {
			t.Parallel()
			client := level.serve(t, scripted)
			var callers sync.WaitGroup
			for first := range 4 {
				callers.Go(func() {
					for status := 200 + first; status <= 999; status += 4 {
						for i, body := range oneOfEach {
							if i == 0 || i == status%len(oneOfEach) || slices.Contains(refusingStatuses, status) {
								assertScripted(t, client, status, body, false)
							}
						}
						if status%40 < 4 || slices.Contains(refusingStatuses, status) {
							assertScripted(t, client, status, oneOfEach[0], true)
						}
					}
				})
			}
			callers.Wait()
		})
	}
}

// oneOfEach are the first bodies of each kind.
var oneOfEach = []int{firstThat(bought2xx), firstThat(refusal), firstThat(contradicts), firstThat(proves0)}

func firstThat(proves string) int {
	return slices.IndexFunc(bodies, func(b struct{ name, body, proves string }) bool { return b.proves == proves })
}

func assertScripted(t *testing.T, client *computeunit.Client, status, body int, cut bool) {
	proves := bodies[body].proves
	if status == 204 || status == 304 { // HTTP lets these have no body
		proves, cut = proves0, false
	}
	want := outcomeOf(status, proves)
	if cut {
		want = computeunit.ErrOutcomeUnknown
	}
	request := documentedRequest()
	request.ServiceID = fmt.Sprint(status, " ", body, " ", cut)
	response, err := client.PurchaseComputeUnit(t.Context(), request)
	if !isOutcome(want, response, err) {
		t.Errorf("status %d with %s, cut %t: want %v, got %v", status, bodies[body].name, cut, want, err)
	}
	if err != nil {
		if attempts := attemptsOf(t, err); attempts != 1 {
			t.Errorf("status %d with %s: %d attempts", status, bodies[body].name, attempts)
		}
	}
}

// After a 101 the body is the connection itself, which net/http does not end with the context.
func TestSwitchingProtocolsIsUnknownAndEndsAtEachLevelOfTrust(t *testing.T) {
	for _, level := range levels(t) {
		if level.tls {
			continue // HTTP/2 has no 101, and a tunnel changes nothing
		}
		t.Run(level.name, func(t *testing.T) {
			left := make(chan struct{}) // the client closed the connection
			address := serveRaw(t, func(conn net.Conn) {
				defer close(left)
				if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					io.Copy(io.Discard, req.Body)
				}
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"+documentedAnswer)
				io.Copy(io.Discard, conn)
			})
			err := buy(t, newClientTo(t, "http://"+address, append(level.options(), computeunit.WithTimeout(10*time.Second))...))
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			assert.NotErrorIs(t, err, context.DeadlineExceeded, "it must not wait for the connection to end")
			select {
			case <-left:
			case <-time.After(20 * time.Second):
				t.Error("the connection stayed open")
			}
		})
	}
}

func TestNoConnectionIsNotPurchasedAndTriedAgainUnlessTheTransportIsOpaque(t *testing.T) {
	for _, level := range levels(t) {
		t.Run(level.name, func(t *testing.T) {
			scheme := map[bool]string{true: "https://", false: "http://"}[level.tls]
			err := buy(t, newClientTo(t, scheme+closedPort, append(level.options(), computeunit.WithMaxAttempts(2))...))
			if level.opaque {
				assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
				assert.Equal(t, 1, attemptsOf(t, err))
				return
			}
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.Equal(t, 2, attemptsOf(t, err))
		})
	}
}

func TestABadCertificateIsNotPurchasedAndNotTriedAgain(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	for name, row := range map[string]struct {
		options []computeunit.Option
		want    error
	}{
		"the own transport": {nil, computeunit.ErrNotPurchased},
		"the caller's":      {[]computeunit.Option{withTransport(&http.Transport{})}, computeunit.ErrNotPurchased},
		"opaque":            {[]computeunit.Option{withTransport(roundTripFunc((&http.Transport{}).RoundTrip))}, computeunit.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			err := buy(t, newClientTo(t, server.URL, row.options...))
			assertOutcome(t, row.want, err)
			var certificate *tls.CertificateVerificationError
			assert.ErrorAs(t, err, &certificate)
			assert.Equal(t, 1, attemptsOf(t, err))
		})
	}
}

func TestARequestWithoutAResponseIsUnknownAndNotSentAgainAtEachLevelOfTrust(t *testing.T) {
	for _, level := range levels(t) {
		for name, lose := range map[string]http.HandlerFunc{
			"reset":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"time-out": func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() },
		} {
			t.Run(level.name+", "+name, func(t *testing.T) {
				var mu sync.Mutex
				sent := 0
				client := level.serve(t, func(w http.ResponseWriter, req *http.Request) {
					mu.Lock()
					sent++
					mu.Unlock()
					io.Copy(io.Discard, req.Body)
					lose(w, req)
				}, computeunit.WithTimeout(300*time.Millisecond))
				err := buy(t, client)
				assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
				assert.Equal(t, 1, attemptsOf(t, err))
				mu.Lock()
				defer mu.Unlock()
				assert.Equal(t, 1, sent)
			})
		}
	}
}

func TestWhatIsKnownBeforehandIsNotPurchasedAtEachLevelOfTrust(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("no")
	refusing := computeunit.ContextWithHooks(t.Context(), computeunit.Hooks{
		BeforeAttempt: func(context.Context, computeunit.AttemptInfo) error { return broken },
	})
	for _, level := range levels(t) {
		t.Run(level.name, func(t *testing.T) {
			client := level.serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
			_, err := client.PurchaseComputeUnit(t.Context(), computeunit.PurchaseComputeUnitRequest{})
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			_, err = client.PurchaseComputeUnit(done, documentedRequest())
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			_, err = client.PurchaseComputeUnit(refusing, documentedRequest())
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			assert.ErrorIs(t, err, broken)
		})
	}
}

// An error of a transport that is not an *http.Transport proves nothing, whatever it looks like.
func TestErrorOfAnOpaqueTransportIsUnknown(t *testing.T) {
	for _, cause := range []error{io.EOF, context.DeadlineExceeded, errDial, errors.New("no responder")} {
		t.Run(cause.Error(), func(t *testing.T) {
			transport := record(failWith(cause))
			err := buy(t, newClient(t, transport))
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
			assert.ErrorIs(t, err, cause)
			transport.only(t)
		})
	}
}

func TestATransportThatReturnsNothingIsUnknown(t *testing.T) {
	for name, answer := range map[string]roundTripFunc{
		"neither a response nor an error": func(*http.Request) (*http.Response, error) { return nil, nil },
		"a response without a body":       func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			assertOutcome(t, computeunit.ErrOutcomeUnknown, buy(t, newClient(t, answer)))
		})
	}
}

func TestWithRefusalCodesDecidesInASuccessOnly(t *testing.T) {
	refused, unknown := computeunit.ErrNotPurchased, computeunit.ErrOutcomeUnknown
	option := computeunit.WithRefusalCodes("OutOfStock", "336501", "余额不足")
	for _, row := range []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{"the code", 200, `{"code":"OutOfStock","message":"库存不足"}`, refused},
		{"the code of another 2xx", 202, `{"code":"OutOfStock"}`, refused},
		{"an integer code by its digits", 200, `{"error_code":336501,"error_msg":"no"}`, refused},
		{"an integer code as text", 200, `{"code":"336501"}`, refused},
		{"in an error object", 200, `{"error":{"code":"OutOfStock"}}`, refused},
		{"a code in Chinese", 200, `{"code":"余额不足"}`, refused},
		{"a documented code", 200, deniedBody, refused},
		{"another case", 200, `{"code":"outofstock"}`, unknown},
		{"more of it", 200, `{"code":"OutOfStock2"}`, unknown},
		{"a blank at its end", 200, `{"code":"OutOfStock "}`, unknown},
		{"other digits", 200, `{"error_code":33650}`, unknown},
		{"beside an id", 200, `{"code":"OutOfStock","result":{"orderId":"o"}}`, unknown},
		{"beside another code", 200, `{"code":"OutOfStock","error_code":336501}`, unknown},
		{"only in a header", 200, ``, unknown},
		{"cut JSON", 200, `{"code":"OutOfStock"`, unknown},
		{"in a 500", 500, `{"code":"OutOfStock"}`, unknown},
		{"in a 409", 409, `{"code":"OutOfStock"}`, unknown},
		{"in a 303", 303, `{"code":"OutOfStock"}`, unknown},
		{"an id alone", 200, documentedAnswer, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := buy(t, newClient(t, answerWith(row.status, row.body, "X-Bce-Error-Code", map[bool]string{true: "OutOfStock"}[row.body == ``]), option))
			assertOutcome(t, row.want, err)
			if row.want != nil {
				decided := row.want == refused && row.body != deniedBody
				assert.Equal(t, decided, strings.Contains(err.Error(), "WithRefusalCodes"), "the error says so if the option decided: %v", err)
			}
		})
	}
}

func TestWithoutTheOptionItsCodesAreUnknown(t *testing.T) {
	assertOutcome(t, computeunit.ErrOutcomeUnknown, buy(t, newClient(t, answerWith(200, `{"code":"OutOfStock"}`))))
}

func TestRefusalCodesOfOneClientAreNotAnothers(t *testing.T) {
	one := newClient(t, answerWith(200, `{"code":"B"}`), computeunit.WithRefusalCodes("A"))
	two := newClient(t, answerWith(200, `{"code":"B"}`), computeunit.WithRefusalCodes("B"), computeunit.WithRefusalCodes("C"))
	assertOutcome(t, computeunit.ErrOutcomeUnknown, buy(t, one))
	assertOutcome(t, computeunit.ErrNotPurchased, buy(t, two))
}

func TestWithRefusalCodesDoesNotDecideAListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := record(answerWith(200, `{"code":"Busy"}`), answerWith(200, listing()))
		_, err := describe(t, newClient(t, transport, computeunit.WithRefusalCodes("Busy")))
		assert.NoError(t, err)
		assert.Len(t, transport.requests(), 2)
	})
}

// No bytes of a response lead to a certain outcome without the proof of the table. The checks here are a plain walk of
// decoded JSON, apart from the code's own.
func FuzzDecodeAnswer(f *testing.F) {
	for _, row := range bodies {
		f.Add(200, row.body, "")
		f.Add(400, row.body, "")
		f.Add(500, row.body, "")
	}
	f.Add(403, "", "IamSignatureInvalid")
	f.Add(200, "{}", "AccessDenied")
	f.Fuzz(func(t *testing.T, status int, body, header string) {
		transport := record(answerWith(status, body, "X-Bce-Error-Code", header))
		response, err := newClient(t, transport, computeunit.WithMaxAttempts(1)).PurchaseComputeUnit(t.Context(), documentedRequest())
		require.Len(t, transport.requests(), 1)
		isSuccess := 200 <= status && status <= 299
		var decoded map[string]any
		isObject := json.Unmarshal([]byte(strings.TrimPrefix(body, "\ufeff")), &decoded) == nil
		switch {
		case err == nil:
			require.True(t, isSuccess, "bought on %d", status)
			require.NotEmpty(t, strings.TrimSpace(response.Result.InstanceID+response.Result.OrderID))
			require.Empty(t, header, "bought in spite of a code in a header")
			if isObject {
				require.Contains(t, []any{nil, "", 0.0}, decoded["code"])
			}
		case errors.Is(err, computeunit.ErrNotPurchased):
			assertOutcome(t, computeunit.ErrNotPurchased, err)
			require.True(t, isSuccess || slices.Contains(refusingStatuses, status), "a refusal on %d", status)
			require.False(t, isObject && hasID(decoded, false), "a refusal with an id")
			require.NotContains(t, failureCodes, decoded["code"])
			if isSuccess {
				require.NotEmpty(t, body, "a refusal in a success needs a code in its body")
			}
		default:
			assertOutcome(t, computeunit.ErrOutcomeUnknown, err)
		}
	})
}

// hasID reports whether there is something under the name of an id.
func hasID(value any, named bool) bool {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			isID := strings.EqualFold(name, "instanceId") || strings.EqualFold(name, "orderId")
			if hasID(member, named || isID) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(value, func(member any) bool { return hasID(member, named) })
	}
	return named && value != nil && value != ""
}
