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
	// A backslash or a percent sign is part of it: the header can stand in a URL, or in JSON.
	end := strings.IndexFunc(rest, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`"'<>,)`, r) })
	if end < 0 {
		end = len(rest)
	}
	return before + "(signature)" + Redact(rest[end:])
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
