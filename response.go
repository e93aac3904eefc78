package computeunit

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/qianfan-go/computeunit/internal/strictjson"
	"github.com/qianfan-go/computeunit/internal/transport"
)

// response is what every response has around its result: a request id, and an error in one of the ways that the API's
// endpoints have. An action's own response embeds it, and is read in one go.
type response struct {
	errorFields
	Error     nestedError      `json:"error"`
	RequestID strictjson.Loose `json:"requestId"`

	body       []byte   // without compression and byte order mark
	codes      []string // every code that was given
	code       string   // the first of them, empty if there is none
	unreadable error    // why the body is not the whole documented JSON
}

// errorFields are what an error has, in the newer form and in the older ones.
type errorFields struct {
	Code      strictjson.Code `json:"code"`
	ErrorCode strictjson.Code `json:"error_code"`
	// These are for people.
	Message  strictjson.Loose `json:"message"`
	Msg      strictjson.Loose `json:"msg"`
	ErrorMsg strictjson.Loose `json:"error_msg"`
}

func (e *errorFields) hasCodeOfOtherType() bool {
	return e.Code.OtherType != "" || e.ErrorCode.OtherType != ""
}

func (e *errorFields) message() string {
	return firstNonBlank(string(e.Message), string(e.Msg), string(e.ErrorMsg))
}

// nestedError is an error as an object of its own, or as something else that is not empty.
type nestedError struct {
	errorFields
	isThere bool
}

// UnmarshalJSON never fails, like those of strictjson.
func (n *nestedError) UnmarshalJSON(value []byte) error {
	n.isThere = n.isThere || !strictjson.IsEmpty(value)
	if value[0] != '{' {
		return n.Message.UnmarshalJSON(value)
	}
	return json.Unmarshal(value, &n.errorFields)
}

// Headers in which the gateway says what went wrong.
const (
	errorCodeHeader    = "X-Bce-Error-Code"
	errorMessageHeader = "X-Bce-Error-Message"
)

var errNoCode = errors.New("the response has an error without a code")

var errAmbiguousCode = errors.New("the error code is given twice with different values, or is of another type")

// read decodes the body of an attempt into whole, which has r embedded.
func (r *response) read(a *transport.Attempt, whole any) {
	if a.Reached != transport.Answered {
		return
	}
	var err error
	if r.body, err = plainBody(a); err == nil {
		r.body, err = decode(r.body, whole)
	}
	inBody := r.collectCodes(a.Header.Values(errorCodeHeader))
	switch {
	case a.Err != nil:
		r.unreadable = a.Err
	case err != nil:
		r.unreadable = fmt.Errorf("the response is not the documented JSON: %w", shortened(err))
	case len(r.codes) > 1 || r.hasCodeOfOtherType() || isSuccess(a.Status) && len(r.codes) > inBody:
		r.unreadable = errAmbiguousCode
	case r.Error.isThere && r.code == "":
		r.unreadable = errNoCode
	}
}

// collectCodes keeps every different code once, and returns how many of them are in the body: the gateway can put one into a
// header and leave the body empty. A header has no integers: a 0 in it is one.
func (r *response) collectCodes(headers []string) (inBody int) {
	for _, code := range [...]*strictjson.Code{&r.Code, &r.ErrorCode, &r.Error.Code, &r.Error.ErrorCode} {
		for _, value := range code.Values() {
			r.addCode(value)
		}
	}
	inBody = len(r.codes)
	for _, header := range headers {
		if strings.Trim(header, " \t-0") != "" {
			r.addCode(header)
		}
	}
	if len(r.codes) > 0 {
		r.code = r.codes[0]
	}
	return inBody
}

func (r *response) addCode(code string) {
	if !slices.Contains(r.codes, code) {
		r.codes = append(r.codes, code)
	}
}

func (r *response) hasCodeOfOtherType() bool {
	return r.errorFields.hasCodeOfOtherType() || r.Error.hasCodeOfOtherType()
}

// isCertain reports whether the body was read whole and is unambiguous.
func (r *response) isCertain() bool { return r.unreadable == nil }

