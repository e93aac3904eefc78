package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// refusingStatuses prove that nothing was bought, unless the rest of the answer takes it back.
var refusingStatuses = []int{
	307, 308, 400, 401, 402, 403, 404, 405, 407, 410, 411, 412, 413, 414, 415, 417, 421, 422, 426, 428, 429, 431, 451,
}

// field is one that decides: patterns of what its JSON can be, and of what says nothing, both beside null.
type field struct{ name, types, nothing string }

// documentedFields are the field table of docs/outcomes.md.
var documentedFields = []field{
	{"code", `".*"|-?\d+`, `""|0`},
	{"error_code", `".*"|-?\d+`, `""|0`},
	{"error", `".*"|{.*}`, `""|{}`},
	{"success", `true|false`, `null`},
	{"result", `.*`, `false|0|""|\[]|{}`},
	{"instanceId", `.*`, `""`},
	{"orderId", `.*`, `""`},
}

// denies reports whether the fault proves that nothing was bought: by the outcome table, and by how it reads a response. It
// is written apart from the client, and does not know the refusal codes that a client can have of its own.
func (f Fault) denies() bool {
	const readable = 1 << 20
	headers := f.headers()
	if f.Status == 0 || !f.arrives() || len(f.Body) > readable || headers.Get("Content-Encoding") != "" {
		return false
	}
	body := strings.TrimLeft(strings.TrimPrefix(f.fill("r", "i", "o"), "\ufeff"), " ")
	isText := body == "" || body[0] >= ' ' && strings.IndexByte("{[\x7f\xfe\xff", body[0]) < 0 // such as HTML: no field is in it
	said, isObject := readObject(body)
	var inner struct{ Code any }
	_ = json.Unmarshal([]byte(said["error"]), &inner) // it may be a text
	codes := []string{
		plain(said["code"]), plain(said["error_code"]), headers.Get("X-Bce-Error-Code"), plain(said["error"]), fmt.Sprint(inner.Code),
	}
	switch {
	case !isObject && !isText, slices.ContainsFunc(codes, isFailureInside):
		return false
	case said["result"]+said["instanceId"]+said["orderId"] != "" || said["success"] == "true":
		return false
	case f.Status/100 == 2:
		return isObject && documentedRefusals[cmp.Or(codes[:3]...)] != 0
	}
	return slices.Contains(refusingStatuses, f.Status)
}

// readObject is what the documented fields say, as JSON. It wants one whole object with each of them once at most, in any
// case, and of their types.
func readObject(body string) (said map[string]string, read bool) {
	var whole bytes.Buffer
	err := json.Compact(&whole, []byte(body))
	decoder := json.NewDecoder(&whole)
	if open, _ := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	said, seen := map[string]string{}, map[string]bool{}
	for decoder.More() {
		name, _ := decoder.Token()
		var value json.RawMessage
		_ = decoder.Decode(&value) // it is valid
		at := slices.IndexFunc(documentedFields, func(f field) bool { return strings.EqualFold(f.name, name.(string)) })
		if at < 0 {
			continue
		}
		f := documentedFields[at]
		if seen[f.name] || !matches(f.types, value) {
			return nil, false
		}
		seen[f.name] = true
		if !matches(f.nothing, value) {
			said[f.name] = string(value)
		}
	}
	return said, true
}

func matches(pattern string, value json.RawMessage) bool {
	return regexp.MustCompile(`^(?s:null|` + pattern + `)$`).Match(value)
}

// plain is the characters of a JSON string, the digits of a number, and nothing of an object.
func plain(text string) string {
	if err := json.Unmarshal([]byte(text), &text); err != nil && strings.HasPrefix(text, "{") {
		return ""
	}
	return text
}

// isFailureInside knows the codes after which an order may exist.
func isFailureInside(code string) bool {
	_, after, inside := strings.Cut(strings.ToLower(code), "internal")
	return inside && strings.Contains(after, "error") || slices.Contains([]string{"336000", "336100", "500000"}, code)
}
