package bceauth

import "strings"

const scheme = "bce-auth-v1"

// Redact takes signatures out of a text that may repeat a request: an Authorization header is good for some minutes,
// with any body, and must not end up in a log.
func Redact(text string) string {
	before, rest, found := strings.Cut(text, scheme)
	if !found {
		return text
	}
	var clean strings.Builder
	for ; found; before, rest, found = strings.Cut(rest[signatureLength(rest):], scheme) {
		clean.WriteString(before + "(signature)")
	}
	return clean.String() + before
}

// signatureLength counts a backslash and a percent sign in: the header can stand in JSON, or in a URL.
func signatureLength(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`"'<>,)`, r) })
	if end < 0 {
		return len(text)
	}
	return end
}

// RedactError returns err with its text redacted. What it wraps stays within reach.
func RedactError(err error) error {
	if err == nil || !strings.Contains(err.Error(), scheme) {
		return err
	}
	return redacted{err}
}

type redacted struct{ err error }

func (r redacted) Error() string { return Redact(r.err.Error()) }
func (r redacted) Unwrap() error { return r.err }
