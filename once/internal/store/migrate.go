package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

var (
	// errRefused means that trying again does not help.
	errRefused = errors.New("refused")
	errTable   = fmt.Errorf("%w: the table is not that of Schema", errRefused)
)

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
	data := []byte(`{"long":"` + strings.Repeat("-", 1<<17) + `"}`)
	// The last one is as long as a text can be, because it is kept as escapes.
	for _, text := range []string{id, strings.ToUpper(id), id + " ", id + strings.Repeat("\x01", most-len(id))} {
		for _, write := range []struct{ over, state string }{{"", "sending"}, {id, "not_purchased"}} {
			if err := tried.keep(ctx, write.over, Record{text, id, text, text, write.state, data, 0}); err != nil {
				return err
			}
		}
	}
	// Nothing else is as in the rows above: a constraint must not need more.
	for _, r := range []Record{{Key: id}, {Key: id + "s", OpenService: id}, {Key: id + "i", InstanceID: id}} {
		r.Version, r.State, r.Data = "-", "bought", []byte("{}")
		if done, _ := tried.Put(ctx, "", r); done {
			return fmt.Errorf("%w: it takes a key, a service or an instance twice", errTable)
		}
	}
	return nil
}

// keep writes a row, and reads it.
func (s *SQL) keep(ctx context.Context, version string, r Record) error {
	done, err := s.Put(ctx, version, r)
	if !done {
		return cmp.Or(err, fmt.Errorf("%w: key %.60q is not written", errTable, r.Key))
	}
	found, err := s.Find(ctx, Key, r.Key)
	if err != nil {
		return fmt.Errorf("key %.60q is not read as it was written: %w", r.Key, err)
	}
	if len(found) == 1 && found[0].Age.Abs() < time.Minute {
		r.Age = found[0].Age
	}
	if !reflect.DeepEqual(found, []Record{r}) {
		return fmt.Errorf("%w: key %.60q is not read as it was written", errTable, r.Key)
	}
	return nil
}
