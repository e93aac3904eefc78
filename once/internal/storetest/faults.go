package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

// Faulty is a Store whose calls fail as the test says: before a call is applied, or after it, so that only its
// acknowledgement is lost. A nil function lets every call through.
type Faulty struct {
	store.Store
	// Before is called with the method's name. Its error is returned, and the call is not applied.
	Before func(method string) error
	// After is called when the call was applied without an error. Its error is returned instead of the result.
	After func(method string) error
}

// Find fails as the test says.
func (f *Faulty) Find(ctx context.Context, column store.Column, values ...string) (found []store.Record, err error) {
	err = f.fault("Find", func() (err error) {
		found, err = f.Store.Find(ctx, column, values...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Put fails as the test says.
func (f *Faulty) Put(ctx context.Context, version string, record store.Record) (done bool, err error) {
	err = f.fault("Put", func() (err error) {
		done, err = f.Store.Put(ctx, version, record)
		return err
	})
	return done && err == nil, err
}

// fault applies a call between Before and After.
func (f *Faulty) fault(method string, call func() error) error {
	if f.Before != nil {
		if err := f.Before(method); err != nil {
			return err
		}
	}
	if err := call(); err != nil || f.After == nil {
		return err
	}
	return f.After(method)
}

// testCrashes loses each write of a story, or its acknowledgement. Whoever comes next reads the key, does what was not
// done or does it again, and ends as a story without a crash does.
func testCrashes(t *testing.T, open func(t *testing.T) store.Store) {
	crash := errors.New("crash")
	story := []struct {
		replaces string // a version; "" adds
		record   store.Record
	}{
		{"", with(record("a", "a1"), "svc", "")},
		{"a1", with(record("a", "a2"), "svc", "")},
		{"a2", with(record("a", "a3"), "", "i-1")},
		{"", with(record("b", "b1"), "svc", "")},
		{"b1", with(record("b", "b2"), "svc", "")},
		{"a3", with(record("a", "a4"), "", "i-2")},
		{"b2", with(record("b", "b3"), "", "i-1")},
	}
	for at := range story {
		for _, applied := range []bool{false, true} {
			s := &Faulty{Store: open(t)}
			for i, w := range story {
				s.Before, s.After = nil, nil
				if fail := func(string) error { return crash }; i == at && applied {
					s.After = fail
				} else if i == at {
					s.Before = fail
				}
				_, err := s.Put(t.Context(), w.replaces, w.record)
				if s.Before, s.After = nil, nil; i == at {
					require.ErrorIs(t, err, crash)
					done, _ := s.Put(t.Context(), w.replaces, w.record)
					require.Equal(t, !applied, done, "the same write again is done once")
				}
				kept(t, s, w.record)
			}
			kept(t, s, story[5].record)
			kept(t, s, story[6].record)
		}
	}
}
