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
		if _, err = s.Find(ctx, Key, "-"); err != nil && !errors.Is(err, errRefused) { // who has the table needs no right to create one
			err = s.limited(ctx, func(ctx context.Context) error {
				_, err := s.db.ExecContext(ctx, s.schema)
				return err
			})
		}
		if err == nil {
			_, err = s.Check(ctx)
		}
		if err == nil {
			err = s.limited(ctx, s.try)
		}
		if err == nil || errors.Is(err, errRefused) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
	return err
}

// Check returns the schema that the table is in. An error means that there is none, or that a setting is refused.
func (s *SQL) Check(ctx context.Context) (place string, err error) {
	err = s.limited(ctx, func(ctx context.Context) error {
		var refusal string
		err := s.db.QueryRowContext(ctx, "SELECT COALESCE(("+s.place+"), ''), "+s.text(s.check)).Scan(&place, &refusal)
		switch {
		case err != nil:
			return err
		case place == "":
			return errors.New("the table is missing where this connection looks for it: call Migrate, or run the statement of Schema")
		case refusal != "":
			return fmt.Errorf("in schema %s: %w: %s", place, errRefused, refusal)
		}
		return nil
	})
	if err == nil {
		_, err = s.Find(ctx, Key, "-")
	}
	return place, err
}

// try writes rows that must fit, and rows that must not, and takes everything back.
func (s *SQL) try(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	id := strings.ToLower(rand.Text())
	long := id + strings.Repeat(`\`, most-len(id)) // as escapes it is as long as a text can be
	data := []byte(`{"long":"` + strings.Repeat("-", 1<<17) + `"}`)
	for _, test := range []struct {
		r    Record
		fits bool
	}{
		{Record{Key: id, OpenService: id, InstanceID: id}, true},
		{Record{Key: strings.ToUpper(id), OpenService: strings.ToUpper(id), InstanceID: strings.ToUpper(id)}, true},
		{Record{Key: id + " ", OpenService: id + " ", InstanceID: id + " "}, true},
		{Record{Key: long, OpenService: long, InstanceID: long}, true},
		{Record{Key: id}, false},
		{Record{Key: id + "s", OpenService: id}, false},
		{Record{Key: id + "i", InstanceID: id}, false},
	} {
		test.r.Version, test.r.State, test.r.Data = id, "try", data
		done, err := s.put(ctx, tx, "", test.r)
		switch {
		case test.fits && err != nil:
			return err
		case done != test.fits:
			return fmt.Errorf("%w: the table is not that of Schema: a row with key %q, service %q and instance %q is written: %t",
				errRefused, test.r.Key, test.r.OpenService, test.r.InstanceID, done)
		case !test.fits:
			continue
		}
		if found, err := s.find(ctx, tx, Key, []string{test.r.Key}); err != nil || len(found) != 1 || !bytes.Equal(found[0].Data, data) {
			return fmt.Errorf("%w: the table is not that of Schema: key %q is not read as it was written: %v", errRefused, test.r.Key, err)
		}
	}
	return nil
}
