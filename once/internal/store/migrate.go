package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Several processes that create a database, or its table, at once can fail each other: SQLite does not wait for a lock then.
const (
	migrateAttempts = 5
	migratePause    = 100 * time.Millisecond
)

// Migrate creates the table if it is missing, and returns an error if there is one of another shape or a setting is refused.
func (s *SQL) Migrate(ctx context.Context) error {
	err := s.createUnlessThere(ctx)
	for range migrateAttempts - 1 {
		if err == nil || errors.Is(err, errShape) || pause(ctx) != nil {
			break
		}
		err = s.createUnlessThere(ctx)
	}
	if err != nil {
		return err
	}
	if err := s.durable(ctx); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(migratePause):
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (s *SQL) createUnlessThere(ctx context.Context) error {
	err := s.check(ctx)
	if !errors.Is(err, errNoTable) {
		return err
	}
	if err := s.create(ctx); err != nil {
		return fmt.Errorf("journal: create the table: %w", err)
	}
	return s.check(ctx)
}

var errShape = errors.New("is not the one of this version")

var errNoTable = errors.New("journal: the table " + table + " is missing: call Migrate, or run the statements of Schema")

// create is one transaction if the database can: a table without its indexes is no journal.
func (s *SQL) create(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range s.dialect.schema {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// check compares the table with the one that this version knows, once: a missing unique index or a column that takes "A"
// for "a" breaks what the journal is for, and a column more is a later version's.
func (s *SQL) check(ctx context.Context) error {
	if s.checked.Load() {
		return nil
	}
	wrong, err := s.difference(ctx)
	if err == nil && wrong != "" && pause(ctx) == nil {
		// The query reads the catalogue part by part, and another process, or a tool with the statements of Schema, may have
		// been about to create the table.
		wrong, err = s.difference(ctx)
	}
	if err != nil {
		return err
	}
	if wrong != "" {
		return fmt.Errorf("journal: the table %s %w: %s", table, errShape, wrong)
	}
	s.checked.Store(true)
	return nil
}

// difference says what a table has not, or has more, than this version's; nothing if they are alike.
func (s *SQL) difference(ctx context.Context) (string, error) {
	lines, err := s.describe(ctx)
	if err != nil {
		return "", fmt.Errorf("journal: describe the table: %w", err)
	}
	if len(lines) == 0 {
		return "", errNoTable
	}
	missing, unknown := without(s.dialect.shape, lines), without(lines, s.dialect.shape)
	if len(missing)+len(unknown) == 0 {
		return "", nil
	}
	return fmt.Sprintf("missing: [%s]; unknown: [%s]", strings.Join(missing, "; "), strings.Join(unknown, "; ")), nil
}

func without(lines, others []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
}

func (s *SQL) describe(ctx context.Context) (lines []string, err error) {
	rows, err := s.db.QueryContext(ctx, s.dialect.describe)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var line sql.NullString
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		lines = append(lines, line.String)
	}
	return lines, rows.Err()
}
