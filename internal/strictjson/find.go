package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDepth bounds the recursion. A response that is nested deeper is none of this API.
const maxDepth = 100

var (
	errTooDeep = errors.New("nested too deep")
	errNoJSON  = errors.New("not JSON")
)

// maxTexts bounds how often a document may stand in a text of another.
const maxTexts = 4

// Holds reports whether a document has a member of one of the names, at any depth and in any case, that is something: not
// null, "", or an empty list or object. In a document that is not JSON the mere name counts: nothing in it is certain. A text
// with a bracket in it may be a document that somebody quotes, and is searched as one.
func Holds(document []byte, names ...string) bool { return holds(document, names, 0) }

func holds(document []byte, names []string, texts int) bool {
	isNamed := func(name string, _ int) bool { return isOneOf(name, names) }
	found, isJSON := search(document, isNamed, func(value json.Token, named bool) bool {
		return named && value != nil && value != "" ||
			quotesDocument(value) && (texts == maxTexts || holds([]byte(value.(string)), names, texts+1))
	})
	return found || !isJSON && slices.ContainsFunc(names, func(name string) bool { return containsFold(withoutZeros(document), name, false) })
}

// HoldsCode reports whether a document has one of the codes (see [IsCode]), at any depth, in a member whose name speaks of a
// code or an error. In a document that is not JSON it counts if it stands there alone, and not as a part of something longer.
// A text with a bracket in it is searched as by [Holds].
func HoldsCode(document []byte, codes ...string) bool { return holdsCode(document, codes, 0) }

func holdsCode(document []byte, codes []string, texts int) bool {
	text := withoutZeros(document)
	stands := slices.ContainsFunc(codes, func(code string) bool { return containsFold(text, code, true) })
	if !stands && !mayHave(document, "code", "err") {
		return false
	}
	found, isJSON := search(document, speaksOfError, func(value json.Token, named bool) bool {
		return named && isCodeValue(value, codes) ||
			quotesDocument(value) && (texts == maxTexts || holdsCode([]byte(value.(string)), codes, texts+1))
	})
	return found || !isJSON && stands
}

// IsCode reports whether a text is one of the codes, with blanks around it too: a number if it is the same number ("7.0"),
// any other code in any case and with punctuation around it.
func IsCode(text string, codes ...string) bool {
	number, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	plain := strings.TrimFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.ContainsFunc(codes, func(code string) bool {
		if wanted, notNumber := strconv.ParseFloat(code, 64); notNumber == nil {
			return err == nil && number == wanted
		}
		return strings.EqualFold(code, plain)
	})
}

func isCodeValue(value json.Token, codes []string) bool {
	switch value := value.(type) {
	case string:
		return IsCode(value, codes...)
	case json.Number:
		return IsCode(value.String(), codes...)
	}
	return false
}

// HasMember reports whether a JSON document has a member of one of the names, in any case, in its first levels, that is not
// empty: see [IsEmpty].
func HasMember(document []byte, levels int, names ...string) bool {
	if !mayHave(document, names...) {
		return false
	}
	isNamed := func(name string, level int) bool { return level < levels && isOneOf(name, names) }
	found, _ := search(document, isNamed, func(value json.Token, named bool) bool { return named && !isNothing(value) })
	return found
}

// IsEmpty reports whether a JSON value is null, false, 0, "", or a list or object of nothing else.
func IsEmpty(value []byte) bool {
	none := func(string, int) bool { return false }
	found, isJSON := search(value, none, func(value json.Token, _ bool) bool { return !isNothing(value) })
	return isJSON && !found
}

func isNothing(value json.Token) bool {
	number, isNumber := value.(json.Number)
	return value == nil || value == false || value == "" || isNumber && strings.Trim(number.String(), "-0") == ""
}

// quotesDocument reports whether a value is a text that may be JSON, or XML, or have it in it.
func quotesDocument(value json.Token) bool {
	text, isText := value.(string)
	return isText && strings.ContainsAny(text, "{<")
}

func isOneOf(name string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// mayHave reports whether a name may have one of the parts in it, which saves nearly every search. A backslash can hide one,
// and so can a character outside ASCII that is a letter of it in another case.
func mayHave(document []byte, parts ...string) bool {
	return bytes.ContainsFunc(document, func(r rune) bool { return r == '\\' || r >= utf8.RuneSelf }) ||
		slices.ContainsFunc(parts, func(part string) bool { return containsFold(document, part, false) })
}

func speaksOfError(name string, _ int) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "code") || strings.Contains(name, "err")
}

// search goes through the tokens: so it sees a name that stands twice, twice. What counts is asked for each value, and
// whether it is inside a member that isNamed, by its name and level. found holds as far as the document is JSON.
func search(document []byte, isNamed func(string, int) bool, counts func(value json.Token, named bool) bool) (found, isJSON bool) {
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
	isNamed func(string, int) bool
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
			inNamed = named || s.isNamed(name.(string), depth)
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
