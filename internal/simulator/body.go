package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// bodyReader reads a JSON body field by field and remembers the first thing
// that is wrong. It does not decode into structs, because encoding/json takes
// field names in any case and the documented ones have one.
type bodyReader struct{ refusal *Refusal }

// object is a JSON object in the body. Unknown fields are ignored; of a field
// that is there twice the last counts; null is the same as not given. These
// three rules are invented.
type object struct {
	reader *bodyReader
	path   string
	fields map[string]json.RawMessage
}

func (b *bodyReader) document(body []byte) object {
	if !json.Valid(body) {
		b.refusal = refuse(codeMalformedJSON, "the body is not JSON")
		return object{reader: b}
	}
	return b.object("", body)
}

func (b *bodyReader) object(path string, raw json.RawMessage) object {
	o := object{reader: b, path: path}
	if err := json.Unmarshal(raw, &o.fields); err != nil || o.fields == nil {
		b.wrong("what is at "+strconv.Quote(strings.TrimSuffix(path, ".")), "is not an object")
	}
	return o
}

func (b *bodyReader) wrong(path, rule string) {
	b.refuse(refuse(codeInappropriateJSON, "%s %s", path, rule))
}

func (b *bodyReader) refuse(refusal *Refusal) {
	if b.refusal == nil {
		b.refusal = refusal
	}
}

func (o object) has(name string) bool {
	raw, given := o.fields[name]
	return given && !bytes.Equal(raw, []byte("null"))
}

// need makes a wrong field of one that is not given.
func (o object) need(name string) {
	o.check(name, o.has(name), "is required")
}

func (o object) check(name string, right bool, rule string) {
	if !right {
		o.reader.wrong(o.path+name, rule)
	}
}

func (o object) child(name string) object {
	return o.reader.object(o.path+name+".", o.fields[name])
}

func (o object) text(name string) string { return read[string](o, name) }
func (o object) number(name string) int  { return read[int](o, name) }
func (o object) truth(name string) bool  { return read[bool](o, name) }

// read is the value of a field, or the zero value if it is not given.
func read[T any](o object, name string) (value T) {
	if !o.has(name) {
		return value
	}
	err := json.Unmarshal(o.fields[name], &value)
	o.check(name, err == nil, fmt.Sprintf("is not of type %T", value))
	return value
}

// oneOf reads a text that has to be one of the allowed ones.
func (o object) oneOf(name string, allowed ...string) string {
	value := o.text(name)
	for _, a := range allowed {
		if value == a {
			return value
		}
	}
	o.check(name, false, fmt.Sprintf("is not one of %q", allowed))
	return value
}

// between reads a number that has to be in the range.
func (o object) between(name string, least, most int) int {
	value := o.number(name)
	o.check(name, least <= value && value <= most, fmt.Sprintf("is not from %d to %d", least, most))
	return value
}
