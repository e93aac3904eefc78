package storetest

import (
	"context"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

// Faulty is a Store whose calls fail as a test says.
type Faulty struct {
	store.Store
	// Before is called with the method's name. Its error is returned, and the call is not applied.
	Before func(method string) error
}

// Find fails as the test says.
func (f *Faulty) Find(ctx context.Context, column store.Column, values ...string) ([]store.Record, error) {
	if err := f.Before("Find"); err != nil {
		return nil, err
	}
	return f.Store.Find(ctx, column, values...)
}

// Put fails as the test says.
func (f *Faulty) Put(ctx context.Context, version string, record store.Record) (bool, error) {
	if err := f.Before("Put"); err != nil {
		return false, err
	}
	return f.Store.Put(ctx, version, record)
}
