package strictjson

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHolds(t *testing.T) {
	for document, want := range map[string]bool{
		`{"id":"i"}`:                     true,
		`{"ID":"i"}`:                     true,
		`{"\u0069d":"i"}`:                true,
		`{"id":0}`:                       true,
		`{"id":false}`:                   true,
		`{"id":" "}`:                     true,
		`{"id":{"a":1}}`:                 true,
		`{"id":[[{"a":null},"x"]]}`:      true,
		`{"a":{"b":[{"id":"i"}]}}`:       true,
		`[{"id":"i"}]`:                   true,
		`{"id":"i","id":""}`:             true,
		`{"id":"","id":"i"}`:             true,
		`{"a":{"id":"i"},"a":{}}`:        true,
		`{"id":"i"`:                      true, // as far as it is JSON
		`{"\u0069d":"i"`:                 true,
		`{"id":`:                         true, // from here on the mere name
		`{"id":""} x`:                    true,
		`<a id="i">`:                     true,
		`width`:                          true,
		"\xff\xfei\x00d\x00":             true,
		``:                               false,
		`{}`:                             false,
		`null`:                           false,
		`"id"`:                           false,
		`["id"]`:                         false,
		`{"a":"id"}`:                     false,
		`{"id":null}`:                    false,
		`{"id":""}`:                      false,
		`{"id":{}}`:                      false,
		`{"id":[]}`:                      false,
		`{"id":[null,"",{},[[]]]}`:       false,
		`{"ids":"i","i d":"i"}`:          false,
		`<html>`:                         false,
		`{"a":"\"id\":1"}`:               false,
		strings.Repeat("[", 200):         false,
		nested(90, `{"id":"i"}`):         true,
		nested(200, `{"id":"i"}`):        true, // too deep to be read: the mere name counts
		nested(200, `{"a":"i"}`):         false,
		"{\"a\":\"\xff\",\"id\":\"i\"}":  true,
		"{\"a\":\"\xb0\\\",\"id\":null}": true, // not JSON
	} {
		assert.Equal(t, want, Holds([]byte(document), "x", "id"), "%.60s", document)
	}
}

func nested(depth int, inside string) string {
	return strings.Repeat("[", depth) + inside + strings.Repeat("]", depth)
}

func TestHoldsCode(t *testing.T) {
	for document, want := range map[string]bool{
		`{"code":"Broken"}`:                      true,
		`{"code":" bROKEN\n"}`:                   true,
		`{"code":"\u0042roken"}`:                 true,
		`{"code":"\u0042\u0072oken"}`:            true,
		`{"error":"Broken"}`:                     true,
		`{"code":"X","code":"Broken"}`:           true,
		`{"code":"Broken","code":"X"}`:           true,
		`{"code":"500"}`:                         true,
		`{"code":500}`:                           true,
		`{"errCode":500}`:                        true,
		`{"error":500}`:                          true,
		`{"ERROR_NO":[500]}`:                     true,
		`{"code":500`:                            true,
		`{"\u0063ode":500} x`:                    true,
		`<Code>Broken</Code>`:                    true,
		`error: 500.`:                            true,
		`broken`:                                 true,
		"\xff\xfeB\x00r\x00o\x00k\x00e\x00n\x00": true,
		`{"limit":500}`:                          false,
		`{"code":5000}`:                          false,
		`{"code":500.0}`:                         false,
		`{"code":-500}`:                          false,
		`["Broken"]`:                             false,
		`{"a":[{"b":"Broken"}]}`:                 false,
		`{"message":"Broken pipe"}`:              false,
		`{"Broken":1}`:                           false,
		`{"code":"Unbroken"}`:                    false,
		`unbroken, Broken_ and 1500`:             false,
		``:                                       false,
		`{"a":"\\"}`:                             false,
		`{"a":"\\"`:                              false,
	} {
		assert.Equal(t, want, HoldsCode([]byte(document), "Broken", "500"), "%.60s", document)
	}
}

// FuzzHolds compares with a plain walk of decoded JSON, which knows a name that stands twice only once.
func FuzzHolds(f *testing.F) {
	for _, seed := range []string{
		`{"id":"i"}`, `{"a":[{"ID":{"b":[0]}}]}`, `{"id":null,"a":"id"}`, `{"id":{},"x":[]}`, `[`, `{"\u0069d":1}`, nested(101, `{"id":1}`), "{\"id\":\"\xff\"}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		var decoded any
		decoder := json.NewDecoder(strings.NewReader(document))
		decoder.UseNumber()
		if json.Valid([]byte(document)) {
			require.NoError(t, decoder.Decode(&decoded))
		}
		got := Holds([]byte(document), "id", "x")
		if walk(decoded, false) {
			require.True(t, got, "%q", document)
		}
		text := strings.ToLower(strings.ReplaceAll(document, "\x00", ""))
		if got && !strings.Contains(document, `\`) && isASCII(document) {
			require.True(t, strings.Contains(text, "id") || strings.Contains(text, "x"), "%q", document)
		}
		if got && decoded != nil && strings.Count(text, "id")+strings.Count(text, "x") == 1 && !strings.Contains(document, strings.Repeat("[", 90)) {
			require.True(t, walk(decoded, false), "%q", document)
		}
	})
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 0x7f })
}

func walk(value any, named bool) bool {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			if walk(member, named || strings.EqualFold(name, "id") || strings.EqualFold(name, "x")) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(value, func(member any) bool { return walk(member, named) })
	}
	return named && value != nil && value != ""
}

func TestIsEmptyIsNothingAtAnyDepth(t *testing.T) {
	for document, want := range map[string]bool{
		`null`: true, `false`: true, `0`: true, `""`: true, `{}`: true, `{ }`: true, `[]`: true,
		`{"code":0,"message":""}`: true, `{"code":null,"message":null}`: true, `[{"a":[]},false]`: true,
		`true`: false, `1`: false, `"x"`: false, `" "`: false, `{"code":7}`: false, `[[{"a":"x"}]]`: false, `{"a":`: false,
	} {
		assert.Equal(t, want, IsEmpty([]byte(document)), document)
	}
}