// provesNothingDone reports whether a refusing status may be believed. Any body will do, also HTML or none.
func (r *response) provesNothingDone(a *transport.Attempt) bool { return r.contradiction(a) == nil }

var (
	errFailureInside = errors.New("the code means a failure inside the service, after which it may still have been done")
	errBrokenOff     = errors.New("the status refuses, but the body may be cut off: nothing marks its end, or it is JSON that breaks off")
)

// contradiction is why a refusing status may not be believed: the body was not read whole, or has a result or a code of a
// failure inside.
func (r *response) contradiction(a *transport.Attempt) error {
	switch {
	case a.Err != nil:
		return a.Err
	case r.body == nil: // its encoding cannot be read
		return r.unreadable
	case r.hasFailureCode(a):
		return errFailureInside
	case r.result() != "":
		return fmt.Errorf("the status refuses, but there is %s in the body", r.result())
	case r.hasCodeOfOtherType():
		return errAmbiguousCode
	case !r.isWhole(a):
		return errBrokenOff
	}
	return nil
}

// isWhole reports whether the body ended as it was meant to. If only the end of the connection ended it, JSON in brackets and
// gzip are the only bodies that mark their end themselves. JSON that breaks off is not whole, whatever its length says: a
// gateway that passes it on may have got it cut off.
func (r *response) isWhole(a *transport.Attempt) bool {
	if a.Unbounded && !(isZipped(a.Body) && len(r.body) > 0) {
		return bytes.IndexAny(bytes.TrimLeft(r.body, " \t\r\n"), "{[") == 0 && json.Valid(r.body)
	}
	return !strictjson.BreaksOff(r.body)
}

// hasFailureCode reports whether a code of a failure inside is anywhere in the response: endpoints and gateways have many
// ways to write one.
func (r *response) hasFailureCode(a *transport.Attempt) bool {
	headers := slices.Concat(a.Header.Values(errorCodeHeader), a.Header.Values(errorMessageHeader))
	return slices.ContainsFunc(headers, isInternalFailure) || strictjson.HoldsCode(r.body, internalFailures...)
}

// result names what does not go with a refusal: an id, of any type and anywhere in the body, any other result, or a
// "success" that is true. It is empty if there is none of them.
func (r *response) result() string {
	switch {
	case strictjson.Holds(r.body, idNames...):
		return "an id"
	case strictjson.HasMember(r.body, 1, strictjson.IsSomething, "result"):
		return "a result"
	case strictjson.HasMember(r.body, anyLevel, strictjson.IsTrue, successNames...):
		return `"success": true`
	}
	return ""
}

// Names under which an id, an error, or whether it went well, is looked for beside the documented ones.
var (
	successNames = []string{"success"}
	idNames      = []string{"instanceId", "orderId", "instance_id", "order_id", "instanceIds", "orderIds"}
	errorNames   = []string{"code", "error", "errors", "error_code", "errorCode", "err_code", "errCode", "error_no", "errorNo",
		"err_no", "errNo", "err"}
	// otherNameParts has a part of each of errorNames and successNames: nearly every body has none, and is not searched.
	otherNameParts = []string{"code", "err", "success"}
)

// anyLevel is deeper than JSON is read.
const anyLevel = 1000

var errFailedToo = errors.New("the response has what a success has, and an error too")

// otherError is for a success, which goes with no error: one under a name that is not documented, or a "success" that is not
// true, in the first levels of the body.
func (r *response) otherError(levels int) error {
	if !strictjson.MayHave(r.body, otherNameParts...) {
		return nil
	}
	if strictjson.HasMember(r.body, levels, strictjson.IsSomething, errorNames...) ||
		strictjson.HasMember(r.body, levels, strictjson.IsNotTrue, successNames...) {
		return errFailedToo
	}
	return nil
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// plainBody takes off what some servers put around JSON although nobody asked for it. Nil, with an error, is a body in
// an encoding that cannot be read here.
func plainBody(a *transport.Attempt) ([]byte, error) {
	body := a.Body
	if body == nil {
		body = []byte{}
	}
	if encoding := strings.Join(a.Header.Values("Content-Encoding"), ", "); len(body) > 0 && !isReadableEncoding(encoding) {
		return nil, fmt.Errorf("content encoding %q is not supported", encoding)
	}
	unzipped, err := gunzip(body)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return bytes.TrimPrefix(unzipped, byteOrderMark), nil
}

func isReadableEncoding(encoding string) bool {
	return encoding == "" ||
		slices.ContainsFunc([]string{"identity", "gzip", "x-gzip"}, func(e string) bool { return strings.EqualFold(e, encoding) })
}

var gzipMagic = []byte{0x1f, 0x8b}

func isZipped(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimPrefix(body, byteOrderMark), gzipMagic)
}

