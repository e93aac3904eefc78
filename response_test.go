package computeunit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
)

// shape is what a response says, whatever its status.
type shape rune

const (
	hasID       shape = 'b' // one object with an id and no error: bought, if the status is a 2xx
	hasCode     shape = 'r' // one object with a documented code of a refusal, and nothing that contradicts it
	saysNothing shape = 'n' // neither, and nothing that contradicts a status that refuses
	contradicts shape = 'c' // unknown, whatever the status
)

// says checks what a response says by a status of each kind. The headers are names and values in turn.
func (c *checker) says(want shape, body string, headers ...string) {
	c.Helper()
	for _, status := range []int{200, 202, 307, 400, 429, 409, 500} {
		c.answer(outcomeOf(status, want), status, answerWith(status, body, headers...))
	}
}

// The field table of docs/outcomes.md: each field with each type, alone and beside what decides.
func TestEachFieldWithEachType(t *testing.T) {
	values := strings.Fields(`null "" "X" 0 7 1.5 true false [] [7] {} {"a":7}`)
	const id, denied = `,"result":{"orderId":"o"}}`, `{"code":"AccessDenied",`
	for body, says := range map[string]string{
		`{"code":%s}`:                             "nnnnnccccccc",
		`{"code":%s` + id:                         "bbcbcccccccc",
		`{"error_code":%s}`:                       "nnnnnccccccc",
		`{"error_code":%s` + id:                   "bbcbcccccccc",
		denied + `"error_code":%s}`:               "rrrrrccccccc",
		`{"code":%s,"error_code":"AccessDenied"}`: "rrnrnccccccc",

		`{"error":%s}`:              "nnncccccccnn",
		`{"error":%s` + id:          "bbccccccccbc",
		denied + `"error":%s}`:      "rrrcccccccrr",
		`{"error":{"code":%s}}`:     "nnnnnccccccc",
		`{"error":{"code":%s}` + id: "cccccccccccc",

		`{"success":%s}`:         "nccccccncccc",
		`{"success":%s` + id:     "bcccccbccccc",
		denied + `"success":%s}`: "rccccccrcccc",

		`{"result":%s}`:                              "nncncccnncnc",
		denied + `"result":%s}`:                      "rrcrcccrrcrc",
		`{"result":{"instanceId":%s}}`:               "ccbccccccccc",
		`{"result":{"orderId":%s}}`:                  "ccbccccccccc",
		`{"result":{"instanceId":%s,"orderId":"o"}}`: "bbbccccccccc",
		`{"result":{"instanceId":"i","orderId":%s}}`: "bbbccccccccc",
		`{"result":{"orderId":"o","status":%s}}`:     "bbbbbbbbbbbb",
		denied + `"result":{"instanceId":%s}}`:       "cccccccccccc",

		`{"instanceId":%s}`:         "nncccccccccc",
		`{"instanceId":%s` + id:     "bbbbbbbbbbbb",
		denied + `"instanceId":%s}`: "rrcccccccccc",
		`{"orderId":%s}`:            "nncccccccccc",
		denied + `"orderId":%s}`:    "rrcccccccccc",

		`{"requestId":%s,"message":%[1]s,"error_msg":%[1]s,"msg":%[1]s,"x":%[1]s}`: "nnnnnnnnnnnn",
		`{"requestId":%s,"message":%[1]s` + id:                                     "bbbbbbbbbbbb",
		denied + `"requestId":%s,"message":%[1]s,"error":{"message":%[1]s}}`:       "rrrrrrrrrrrr",
	} {
		t.Run(body, func(t *testing.T) {
			check := newChecker(t)
			for i, value := range values {
				check.says(shape(says[i]), fmt.Sprintf(body, value))
			}
		})
	}
}

