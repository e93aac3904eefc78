package strictjson

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTextKeepsEveryDifferentValue(t *testing.T) {
	for document, want := range map[string]Text{
		`{}`:                        {},
		`{"a":null}`:                {},
		`{"a":""}`:                  {},
		`{"a":"x"}`:                 {first: "x"},
		`{"a":"\u0078"}`:            {first: "x"},
		`{"a":"x\"\\\n"}`:           {first: "x\"\\\n"},
		`{"a":"x","a":"x"}`:         {first: "x"},
		`{"a":"x","A":"\u0078"}`:    {first: "x"},
		`{"a":"x","a":""}`:          {first: "x"},
		`{"a":"x","a":null}`:        {first: "x"},
		`{"a":"x","a":"y","a":"x"}`: {first: "x", others: []string{"y"}},
		`{"a":7}`:                   {OtherType: "a number"},
		`{"a":true}`:                {OtherType: "a boolean"},
		`{"a":{"b":[]}}`:            {OtherType: "an object"},
		`{"a":[]}`:                  {OtherType: "a list"},
		`{"a":"x","a":7}`:           {first: "x", OtherType: "a number"},
		"{\"a\":\"\xff\"}":          {first: "\ufffd"},
		`{"a":"\ud800"}`:            {first: "\ufffd"},
	} {
		var read struct{ A Text }
		require.NoError(t, json.Unmarshal([]byte(document), &read), document)
		assert.Equal(t, want, read.A, document)
		if values := want.Values(); len(values) == 1 {
			assert.Equal(t, values[0], read.A.Value(), document)
		} else {
			assert.Empty(t, read.A.Value(), document)
		}
		assert.Equal(t, len(want.others) > 0 || want.OtherType != "", read.A.IsAmbiguous(), document)
	}
}

func TestTextIsPrintableIfAPersonCouldLookItUp(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "44961088fxxxx9e9379f5daf": true, "i-1": true, "a b": true, "实例-1": true, "ü": true, "e\u0301": true, "🙂": true,
		"\u200b": false, "i\u200d": false, "\ufeffi": false, "i\u00ad": false, "\u202ei": false, "i\u00a0": false, "i\u3000": false,
		"\u3164": false, "\u115f": false, "\u1160": false, "\uffa0": false, "\u2800": false, "i\ufe0f": false, "i\u034f": false,
		"i\U000e0100": false, "\u17b4": false, "i\n": false, "\x00": false, "\x7f": false, "\x1b[31m": false, "\ufffd": false, "\ue000": false,
	} {
		text := Text{first: value}
		assert.Equal(t, want, text.IsPrintable(), "%+q", value)
	}
}

func TestCodeIsATextOrAnInteger(t *testing.T) {
	for document, want := range map[string]Text{
		`{"a":null}`:                    {},
		`{"a":""}`:                      {},
		`{"a":0}`:                       {},
		`{"a":-0}`:                      {},
		`{"a":0,"a":17}`:                {first: "17"},
		`{"a":17}`:                      {first: "17"},
		`{"a":-1}`:                      {first: "-1"},
		`{"a":17,"a":"17"}`:             {first: "17"},
		`{"a":17,"a":"X"}`:              {first: "17", others: []string{"X"}},
		`{"a":"0"}`:                     {first: "0"},
		`{"a":" "}`:                     {first: " "},
		`{"a":99999999999999999999999}`: {first: "99999999999999999999999"},
		`{"a":0.0}`:                     {OtherType: "a number"},
		`{"a":1e3}`:                     {OtherType: "a number"},
		`{"a":true}`:                    {OtherType: "a boolean"},
		`{"a":{}}`:                      {OtherType: "an object"},
		`{"a":[17]}`:                    {OtherType: "a list"},
	} {
		var read struct{ A Code }
		require.NoError(t, json.Unmarshal([]byte(document), &read), document)
		assert.Equal(t, want, read.A.Text, document)
	}
}

func TestLooseIsWhatAPersonCanRead(t *testing.T) {
	for document, want := range map[string]Loose{
		`{}`: "", `{"a":null}`: "", `{"a":"x"}`: "x", `{"a":"\u0078"}`: "x", `{"a":7}`: "7", `{"a":-1.5e3}`: "-1.5e3",
		`{"a":true}`: "", `{"a":{}}`: "", `{"a":["x"]}`: "", "{\"a\":\"\xff\"}": "\ufffd", `{"a":"x","a":{}}`: "x", `{"a":"x","a":"y"}`: "y",
	} {
		var read struct{ A Loose }
		require.NoError(t, json.Unmarshal([]byte(document), &read), document)
		assert.Equal(t, want, read.A, document)
	}
}

// A response of 1 MiB must not keep a caller busy: two different values are as ambiguous as a hundred thousand.
func TestManyDifferentValuesAreNotAllKept(t *testing.T) {
	var text Text
	var code Code
	for i := range 100_000 {
		value := []byte(`"` + strconv.Itoa(i+1) + `"`)
		require.NoError(t, text.UnmarshalJSON(value))
		require.NoError(t, code.UnmarshalJSON(value))
	}
	for _, kept := range []*Text{&text, &code.Text} {
		assert.True(t, kept.IsAmbiguous())
		assert.Empty(t, kept.Value())
		assert.LessOrEqual(t, len(kept.Values()), maxValues+1)
	}
}