// gunzip returns a body that is not compressed as it is, and refuses one that is compressed twice.
func gunzip(body []byte) ([]byte, error) {
	if !isZipped(body) {
		return body, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(bytes.TrimPrefix(body, byteOrderMark)))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(reader, transport.MaxBody+1))
	if err == nil && len(plain) > transport.MaxBody {
		err = transport.ErrTooLarge
	}
	if err == nil && isZipped(plain) {
		err = errors.New("the response is compressed twice")
	}
	if err != nil {
		return nil, err
	}
	return plain, nil
}

// decode tolerates texts in GBK, whose second byte can be a backslash. They are not translated: a message is for people, and
// an id with a replaced character is refused. It returns the body as it was read.
func decode(body []byte, whole any) ([]byte, error) {
	err := json.Unmarshal(body, whole)
	if err != nil && !json.Valid(body) && !utf8.Valid(body) {
		body = withoutGBK(body)
		err = json.Unmarshal(body, whole)
	}
	return body, err
}

// withoutGBK replaces each pair of bytes that GBK would read as a character and UTF-8 does not.
func withoutGBK(body []byte) []byte {
	clean := make([]byte, 0, len(body))
	for i := 0; i < len(body); {
		r, size := utf8.DecodeRune(body[i:])
		if r != utf8.RuneError || size > 1 {
			clean = append(clean, body[i:i+size]...)
			i += size
			continue
		}
		clean = utf8.AppendRune(clean, utf8.RuneError)
		i++
		if i < len(body) && body[i] >= 0x40 {
			i++
		}
	}
	return clean
}

// shortened replaces an error that names Go's types, and repeats a number however long it is.
func shortened(err error) error {
	if mistyped, ok := err.(*json.UnmarshalTypeError); ok {
		return &wrongType{mistyped}
	}
	return err
}

// wrongType says what a user of a response can see in it.
type wrongType struct{ err *json.UnmarshalTypeError }

func (w *wrongType) Error() string {
	kind, _, _ := strings.Cut(w.err.Value, " ")
	if w.err.Field == "" {
		return "json: unexpected " + kind
	}
	return fmt.Sprintf("json: unexpected %s in %q", kind, w.err.Field)
}

func (w *wrongType) Unwrap() error { return w.err }

// requestID is the one that support can find: the service's, or the one that was sent.
func (r *response) requestID(a *transport.Attempt) string {
	return a.Redact(firstNonBlank(string(r.RequestID), a.Header.Get("X-Bce-Request-Id"), a.RequestID))
}

func (r *response) messageOf(a *transport.Attempt) string {
	return a.Redact(firstNonBlank(r.errorFields.message(), r.Error.message(), a.Header.Get(errorMessageHeader)))
}

func firstNonBlank(texts ...string) string {
	for _, text := range texts {
		if strings.TrimSpace(text) != "" {
			return text
		}
	}
	return ""
}

// cause is the error that an attempt ends with. missing is what a success would have shown.
func (r *response) cause(a *transport.Attempt, outcome, missing error) error {
	if a.Reached != transport.Answered {
		return a.Err
	}
	answered := &APIError{
		StatusCode: a.Status,
		Code:       a.Redact(r.code),
		Message:    r.messageOf(a),
		RequestID:  r.requestID(a),
		sender:     r.sender(a),
	}
	saysNothing := r.unreadable != nil || answered.Code == "" && answered.Message == ""
	if outcome == ErrOutcomeUnknown || saysNothing && len(a.Body) > 0 {
		answered.Evidence = r.evidence(a)
	}
	err := error(answered)
	for _, remark := range []error{r.remark(a, outcome, missing), clockDifference(a)} {
		if remark != nil {
			err = fmt.Errorf("%w: %w", err, cutShort(a.RedactError(remark)))
		}
	}
	return err
}