func TestAFieldThatIsThereTwiceContradicts(t *testing.T) {
	for field, values := range map[string][]string{
		`"code":`: {`"AccessDenied"`, `"AccessDenied"`, `null`}, `"error_code":`: {`0`, `7`}, `"error":`: {`""`, `{}`}, `"success":`: {`false`, `null`},
		`"result":`: {`{}`, `null`}, `"instanceId":`: {`null`, `""`}, `"orderId":`: {`""`, `"o"`},
	} {
		check := newChecker(t)
		for _, first := range values {
			for _, second := range values {
				check.says(contradicts, `{`+field+first+`,`+field+second+`}`)
				check.says(contradicts, `{`+field+first+`,`+strings.ToUpper(field)+second+`,"result":{"orderId":"o"}}`)
			}
		}
	}
	for _, body := range []string{
		`{"result":{"instanceId":"i","instanceId":"i"}}`, `{"result":{"orderId":"o","ORDERID":null}}`, `{"result":{"instanceId":null,"instanceId":"i","orderId":"o"}}`,
		`{"error":{"code":"A","Code":"A"}}`,
	} {
		newChecker(t).says(contradicts, body)
	}
	newChecker(t).says(hasID, `{"requestId":"a","requestId":"b","message":1,"message":2,"x":1,"x":2,"result":{"orderId":"o","y":1,"y":2}}`)
}

// What proves nothing by being there twice is still no text to show.
func TestAFieldThatIsThereTwiceIsNotShown(t *testing.T) {
	bought, err := newClient(t, answerWith(200, `{"requestId":"r","RequestId":"r","result":{"instanceId":"i"}}`, "X-Bce-Request-Id", "gateway's")).
		PurchaseComputeUnit(t.Context(), documentedRequest())
	assert.NoError(t, err)
	assert.Equal(t, "gateway's", bought.RequestID)
	refused := apiError(t, buyAnswered(t, 403, `{"requestId":"r","code":"A","code":"A","message":"m","message":"m"}`))
	assert.Empty(t, refused.Code+refused.Message)
	listed, err := newClient(t, answerWith(200, listing(`{"instanceId":"i","status":"Running","Status":"Running"}`))).
		DescribeComputeUnits(t.Context(), computeunit.DescribeComputeUnitsRequest{ServiceID: testService})
	assert.NoError(t, err)
	assert.Empty(t, listed.Result.Instances[0].Status)
}

func TestWhatAResponseSays(t *testing.T) {
	wide := func(text, high, low string) (wide string) {
		for _, character := range text {
			wide += high + string(character) + low
		}
		return wide
	}
	for says, bodies := range map[shape][]string{
		hasID: {
			documentedAnswer, "\ufeff" + documentedAnswer, "  " + documentedAnswer, "\ufeff " + documentedAnswer, "\r\n\t" + documentedAnswer + " \n",
			`{"Result":{"INSTANCEID":"i"}}`, `{"result":{"\u0069nstanceId":"\u0069"}}`, `{"result":{"orderId":"!#/:~"},"more":[{"code":"InternalError"}]}`,
			"{\"message\":\"\xb3\xc9\xff\",\"result\":{\"orderId\":\"o\"}}", `{"errorCode":"X","errors":["X"],"result":{"orderId":"o","code":"X","success":false}}`,
		},
		hasCode: {deniedBody, "\ufeff" + deniedBody, `{"CODE":"AccessDenied"}`, `{"code":"\u0041ccessDenied"}`, `{"code":"AccessDenied","x":{"instanceId":"i"}}`},
		saysNothing: {
			``, ` `, "\ufeff", `<html>no</html>`, ` <html>`, `no`, `null`, `true`, `7`, `"{\"result\":{\"orderId\":\"o\"}}"`, `order InternalError`, "\xb2\xbb",
			`{}`, `{"requestId":"r"}`, `{"code":"accessdenied"}`, `{"code":"AccessDenied "}`, `{"code":"AccessDenied2"}`, `{"code":"库存不足"}`,
			`{"error":{"code":"AccessDenied"}}`, `{"error":"AccessDenied"}`, `{"errorCode":"AccessDenied"}`, `{"message":"{\"result\":{\"orderId\":\"o\"}}"}`,
			`{"data":{"instanceId":"i"},"order_id":"o","instanceIds":["i"]}`,
		},
		contradicts: {
			`[]`, `[` + documentedAnswer + `]`, `[` + deniedBody, `{`, `{{template}}`, documentedAnswer[:len(documentedAnswer)-1], deniedBody[:9], documentedAnswer + `x`,
			deniedBody + deniedBody, deniedBody + `,`, "\n<html>", "\n null", "\x00", "\x1f\x8b\x08", "\ufeff\n[]", `{"a":` + strings.Repeat("[", 1<<15) + strings.Repeat("]", 1<<15) + `}`,
			"\xff\xfe" + wide(deniedBody, "", "\x00"), "\xfe\xff" + wide(deniedBody, "\x00", ""), wide(deniedBody, "", "\x00"), wide(deniedBody, "\x00", ""),
			`{"result":{"orderId":" "}}`, `{"result":{"orderId":"o 1"}}`, `{"result":{"orderId":"o\n"}}`, `{"result":{"orderId":"实例"}}`, `{"result":{"orderId":"o\u200b"}}`,
			`{"result":{"orderId":"o\u007f"}}`, "{\"result\":{\"orderId\":\"\xff\"}}", `{"result":{"orderId":"o","instanceId":" "}}`, `{"result":[{"orderId":"o"}]}`,
		},
	} {
		for _, body := range bodies {
			t.Run(fmt.Sprintf("%c %.60q", says, body), func(t *testing.T) { newChecker(t).says(says, body) })
		}
	}
}

