package simulator

import (
	"net/http"
	"slices"
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
// table. It does not read a RawAnswer: what that says is its author's affair.
func (f Fault) refuses() bool {
	switch f.Kind {
	case Gzip:
		if f.Status == 0 {
			return false
		}
	case Redirect, HTMLAnswer, EmptyAnswer, ErrorAnswer:
	default:
		return false
	}
	if f.Kind == ErrorAnswer && f.Status < http.StatusMultipleChoices {
		return slices.Contains(refusingCodes, f.refusal().Code)
	}
	return slices.Contains(refusingStatuses, f.Status) && !slices.Contains(failureCodes, f.Code)
}

// confirms reports whether the fault says that it was bought.
func (f Fault) confirms() bool {
	return f.Kind == EarlyHints || f.Kind == Numbers || f.Kind == Twice || f.Kind == Gzip && f.Status == 0
}
