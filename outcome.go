package computeunit

import (
	"net/http"
	"slices"

	"github.com/qianfan-go/computeunit/internal/strictjson"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// verdict is what an attempt came to, and whether to try again.
type verdict struct {
	outcome   error // nil: it was done. Else ErrNotPurchased or ErrOutcomeUnknown
	again     transport.Again
	cause     error
	requestID string
	attempts  int
}

// judge is the outcome table, row for row: docs/outcomes.md shows it. Certainty needs a proof from a closed list; what is on
// no list is unknown, and never sent again. missing is nil if the response shows what makes it a success. refusals are the
// codes that refuse in a 2xx.
func judge(a *transport.Attempt, r *response, missing error, refusals []string) verdict {
	v := verdict{outcome: ErrOutcomeUnknown, again: transport.Never, requestID: r.requestID(a)}
	notPurchased := func(again transport.Again) { v.outcome, v.again = ErrNotPurchased, again }
	switch status := a.Status; {
	case a.Reached == transport.Unready: // no credentials, context already done, refused before it was sent
		notPurchased(transport.Never)
	case a.Reached == transport.Unconnected && a.Permanent: // bad certificate, impossible host name, a proxy's 407
		notPurchased(transport.Never)
	case a.Reached == transport.Unconnected: // no connection, or an idle one that was closed before a byte was written on it
		notPurchased(transport.AfterBackoff)
	case a.Reached != transport.Answered: // time-out, reset, cancelled: the request may have left
	case status == http.StatusTooManyRequests && r.provesNothingDone(a):
		notPurchased(transport.AfterRetryAfter)
	case isRefusalStatus(status) && r.provesNothingDone(a) && r.code == codeRequestExpired: // the clock is off
		notPurchased(transport.WithClockCorrected)
	case isRefusalStatus(status) && r.provesNothingDone(a):
		notPurchased(transport.Never)
	case isSuccess(status) && r.isCertain() && slices.Contains(refusals, r.code) && !r.hasFailureCode(a) && r.result() == "":
		notPurchased(transport.Never)
	case isSuccess(status) && r.isCertain() && r.code == "" && !r.hasFailureCode(a) && missing == nil:
		v.outcome = nil // bought
	default: // every other status, and every other 2xx
	}
	if v.outcome != nil {
		v.cause = r.cause(a, v.outcome, missing)
	}
	return v
}

func isSuccess(status int) bool { return 200 <= status && status <= 299 }

// isRefusalStatus reports whether a status proves that nothing was done, if its body does not say otherwise. 429 is a row of
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

// documentedRefusals are the documented codes of errors, without InternalError.
// Source: Baidu's pages on error codes, such as https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8.
var documentedRefusals = []string{
	"AccessDenied", "InvalidAccessKeyId", "InvalidHTTPAuthHeader", "SignatureDoesNotMatch", "InvalidMarker",
	"IdempotentParameterMismatch", "IamSignatureInvalid", codeRequestExpired, "OptInRequired", "InappropriateJSON",
	"MalformedJSON", "InvalidHTTPRequest", "InvalidURI", "InvalidVersion", "PreconditionFailed",
}

// internalFailures are codes of failures inside the service, after which an order may exist, whatever the status.
var internalFailures = []string{"InternalError", "336000", "336100", "500000"}

func isInternalFailure(code string) bool { return strictjson.HasCode(code, internalFailures...) }

// listingVerdict is judge's for an action that changes nothing: whatever is not certain may be tried again. A status that
// refuses is certain enough: nothing about money has to be proved by its body.
func listingVerdict(a *transport.Attempt, r *response, missing error) verdict {
	v := judge(a, r, missing, documentedRefusals)
	refused := isRefusalStatus(a.Status) && a.Err == nil && !isInternalFailure(r.code)
	if v.outcome == ErrOutcomeUnknown && !refused {
		v.again = transport.AfterBackoff
	}
	return v
}

// mayPass reports whether a listing that failed with v may succeed later. Waiting does not correct a clock.
func (v verdict) mayPass() bool {
	return v.again == transport.AfterBackoff || v.again == transport.AfterRetryAfter
}
