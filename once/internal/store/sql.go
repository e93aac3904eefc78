package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// An attempt to write that ended without an explanation is made again: it met a deadlock, a busy database or a
	// connection that was cut. Each is the same compare-and-swap, so that it is written once however many of them land.
	writeAttempts = 5
	// Each database takes thousands of parameters in one statement.
	ownersAtOnce = 500
	// As text, a time is the same in every database and driver, and its order is the order of its bytes.
	timeLayout = "2006-01-02T15:04:05.000000000Z"
)

// SQL is a Store in one table of a database. Each method is one statement; a write that was not done reads why.
type SQL struct {
	db      *sql.DB
	dialect dialect
	checked atomic.Bool // the table is as this version knows it
}

// NewSQL returns a Store for a database of a dialect: "sqlite", "postgresql" or "mysql". It does not use it yet.
func NewSQL(db *sql.DB, name string) (*SQL, error) {
	if db == nil {
		return nil, errors.New("journal: the database is nil")
	}
	d, err := dialectNamed(name)
	return &SQL{db: db, dialect: d}, err
}

// Read returns the record of a key.
func (s *SQL) Read(ctx context.Context, key string) (Record, bool, error) {
	return s.readOne(ctx, s.dialect.read, key, func(r Record) string { return r.Key })
}

// ReadOpenService returns the record that keeps a service closed.
func (s *SQL) ReadOpenService(ctx context.Context, service string) (Record, bool, error) {
	return s.readOne(ctx, s.dialect.readOpenService, service, func(r Record) string { return r.OpenService })
}

// ReadOpen returns every record with an open service, the longest unchanged first.
func (s *SQL) ReadOpen(ctx context.Context) ([]Record, error) {
	return s.readAll(ctx, s.dialect.readOpen)
}

// Owners returns the key of the record that each of the instances belongs to.
func (s *SQL) Owners(ctx context.Context, instanceIDs []string) (map[string]string, error) {
	owners := make(map[string]string)
	for ids := range slices.Chunk(instanceIDs, ownersAtOnce) {
		arguments := make([]any, len(ids))
		for i, id := range ids {
			arguments[i] = ascii(id)
		}
		records, err := s.readAll(ctx, s.dialect.owners(len(ids)), arguments...)
		if err != nil {
			return nil, err
		}
		for _, record := range records {
			if !slices.Contains(ids, record.InstanceID) {
				return nil, errChanged(record.InstanceID)
			}
			owners[record.InstanceID] = record.Key
		}
	}
	return owners, nil
}

// Insert adds a record unless its key, service or instance is taken.
func (s *SQL) Insert(ctx context.Context, record Record) (bool, error) {
	return s.write(ctx, "", record, s.dialect.insert,
		ascii(record.Key), ascii(record.Version), null(record.OpenService), null(record.InstanceID), ascii(record.State),
		record.Changed.UTC().Format(timeLayout), asciiJSON(record.Data))
}

// Replace writes a record over the one of the same key that has the version.
func (s *SQL) Replace(ctx context.Context, version string, record Record) (bool, error) {
	if version == "" {
		return false, check(record) // no record has none
	}
	return s.write(ctx, version, record, s.dialect.replace,
		ascii(record.Version), null(record.OpenService), null(record.InstanceID), ascii(record.State),
		record.Changed.UTC().Format(timeLayout), asciiJSON(record.Data), ascii(record.Key), ascii(version))
}

// readOne refuses a record that does not have exactly the value that was asked for.
func (s *SQL) readOne(ctx context.Context, query string, value string, column func(Record) string) (Record, bool, error) {
	records, err := s.readAll(ctx, query, ascii(value))
	if err != nil || len(records) == 0 {
		return Record{}, false, err
	}
	record, err := found(records, value, column)
	return record, err == nil, err
}

func found(records []Record, value string, column func(Record) string) (Record, error) {
	if found := column(records[0]); found != value {
		return Record{}, errChanged(found)
	}
	return records[0], nil
}

