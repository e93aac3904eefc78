package simulator

import (
	"fmt"
	"net/http"
)

// The documented codes, and those that were observed: IamSignatureInvalid,
// ResourceNotFound and SignatureEmpty are the gateway's own.
const (
	codeAccessDenied          = "AccessDenied"
	codeInvalidAccessKeyID    = "InvalidAccessKeyId"
	codeInvalidHTTPAuthHeader = "InvalidHTTPAuthHeader"
	codeSignatureDoesNotMatch = "SignatureDoesNotMatch"
	codeIamSignatureInvalid   = "IamSignatureInvalid"
	codeRequestExpired        = "RequestExpired"
	codeOptInRequired         = "OptInRequired"
	codeInappropriateJSON     = "InappropriateJSON"
	codeMalformedJSON         = "MalformedJSON"
	codeInvalidHTTPRequest    = "InvalidHTTPRequest"
	codeInvalidURI            = "InvalidURI"
	codeInvalidVersion        = "InvalidVersion"
	codeInvalidMarker         = "InvalidMarker"
	codeIdempotentMismatch    = "IdempotentParameterMismatch"
	codePreconditionFailed    = "PreconditionFailed"
	codeInternalError         = "InternalError"
	codeResourceNotFound      = "ResourceNotFound"
	codeSignatureEmpty        = "SignatureEmpty"
)

// Codes that the simulator invented. The service's own for a shortage of stock or of
// balance are not documented, nor is their HTTP status: here it is 400.
const (
	CodeOutOfStock   = "SimulatorOutOfStock"
	CodeOutOfBalance = "SimulatorOutOfBalance"
	CodeThrottled    = "SimulatorThrottled"    // the default code of a 429
	CodeFault        = "SimulatorFault"        // the default code of a fault whose status has no documented code
	CodeInvalidFault = "SimulatorInvalidFault" // Config gave a fault that is not Valid, or that cannot be done here
)

// statusOf is the HTTP status that each code comes with.
var statusOf = map[string]int{
	codeAccessDenied:          http.StatusForbidden,
	codeInvalidAccessKeyID:    http.StatusForbidden,
	codeInvalidHTTPAuthHeader: http.StatusBadRequest,
	codeSignatureDoesNotMatch: http.StatusBadRequest,
	codeIamSignatureInvalid:   http.StatusForbidden,
	codeRequestExpired:        http.StatusBadRequest,
	codeOptInRequired:         http.StatusForbidden,
	codeInappropriateJSON:     http.StatusBadRequest,
	codeMalformedJSON:         http.StatusBadRequest,
	codeInvalidHTTPRequest:    http.StatusBadRequest,
	codeInvalidURI:            http.StatusBadRequest,
	codeInvalidVersion:        http.StatusNotFound,
	codeInvalidMarker:         http.StatusBadRequest,
	codeIdempotentMismatch:    http.StatusForbidden,
	codePreconditionFailed:    http.StatusPreconditionFailed,
	codeInternalError:         http.StatusInternalServerError,
	codeResourceNotFound:      http.StatusNotFound,
	codeSignatureEmpty:        http.StatusBadRequest,
	CodeOutOfStock:            http.StatusBadRequest,
	CodeOutOfBalance:          http.StatusBadRequest,
	CodeInvalidFault:          http.StatusInternalServerError,
}

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
	return refuse(code, inventedMark+format, args...)
}

// inventedMark begins the message of every refusal that was invented.
const inventedMark = "simulator: "

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Status: statusOf[code], Code: code, Message: fmt.Sprintf(format, args...)}
}
