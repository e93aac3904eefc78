package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
)

// errRefused means that trying again does not help.
var errRefused = errors.New("refused")

// Migrate creates the table if it is missing, and checks settings and constraints. Several processes that create a table at
// once can fail each other: SQLite does not always wait for a lock, and PostgreSQL finds the other's type.
func (s *SQL) Migrate(ctx context.Context) (err error) {
	for range 5 {
		if _, err = s.Check(ctx); err == nil {
			err = s.try(ctx)
		}
		if err == nil || errors.Is(err, errRefused) {
			break
		}
		if failed := s.create(ctx); failed != nil { // who has the table needs no right to create one
			err = fmt.Errorf("%w; creating the table: %w", err, failed)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if err != nil {
		return fmt.Errorf("journal %s: %w", s.table, err)
	}
	return nil
}

func (s *SQL) create(ctx context.Context) (err error) {
	ctx, end := limit(ctx, &err)
	defer end()
	_, err = s.db.ExecContext(ctx, s.schema)
	return err
}

// Check returns the schema that the table is in. An error means that there is none, or that a setting is refused.
func (s *SQL) Check(ctx context.Context) (place string, err error) {
	ctx, end := limit(ctx, &err)
	defer end()
	var refusal string
	err = s.pool.QueryRowContext(ctx, s.check).Scan(&place, &refusal)
	switch {
	case err != nil:
	case place == "":
		err = fmt.Errorf("the table %s is missing where this connection looks for it: call Migrate, or run the statement of Schema", s.table)
	case refusal != "":
		err = fmt.Errorf("in schema %s: %w: %s", place, errRefused, refusal)
	}
	return place, err
}

// try writes rows that must fit, and rows that must not, and takes everything back.
func (s *SQL) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	tried := *s
	tried.db = tx
	id := strings.ToLower(rand.Text())
	upper, long := strings.ToUpper(id), id+strings.Repeat("\x01", most-len(id)) // as escapes it is as long as a text can be
	data := []byte(`{"long":"` + strings.Repeat("-", 1<<17) + `"}`)
	for _, row := range []struct {
		key, service, instance string
		fits                   bool
	}{
		{id, id, id, true},
		{upper, upper, upper, true},
		{id + " ", id + " ", id + " ", true},
		{long, long, long, true},
		{id, "", "", false},
		{id + "s", id, "", false},
		{id + "i", "", id, false},
	} {
		done, err := tried.Put(ctx, "", Record{row.key, id, row.service, row.instance, "try", data, 0})
		switch {
		case row.fits && err != nil:
			return err
		case done != row.fits:
			return fmt.Errorf("%w: the table is not that of Schema: a row with key %q, service %q and instance %q is written: %t",
				errRefused, row.key, row.service, row.instance, done)
		case !row.fits:
			continue
		}
		found, err := tried.Find(ctx, Key, row.key)
		if err != nil {
			return fmt.Errorf("key %q is not read as it was written: %w", row.key, err)
		}
		if len(found) != 1 || !bytes.Equal(found[0].Data, data) {
			return fmt.Errorf("%w: the table is not that of Schema: key %q is not read as it was written", errRefused, row.key)
		}
	}
	return nil
}
