package bceauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// signed is what Sign makes of a key id and a session token.
func signed(t *testing.T, keyID, token string) (*Signature, string) {
	signature, header := sign(t, Credentials{AccessKeyID: keyID, SecretAccessKey: "sk", SessionToken: token}, time.Now())
	return signature, header.Get("Authorization")
}

func TestWhatWasSentIsRedactedHoweverItIsEscaped(t *testing.T) {
	inJSON := func(s string) string {
		encoded, _ := json.Marshal(s)
		return string(encoded)
	}
	for name, escape := range map[string]func(string) string{
		"as it is":          func(s string) string { return s },
		"JSON":              inJSON,
		"JSON, slashes too": func(s string) string { return strings.ReplaceAll(inJSON(s), "/", `\/`) },
		"URL, query":        url.QueryEscape,
		"URL, path":         url.PathEscape,
	} {
		t.Run(name, func(t *testing.T) {
			for _, token := range []string{"", "st1b3d5f7a9c0e2468", "to/ken+with==&<quotes>"} {
				signature, header := signed(t, `a"b<c>d&e`, token)
				alone := header[strings.LastIndex(header, "/")+1:]
				got := signature.Redact(fmt.Sprintf("%s, %s, %s.", escape(header), escape(alone), escape(token)))
				got = strings.ReplaceAll(got, `"`, "")
				if token == "" {
					assert.Equal(t, "(signature), (signature), .", got)
				} else {
					assert.Equal(t, "(signature), (signature), (session token).", got)
				}
			}
		})
	}
}

func TestRedactLeavesOtherTextsAlone(t *testing.T) {
	signature, _ := signed(t, "ak", "")
	for _, text := range []string{"", "no signature", `{"code":"AccessDenied","message":"50% of ak"}`} {
		assert.Equal(t, text, signature.Redact(text))
		assert.Equal(t, text, (*Signature)(nil).Redact(text))
	}
}

func TestRedactErrorKeepsWhatItWraps(t *testing.T) {
	signature, header := signed(t, "ak", "")
	assert.Same(t, io.EOF, signature.RedactError(io.EOF))
	lost := signature.RedactError(fmt.Errorf("malformed header %q: %w", header, io.EOF))
	assert.ErrorIs(t, lost, io.EOF)
	assert.NoError(t, errors.Unwrap(lost), "whoever walks the chain sees no signature")
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		assert.NotContains(t, fmt.Sprintf(verb, lost), header)
	}
	assert.EqualError(t, lost, `malformed header "(signature)": EOF`)
}