// HTML, text or nothing is no JSON, and believed. What may turn into JSON is not.
func TestAFirstByteTellsWhatIsNoJSON(t *testing.T) {
	check := newChecker(t)
	for first := range 256 {
		says := saysNothing
		if first < ' ' || slices.Contains([]int{'{', '[', 0x7f, 0xfe, 0xff}, first) {
			says = contradicts
		}
		for _, before := range []string{"", "\ufeff "} {
			check.says(says, before+string([]byte{byte(first)})+"x")
		}
	}
}

func TestEachDocumentedCodeRefusesInEachPlace(t *testing.T) {
	check := newChecker(t)
	for _, code := range append(refusingCodes, "OutOfStock", "") {
		says := map[bool]shape{true: hasCode, false: saysNothing}[slices.Contains(refusingCodes, code)]
		check.says(says, `{"code":"`+code+`"}`)
		check.says(says, `{"error_code":"`+code+`"}`)
		check.says(says, `{"code":0,"error_code":""}`, "X-Bce-Error-Code", code)
		check.says(saysNothing, `{"error_code":336003}`, "X-Bce-Error-Code", code) // the header comes last
		check.says(saysNothing, `<html>`, "X-Bce-Error-Code", code)
		check.says(saysNothing, `{}`, "X-Bce-Error-Code", code, "X-Bce-Error-Code", code)
	}
	check.says(hasID, documentedAnswer, "X-Bce-Error-Code", "")
	check.says(hasID, documentedAnswer, "X-Bce-Error-Code", "0")
	for _, code := range []string{"AccessDenied", "OutOfStock", "00"} {
		check.says(contradicts, documentedAnswer, "X-Bce-Error-Code", code)
		check.says(contradicts, `{"code":"`+code+`","result":{"orderId":"o"}}`)
	}
}

