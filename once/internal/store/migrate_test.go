package store

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMigrateCreatesOnlyAMissingTable(t *testing.T) {
	for missing, fit := range map[bool]int{false: 8, true: 9} { // the first eight of the writes that it tries, after the table
		d := &database{missing: missing, keeps: func(n int) bool { return n <= fit }}
		require.NoError(t, newSQL(t, d, "sqlite").Migrate(t.Context()))
		assert.Equal(t, missing, slices.Contains(d.executed, Schema("sqlite", DefaultTable)))
		assert.Equal(t, d.begun, d.undone, "what it tries is taken back")
	}
}

func TestATableWithoutAConstraintIsRefused(t *testing.T) {
	for name, keeps := range map[string]func(n int) bool{
		"everything fits":    func(int) bool { return true },
		"keys are unique":    func(n int) bool { return n != 9 },
		"as are services":    func(n int) bool { return n != 9 && n != 10 },
		"nothing is updated": func(n int) bool { return n == 1 },
		"case is ignored":    func(n int) bool { return n <= 2 },
		"blanks are ignored": func(n int) bool { return n <= 4 },
		"a long one is cut":  func(n int) bool { return n <= 6 },
	} {
		d := &database{keeps: keeps}
		err := newSQL(t, d, "postgresql").Migrate(t.Context())
		assert.ErrorContains(t, err, "not that of Schema", name)
		assert.Equal(t, d.begun, d.undone)
	}
}

func TestMigrateRefusesADatabaseThatForgets(t *testing.T) {
	d := &database{refusal: "synchronous is below FULL"}
	assert.ErrorContains(t, newSQL(t, d, "sqlite").Migrate(t.Context()), "synchronous is below FULL")
	assert.Empty(t, d.executed)
}

func TestCheckNamesTheSchema(t *testing.T) {
	place, err := newSQL(t, &database{}, "postgresql").Check(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "public", place)
}
