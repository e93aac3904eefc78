package computeunit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// cause is the error that an attempt ends with. missing is what a success would have shown.
func (r *response) cause(outcome, missing error) error {
	a := r.attempt
	if a.Reached != transport.Answered {
		return a.Err
	}
	answered := &APIError{
		StatusCode: a.Status,
		Code:       a.Redact(r.code()),
		Message:    a.Redact(r.message()),
		RequestID:  cmp.Or(r.requestID(), a.RequestID),
		sender:     r.sender(),
	}
	if outcome == ErrOutcomeUnknown || answered.Code+answered.Message == "" && len(a.Body) > 0 {
		answered.Evidence = r.evidence()
	}
	err := error(answered)
	for _, remark := range []error{r.remark(outcome, missing), clockDifference(a)} {
		if remark != nil {
			err = fmt.Errorf("%w: %w", err, a.RedactError(remark))
		}
	}
	return err
}

// sender is who seems to have answered: only the service writes the documented JSON.
func (r *response) sender() string {
	switch {
	case r.RequestID.isSomething():
		return "the service"
	case r.headerCode != "" || r.attempt.Header.Get("X-Bce-Request-Id") != "":
		return "the service or its gateway"
	}
	return "something on the way, such as a gateway or a proxy,"
}

// evidence is what there is of a response that does not speak for itself. It is cut last: half a secret is not recognized.
func (r *response) evidence() string {
	a := r.attempt
	return fmt.Sprintf("content type %.80q, %d bytes: %.200q", a.Redact(a.Header.Get("Content-Type")), len(a.Body), a.Redact(string(a.Body)))
}

// remark says what the status and the code do not.
func (r *response) remark(outcome, missing error) error {
	switch success := isSuccess(r.attempt.Status); {
	case success && outcome == ErrOutcomeUnknown:
		return missing
	case success && !slices.Contains(documentedRefusals, r.code()):
		return errors.New("the option WithRefusalCodes says that this code refuses")
	}
	return r.contradiction()
}

// clockDifference names a wrong clock if a refusal may be due to it: codes for that are not all documented.
func clockDifference(a *transport.Attempt) error {
	skew, _ := a.Skew()
	if a.Status != 400 && a.Status != 401 && a.Status != 403 || skew == 0 {
		return nil
	}
	return fmt.Errorf("the Date of the response is %s ahead of this machine's clock", skew)
}
