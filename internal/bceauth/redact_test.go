package bceauth

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRedactTakesEverySignatureOut(t *testing.T) {
	const header = "bce-auth-v1/ak/2026-11-22T08:00:00Z/300/host;x-bce-date/0123abcd"
	for text, want := range map[string]string{
		"":                             "",
		"no signature":                 "no signature",
		header:                         "(signature)",
		"a " + header + " b":           "a (signature) b",
		`{"a":"` + header + `"}`:       `{"a":"(signature)"}`,
		"Bce-Auth-V1/a,k/300/a,b/0123": "(signature)",
		"b bce bce-auth-v bce-auth-v1": "b bce bce-auth-v (signature)",
		header + " , " + header:        "(signature) , (signature)",
		"<pre>" + header + "</pre>":    "<pre>(signature)</pre>",
		`"bce-auth-v1\/ak\/2026\/300\/host\/0123abcd"`:     `"(signature)"`,
		"/login?from=bce-auth-v1%2Fak%2F300%2Fhost%2F0123": "/login?from=(signature)",
	} {
		assert.Equal(t, want, Redact(text))
	}
}

// An answer of 1 MiB must not keep a caller busy.
func TestRedactTakesALongTextInOneGo(t *testing.T) {
	long := strings.Repeat("bce-auth-v1/ak ", 1<<16)
	allocations := testing.AllocsPerRun(1, func() { Redact(long) })
	assert.Less(t, allocations, float64(2<<16+100))
	assert.Equal(t, strings.Repeat("(signature) ", 1<<16), Redact(long))
}

func TestRedactErrorKeepsWhatItWraps(t *testing.T) {
	assert.NoError(t, (*Signature)(nil).RedactError(nil))
	assert.Same(t, io.EOF, (*Signature)(nil).RedactError(io.EOF))
	lost := fmt.Errorf("malformed header %q: %w", "bce-auth-v1/ak/0123", io.EOF)
	assert.EqualError(t, (*Signature)(nil).RedactError(lost), `malformed header "(signature)": EOF`)
	assert.True(t, errors.Is((*Signature)(nil).RedactError(lost), io.EOF))
}
