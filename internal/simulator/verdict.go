package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/qianfan-go/computeunit/internal/strictjson"
)

// These lists are the outcome table's: what an answer must be to prove that
// nothing was bought.
var (
	refusingStatuses = []int{
		307, 308, 400, 401, 402, 403, 404, 405, 407, 410, 411, 412, 413, 414, 415, 417, 421, 422, 426, 428, 429, 431, 451,
	}
	refusingCodes = []string{
		codeAccessDenied, codeInvalidAccessKeyID, codeInvalidHTTPAuthHeader, codeSignatureDoesNotMatch,
		codeInvalidMarker, codeIdempotentMismatch, codeIamSignatureInvalid, codeRequestExpired, codeOptInRequired,
		codeInappropriateJSON, codeMalformedJSON, codeInvalidHTTPRequest, codeInvalidURI, codeInvalidVersion,
		codePreconditionFailed,
	}
	// failureCodes mean a failure inside, after which an order may exist.
	failureCodes = []string{codeInternalError, "336000", "336100", "500000"}
)

// refuses reports whether the fault says that nothing was bought, by the outcome
// table, as far as it is known here: not to a client with refusal codes of its own.
func (f Fault) refuses() bool {
	switch f.Kind {
	case Gzip:
		if f.Status == 0 {
			return false
		}
	case RawAnswer:
		return f.bodyRefuses()
	case Redirect, HTMLAnswer, EmptyAnswer, ErrorAnswer:
	default:
		return false
	}
	if f.Kind == ErrorAnswer && f.Status < http.StatusMultipleChoices {
		return slices.Contains(refusingCodes, f.refusal().Code)
	}
	return slices.Contains(refusingStatuses, f.Status) && !strictjson.HasCode(f.Code, failureCodes...)
}

// bodyRefuses judges the body as it is read: with ids for their placeholders, and
// without a byte order mark.
func (f Fault) bodyRefuses() bool {
	body := []byte(strings.TrimPrefix(f.fill("r", "i", "o"), "\ufeff"))
	if f.Status < http.StatusMultipleChoices {
		return slices.Contains(refusingCodes, onlyCode(body)) && !speaksOfMore(body)
	}
	return slices.Contains(refusingStatuses, f.Status) && !speaksOfMore(body)
}

// onlyCode is the code of an error body, if there is one and no other.
func onlyCode(body []byte) string {
	type coded struct {
		Code      strictjson.Code `json:"code"`
		ErrorCode strictjson.Code `json:"error_code"`
	}
	var read struct {
		coded
		Error json.RawMessage `json:"error"`
	}
	var nested coded
	if json.Unmarshal(body, &read) != nil {
		return ""
	}
	_ = json.Unmarshal(read.Error, &nested) // it may be a text
	var codes []string
	for _, code := range []strictjson.Code{read.Code, read.ErrorCode, nested.Code, nested.ErrorCode} {
		codes = append(codes, code.Values()...)
	}
	slices.Sort(codes)
	if codes = slices.Compact(codes); len(codes) != 1 {
		return ""
	}
	return codes[0]
}

// speaksOfMore reports whether a body has more in it than a refusal: an id or
// another result, a failure inside, or half of what it began with.
func speaksOfMore(body []byte) bool {
	return strictjson.Holds(body, "instanceId", "orderId", "instance_id", "order_id", "instanceIds", "orderIds") ||
		strictjson.HasMember(body, 1, strictjson.IsSomething, "result") ||
		strictjson.HasMember(body, maxLevel, strictjson.IsTrue, "success") ||
		strictjson.HoldsCode(body, failureCodes...) || strictjson.BreaksOff(body)
}

// maxLevel is deeper than JSON is read.
const maxLevel = 1000

// confirms reports whether the fault says that it was bought.
func (f Fault) confirms() bool {
	return f.Kind == EarlyHints || f.Kind == Numbers || f.Kind == Twice || f.Kind == Gzip && f.Status == 0
}