// maxRemark bounds an error that a caller's UnmarshalJSON makes: it can repeat the response.
const maxRemark = 500

// cutShort cuts a text that is redacted already: half a signature would not be recognized.
func cutShort(err error) error {
	text := err.Error()
	if len(text) <= maxRemark {
		return err
	}
	return &longError{err, strings.ToValidUTF8(text[:maxRemark], "") + "…"}
}

type longError struct {
	err  error
	text string
}

func (l *longError) Error() string { return l.text }
func (l *longError) Unwrap() error { return l.err }

// sender is who seems to have answered: only the service writes the documented JSON.
func (r *response) sender(a *transport.Attempt) string {
	switch {
	case r.RequestID != "":
		return "the service"
	case a.Header.Get(errorCodeHeader) != "" || a.Header.Get("X-Bce-Request-Id") != "":
		return "the service or its gateway"
	}
	return "something on the way, such as a gateway or a proxy,"
}

const maxSample = 200

// evidence is what there is of a response that does not speak for itself. Nothing is cut before it is redacted: a part of a
// secret would not be recognized.
func (r *response) evidence(a *transport.Attempt) string {
	var b strings.Builder
	fmt.Fprintf(&b, "content type %.80q, ", a.Redact(a.Header.Get("Content-Type")))
	if encoding := a.Header.Get("Content-Encoding"); encoding != "" {
		fmt.Fprintf(&b, "encoding %.40q, ", a.Redact(encoding))
	}
	if errors.Is(a.Err, transport.ErrTooLarge) {
		fmt.Fprintf(&b, "more than %d bytes", transport.MaxBody)
	} else {
		fmt.Fprintf(&b, "%d bytes", len(a.Body))
	}
	body := r.body
	if body == nil {
		body = a.Body
	}
	if sample := a.Redact(string(body)); sample != "" {
		fmt.Fprintf(&b, ": %q", sample[:min(len(sample), maxSample)])
	}
	return b.String()
}

// remark says what the status and the code do not.
func (r *response) remark(a *transport.Attempt, outcome, missing error) error {
	switch {
	case a.Err != nil:
		return a.Err
	case outcome == ErrOutcomeUnknown && (isRefusalStatus(a.Status) || a.Status == http.StatusTooManyRequests):
		return r.contradiction(a)
	case 300 <= a.Status && a.Status <= 399 && a.Header.Get("Location") != "":
		return fmt.Errorf("the redirect to %.200q is not followed", a.Redact(a.Header.Get("Location")))
	case r.hasFailureCode(a):
		return errFailureInside
	case !isSuccess(a.Status) && outcome == ErrNotPurchased:
		return nil // any body will do
	case r.unreadable != nil:
		return r.unreadable
	case isSuccess(a.Status) && r.code != "":
		return r.remarkOnCode(outcome)
	case isSuccess(a.Status):
		return missing
	}
	return nil
}

func (r *response) remarkOnCode(outcome error) error {
	switch {
	case outcome == ErrNotPurchased && !slices.Contains(documentedRefusals, r.code):
		return errors.New("the option WithRefusalCodes says that this code refuses")
	case outcome == ErrNotPurchased:
		return nil
	case r.result() != "":
		return fmt.Errorf("the response has an error code and %s", r.result())
	}
	return errors.New("the code is not documented as a refusal")
}

// maxClockDifference is how far a Date may be away before it is worth a remark.
const maxClockDifference = time.Minute

// clockDifference names a wrong clock if a refusal may be due to it: codes for that are not all documented.
func clockDifference(a *transport.Attempt) error {
	skew, ok := a.Skew()
	skew = skew.Round(time.Second)
	switch {
	case !ok || a.Status != 400 && a.Status != 401 && a.Status != 403 || skew.Abs() <= maxClockDifference:
		return nil
	case skew > 0:
		return fmt.Errorf("this machine's clock is %s behind the Date of the response", skew)
	}
	return fmt.Errorf("this machine's clock is %s ahead of the Date of the response", -skew)
}
