// Package strictjson reads the texts and numbers of a response that decide an outcome. JSON lets a name stand twice, and the
// last one would win: a field given twice with different values, or of another type, is ambiguous and decides nothing.
//
// Decoding one never fails: what stands after an ambiguous field is needed too.
package strictjson

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is a string. Null and the empty string are none.
type Text struct {
	first  string
	others []string // further different values, the first hundred of them
	// OtherType is what a value is that is not a string ("a number"), or empty if there is none.
	OtherType string
}

// UnmarshalJSON reads one more value.
func (t *Text) UnmarshalJSON(value []byte) error {
	switch {
	case string(value) == "null":
	case value[0] != '"':
		t.refuse(value)
	case isPlain(value):
		t.take(string(value[1 : len(value)-1]))
	default:
		var text string
		_ = json.Unmarshal(value, &text) // encoding/json has read it once already
		t.take(text)
	}
	return nil
}

// isPlain reports whether a JSON string stands for its own bytes, as most do: decoding it allocates more.
func isPlain(value []byte) bool { return bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value) }

// refuse keeps the kind only: a response can repeat a secret in the value.
func (t *Text) refuse(value []byte) {
	switch value[0] {
	case '{':
		t.OtherType = "an object"
	case '[':
		t.OtherType = "a list"
	case 't', 'f':
		t.OtherType = "a boolean"
	default:
		t.OtherType = "a number"
	}
}

// maxValues bounds the work that a hostile response makes.
const maxValues = 100

// take skips an empty text: it hides nothing of what follows.
func (t *Text) take(text string) {
	switch {
	case t.first == "":
		t.first = text
	case text != "" && text != t.first && len(t.others) < maxValues && !slices.Contains(t.others, text):
		t.others = append(t.others, text)
	}
}

// Values are the different values that were given.
func (t *Text) Values() []string {
	if t.first == "" {
		return nil
	}
	return append([]string{t.first}, t.others...)
}

// Value is the one value that was given, and empty if there is none or more than one.
func (t *Text) Value() string {
	if len(t.others) > 0 {
		return ""
	}
	return t.first
}

// IsAmbiguous reports whether there were different values, or one that is not a string.
func (t *Text) IsAmbiguous() bool { return len(t.others) > 0 || t.OtherType != "" }

// IsPrintable reports whether a person could look the value up: decoding replaced nothing in it, and no character of it is
// invisible.
func (t *Text) IsPrintable() bool { return !strings.ContainsFunc(t.Value(), isInvisible) }

// isInvisible knows more than [unicode.IsPrint], which takes fillers and selectors for letters and marks.
func isInvisible(r rune) bool {
	const emptyBraille = '\u2800'
	return r == utf8.RuneError || !unicode.IsPrint(r) || r == emptyBraille ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Code is a Text that may be an integer too, whose digits are its value. Zero is none.
type Code struct{ Text }

// UnmarshalJSON reads one more value.
func (c *Code) UnmarshalJSON(value []byte) error {
	switch text := string(value); {
	case strings.Trim(text, "-0123456789") != "":
		return c.Text.UnmarshalJSON(value)
	case strings.Trim(text, "-0") != "":
		c.take(text)
	}
	return nil
}

// Loose is a text for people, which decides nothing: a number is its digits, and anything else that is not a string is none.
type Loose string

// UnmarshalJSON reads a string or a number.
func (l *Loose) UnmarshalJSON(value []byte) error {
	switch c := value[0]; {
	case c == '"' && isPlain(value):
		*l = Loose(value[1 : len(value)-1])
	case c == '"':
		var text string
		if json.Unmarshal(value, &text) == nil {
			*l = Loose(text)
		}
	case c == '-' || '0' <= c && c <= '9':
		*l = Loose(value)
	}
	return nil
}
