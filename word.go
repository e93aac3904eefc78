package computeunit

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is a text of an answer. Some decide the outcome: an error code, an id. JSON lets a name stand twice, and the last
// would win: a word that is there with two values, or is no text, is odd, and proves nothing.
type word struct {
	text string
	odd  bool
}

// UnmarshalJSON never fails: what stands after an odd word is wanted too.
func (w *word) UnmarshalJSON(value []byte) error {
	switch {
	case string(value) == "null":
	case value[0] != '"':
		w.odd = true
	case bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value): // as most are; decoding them allocates more
		w.take(string(value[1 : len(value)-1]))
	default:
		var text string
		w.odd = json.Unmarshal(value, &text) != nil || w.odd
		w.take(text)
	}
	return nil
}

// take lets an empty text in front count as none: it hides nothing of what follows.
func (w *word) take(text string) {
	if w.text == "" {
		w.text = text
	}
	w.odd = w.odd || w.text != text
}

// isBroken tells of an id that nobody could look up: it is odd, decoding had to mend it, or it has in it what no eye sees.
func (w *word) isBroken() bool {
	return w.odd || strings.ContainsFunc(w.text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
}

// number is the word that an integer is. Zero is none.
type number struct{ word }

// UnmarshalJSON never fails, as a word's.
func (n *number) UnmarshalJSON(value []byte) error {
	switch text := string(value); {
	case text == "null":
	case strings.Trim(text, "-0123456789") != "":
		n.odd = true
	case strings.Trim(text, "-0") != "":
		n.take(text)
	}
	return nil
}

// filled tells that a value, which should be an object, was something else, once at least: not null, not empty.
type filled bool

func (f *filled) UnmarshalJSON(value []byte) error {
	switch content := strings.Trim(string(value), "[]\" \t\r\n"); {
	case value[0] == '{', content == "", content == "null", content == "false", content == "0":
	default:
		*f = true
	}
	return nil
}
