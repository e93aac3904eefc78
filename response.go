package computeunit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// fields are what a response can say, by name. Those that decide have the types and the meaning that docs/outcomes.md lists;
// nothing is looked for anywhere else.
type fields struct {
	Code       field `json:"code"`
	ErrorCode  field `json:"error_code"` // of older endpoints
	Error      field `json:"error"`
	Success    field `json:"success"`
	Result     field `json:"result"`     // each action reads its own: see success
	InstanceID field `json:"instanceId"` // not documented here but in the result: beside a refusal it contradicts that
	OrderID    field `json:"orderId"`

	// These decide nothing, and may be anything.
	RequestID field `json:"requestId"`
	Message   field `json:"message"`
	ErrorMsg  field `json:"error_msg"`
	Msg       field `json:"msg"`
}

// response is what came of an attempt.
type response struct {
	fields
	inner struct { // of an error that is an object
		Code    field `json:"code"`
		Message field `json:"message"`
	}
	headerCode string // the gateway can leave the body empty

	attempt  *transport.Attempt
	body     []byte // without a byte order mark and blanks before it
	isObject bool   // it is one JSON object
	err      error  // it did not come whole, or contradicts what is documented: it proves nothing
}

var errNoObject = errors.New("the response is not one whole JSON object")

// read reads any response by its shape. What is no JSON, such as HTML or nothing at all, has no fields.
func read(a *transport.Attempt) *response {
	r := &response{attempt: a, body: bytes.TrimLeft(bytes.TrimPrefix(a.Body, []byte("\ufeff")), " ")}
	// Two of them are one text, which is on no list.
	if code := strings.Join(a.Header.Values("X-Bce-Error-Code"), ", "); code != "0" {
		r.headerCode = code
	}
	switch {
	case a.Err != nil:
		r.err = a.Err
	case mayBeJSON(r.body):
		r.err = r.decode()
		r.isObject = r.err == nil
	}
	return r
}

// mayBeJSON takes everything for JSON that can turn into it: compressed, in UTF-16, or after a line break.
func mayBeJSON(body []byte) bool {
	return len(body) > 0 && (body[0] < ' ' || slices.Contains([]byte{'{', '[', 0x7f, 0xfe, 0xff}, body[0]))
}

// decode requires each field that decides to be there once at most, and of its type.
func (r *response) decode() error {
	if !bytes.HasPrefix(bytes.TrimSpace(r.body), []byte("{")) {
		return errNoObject
	}
	if err := json.Unmarshal(r.body, &r.fields); err != nil {
		r.fields = fields{} // how much of it was read depends on the version of Go
		return fmt.Errorf("%w: %w", errNoObject, err)
	}
	if r.Error.kind() == anObject {
		json.Unmarshal([]byte(r.Error), &r.inner) // it is JSON, and its fields take any
	}
	fit := r.Code.is(aText+anInteger) && r.ErrorCode.is(aText+anInteger) && r.inner.Code.is(aText+anInteger) &&
		r.Error.is(aText+anObject) && r.Success.is(aBoolean) && r.Result != twice && r.InstanceID != twice && r.OrderID != twice
	if !fit {
		return errors.New("the response has a field twice, or of another type than documented")
	}
	return nil
}

func (r *response) code() string {
	return cmp.Or(r.Code.String(), r.ErrorCode.String(), r.headerCode)
}

// codes are all the places where a failure inside can show. The header can be there more than once.
func (r *response) codes() []string {
	codes := append(strings.Split(r.headerCode, ","), r.Code.String(), r.ErrorCode.String(), r.inner.Code.String())
	if r.Error.is(aText) {
		codes = append(codes, r.Error.String())
	}
	return codes
}

func (r *response) message() string {
	return cmp.Or(r.Message.String(), r.ErrorMsg.String(), r.Msg.String(), r.inner.Message.String(), r.Error.String(),
		r.attempt.Header.Get("X-Bce-Error-Message"))
}

// requestID is the service's, without what was sent. Empty: it named none.
func (r *response) requestID() string {
	return r.attempt.Redact(cmp.Or(r.RequestID.String(), r.attempt.Header.Get("X-Bce-Request-Id")))
}

// success reads the result. The error is why the response does not say that it was done, if its status does.
func (r *response) success(result any) error {
	switch {
	case r.err != nil:
		return r.err
	case !r.isObject:
		return errNoObject
	case r.code() != "" || !r.Error.isEmpty() || r.Success == "false":
		return errors.New("the response has an error, which does not prove a refusal")
	}
	if json.Unmarshal([]byte(cmp.Or(r.Result, "null")), result) != nil {
		return errors.New("the result is not the documented one") // encoding/json names a type of Go
	}
	return nil
}

// contradiction is why the response may not be believed when its status or its code refuses.
func (r *response) contradiction() error {
	switch {
	case r.err != nil:
		return r.err
	case !r.Result.isEmpty() || r.InstanceID.isSomething() || r.OrderID.isSomething() || r.Success == "true":
		return errors.New("the response has a result, an id or success, which contradicts a refusal")
	case slices.ContainsFunc(r.codes(), isFailureInside):
		return errors.New("the code is that of a failure inside the service")
	}
	return nil
}

// isFailureInside knows InternalError, internal_server_error and the like, and the numbers of neighbouring services for it.
// An order may exist after one.
func isFailureInside(code string) bool {
	switch strings.TrimSpace(code) {
	case "336000", "336100", "500000":
		return true
	}
	_, after, _ := strings.Cut(strings.ToLower(code), "internal")
	return strings.Contains(after, "error")
}

// field is a field as it came: its JSON. Empty: it is missing.
type field string

// twice stands in a field that was given more than once. It is no JSON.
const twice field = "given twice"

// UnmarshalJSON never fails. encoding/json would take the last of two.
func (f *field) UnmarshalJSON(value []byte) error {
	if *f == "" {
		*f = field(value)
	} else {
		*f = twice
	}
	return nil
}

// The kinds of values that fields are required to be. A sum of them is any of these.
const (
	aText     = `"`
	anObject  = "{"
	anInteger = "i"
	aBoolean  = "b"
)

// kind is empty for a field that is missing or null.
func (f field) kind() string {
	switch {
	case f == "" || f == "null":
		return ""
	case f == "true" || f == "false":
		return aBoolean
	case strings.Trim(string(f), "-0123456789") == "":
		return anInteger
	}
	return string(f[:1])
}

// is reports whether a field is of one of the kinds, or says nothing.
func (f field) is(kinds string) bool { return f != twice && strings.Contains(kinds, f.kind()) }

// isSomething reports whether there is a value, of any type.
func (f field) isSomething() bool { return f.kind() != "" && f != `""` }

// isEmpty reports whether a field says nothing, as the empty value of each type does.
func (f field) isEmpty() bool {
	switch strings.Join(strings.Fields(string(f)), "") {
	case "false", "0", "[]", "{}":
		return true
	}
	return !f.isSomething()
}

// String is a value as a person reads it: a text without its quotes. Empty: it says nothing, or two things.
func (f field) String() string {
	switch {
	case f == twice || f.isEmpty():
		return ""
	case f.kind() != aText:
		return string(f)
	case strings.Contains(string(f), `\`):
		var unescaped string
		json.Unmarshal([]byte(f), &unescaped)
		return unescaped
	}
	return string(f[1 : len(f)-1])
}
