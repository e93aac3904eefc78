package strictjson

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRepeatedNamesAFieldThatStandsTwiceInOneObject(t *testing.T) {
	for document, want := range map[string]string{
		`{"a":1,"a":2}`:                     "a",
		`{"a":1,"b":2,"A":1}`:               "A",
		`{"a":1,"\u0061":1}`:                "a",
		`{"a":{"b":1,"b":1}}`:               "b",
		`[1,{"a":[{"b":1,"b":null}]}]`:      "b",
		`{"a":1,"b":{"a":1},"c":[{"a":1}]}`: "",
		`{"a":{"a":{"a":"a"}}}`:             "",
		`{}`:                                "",
		`null`:                              "",
		`"a"`:                               "",
		`{"a":1`:                            "",
		`{"a":`:                             "",
		`{1}`:                               "",
		``:                                  "",
		`[1 2]`:                             "",
		`{"a":[x]}`:                         "",
		`{"a":[1,]}`:                        "",
		`{"a":1,"a":`:                       "a",
	} {
		assert.Equal(t, want, Repeated([]byte(document)), document)
	}
}
