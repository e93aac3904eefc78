package bceauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

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

// signedWith is what Sign makes for a key id and a session token.
func signedWith(keyID, token string) (*Signature, string) {
	req := newRequest()
	signature := Sign(req, Credentials{AccessKeyID: keyID, SecretAccessKey: "sk", SessionToken: token}, time.Now())
	return signature, req.Header.Get("Authorization")
}

// escapes are the ways in which a response repeats a text.
var escapes = map[string]func(string) string{
	"as it is": func(s string) string { return s },
	"capitals": strings.ToUpper,
	"Go":       func(s string) string { return strconv.Quote(s) },
	"JSON": func(s string) string {
		encoded, _ := json.Marshal(s)
		return string(encoded)
	},
	"JSON, slashes too": func(s string) string {
		encoded, _ := json.Marshal(s)
		return strings.ReplaceAll(string(encoded), "/", `\/`)
	},
	"JSON in JSON": func(s string) string {
		encoded, _ := json.Marshal(s)
		encoded, _ = json.Marshal(string(encoded))
		return string(encoded)
	},
	"URL, query":     url.QueryEscape,
	"URL, path":      url.PathEscape,
	"URL, small hex": func(s string) string { return lowerHex.ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower) },
	"HTML":           html.EscapeString,
	"HTML, hex": func(s string) string {
		return strings.NewReplacer(`<`, "&#x3C;", `"`, "&#x22;", `'`, "&apos;", "/", "&#x2F;").Replace(s)
	},
	"bytes in hex":    func(s string) string { return strings.ReplaceAll(s, "<", `\x3c`) },
	"letters escaped": func(s string) string { return s[:20] + fmt.Sprintf(`\u%04X`, s[20]) + s[21:] },
}

var lowerHex = regexp.MustCompile("%..")

// A key id can have all in it that ends a header in a text.
func TestRedactTakesOutWhatWasSentHoweverItIsEscaped(t *testing.T) {
	for _, keyID := range []string{"ak4a7c1f0be2d96835", `a"b<c>d&e'f`, `a,b;c\d`, "a%b+c=", `""""`} {
		signature, sent := signedWith(keyID, "")
		for name, escape := range escapes {
			t.Run(keyID+", "+name, func(t *testing.T) {
				got := signature.Redact("before " + escape(sent) + " after")
				assert.Regexp(t, `^before "?\\?"?\(signature\)\\?"?"? after$`, got)
			})
		}
	}
}

// A text that is cut off in the signature is as good as one that is not, but for some guesses.
func TestRedactTakesOutWhatIsCutOff(t *testing.T) {
	signature, sent := signedWith(`a"b<c`, "")
	for end := len(scheme); end < len(sent); end++ {
		assert.Equal(t, "a (signature)", signature.Redact("a "+sent[:end]))
	}
}

func TestRedactTakesOutTheSignatureAlone(t *testing.T) {
	signature, sent := signedWith("ak", "")
	alone := sent[strings.LastIndex(sent, "/")+1:]
	assert.Equal(t, "signature=(signature) is wrong", signature.Redact("signature="+alone+" is wrong"))
}

func TestRedactTakesOutTheSessionToken(t *testing.T) {
	for _, token := range []string{"st1b3d5f7a9c0e2468", "to/ken+with==&<\"quotes\">", "token"} {
		signature, _ := signedWith("ak", token)
		for name, escape := range tokenEscapes() {
			t.Run(token+", "+name, func(t *testing.T) {
				assert.Regexp(t, `^before "?\\?"?\(session token\)\\?"?"? after$`, signature.Redact("before "+escape(token)+" after"))
			})
		}
	}
}

// tokenEscapes has also what Java's Gson and Go's html/template make of a text.
func tokenEscapes() map[string]func(string) string {
	all := maps.Clone(escapes)
	delete(all, "letters escaped") // wants a long text
	gson := strings.NewReplacer("=", `\u003d`, "&", `\u0026`, "<", `\u003c`, ">", `\u003e`, "'", `\u0027`, `"`, `\"`)
	all["Gson"] = gson.Replace
	all["JSON of ASCII letters only"] = strings.NewReplacer("+", `\u002B`, "=", `\u003D`, "/", `\u002F`, "&", `\u0026`, "<", `\u003C`,
		`"`, `\u0022`, ">", `\u003E`).Replace
	all["HTML, plus too"] = func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "+", "&#43;") }
	return all
}

// What is missing at the end of a token can be guessed.
func TestRedactTakesOutASessionTokenThatIsCutOff(t *testing.T) {
	const token = "st1b3d5f7a9c0e2468+/=="
	signature, _ := signedWith("ak", token)
	for name, escape := range map[string]func(string) string{"as it is": escapes["as it is"], "URL": url.QueryEscape, "HTML": tokenEscapes()["HTML, plus too"]} {
		escaped := escape(token)
		for end := 8; end < len(escaped); end++ {
			assert.Regexp(t, `^a \(session token\)$`, signature.Redact("a "+escaped[:end]), name)
		}
	}
	assert.Equal(t, "a st1", signature.Redact("a st1"), "too short to be one")
}

func TestRedactLeavesOtherTextsAlone(t *testing.T) {
	signature, _ := signedWith("ak", "")
	for _, text := range []string{"", "no signature", `{"code":"AccessDenied","message":"50% \\u00zz &amp; &#xZZ; \\"}`, "\\\\", "%", "&", "&;"} {
		assert.Equal(t, text, signature.Redact(text))
	}
}

// A response of 1 MiB must not keep a caller busy, whatever is in it: the work is counted by what is allocated, and by the
// test's end.
func TestRedactIsLinear(t *testing.T) {
	signature, sent := signedWith("ak", "st1b3d5f7a9c0e2468")
	for _, piece := range []string{sent[:len(sent)-1], scheme, scheme + strings.Repeat(`\`, 30), `b\`, "b%62&#98;", "&", "st1b3d5f7a9c0e246"} {
		hostile := strings.Repeat(piece, 1<<20/len(piece))
		allocations := testing.AllocsPerRun(1, func() { signature.Redact(hostile) })
		assert.Less(t, allocations, float64(strings.Count(hostile, scheme)+100)*2)
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
