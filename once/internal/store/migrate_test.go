package store

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fits are the writes that Migrate tries and that have to be done, after some others: nine texts, two rows that differ in one
// column, one that is written over, and the last that has neither service nor instance.
func fits(others int) func(n int) bool {
	return func(n int) bool { return n-others <= 12 || n-others == 16 }
}

func TestMigrateCreatesOnlyAMissingTable(t *testing.T) {
	for missing, others := range map[bool]int{false: 0, true: 1} {
		d := &database{missing: missing, keeps: fits(others)}
		require.NoError(t, newSQL(t, d, "sqlite").Migrate(t.Context()))
		assert.Equal(t, missing, slices.Contains(d.executed, Schema("sqlite", DefaultTable)))
		assert.Equal(t, d.begun, d.undone, "what it tries is taken back")
	}
}

// CREATE TABLE IF NOT EXISTS can make a second, empty one in the first schema of a search path, which hides the real one.
func TestMigrateDoesNotCreateATableThatItCanNotSee(t *testing.T) {
	d := &database{slow: true}
	assert.Error(t, newSQL(t, d, "postgresql").Migrate(t.Context()))
	assert.Empty(t, d.executed)
}

func TestATableWithoutAConstraintIsRefused(t *testing.T) {
	for name, keeps := range map[string]func(n int) bool{
		"everything fits":           func(int) bool { return true },
		"keys are unique":           func(n int) bool { return n != 13 },
		"as are services":           func(n int) bool { return n != 13 && n != 14 },
		"nothing is updated":        func(n int) bool { return n <= 11 },
		"case is ignored":           func(n int) bool { return n <= 1 },
		"a long one is cut":         func(n int) bool { return n <= 8 },
		"an update takes a service": func(n int) bool { return fits(0)(n) || n == 17 },
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
