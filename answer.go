package computeunit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// Codes that change what is done. The rest is for the caller to read.
const (
	codeRequestExpired = "RequestExpired"
	codeInternalError  = "InternalError"
)

// answer is the body of any answer: success, error ("code"), or older error ("error_code").
type answer struct {
	RequestID lenientString  `json:"requestId"`
	Code      string         `json:"code"`
	Message   lenientString  `json:"message"`
	ErrorCode int64          `json:"error_code"`
	ErrorMsg  lenientString  `json:"error_msg"`
	Result    PurchaseResult `json:"result"`

	unreadable error // why this is not the whole documented JSON
}

// lenientString takes a value of another type for an empty string: what is only for people decides nothing.
type lenientString string

func (s *lenientString) UnmarshalJSON(data []byte) error {
	if data[0] != '"' {
		return nil
	}
	return json.Unmarshal(data, (*string)(s))
}

// readAnswer reads what it can. A gateway can put the code into headers and leave the body empty; a success
// says what it has to say in its body.
func readAnswer(a *transport.Attempt) (read answer) {
	if a.Reached != transport.Answered {
		return read
	}
	read.unreadable = a.Err
	if err := json.Unmarshal(a.Body, &read); err != nil && read.unreadable == nil && !lacksResult(err) {
		read.unreadable = fmt.Errorf("the answer is not the documented JSON: %w", err)
	}
	if read.Code == "" && read.ErrorCode != 0 {
		read.Code = strconv.FormatInt(read.ErrorCode, 10)
	}
	if read.Message == "" {
		read.Message = read.ErrorMsg
	}
	if !isSuccess(a.Status) && read.Code == "" {
		read.Code = a.Header.Get("X-Bce-Error-Code")
		read.Message = lenientString(firstNonBlank(string(read.Message), a.Header.Get("X-Bce-Error-Message")))
	}
	return read
}

// lacksResult tells that all that is wrong is a result that is no object (text, a list): there are no ids in it,
// and an error code beside it is as clear as without it.
func lacksResult(err error) bool {
	var mistyped *json.UnmarshalTypeError
	return errors.As(err, &mistyped) && mistyped.Field == "result"
}

// isError tells that the body names an error, whatever the status says. In a body that is not the documented
// JSON nothing is sure enough to be taken for a refusal.
func (r *answer) isError() bool { return r.unreadable == nil && strings.TrimSpace(r.Code) != "" }

func (r *answer) hasID() bool {
	return strings.TrimSpace(r.Result.InstanceID) != "" || strings.TrimSpace(r.Result.OrderID) != ""
}

// requestID is the one that support can find.
func (r *answer) requestID(a *transport.Attempt) string {
	return firstNonBlank(string(r.RequestID), a.Header.Get("X-Bce-Request-Id"), a.RequestID)
}

func firstNonBlank(texts ...string) string {
	for _, text := range texts {
		if strings.TrimSpace(text) != "" {
			return text
		}
	}
	return ""
}

// cause is the error that an attempt ends with, if its outcome is one.
func (r *answer) cause(a *transport.Attempt) error {
	if a.Reached != transport.Answered {
		return a.Err
	}
	refusal := &APIError{StatusCode: a.Status, Code: r.Code, Message: string(r.Message), RequestID: r.requestID(a)}
	if r.unreadable != nil && r.Code == "" {
		refusal.sample = string(a.Body[:min(len(a.Body), maxSample)])
	}
	if why := r.doubt(a); why != nil {
		return fmt.Errorf("%w: %w", refusal, why)
	}
	return refusal
}

// maxSample is enough of a body to recognize a proxy's error page by.
const maxSample = 100

// doubt says in words what the status and the code do not.
func (r *answer) doubt(a *transport.Attempt) error {
	switch {
	case 300 <= a.Status && a.Status <= 399:
		return fmt.Errorf("the redirect to %.200q is not followed", a.Header.Get("Location"))
	case a.Err != nil:
		return a.Err
	case !isSuccess(a.Status):
		return nil // any body will do for an error status
	case r.unreadable != nil:
		return r.unreadable
	case r.isError() && r.hasID():
		return errors.New("the answer has an error code and an id")
	case !r.isError() && !r.hasID():
		return errors.New("the answer has neither an instance id nor an order id")
	}
	return nil
}
