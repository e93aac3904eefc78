package strictjson

import (
	"encoding/json"
	"slices"
	"strconv"
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
		`{"a":"{\"id\":\"i\"}"}`:         true, // quoted
		`{"a":"it said {\"id\":\"i\"}"}`: true,
		`"{\"id\":[1]}"`:                 true,
		`["{\"b\":\"{\\\"id\\\":1}\"}"]`: true,
		`{"a":"{'id': 'i'}"}`:            true,
		`{"a":"<id>i</id>"}`:             true,
		`{"a":"{\"id\":\"i\""}`:          true,
		`{"a":"{\"id\":\"\"}"}`:          false,
		`{"a":"{\"b\":\"id\"}"}`:         false,
		quoted(3, `{"id":"i"}`):          true,
		quoted(3, `{"a":"i"}`):           false,
		quoted(9, `{"a":"i"}`):           true, // quoted too often to be read
		strings.Repeat("[", 200):         false,
		nested(90, `{"id":"i"}`):         true,
		nested(200, `{"id":"i"}`):        true, // too deep to be read: the mere name counts
		nested(200, `{"a":"i"}`):         false,
		`{"a":` + nested(200, ``) + `,"\u0069d":1}`: true, // it may be behind that
		"{\"a\":\"\xff\",\"id\":\"i\"}":             true,
		"{\"a\":\"\xb0\\\",\"id\":null}":            true, // not JSON
	} {
		assert.Equal(t, want, Holds([]byte(document), "x", "id"), "%.60s", document)
	}
}

// quoted puts a document into a text of another, and that into one of a third.
func quoted(times int, document string) string {
	for range times {
		document = `{"a":` + strconv.Quote(document) + `}`
	}
	return document
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
		`{"a":` + nested(200, ``) + `,"code":"\u0042roken"}`: true, // too deep to be read
		`{"a":` + nested(200, ``) + `,"b":7}`:                false,
		`{"limit":500}`:                                      false,
		`{"code":5000}`:                                      false,
		`{"code":500.0}`:                                     true,
		`{"errno":5e2}`:                                      true,
		`{"err":[50000e-2]}`:                                 true,
		`{"code":"500.0"}`:                                   true,
		`{"code":"0500"}`:                                    true,
		`{"code":" +500. "}`:                                 true,
		`{"code":"Broken."}`:                                 true,
		`{"code":"[broken]"}`:                                true,
		`{"a":"it said {\"code\":\"Broken\"}"}`:              true,
		`{"a":"{\"code\":5e2}"}`:                             true,
		`{"a":"{'limit': 500}"}`:                             true, // not JSON
		`{"a":"<Code>Broken</Code>"}`:                        true,
		`{"a":"{\"limit\":500}"}`:                            false,
		`{"code":"-500"}`:                                    false,
		`{"code":500.1}`:                                     false,
		`{"code":"500 or so"}`:                               true, // a code with text beside it
		`{"code":"Broken Pipe"}`:                             true,
		`{"error":"Broken: the queue is full"}`:              true,
		`{"error_msg":"it is broken, try again"}`:            true,
		`{"code":"500: the queue is full"}`:                  true,
		`{"code":"[500]"}`:                                   true,
		`{"code":"#0500"}`:                                   true,
		`{"errors":["E-500"]}`:                               true,
		`{"code":"BCE.Broken"}`:                              true,
		`{"code":"错误Broken"}`:                                true,
		`"Broken"`:                                           true, // in no object
		`500`:                                                true,
		`5e2`:                                                true,
		`[[],{"a":1},["x: broken"]]`:                         true,
		`{"code":null,"err":true}`:                           false,
		`{"code":-500}`:                                      false,
		`["Broken"]`:                                         true,
		`[{"a":"Broken"}]`:                                   false,
		`{"code":"Broken_Pipe, 5001, 500x"}`:                 false,
		`{"code":"500.1"}`:                                   false,
		`{"a":[{"b":"Broken"}]}`:                             false,
		`{"message":"Broken pipe"}`:                          false,
		`{"Broken":1}`:                                       false,
		`{"code":"Unbroken"}`:                                false,
		`unbroken, Broken_ and 1500`:                         false,
		``:                                                   false,
		`{"a":"\\"}`:                                         false,
		`{"a":"\\"`:                                          false,
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
	text, _ := value.(string)
	return named && value != nil && value != "" || strings.ContainsAny(text, "{<") && Holds([]byte(text), "id", "x")
}

