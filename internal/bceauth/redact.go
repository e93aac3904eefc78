package bceauth

import "strings"

const scheme = "bce-auth-v1"

// Redact takes signatures out of a text that may repeat a request: an Authorization header is good for some minutes,
// with any body, and must not end up in a log.
func Redact(text string) string {
	start := indexScheme(text)
	if start < 0 {
		return text
	}
	var clean strings.Builder
	for ; start >= 0; start = indexScheme(text) {
		clean.WriteString(text[:start] + "(signature)")
		text = text[start+headerLength(text[start:]):]
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

// headerLength ends the header at a blank, a quote or a tag only: it can stand in JSON or in a URL, with escapes, and
// a key may have a comma in it.
func headerLength(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r == '"' || r == '<' })
	if end < 0 {
		return len(text)
	}
	return end
}

// RedactError returns err with its text redacted. What it wraps stays within reach.
func RedactError(err error) error {
	if err == nil || indexScheme(err.Error()) < 0 {
		return err
	}
	return redacted{err}
}

type redacted struct{ err error }

func (r redacted) Error() string { return Redact(r.err.Error()) }
func (r redacted) Unwrap() error { return r.err }
