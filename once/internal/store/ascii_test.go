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
		"😀":         `\ud83d\ude00`,
		`\u00e9`:    `\u005cu00e9`,
		"\x01\x7f":  `\u0001\u007f`,
		`a"b`:       `a\u0022b`,
		"\ufffd":    `\ufffd`,
	} {
		assert.Equal(t, want, ascii(in))
		got, err := text(want)
		require.NoError(t, err)
		assert.Equal(t, in, got)
	}
}

func TestATextThatAConnectionChangedIsAnError(t *testing.T) {
	for _, changed := range []string{"é", "a\x00b", `\`, `\u00`, `\u00zz`, `\x0041`, `\u0041`, `\u00E9`, `\ud83d`, "\xff"} {
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