func TestHasCode(t *testing.T) {
	for text, want := range map[string]bool{
		"Broken": true, " bROKEN\n": true, "Broken!": true, "(broken)": true, "500": true, "0500": true, "500.0": true, "+5e2": true, " 500 ": true,
		"Broken: x": true, "x, Broken": true, "BCE.Broken.X": true, "Un-Broken": true, `"500"`: true, "500;": true, "[0500]": true, "E-500": true, "误500": true,
		"": false, "Broken2": false, "UnBroken": false, "_Broken": false, "-500": false, "5000": false, "501": false, "500.1": false, "NaN": false, ".": false,
	} {
		assert.Equal(t, want, HasCode(text, "Broken", "500"), text)
	}
	assert.False(t, HasCode("0", "zero"))
}

func TestHasMemberLooksAtTheFirstLevelsOnly(t *testing.T) {
	for document, want := range map[string][2]bool{ // in the first level, in any
		`{"id":"i"}`:                   {true, true},
		`{"ID":7}`:                     {true, true},
		`{"\u0069d":true}`:             {true, true},
		`{"id":{"a":[{"b":"c"}]}}`:     {true, true},
		`{"id":null,"id":"i"}`:         {true, true},
		`{"re\u017fult":1}`:            {true, true},
		"{\"re\u017fult\":1}":          {true, true},
		`{"id":" "}`:                   {true, true},
		`{"a":{"id":"i"}}`:             {false, true},
		`[{"id":"i"}]`:                 {false, true},
		`{"a":"id"}`:                   {},
		`{"a":"{\"id\":1}"}`:           {},
		`{"ids":1}`:                    {},
		`{"id":null}`:                  {},
		`{"id":{"a":["",false,0,-0]}}`: {},
		`id`:                           {},
		``:                             {},
		`{"a":` + nested(200, `1`) + `,"id":"i"}`: {true, true}, // too deep to be read
		`{"a":` + nested(200, `1`) + `}`:          {},
	} {
		for i, levels := range []int{1, 9} {
			assert.Equal(t, want[i], HasMember([]byte(document), levels, IsSomething, "result", "id"), "%s, %d", document, levels)
		}
	}
}

func TestAValueIsTrueOrNotOrNull(t *testing.T) {
	for value, want := range map[string][2]bool{
		`true`: {true, false}, `"True "`: {true, false}, `1`: {true, false}, `[null,true]`: {true, false},
		`false`: {false, true}, `" False "`: {false, true}, `"no"`: {false, true}, `0`: {false, true}, `2`: {false, true}, `""`: {false, true}, `[false]`: {false, true},
		`[true,false]`: {true, true}, `null`: {}, `{}`: {},
	} {
		document := []byte(`{"a":[{"Is":` + value + `}]}`)
		assert.Equal(t, want, [2]bool{HasMember(document, 9, IsTrue, "is"), HasMember(document, 9, IsNotTrue, "is")}, value)
	}
}

func TestBreaksOff(t *testing.T) {
	for document, want := range map[string]bool{
		`{"a":`: true, `["x`: true, `{"a":1}{"b`: true, "1\n{": true, `"x`: true,
		``: false, ` `: false, `{"a":1}`: false, `{"a":1} 2`: false, `x{`: false, `<html>`: false, `{{x}}`: false,
	} {
		assert.Equal(t, want, BreaksOff([]byte(document)), document)
	}
}

func TestIsEmptyIsNothingAtAnyDepth(t *testing.T) {
	for document, want := range map[string]bool{
		`null`: true, `false`: true, `0`: true, `""`: true, `{}`: true, `{ }`: true, `[]`: true,
		`-0`: true, `{"code":0,"message":""}`: true, `{"code":null,"message":null}`: true, `[{"a":[]},false]`: true,
		`true`: false, `1`: false, `"x"`: false, `" "`: false, `{"code":7}`: false, `[[{"a":"x"}]]`: false, `{"a":`: false,
	} {
		assert.Equal(t, want, IsEmpty([]byte(document)), document)
	}
}
