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

// fault applies a call between Before and After.
func fault[T any](f *Faulty, method string, call func() (T, error)) (result T, err error) {
	if f.Before != nil {
		if err := f.Before(method); err != nil {
			return result, err
		}
	}
	got, err := call()
	if err == nil && f.After != nil {
		err = f.After(method)
	}
	if err != nil {
		return result, err
	}
	return got, nil
}

type read struct {
	record store.Record
	found  bool
}

func (f *Faulty) Read(ctx context.Context, key string) (store.Record, bool, error) {
	got, err := fault(f, "Read", func() (read, error) {
		record, found, err := f.Store.Read(ctx, key)
		return read{record, found}, err
	})
	return got.record, got.found, err
}

func (f *Faulty) ReadOpenService(ctx context.Context, service string) (store.Record, bool, error) {
	got, err := fault(f, "ReadOpenService", func() (read, error) {
		record, found, err := f.Store.ReadOpenService(ctx, service)
		return read{record, found}, err
	})
	return got.record, got.found, err
}

func (f *Faulty) ReadOpen(ctx context.Context) ([]store.Record, error) {
	return fault(f, "ReadOpen", func() ([]store.Record, error) { return f.Store.ReadOpen(ctx) })
}

func (f *Faulty) Owners(ctx context.Context, instanceIDs []string) (map[string]string, error) {
	return fault(f, "Owners", func() (map[string]string, error) { return f.Store.Owners(ctx, instanceIDs) })
}

func (f *Faulty) Insert(ctx context.Context, record store.Record) (bool, error) {
	return fault(f, "Insert", func() (bool, error) { return f.Store.Insert(ctx, record) })
}

func (f *Faulty) Replace(ctx context.Context, version string, record store.Record) (bool, error) {
	return fault(f, "Replace", func() (bool, error) { return f.Store.Replace(ctx, version, record) })
}

// A write is one step of a story that a crash may interrupt.
type write struct {
	replaces string // a version; "" inserts
	record   store.Record
}

var story = []write{
	{"", with(record("a", "a1"), "svc", "")},
	{"a1", with(record("a", "a2"), "svc", "")},
	{"a2", with(record("a", "a3"), "", "i-1")},
	{"", with(record("b", "b1"), "svc", "")},
	{"b1", with(record("b", "b2"), "svc", "")},
	{"a3", with(record("a", "a4"), "", "i-2")},
	{"b2", with(record("b", "b3"), "", "i-1")},
}

// testCrashes loses each write of the story, or its acknowledgement. Whoever comes next reads the key, does what was not
// done or does it again, and ends as a story without a crash does.
func testCrashes(t *testing.T, open func(t *testing.T) store.Store) {
	crash := errors.New("crash")
	for at := range story {
		for _, applied := range []bool{false, true} {
			s := &Faulty{Store: open(t)}
			for i, w := range story {
				s.Before, s.After = nil, nil
				if i == at && applied {
					s.After = func(string) error { return crash }
				} else if i == at {
					s.Before = func(string) error { return crash }
				}
				done, err := w.do(t.Context(), s)
				if i != at {
					require.NoError(t, err)
					require.True(t, done)
					continue
				}
				require.ErrorIs(t, err, crash)
				require.False(t, done)
				s.Before, s.After = nil, nil
				got, _, err := s.Read(t.Context(), w.record.Key)
				require.NoError(t, err)
				require.Equal(t, applied, got.Version == w.record.Version)
				again, err := w.do(t.Context(), s)
				require.NoError(t, err)
				require.True(t, again)
			}
			kept(t, s, story[5].record)
			kept(t, s, story[6].record)
			closedBy(t, s, "svc", "")
			owner(t, s, "i-1", "b")
			owner(t, s, "i-2", "a")
		}
	}
}

func (w write) do(ctx context.Context, s store.Store) (bool, error) {
	if w.replaces == "" {
		return s.Insert(ctx, w.record)
	}
	return s.Replace(ctx, w.replaces, w.record)
}
