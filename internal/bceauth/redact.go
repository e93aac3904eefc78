package bceauth

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	scheme      = "bce-auth-v1"
	inSignature = "(signature)"
	inToken     = "(session token)"
)

// Redact takes out of a text what looks like a signature: an Authorization header is good for some minutes, with any
// body, and must not end up in a log.
func Redact(text string) string { return (*Signature)(nil).Redact(text) }

// Redact takes out of a text what Sign put on the request, whatever is in the key id and however a response escapes it,
// and then what looks like a signature. A nil Signature does the latter only.
func (s *Signature) Redact(text string) string {
	if s == nil {
		return redactHeaders(text, "")
	}
	text = redactHeaders(text, s.authorization)
	text = strings.ReplaceAll(text, s.authorization[strings.LastIndexByte(s.authorization, '/')+1:], inSignature)
	return redactToken(text, s.token)
}

// redactToken takes out each session token in a text.
func redactToken(text, token string) string {
	var clean strings.Builder
	kept := 0
	for i := 0; token != "" && i < len(text); {
		length := tokenLength(text[i:], token)
		if length == 0 {
			i++
			continue
		}
		clean.WriteString(text[kept:i] + inToken)
		i += length
		kept = i
	}
	return clean.String() + text[kept:]
}

// tokenLength is how much of a text, from its start, is the token: as it is, escaped, or cut off by the text's end.
func tokenLength(text, token string) int {
	if strings.HasPrefix(text, token) { // one that is not escaped can look as if it were
		return len(token)
	}
	length, characters := commonLength(text, token)
	switch {
	case characters == len(token):
		return length
	case characters >= minCutOff && isCutOff(text[length:]):
		return len(text)
	}
	return 0
}

// minCutOff is how many characters of a token are no accident.
const minCutOff = 8

// isCutOff reports whether a text ends here, perhaps in the middle of an escaped character.
func isCutOff(rest string) bool {
	return rest == "" || len(rest) < maxBackslashes+len("u0000") && strings.IndexByte(`%&\`, rest[0]) >= 0
}

// redactHeaders takes out each Authorization header in a text, the sent one or another, whole or cut off.
func redactHeaders(text, sent string) string {
	start := indexScheme(text)
	if start < 0 {
		return text
	}
	var clean strings.Builder
	for ; start >= 0; start = indexScheme(text) {
		clean.WriteString(text[:start] + inSignature)
		text = text[start:]
		length, _ := commonLength(text, sent)
		text = text[length:]
		text = text[headerLength(text):]
	}
	return clean.String() + text
}

// indexScheme looks for the scheme in any case.
func indexScheme(text string) int {
	for i := range len(text) - len(scheme) + 1 {
		if text[i]|0x20 == scheme[0] && strings.EqualFold(text[i:i+len(scheme)], scheme) {
			return i
		}
	}
	return -1
}

// headerLength ends a header at a blank, a quote or a tag only: it can stand in JSON or in a URL, with escapes, and a key
// may have a comma in it.
func headerLength(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r == '"' || r == '<' })
	if end < 0 {
		return len(text)
	}
	return end
}

// commonLength is how much of a text, from its start, repeats what was sent, also if it is escaped for JSON, Go, a URL or
// HTML, and how many characters of that.
func commonLength(text, sent string) (length, characters int) {
	for characters < len(sent) {
		width := escapedWidth(text[length:], sent[characters])
		if width == 0 {
			break
		}
		length += width
		characters++
	}
	return length, characters
}

// maxBackslashes is how many a character may have in front of it: JSON within JSON within JSON has seven.
const maxBackslashes = 7

// escapedWidth is how many bytes at the start of a text stand for one character. 0: another one stands there.
func escapedWidth(text string, char byte) int {
	switch {
	case text == "":
		return 0
	case text[0] == '%' && hexWidth(text, 1, 2, char) > 0: // before the character itself: a % can stand for itself, too
		return hexWidth(text, 1, 2, char)
	case text[0] == '&' && entityWidth(text, char) > 0:
		return entityWidth(text, char)
	case sameLetter(text[0], char):
		return 1
	}
	slashes := 0
	for slashes < min(len(text), maxBackslashes) && text[slashes] == '\\' {
		slashes++
	}
	switch {
	case slashes == 0 || slashes == len(text):
		return 0
	case sameLetter(text[slashes], char):
		return slashes + 1
	case text[slashes] == 'u':
		return hexWidth(text, slashes+1, 4, char)
	case text[slashes] == 'x':
		return hexWidth(text, slashes+1, 2, char)
	}
	return 0
}

// sameLetter takes capitals for small letters, as indexScheme does.
func sameLetter(a, b byte) bool {
	return a == b || a|0x20 == b|0x20 && 'a' <= a|0x20 && a|0x20 <= 'z'
}

// hexWidth is the end of the digits if they are the character's code.
func hexWidth(text string, start, digits int, char byte) int {
	end := start + digits
	if len(text) < end {
		return 0
	}
	if code, err := strconv.ParseUint(text[start:end], 16, 16); err != nil || code != uint64(char) {
		return 0
	}
	return end
}

// entities are those that HTML has for ASCII.
var entities = map[string]byte{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

// entityWidth reads an entity of HTML by name or by number, of which the longest has ten bytes.
func entityWidth(text string, char byte) int {
	name, _, ok := strings.Cut(text[1:min(len(text), 10)], ";")
	code := uint64(entities[name])
	if digits, isNumber := strings.CutPrefix(name, "#"); isNumber {
		base := 10
		if hex := strings.TrimLeft(digits, "xX"); hex != digits {
			digits, base = hex, 16
		}
		code, _ = strconv.ParseUint(digits, base, 8)
	}
	if !ok || code != uint64(char) {
		return 0
	}
	return len("&;") + len(name)
}

// RedactError returns err with its text redacted. What it wraps stays within reach.
func (s *Signature) RedactError(err error) error {
	if err == nil {
		return nil
	}
	if text := err.Error(); s.Redact(text) == text {
		return err
	}
	return redacted{err, s}
}

type redacted struct {
	err       error
	signature *Signature
}

func (r redacted) Error() string { return r.signature.Redact(r.err.Error()) }
func (r redacted) Unwrap() error { return r.err }

// Format prints the text for every verb: without it %+v or %#v would show the signature.
func (r redacted) Format(state fmt.State, _ rune) { fmt.Fprint(state, r.Error()) }
