package store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEachDialectSaysWhatToDoAboutASetting(t *testing.T) {
	for name, d := range dialects {
		for _, setting := range d.settings {
			assert.Regexp(t, `: (set it to|connect to) `, setting.refusal, name)
			assert.NotContains(t, setting.refusal, "'", "it is in a statement")
		}
	}
}

func TestTheTextsOfADialectAreFilledIn(t *testing.T) {
	for name, want := range map[string]string{
		"sqlite": `"a"."b" 'a' b ? ?`, "postgresql": `"a"."b" 'a' b $1 $2`,
		"mysql": "`a`.`b` 'a' b CONVERT(? USING ascii) CONVERT(? USING ascii)",
	} {
		text, err := dialects[name].texts("a.b")
		require.NoError(t, err)
		assert.Equal(t, want, text("{table} {schema} {name} ? ?"))
		assert.Equal(t, -1, strings.IndexAny(text(schema), "{}?"))
	}
}
