package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

var (
	// errRefused means that trying again does not help.
	errRefused = errors.New("refused")
	errMissing = errors.New("missing")
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
		if errors.Is(err, errMissing) { // else a second, empty one could hide it. Who has the table needs no right to create one
			if failed := s.create(ctx); failed != nil {
				err = fmt.Errorf("%w; creating the table: %w", err, failed)
			}
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
		err = fmt.Errorf("the table %s is %w where this connection looks for it: call Migrate, or run the statement of Schema", s.table, errMissing)
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
	if err := tried.tryTexts(ctx, id); err != nil {
		return err
	}
	return tried.tryConstraints(ctx, id)
}

// tryTexts writes texts that each differ from another one in what some collation, type or index leaves out. As escapes the last
// two are as long as a text can be.
func (s *SQL) tryTexts(ctx context.Context, id string) error {
	digits, long := strconv.FormatInt(time.Now().UnixNano(), 10), id+strings.Repeat("\x01", most-len(id)-1)
	data := []byte(`{"long":"` + strings.Repeat(`\u002d`, 1<<14) + `"}`)
	for _, text := range []string{id, strings.ToUpper(id), id + " ", id + "1", id + "01", digits, "0" + digits, long + "1", long + "2"} {
		if err := s.keep(ctx, "", Record{text, id, text, text, "sending", data, 0}); err != nil {
			return err
		}
	}
	return nil
}

// tryConstraints writes rows that must fit, also over another one, and without a service and an instance; and rows that must not.
// Those have nothing else in common with the others: a constraint may not need more.
func (s *SQL) tryConstraints(ctx context.Context, id string) (err error) {
	must := func(key, service, instance string) Record {
		return Record{id + key, id, service, instance, strings.Repeat("s", most), []byte("{}"), 0}
	}
	mustNot := func(key, service, instance string) Record {
		return Record{id + key, "-", service, instance, "preparing", []byte("{}"), 0}
	}
	for _, r := range []struct {
		over string
		Record
	}{
		{"", must("s", id+"s", "")}, {"", must("i", "", id+"i")}, {id, must("", "", "")},
		{"", mustNot("s", "", "")}, {"", mustNot("x", id+"s", "")}, {"", mustNot("x", "", id+"i")},
		{"", must("n", "", "")}, // nothing but the constraints was in the way
		{id, mustNot("n", id+"s", "")}, {id, mustNot("n", "", id+"i")},
	} {
		if r.Version == id {
			err = s.keep(ctx, r.over, r.Record)
		} else if done, _ := s.Put(ctx, r.over, r.Record); done {
			err = fmt.Errorf("%w: it takes a key, a service or an instance twice", errTable)
		}
		if err != nil {
			return err
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
