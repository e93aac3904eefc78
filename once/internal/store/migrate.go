package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
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
	ctx, cancel := context.WithTimeout(ctx, 4*statementTimeout) // for all of them; each has its own
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
		replaces, key, service, instance, state string
		fits                                    bool
	}{
		{"", id, id, id, "not_purchased", true},
		{id, id, id, id, "sending", true}, // an update
		{"", upper, upper, upper, "not_purchased", true},
		{"", id + " ", id + " ", id + " ", "not_purchased", true},
		{"", long, long, long, "not_purchased", true},
		{"", id, "", "", "bought", false}, // nothing else is as in the rows above: a constraint must not need more
		{"", id + "s", id, "", "bought", false},
		{"", id + "i", "", id, "bought", false},
	} {
		r := Record{row.key, id, row.service, row.instance, row.state, data, 0}
		if !row.fits {
			r.Version = upper
		}
		done, err := tried.Put(ctx, row.replaces, r)
		switch {
		case row.fits && err != nil:
			return err
		case done != row.fits:
			return fmt.Errorf("%w: the table is not that of Schema: a row with key %.60q, service %.60q and instance %.60q is written: %t",
				errRefused, row.key, row.service, row.instance, done)
		case !row.fits:
			continue
		}
		found, err := tried.Find(ctx, Key, row.key)
		if err != nil {
			return fmt.Errorf("key %.60q is not read as it was written: %w", row.key, err)
		}
		if len(found) == 1 && found[0].Age.Abs() < time.Minute {
			r.Age = found[0].Age
		}
		if !reflect.DeepEqual(found, []Record{r}) {
			return fmt.Errorf("%w: the table is not that of Schema: key %.60q is not read as it was written", errRefused, row.key)
		}
	}
	return nil
}
