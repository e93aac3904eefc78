package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inAll is a database whose constraints hold: of the writes that Migrate tries the first five are done.
func inAll(before int) func(n int) bool { return func(n int) bool { return n <= before+5 } }

func TestMigrateCreatesAMissingTable(t *testing.T) {
	d := &database{missing: true, keeps: inAll(1)}
	s := newSQL(t, d, "sqlite")
	_, err := s.Find(t.Context(), Key, "k")
	require.ErrorIs(t, err, errDatabase)
	require.NoError(t, s.Migrate(t.Context()))
	assert.Equal(t, Schema("sqlite", DefaultTable), d.executed[0])
}

func TestMigrateLeavesATableAloneThatIsThere(t *testing.T) {
	d := &database{keeps: inAll(0)}
	require.NoError(t, newSQL(t, d, "mysql").Migrate(t.Context()))
	for _, statement := range d.executed {
		assert.NotContains(t, statement, "CREATE")
	}
	assert.Equal(t, 1, d.begun)
	assert.Equal(t, 1, d.undone, "what it tries is taken back")
}

func TestATableWithoutAConstraintIsRefused(t *testing.T) {
	for name, keeps := range map[string]func(n int) bool{
		"everything fits":    func(int) bool { return true },
		"keys are unique":    func(n int) bool { return n != 6 },
		"as are services":    func(n int) bool { return n != 6 && n != 7 },
		"nothing is updated": func(n int) bool { return n == 1 },
		"case is ignored":    func(n int) bool { return n <= 2 },
		"blanks are ignored": func(n int) bool { return n <= 3 },
		"a long one is cut":  func(n int) bool { return n <= 4 },
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
