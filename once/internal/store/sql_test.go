package store

import (
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatIsWrittenIsASCIIAndWhatARecordDoesNotHaveIsNULL(t *testing.T) {
	d := &database{}
	r := record("订单", "v")
	r.OpenService, r.InstanceID, r.Data = "", "é", []byte(`{"a":"购"}`)
	done, err := newSQL(t, d, "sqlite").Put(t.Context(), "old", r)
	require.NoError(t, err)
	assert.True(t, done)
	assert.Equal(t, []driver.Value{"v", nil, `\u00e9`, "sending", `{"a":"\u8d2d"}`, `\u8ba2\u5355`, "old"}, d.written)
}

// The connections of a pool can differ: what a read has found of one says nothing of the one that writes.
func TestEachWriteChecksTheSettingsOfItsConnection(t *testing.T) {
	for name, dialect := range dialects {
		d := &database{}
		s := newSQL(t, d, name)
		for _, version := range []string{"", "v"} {
			_, err := s.Put(t.Context(), version, record("k", "v2"))
			require.NoError(t, err)
			for _, setting := range dialect.settings {
				if !setting.one {
					assert.Contains(t, d.executed[len(d.executed)-1], s.text(setting.holds), name)
				}
			}
		}
	}
}

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	d := &database{}
	s, want := newSQL(t, d, "sqlite"), record("订单 \\", "v")
	_, err := s.Put(t.Context(), "", want)
	require.NoError(t, err)
	found, err := s.Find(t.Context(), Key, want.Key)
	require.NoError(t, err)
	want.Age = 1500 * time.Millisecond
	assert.Equal(t, []Record{want}, found)
}

// By a collation, or a connection that converts what is compared.
func TestARowThatHasNotTheValueThatWasAskedForIsAnError(t *testing.T) {
	d := &database{row: []driver.Value{"v", "SVCO-1", "i", "sending", "{}", "k"}}
	s := newSQL(t, d, "mysql")
	for column, asked := range map[Column]string{Key: "K", OpenService: "svco-1", InstanceID: "I"} {
		_, err := s.Find(t.Context(), column, asked)
		assert.ErrorContains(t, err, "converts characters", column)
	}
	_, err := s.Find(t.Context(), OpenService)
	assert.NoError(t, err)
}

func TestARefusedConnectionIsAnErrorThatNamesTheSetting(t *testing.T) {
	d := &database{refusal: "synchronous_commit is off: set it to on"}
	_, err := newSQL(t, d, "postgresql").Find(t.Context(), Key, "k")
	assert.ErrorContains(t, err, "synchronous_commit is off")
}

// Each query returns a row that says whether the connection is refused.
func TestAReadWithoutAnyRowIsAnError(t *testing.T) {
	_, err := newSQL(t, &database{silent: true}, "sqlite").Find(t.Context(), Key, "k")
	assert.ErrorContains(t, err, "no row")
}

func TestAValueThatADatabaseWouldCutOffIsRefused(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, r := range []Record{{Key: long}, {Key: "k", OpenService: long}, {Key: "k", InstanceID: long}, {Key: "k", State: long}} {
		d := &database{}
		_, err := newSQL(t, d, "mysql").Put(t.Context(), "", r)
		assert.ErrorContains(t, err, "256 bytes")
		assert.Empty(t, d.executed)
	}
}

// As in the caller's own transaction, on a pool of one connection.
func TestAStatementThatWaitsForEverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := sql.OpenDB(&database{})
		defer db.Close()
		db.SetMaxOpenConns(1)
		tx, err := db.Begin()
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		s, err := NewSQL(db, "sqlite", DefaultTable)
		require.NoError(t, err)
		began := time.Now()
		_, err = s.Find(t.Context(), Key, "k")
		assert.ErrorContains(t, err, "transaction")
		_, err = s.Put(t.Context(), "", record("k", "v"))
		assert.ErrorContains(t, err, "transaction")
		assert.Equal(t, 2*statementTimeout, time.Since(began))
	})
}
