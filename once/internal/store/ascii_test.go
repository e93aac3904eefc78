package store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATextIsKeptInASCII(t *testing.T) {
	for in, want := range map[string]string{
		"":          "",
		"order-1 ~": "order-1 ~",
		"购买":        `\u8d2d\u4e70`,
		"é":         `\u00e9`,
		"Ã©":        `\u00c3\u00a9`,
		"😀":         `\U0001f600`,
		`\u00e9`:    `\\u00e9`,
		"\x01\x7f":  `\x01\x7f`,
		`a"b`:       `a\"b`,
		"\ufffd":    `\ufffd`,
		"\xff":      `\xff`,
	} {
		assert.Equal(t, want, ascii(in))
		got, err := text(want)
		require.NoError(t, err)
		assert.Equal(t, in, got)
	}
}

func TestATextThatAConnectionChangedIsAnError(t *testing.T) {
	for _, changed := range []string{"é", "a\x00b", `\`, `\u00`, `\u00zz`, `\x41`, `\u0041`, `\u00E9`, `\ud83d`, `"`, "\xff"} {
		_, err := text(changed)
		assert.ErrorContains(t, err, "converts characters", changed)
	}
}

func TestJSONIsKeptInASCII(t *testing.T) {
	const data = `{"a":"购😀\u00e9\\","b":" "}`
	kept := asciiJSON([]byte(data))
	assert.JSONEq(t, data, kept)
	assert.Equal(t, -1, strings.IndexFunc(kept, func(c rune) bool { return c > '~' }))
}
