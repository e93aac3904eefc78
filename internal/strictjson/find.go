package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"
)

// maxDepth bounds the recursion. A response that is nested deeper is none of this API.
const maxDepth = 100

var (
	errTooDeep = errors.New("nested too deep")
	errNoJSON  = errors.New("not JSON")
)

// Holds reports whether a document has a member of one of the names, at any depth and in any case, that is something: not
// null, "", or an empty list or object. In a document that is not JSON the mere name counts: nothing in it is certain.
func Holds(document []byte, names ...string) bool {
	isNamed := func(name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
	found, isJSON := search(document, isNamed, func(value json.Token, named bool) bool {
		return named && value != nil && value != ""
	})
	return found || !isJSON && slices.ContainsFunc(names, func(name string) bool { return containsFold(withoutZeros(document), name, false) })
}

// HoldsCode reports whether a document has one of the codes, at any depth, in a member whose name speaks of a code or an
// error: as a number, or as a string, in any case and with blanks around it. In a document that is not JSON it counts if it
// stands there alone, and not as a part of something longer.
func HoldsCode(document []byte, codes ...string) bool {
	text := withoutZeros(document)
	stands := slices.ContainsFunc(codes, func(code string) bool { return containsFold(text, code, true) })
	if !stands && bytes.IndexByte(text, '\\') < 0 { // as nearly always
		return false
	}
	found, isJSON := search(document, speaksOfError, func(value json.Token, named bool) bool {
		var text string
		switch value := value.(type) {
		case string:
			text = value
		case json.Number:
			text = value.String()
		}
		return named && slices.ContainsFunc(codes, func(code string) bool { return strings.EqualFold(code, strings.TrimSpace(text)) })
	})
	return found || !isJSON && stands
}

// IsEmpty reports whether a JSON value is null, false, 0, "", or a list or object of nothing else.
func IsEmpty(value []byte) bool {
	none := func(string) bool { return false }
	found, isJSON := search(value, none, func(value json.Token, _ bool) bool {
		return value != nil && value != false && value != "" && value != json.Number("0")
	})
	return isJSON && !found
}

func speaksOfError(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "code") || strings.Contains(name, "err")
}

// search goes through the tokens: so it sees a name that stands twice, twice. What counts is asked for each value, and
// whether it is inside a member that isNamed. found holds as far as the document is JSON.
func search(document []byte, isNamed func(string) bool, counts func(value json.Token, named bool) bool) (found, isJSON bool) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	s := searching{decoder, isNamed, counts}
	found, err := s.value(false, 0)
	if err == nil {
		_, err = decoder.Token()
	}
	return found, errors.Is(err, io.EOF)
}

type searching struct {
	decoder *json.Decoder
	isNamed func(string) bool
	counts  func(value json.Token, named bool) bool
}

func (s *searching) value(named bool, depth int) (found bool, err error) {
	token, err := s.decoder.Token()
	if err != nil {
		return false, errNoJSON
	}
	if depth > maxDepth {
		return false, errTooDeep
	}
	delimiter, isDelimiter := token.(json.Delim)
	if !isDelimiter {
		return s.counts(token, named), nil
	}
	for s.decoder.More() {
		inNamed := named
		if delimiter == '{' {
			name, err := s.decoder.Token()
			if err != nil {
				return found, errNoJSON
			}
			inNamed = named || s.isNamed(name.(string))
		}
		inside, err := s.value(inNamed, depth+1)
		found = found || inside
		if err != nil {
			return found, err
		}
	}
	if _, err = s.decoder.Token(); err != nil {
		err = errNoJSON
	}
	return found, err
}

// containsFold reports whether a text contains another, in any case; alone: not as a part of a longer one.
func containsFold(text []byte, word string, alone bool) bool {
	for i := range len(text) - len(word) + 1 {
		if text[i]|0x20 != word[0]|0x20 || !strings.EqualFold(string(text[i:i+len(word)]), word) {
			continue
		}
		if !alone || !endsInWord(text[:i]) && !beginsWithWord(text[i+len(word):]) {
			return true
		}
	}
	return false
}

func endsInWord(text []byte) bool     { return len(text) > 0 && isWord(text[len(text)-1]) }
func beginsWithWord(text []byte) bool { return len(text) > 0 && isWord(text[0]) }
func isWord(c byte) bool {
	return c == '_' || c < 0x80 && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)))
}

// withoutZeros reads UTF-16 well enough to find names of ASCII in it.
func withoutZeros(document []byte) []byte {
	if bytes.IndexByte(document, 0) < 0 {
		return document
	}
	return bytes.ReplaceAll(document, []byte{0}, nil)
}
