package computeunit

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// verdict is what an attempt came to, and whether to try again.
type verdict struct {
	OutcomeError // with the Outcome nil: it was done. RequestID is empty if the service named none
	again        transport.Again
	retryable    bool // the same call may succeed later, and does no harm: see ErrRetryable
}

// judge is the outcome table, row for row: docs/outcomes.md shows it. Certainty needs a proof from a closed list; what is on
// no list is unknown, and never sent again. missing is nil if a 2xx shows what makes it a success.
func judge(op *operation, r *response, missing error) *verdict {
	a, v := r.attempt, op.verdict(ErrOutcomeUnknown)
	v.RequestID, v.ClientRequestID, v.Attempts = r.requestID(), a.RequestID, a.Number
	a.FromService = v.RequestID != "" || r.headerCode != ""
	notPurchased := func(again transport.Again) { v.Outcome, v.again = ErrNotPurchased, again }
	switch status := a.Status; {
	case a.Reached == transport.Unready: // no credentials, context already done, refused before it was sent
		notPurchased(transport.Never)
		v.Attempts--
		v.retryable = errors.Is(a.Err, context.Canceled) || errors.Is(a.Err, context.DeadlineExceeded)
	case a.Reached == transport.Unconnected && a.Permanent: // bad certificate, a peer that speaks no TLS, a proxy's 407
		notPurchased(transport.Never)
	case a.Reached == transport.Unconnected: // no connection, or an idle one that was closed before a byte was written on it
		notPurchased(transport.AfterBackoff)
	case a.Reached != transport.Answered: // time-out, reset, cancelled: the request may have left
	case status == http.StatusTooManyRequests && r.contradiction() == nil:
		notPurchased(transport.AfterRetryAfter)
	case isRefusalStatus(status) && r.contradiction() == nil && r.code() == codeRequestExpired: // the clock is off
		notPurchased(transport.WithClockCorrected)
	case isRefusalStatus(status) && r.contradiction() == nil:
		notPurchased(transport.Never)
	case isSuccess(status) && r.isObject && slices.Contains(slices.Concat(documentedRefusals, op.refusals), r.code()) && r.contradiction() == nil:
		notPurchased(transport.Never)
	case isSuccess(status) && missing == nil:
		v.Outcome = nil // bought
	default: // every other status, and every other 2xx
	}
	if v.Outcome == ErrNotPurchased && (v.again != transport.Never || r.code() == codeRequestExpired) {
		v.retryable = true
	}
	if v.Outcome != nil {
		v.Err = r.cause(v.Outcome, missing)
	}
	return v
}

func isSuccess(status int) bool { return 200 <= status && status <= 299 }

// isRefusalStatus reports whether a status proves that nothing was done, if its body does not contradict it. 429 is a row of
// its own. Not here, although they look like it: 303 (done, see elsewhere), 406 (some servers find out after the work that
// they can't say it), 408, 409, 416, 418, 423 to 425, 499 (the caller hung up).
func isRefusalStatus(status int) bool {
	switch status {
	case 307, 308,
		400, 401, 402, 403, 404, 405, 407, 410, 411, 412, 413, 414, 415, 417, 421, 422, 426, 428, 431, 451:
		return true
	}
	return false
}

// Codes that change what is done. The rest is for the caller to read.
const codeRequestExpired = "RequestExpired"

// documentedRefusals are the documented codes of errors, without InternalError. IamSignatureInvalid is not documented: it is what
// the gateway was seen to answer.
// Source: Baidu's pages on error codes, such as https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8.
var documentedRefusals = []string{
	"AccessDenied", "InvalidAccessKeyId", "InvalidHTTPAuthHeader", "SignatureDoesNotMatch", "InvalidMarker",
	"IdempotentParameterMismatch", "IamSignatureInvalid", codeRequestExpired, "OptInRequired", "InappropriateJSON",
	"MalformedJSON", "InvalidHTTPRequest", "InvalidURI", "InvalidVersion", "PreconditionFailed",
}
