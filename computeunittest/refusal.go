package computeunittest

import (
	"cmp"
	"fmt"
	"net/http"
)

// The documented codes, and those that were observed: ResourceNotFound and SignatureEmpty are the gateway's own.
const (
	codeAccessDenied          = "AccessDenied"
	codeInvalidAccessKeyID    = "InvalidAccessKeyId"
	codeInvalidHTTPAuthHeader = "InvalidHTTPAuthHeader"
	codeSignatureDoesNotMatch = "SignatureDoesNotMatch"
	codeRequestExpired        = "RequestExpired"
	codeInappropriateJSON     = "InappropriateJSON"
	codeMalformedJSON         = "MalformedJSON"
	codeInvalidHTTPRequest    = "InvalidHTTPRequest"
	codeInvalidURI            = "InvalidURI"
	codeResourceNotFound      = "ResourceNotFound"
	codeSignatureEmpty        = "SignatureEmpty"
)

// Codes that are invented. The service's own for a shortage of stock or of balance are not documented, nor is their HTTP
// status, nor what a release is answered that it does not do: here it is 400.
const (
	codeOutOfStock    = "SimulatorOutOfStock"
	codeOutOfBalance  = "SimulatorOutOfBalance"
	codeNotReleasable = "SimulatorNotReleasable"
	codeThrottled     = "SimulatorThrottled"
	codeInvalidFault  = "SimulatorInvalidFault" // an option gave a fault that is not Valid
)

// statuses are those that are not 400.
var statuses = map[string]int{
	codeAccessDenied: http.StatusForbidden, codeInvalidAccessKeyID: http.StatusForbidden, codeResourceNotFound: http.StatusNotFound,
	codeThrottled: http.StatusTooManyRequests, codeInvalidFault: http.StatusInternalServerError,
}

// refusal is what the service says when it does not do as asked.
type refusal struct {
	status        int
	code, message string
}

func refuse(code, format string, args ...any) *refusal {
	return &refusal{cmp.Or(statuses[code], http.StatusBadRequest), code, fmt.Sprintf(format, args...)}
}

// invented is a refusal for a rule that no page has. Its message says so.
func invented(code, format string, args ...any) *refusal {
	return refuse(code, "simulator: "+format, args...)
}

// body is the documented one of an error.
func (r *refusal) body(requestID string) string {
	return encode(map[string]string{"requestId": requestID, "code": r.code, "message": r.message})
}

func (r *refusal) fault() Fault { return Answer(r.status, r.body("{requestId}")) }