func TestAFailureInsideContradictsInEachPlace(t *testing.T) {
	places := []string{`{"code":%q}`, `{"error_code":%q}`, `{"error":%q}`, `{"error":{"code":%q}}`, `{"code":"AccessDenied","error":{"code":%q}}`, `{"code":"AccessDenied","error_code":%q}`}
	check := newChecker(t)
	for _, code := range []string{"InternalError", "internal_server_error", "INTERNAL ERROR: x", "BCE.InternalFailureError", "336000", "336100", "500000"} {
		for _, place := range places {
			check.says(contradicts, fmt.Sprintf(place, code))
		}
		check.says(contradicts, ``, "X-Bce-Error-Code", code)
		check.says(contradicts, `{"code":"AccessDenied"}`, "X-Bce-Error-Code", code)
		check.says(contradicts, ``, "X-Bce-Error-Code", "AccessDenied", "X-Bce-Error-Code", code)
		check.says(contradicts, ``, "X-Bce-Error-Code", code, "X-Bce-Error-Code", "AccessDenied")
	}
	for _, number := range []string{"336000", "336100", "500000"} {
		check.says(contradicts, `{"code":`+number+`}`)
		check.says(contradicts, `{"error_code":`+number+`}`)
		check.says(contradicts, `{"error":{"code":`+number+`}}`)
	}
	for _, code := range []string{"Internal", "Error", "ErrorInternal", "3360000", "-336000", "336000.5", "Quota_336000"} {
		check.says(saysNothing, `{"code":"`+code+`","message":"InternalError","limit":500000}`)
		check.says(saysNothing, ``, "X-Bce-Error-Code", code, "X-Bce-Error-Message", "InternalError")
	}
}

// A response that is not whole, or not readable, proves nothing. What is just whole does.
func TestABodyThatDidNotComeWholeProvesNothing(t *testing.T) {
	check := newChecker(t)
	for _, status := range []int{200, 202, 307, 400, 403, 429, 500} {
		for says, body := range oneOfEach {
			whole := body + strings.Repeat(" ", 1<<20-len(body))
			check.answer(outcomeOf(status, says), status, answerWith(status, whole, "Content-Encoding", "identity"))
			for _, answer := range []roundTripFunc{cutAfter(status, body), answerWith(status, whole+" "), answerWith(status, body, "Content-Encoding", "gzip")} {
				check.answer(unknown, status, answer)
			}
		}
	}
}

// No response ends in a certain outcome without the proof of the table. The checks are a plain walk of a map.
func FuzzResponse(f *testing.F) {
	for _, body := range oneOfEach {
		for _, status := range []int{200, 403, 429, 500} {
			f.Add(status, body, "")
			f.Add(status, body, "AccessDenied")
		}
	}
	f.Add(200, `{"code":0,"Success":true,"error":{},"result":{"instanceId":"i"}}`, "0")
	f.Fuzz(func(t *testing.T, status int, body, header string) {
		seen := record(answerWith(status, body, "X-Bce-Error-Code", header))
		got, err := newClient(t, seen).PurchaseComputeUnit(t.Context(), documentedRequest())
		seen.only(t)
		text := strings.TrimLeft(strings.TrimPrefix(body, "\ufeff"), " ")
		var fields map[string]any
		isObject := json.Unmarshal([]byte(text), &fields) == nil && fields != nil
		is := func(field string, values ...any) bool {
			for name, value := range fields {
				if strings.EqualFold(name, field) {
					return slices.Contains(values, value)
				}
			}
			return slices.Contains(values, nil)
		}
		isSuccess := 200 <= status && status <= 299
		switch {
		case err == nil:
			require.True(t, isSuccess && isObject && slices.Contains([]string{"", "0"}, header))
			require.True(t, is("code", nil, "", 0.0) && is("error_code", nil, "", 0.0) && is("success", nil, true))
			require.NotEmpty(t, got.Result.InstanceID+got.Result.OrderID)
		case errors.Is(err, notPurchased):
			assertOutcome(t, notPurchased, err)
			require.True(t, isSuccess && isObject || slices.Contains(refusingStatuses, status))
			require.True(t, isObject || !strings.HasPrefix(text, "{"))
			require.True(t, is("success", nil, false) && is("instanceId", nil, "") && is("orderId", nil, ""))
			require.False(t, is("code", "InternalError", 336000.0, 336100.0, 500000.0))
		default:
			assertOutcome(t, unknown, err)
		}
	})
}
