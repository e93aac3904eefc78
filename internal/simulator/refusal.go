package simulator

import (
	"cmp"
	"fmt"
	"net/http"
)

// The documented codes, and those that were observed: IamSignatureInvalid, ResourceNotFound and SignatureEmpty are the
// gateway's own.
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
	codeInternalError         = "InternalError"
	codeResourceNotFound      = "ResourceNotFound"
	codeSignatureEmpty        = "SignatureEmpty"
)

// Codes that the simulator invented. The service's own for a shortage of stock or of balance are not documented, nor is
// their HTTP status, nor what a release is answered that it does not do: here it is 400.
const (
	CodeOutOfStock    = "SimulatorOutOfStock"
	CodeOutOfBalance  = "SimulatorOutOfBalance"
	CodeNotReleasable = "SimulatorNotReleasable"
	CodeThrottled     = "SimulatorThrottled"
	CodeInvalidFault  = "SimulatorInvalidFault" // Config gave a fault that is not Valid, or that cannot be done here
)

// documentedRefusals are the documented codes that refuse, with their statuses.
var documentedRefusals = map[string]int{
	codeAccessDenied:              http.StatusForbidden,
	codeInvalidAccessKeyID:        http.StatusForbidden,
	codeInvalidHTTPAuthHeader:     http.StatusBadRequest,
	codeSignatureDoesNotMatch:     http.StatusBadRequest,
	codeRequestExpired:            http.StatusBadRequest,
	codeInappropriateJSON:         http.StatusBadRequest,
	codeMalformedJSON:             http.StatusBadRequest,
	codeInvalidHTTPRequest:        http.StatusBadRequest,
	codeInvalidURI:                http.StatusBadRequest,
	"IamSignatureInvalid":         http.StatusForbidden,
	"OptInRequired":               http.StatusForbidden,
	"InvalidVersion":              http.StatusNotFound,
	"InvalidMarker":               http.StatusBadRequest,
	"IdempotentParameterMismatch": http.StatusForbidden,
	"PreconditionFailed":          http.StatusPreconditionFailed,
}

var otherStatuses = map[string]int{codeResourceNotFound: http.StatusNotFound, CodeInvalidFault: http.StatusInternalServerError}

// Refusal is an error answer: what the service says when it does not do as asked.
type Refusal struct {
	Status  int
	Code    string
	Message string
}

// Error is the refusal in one line.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Message)
}

// invented is a refusal for a rule that no page has. Its message says so.
func invented(code, format string, args ...any) *Refusal {
	return refuse(code, "simulator: "+format, args...)
}

func refuse(code, format string, args ...any) *Refusal {
	status := cmp.Or(documentedRefusals[code], otherStatuses[code], http.StatusBadRequest)
	return &Refusal{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}