// readAll reads records. The query returns a row without a key if there are none, because each row says whether what it
// says can be stale.
func (s *SQL) readAll(ctx context.Context, query string, arguments ...any) ([]Record, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, fmt.Errorf("journal: read: %w", err)
	}
	defer rows.Close()
	var records []Record
	answered := false
	for rows.Next() {
		answered = true
		var trouble int
		var key, version, service, instance, state, changed sql.NullString
		var data []byte
		if err := rows.Scan(&trouble, &key, &version, &service, &instance, &state, &changed, &data); err != nil {
			return nil, fmt.Errorf("journal: read: %w", err)
		}
		if err := refusal(s.dialect.fresh, trouble); err != nil {
			return nil, fmt.Errorf("journal: read: %w", err)
		}
		if key.Valid {
			at, _ := time.Parse(timeLayout, changed.String) // nothing is decided by it
			record := Record{Changed: at, Data: data}
			for _, kept := range []struct {
				column sql.NullString
				into   *string
			}{
				{key, &record.Key}, {version, &record.Version}, {service, &record.OpenService},
				{instance, &record.InstanceID}, {state, &record.State},
			} {
				if *kept.into, err = text(kept.column.String); err != nil {
					return nil, fmt.Errorf("journal: read: %w", err)
				}
			}
			records = append(records, record)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("journal: read: %w", err)
	}
	if !answered {
		return nil, errors.New("journal: read: the database returned no row, not even the one that says that there is none")
	}
	return records, nil
}

// write runs a statement that writes the record or changes no row. Why it changed none, and whether one that failed was
// done after all, is read. That also decides for an error: drivers have no common one for what is taken.
func (s *SQL) write(ctx context.Context, replaces string, record Record, statement string, arguments ...any) (bool, error) {
	if err := cmp.Or(check(record), s.check(ctx)); err != nil {
		return false, err
	}
	var failed error
	for range writeAttempts {
		var rows int64
		result, err := s.db.ExecContext(ctx, statement, arguments...)
		if err == nil {
			rows, err = result.RowsAffected()
		}
		if err == nil && rows == 1 {
			return true, nil
		}
		if err != nil {
			failed = err
		}
		done, decided, readErr := s.decide(ctx, replaces, record)
		if readErr != nil {
			return false, fmt.Errorf("journal: write %q: %w", record.Key, cmp.Or(failed, readErr))
		}
		if decided {
			return done, nil
		}
		if err == nil {
			if err := s.durable(ctx); err != nil {
				return false, fmt.Errorf("journal: write %q: %w", record.Key, err)
			}
		}
	}
	return false, fmt.Errorf("journal: write %q: %w", record.Key, cmp.Or(failed, errUnexplained))
}

var errUnexplained = errors.New("it was not written, although nothing is in its way: " +
	"another connection of the pool may have settings that are refused")

// decide reads whether a write was done, or what is in its way. Neither: it is undecided.
func (s *SQL) decide(ctx context.Context, replaces string, record Record) (done, decided bool, err error) {
	kept, found, err := s.Read(ctx, record.Key)
	if err != nil {
		return false, false, err
	}
	if kept.Version == record.Version {
		return true, true, nil
	}
	if found != (replaces != "") || kept.Version != replaces {
		return false, true, nil
	}
	if record.OpenService != "" {
		other, closed, err := s.ReadOpenService(ctx, record.OpenService)
		if err != nil || closed && other.Key != record.Key {
			return false, true, err
		}
	}
	if record.InstanceID != "" {
		owners, err := s.Owners(ctx, []string{record.InstanceID})
		owner := owners[record.InstanceID]
		if err != nil || owner != "" && owner != record.Key {
			return false, true, err
		}
	}
	return false, false, nil
}

// durable returns an error if a connection's settings let the database forget what it confirmed.
func (s *SQL) durable(ctx context.Context) error {
	var trouble int
	if err := s.db.QueryRowContext(ctx, s.dialect.durability).Scan(&trouble); err != nil {
		return err
	}
	return refusal(s.dialect.durable, trouble)
}

// null is NULL for what a record does not have: NULLs are not equal to each other, so that any number of records have none.
func null(value string) sql.NullString {
	return sql.NullString{String: ascii(value), Valid: value != ""}
}

// refusal is the error of the setting that a statement found to be wrong, by its index; -1 is none.
func refusal(settings []setting, index int) error {
	if index < 0 || index >= len(settings) {
		return nil
	}
	return errors.New("refused: " + strings.TrimSpace(settings[index].refusal))
}
