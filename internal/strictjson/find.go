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
	found, err := search(document, isNamed, func(value json.Token, named bool) bool {
		return named && value != nil && value != "" ||
			quotesDocument(value) && (texts == maxTexts || holds([]byte(value.(string)), names, texts+1))
	})
	return found || hidesTooDeep(err, document, names...) ||
		err != nil && slices.ContainsFunc(names, func(name string) bool { return containsFold(withoutZeros(document), name) })
}

// HoldsCode reports whether a document has one of the codes in a text or number (see [HasCode]), at any depth, that is in a
// member whose name speaks of a code or an error, or in no object at all. Of a document that is not JSON the whole is such a
// text. A text with a bracket in it is searched as by [Holds].
func HoldsCode(document []byte, codes ...string) bool { return holdsCode(document, codes, 0) }

func holdsCode(document []byte, codes []string, texts int) bool {
	stands := standsIn(withoutZeros(document), codes)
	if !stands && isObject(document) && !MayHave(document, "code", "err") {
		return false
	}
	found, err := search(document, speaksOfError, func(value json.Token, named bool) bool {
		return named && isCodeValue(value, codes) ||
			quotesDocument(value) && (texts == maxTexts || holdsCode([]byte(value.(string)), codes, texts+1))
	})
	return found || hidesTooDeep(err, document, "code", "err") || err != nil && stands
}

// HasCode reports whether one of the codes stands in a text, in any case, with no letter, digit or _ of ASCII beside it. A
// text that is a number ("7.0") has only the code that is the same number.
func HasCode(text string, codes ...string) bool {
	number, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return standsIn([]byte(text), codes)
	}
	return slices.ContainsFunc(codes, func(code string) bool {
		wanted, err := strconv.ParseFloat(code, 64)
		return err == nil && number == wanted
	})
}

// standsIn compares lengths first: making a string of each word would allocate.
func standsIn(text []byte, codes []string) bool {
	for word := range bytes.FieldsFuncSeq(text, isNoWord) {
		word = bytes.TrimLeft(word, "0")
		if slices.ContainsFunc(codes, func(code string) bool { return len(code) == len(word) && strings.EqualFold(code, string(word)) }) {
			return true
		}
	}
	return false
}

func isNoWord(r rune) bool {
	return r != '_' && (r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r))
}

func isCodeValue(value json.Token, codes []string) bool {
	switch value := value.(type) {
	case string:
		return HasCode(value, codes...)
	case json.Number:
		return HasCode(value.String(), codes...)
	}
	return false
}

// HasMember reports whether a JSON document has a member of one of the names, in any case, in its first levels, with a value
// in it that counts.
func HasMember(document []byte, levels int, counts func(value json.Token) bool, names ...string) bool {
	if !MayHave(document, names...) {
		return false
	}
	isNamed := func(name string, level int) bool { return level < levels && isOneOf(name, names) }
	found, err := search(document, isNamed, func(value json.Token, named bool) bool { return named && counts(value) })
	return found || hidesTooDeep(err, document, names...)
}

// IsEmpty reports whether a JSON value is null, false, 0, "", or a list or object of nothing else.
func IsEmpty(value []byte) bool {
	none := func(string, int) bool { return false }
	found, err := search(value, none, func(value json.Token, _ bool) bool { return IsSomething(value) })
	return err == nil && !found
}

// IsSomething reports whether a value is none of null, false, 0 and "".
func IsSomething(value json.Token) bool {
	number, isNumber := value.(json.Number)
	return value != nil && value != false && value != "" && !(isNumber && strings.Trim(number.String(), "-0") == "")
}

// IsTrue reports whether a value says yes: true, "true" or 1.
func IsTrue(value json.Token) bool {
	text, _ := value.(string)
	return value == true || value == json.Number("1") || strings.EqualFold(strings.TrimSpace(text), "true")
}

// IsNotTrue reports whether a value is neither null nor [IsTrue].
func IsNotTrue(value json.Token) bool { return value != nil && !IsTrue(value) }

// BreaksOff reports whether a document is the beginning of JSON, or JSON with the beginning of more JSON after it.
func BreaksOff(document []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(document))
	for {
		if err := decoder.Decode(new(json.RawMessage)); err != nil {
			return errors.Is(err, io.ErrUnexpectedEOF)
		}
	}
}

func isObject(document []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(document, " \t\r\n"), []byte("{"))
}

// quotesDocument reports whether a value is a text that may be JSON, or XML, or have it in it.
func quotesDocument(value json.Token) bool {
	text, isText := value.(string)
	return isText && strings.ContainsAny(text, "{<")
}

func isOneOf(name string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// MayHave reports whether a name in a document may have one of the parts in it, which saves nearly every search. A backslash
// can hide one, and so can a character outside ASCII that is a letter of it in another case.
func MayHave(document []byte, parts ...string) bool {
	for _, b := range document {
		if b == '\\' || b >= utf8.RuneSelf {
			return true
		}
	}
	return slices.ContainsFunc(parts, func(part string) bool { return containsFold(document, part) })
}

// hidesTooDeep reports whether a name may have one of the parts in what search did not read.
func hidesTooDeep(err error, document []byte, parts ...string) bool {
	return errors.Is(err, errTooDeep) && MayHave(document, parts...)
}

// speaksOfError is true of the name "", which a value in no object has.
func speaksOfError(name string, _ int) bool {
	name = strings.ToLower(name)
	return name == "" || strings.Contains(name, "code") || strings.Contains(name, "err")
}

// search goes through the tokens: so it sees a name that stands twice, twice. What counts is asked for each value, and
// whether it is inside a member that isNamed, by its name and level; the name of a value in no object is "". found holds as
// far as the document is JSON, and err says why that is not all.
func search(document []byte, isNamed func(string, int) bool, counts func(value json.Token, named bool) bool) (found bool, err error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	s := searching{decoder: decoder, isNamed: isNamed, counts: counts}
	found, err = s.value(false, 0)
	if err != nil {
		return found, err
	}
	if _, err = decoder.Token(); !errors.Is(err, io.EOF) {
		return found, errNoJSON
	}
	return found, nil
}

type searching struct {
	decoder *json.Decoder
	isNamed func(string, int) bool
	counts  func(value json.Token, named bool) bool
	objects int // how many it is inside of
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
		return s.counts(token, named || s.objects == 0 && s.isNamed("", depth)), nil
	}
	if delimiter == '{' {
		s.objects++
		defer func() { s.objects-- }()
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

// containsFold reports whether a text contains another, in any case.
func containsFold(text []byte, word string) bool {
	for i := range len(text) - len(word) + 1 {
		if text[i]|0x20 == word[0]|0x20 && strings.EqualFold(string(text[i:i+len(word)]), word) {
			return true
		}
	}
	return false
}

// withoutZeros reads UTF-16 well enough to find names of ASCII in it.
func withoutZeros(document []byte) []byte {
	if bytes.IndexByte(document, 0) < 0 {
		return document
	}
	return bytes.ReplaceAll(document, []byte{0}, nil)
}
