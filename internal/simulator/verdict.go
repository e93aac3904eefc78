package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
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
// table. A RawAnswer that has something of an id or of a failure inside does not.
func (f Fault) refuses() bool {
	switch f.Kind {
	case Gzip:
		if f.Status == 0 {
			return false
		}
	case RawAnswer:
		return slices.Contains(refusingStatuses, f.Status) && !speaksOfMore(f.Body)
	case Redirect, HTMLAnswer, EmptyAnswer, ErrorAnswer:
	default:
		return false
	}
	if f.Kind == ErrorAnswer && f.Status < http.StatusMultipleChoices {
		return slices.Contains(refusingCodes, f.refusal().Code)
	}
	return slices.Contains(refusingStatuses, f.Status) && !slices.Contains(failureCodes, f.Code)
}

// speaksOfMore reports whether a body has more in it than a refusal: an id, a failure inside, or half of what it began with.
func speaksOfMore(body string) bool {
	lower := strings.ToLower(body)
	more := func(text string) bool { return strings.Contains(lower, strings.ToLower(text)) }
	return more("instanceId") || more("orderId") || slices.ContainsFunc(failureCodes, more) ||
		strings.HasPrefix(body, "{") && !json.Valid([]byte(body))
}

// confirms reports whether the fault says that it was bought.
func (f Fault) confirms() bool {
	return f.Kind == EarlyHints || f.Kind == Numbers || f.Kind == Twice || f.Kind == Gzip && f.Status == 0
}
