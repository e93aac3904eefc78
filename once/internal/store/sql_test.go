package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNewSQLRefusesWhatIsNoJournal(t *testing.T) {
	_, err := NewSQL(nil, "sqlite")
	assert.ErrorContains(t, err, "nil")
	_, err = NewSQL(new(sql.DB), "oracle")
	assert.ErrorContains(t, err, `"oracle"`)
}

func TestWhatARecordDoesNotHaveIsWrittenAsNULL(t *testing.T) {
	var written []driver.Value
	d := &database{exec: func(_ string, arguments []driver.NamedValue) (int64, error) {
		for _, argument := range arguments {
			written = append(written, argument.Value)
		}
		return 1, nil
	}}
	r := record("k", "v")
	r.OpenService, r.InstanceID = "", ""
	done, err := newSQL(t, d, "sqlite").Insert(t.Context(), r)
	require.NoError(t, err)
	assert.True(t, done)
	assert.Equal(t, []driver.Value{"k", "v", nil, nil, "sending", "2030-01-02T03:04:05.678901234Z", "{}"}, written)
}

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	want := record("k", "v")
	got, found, err := newSQL(t, &database{kept: &want}, "sqlite").Read(t.Context(), "k")
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, want, got)
}

// The acknowledgement was lost.
func TestAWriteThatFailedAndWasDoneIsDone(t *testing.T) {
	d, r := &database{}, record("k", "v2")
	d.exec = func(string, []driver.NamedValue) (int64, error) {
		d.kept = &r
		return 0, errDatabase
	}
	done, err := newSQL(t, d, "sqlite").Replace(t.Context(), "v1", r)
	require.NoError(t, err)
	assert.True(t, done)
	assert.Len(t, d.executed, 1)
}

// As after a deadlock.
func TestAWriteThatFailedAndWasNotDoneIsMadeAgain(t *testing.T) {
	d := &database{}
	d.exec = func(string, []driver.NamedValue) (int64, error) {
		if len(d.executed) < 3 {
			return 0, errDatabase
		}
		return 1, nil
	}
	done, err := newSQL(t, d, "sqlite").Insert(t.Context(), record("k", "v"))
	require.NoError(t, err)
	assert.True(t, done)
}

func TestAWriteThatFailsAgainAndAgainIsAnError(t *testing.T) {
	d := &database{exec: func(string, []driver.NamedValue) (int64, error) { return 0, errDatabase }}
	done, err := newSQL(t, d, "sqlite").Insert(t.Context(), record("k", "v"))
	assert.ErrorIs(t, err, errDatabase)
	assert.False(t, done)
	assert.Len(t, d.executed, writeAttempts)
}

func TestAWriteThatSomethingIsInTheWayOfIsNotDone(t *testing.T) {
	for name, kept := range map[string]Record{
		"the key has another version":      {Key: "k", Version: "other"},
		"the service is another record's":  {Key: "other", Version: "v1", OpenService: "svco-1"},
		"the instance is another record's": {Key: "other", Version: "v1", InstanceID: "i"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &database{kept: &kept, exec: func(string, []driver.NamedValue) (int64, error) { return 0, nil }}
			r := record("k", "v2")
			if kept.OpenService == "" {
				r.OpenService = ""
			}
			done, err := newSQL(t, d, "sqlite").Replace(t.Context(), "v1", r)
			require.NoError(t, err)
			assert.False(t, done)
			assert.Len(t, d.executed, 1)
		})
	}
}

func TestAWriteThatASettingPreventsNamesIt(t *testing.T) {
	d := &database{forgets: true, exec: func(string, []driver.NamedValue) (int64, error) { return 0, nil }}
	_, err := newSQL(t, d, "mysql").Insert(t.Context(), record("k", "v"))
	assert.ErrorContains(t, err, "innodb_flush_log_at_trx_commit is not 1")
}

func TestAWriteThatNothingPreventsAndThatIsNotDoneIsAnError(t *testing.T) {
	d := &database{exec: func(string, []driver.NamedValue) (int64, error) { return 0, nil }}
	_, err := newSQL(t, d, "sqlite").Insert(t.Context(), record("k", "v"))
	assert.ErrorIs(t, err, errUnexplained)
}

func TestAReadThatCanBeStaleIsRefused(t *testing.T) {
	s := newSQL(t, &database{unfresh: true}, "postgresql")
	for name, read := range map[string]func(context.Context) error{
		"Read":            func(ctx context.Context) error { _, _, err := s.Read(ctx, "k"); return err },
		"ReadOpenService": func(ctx context.Context) error { _, _, err := s.ReadOpenService(ctx, "svco-1"); return err },
		"ReadOpen":        func(ctx context.Context) error { _, err := s.ReadOpen(ctx); return err },
		"Owners":          func(ctx context.Context) error { _, err := s.Owners(ctx, []string{"i"}); return err },
	} {
		assert.ErrorContains(t, read(t.Context()), "this server is a standby", name)
	}
}

// Each query returns a row that says whether what is read can be stale.
func TestAReadWithoutAnyRowIsAnError(t *testing.T) {
	_, _, err := newSQL(t, &database{silent: true}, "sqlite").Read(t.Context(), "k")
	assert.ErrorContains(t, err, "no row")
}

func TestOwnersOfManyInstancesAreReadInParts(t *testing.T) {
	d := &database{}
	_, err := newSQL(t, d, "sqlite").Owners(t.Context(), slices.Repeat([]string{"i"}, 2*ownersAtOnce+1))
	require.NoError(t, err)
	assert.Equal(t, []string{d.dialect.describe, d.dialect.owners(ownersAtOnce), d.dialect.owners(ownersAtOnce), d.dialect.owners(1)}, d.queried)
}

// As a collation finds it, or a connection that converts what is compared.
func TestARowThatHasNotTheValueThatWasAskedForIsAnError(t *testing.T) {
	_, err := found([]Record{{Key: "K"}}, "k", func(r Record) string { return r.Key })
	assert.ErrorContains(t, err, "converts characters")
}
