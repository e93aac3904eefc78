package computeunit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/qianfan-go/computeunit/internal/bceauth"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// Codes that change what is done. The rest is for the caller to read.
const (
	codeRequestExpired = "RequestExpired"
	codeInternalError  = "InternalError"
)

// envelope is what every answer has around its result: a request id, and an error ("code") or an older one
// ("error_code"). An action's answer embeds it, and is read in one go.
type envelope struct {
	Code      word   `json:"code"`
	ErrorCode number `json:"error_code"`
	// What is for people decides nothing: a value that is no text counts as none.
	RequestID word `json:"requestId"`
	Message   word `json:"message"`
	ErrorMsg  word `json:"error_msg"`

	code       string // the one of the two that is there
	unreadable error  // why the body is not the whole documented JSON
}

var errOddCode = errors.New("the error code is there twice, or of another type")

// read decodes the body of an attempt into answer, which has e embedded.
func (e *envelope) read(a *transport.Attempt, answer any) {
	if a.Reached != transport.Answered {
		return
	}
	err := json.Unmarshal(a.Body, answer)
	e.code = firstNonBlank(e.Code.text, e.ErrorCode.text)
	switch {
	case a.Err != nil:
		e.unreadable = a.Err
	case err != nil && !(e.code != "" && lacksResult(err, a.Body)):
		e.unreadable = fmt.Errorf("the answer is not the documented JSON: %w", shortened(err))
	case e.Code.odd || e.ErrorCode.odd:
		e.unreadable = errOddCode
	}
	if !isSuccess(a.Status) { // the gateway can put the code into a header and leave the body empty
		e.code = firstNonBlank(e.code, a.Header.Get("X-Bce-Error-Code"))
	}
}

// lacksResult tells that all that is wrong is a result that is an empty text, an empty list or the like: there are
// no ids in it, and an error code beside it is as clear as without it.
func lacksResult(err error, body []byte) bool {
	var mistyped *json.UnmarshalTypeError
	if !errors.As(err, &mistyped) || mistyped.Field != "result" {
		return false
	}
	var answer struct {
		Result filled `json:"result"`
	}
	return json.Unmarshal(body, &answer) == nil && !bool(answer.Result)
}

// shortened takes the value out of an error that repeats it whole: a number can be as long as the answer.
func shortened(err error) error {
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		mistyped.Value, _, _ = strings.Cut(mistyped.Value, " ")
	}
	return err
}

// isError tells that the body names an error, whatever the status says. In a body that is not the documented
// JSON nothing is sure enough to be taken for a refusal.
func (e *envelope) isError() bool { return e.unreadable == nil && strings.TrimSpace(e.code) != "" }

// leavesOpen tells of a code that, in a success, is no refusal: the documented InternalError, one that says that all
// went well, and the number of a status that says nothing about the order.
func leavesOpen(code string) bool {
	code = strings.ToLower(strings.TrimSpace(code))
	switch code {
	case strings.ToLower(codeInternalError), "success", "ok", "0":
		return true
	}
	status, err := strconv.Atoi(code)
	return err == nil && (isSuccess(status) || isDoubtful(status))
}

// requestID is the one that support can find.
func (e *envelope) requestID(a *transport.Attempt) string {
	return bceauth.Redact(firstNonBlank(e.RequestID.text, a.Header.Get("X-Bce-Request-Id"), a.RequestID))
}

func (e *envelope) message(a *transport.Attempt) string {
	return firstNonBlank(e.Message.text, e.ErrorMsg.text, a.Header.Get("X-Bce-Error-Message"))
}

func firstNonBlank(texts ...string) string {
	for _, text := range texts {
		if strings.TrimSpace(text) != "" {
			return text
		}
	}
	return ""
}

// cause is the error that an attempt ends with, if its outcome is one. lack is what the answer should have shown.
func (e *envelope) cause(a *transport.Attempt, lack error) error {
	if a.Reached != transport.Answered {
		return a.Err
	}
	refusal := &APIError{StatusCode: a.Status, Code: e.code, Message: e.message(a), RequestID: e.requestID(a)}
	if e.unreadable != nil && e.code == "" {
		refusal.body = fmt.Sprintf("with a body of %d bytes, type %.80q", len(a.Body), a.Header.Get("Content-Type"))
	}
	if why := e.doubt(a, lack); why != nil {
		return fmt.Errorf("%w: %w", refusal, why)
	}
	return refusal
}

// doubt says in words what the status and the code do not.
func (e *envelope) doubt(a *transport.Attempt, lack error) error {
	switch {
	case a.Err != nil:
		return a.Err
	case isRedirect(a.Status):
		return fmt.Errorf("the redirect to %.200q is not followed", bceauth.Redact(a.Header.Get("Location")))
	case !isSuccess(a.Status):
		return nil // any body will do for an error status
	case e.unreadable != nil:
		return e.unreadable
	case e.isError() && lack == nil:
		return errors.New("the answer has an error code and an id")
	case !e.isError():
		return lack
	}
	return nil
}
