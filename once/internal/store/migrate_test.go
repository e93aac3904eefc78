package store

import (
	"database/sql/driver"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMigrateCreatesAMissingTable(t *testing.T) {
	d := &database{}
	s := newSQL(t, d, "sqlite")
	d.lines = func() []string {
		if len(d.executed) < len(d.dialect.schema) {
			return nil
		}
		return d.dialect.shape
	}
	_, _, err := s.Read(t.Context(), "k")
	require.ErrorContains(t, err, "call Migrate")
	require.NoError(t, s.Migrate(t.Context()))
	assert.Equal(t, d.dialect.schema, d.executed)
}

func TestMigrateLeavesATableAloneThatIsThere(t *testing.T) {
	d := &database{}
	require.NoError(t, newSQL(t, d, "mysql").Migrate(t.Context()))
	assert.Empty(t, d.executed)
}

func TestMigrateTakesTheTableThatAnotherProcessCreatedMeanwhile(t *testing.T) {
	d := &database{}
	s := newSQL(t, d, "postgresql")
	d.lines = func() []string { return nil }
	d.exec = func(string, []driver.NamedValue) (int64, error) {
		d.lines = nil
		return 0, errDatabase
	}
	require.NoError(t, s.Migrate(t.Context()))
	assert.Len(t, d.executed, 1)
}

func TestMigrateGivesUpIfTheTableCanNotBeCreated(t *testing.T) {
	d := &database{lines: func() []string { return nil }}
	d.exec = func(string, []driver.NamedValue) (int64, error) { return 0, errDatabase }
	err := newSQL(t, d, "sqlite").Migrate(t.Context())
	require.ErrorIs(t, err, errDatabase)
	assert.ErrorContains(t, err, "create the table")
	assert.Len(t, d.executed, migrateAttempts)
}

func TestATableOfAnotherShapeIsRefused(t *testing.T) {
	for message, change := range map[string]func([]string) []string{
		"missing: [unique purchase_key BINARY]; unknown: []": func(lines []string) []string { return lines[:len(lines)-1] },
		"missing: []; unknown: [column lease TEXT]":          func(lines []string) []string { return append(lines, "column lease TEXT") },
	} {
		d := &database{}
		s := newSQL(t, d, "sqlite")
		d.lines = func() []string { return change(slices.Clone(d.dialect.shape)) }
		assert.ErrorContains(t, s.Migrate(t.Context()), message)
		_, err := s.Insert(t.Context(), record("k", "v"))
		assert.ErrorContains(t, err, message)
		assert.Empty(t, d.executed)
	}
}

// A catalogue is read part by part.
func TestATableThatAppearsWhileItIsDescribedIsDescribedAgain(t *testing.T) {
	d := &database{}
	s := newSQL(t, d, "postgresql")
	d.lines = func() []string {
		d.lines = nil
		return d.dialect.shape[:3]
	}
	require.NoError(t, s.Migrate(t.Context()))
}

func TestATableThatIsKnownIsNotDescribedAgain(t *testing.T) {
	d := &database{}
	s := newSQL(t, d, "sqlite")
	for range 2 {
		_, _, err := s.Read(t.Context(), "k")
		require.NoError(t, err)
	}
	assert.Equal(t, []string{d.dialect.describe, d.dialect.read, d.dialect.read}, d.queried)
}

func TestMigrateRefusesADatabaseThatForgets(t *testing.T) {
	assert.ErrorContains(t, newSQL(t, &database{forgets: true}, "sqlite").Migrate(t.Context()), "synchronous is below FULL")
}
