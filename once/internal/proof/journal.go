package proof

import (
	"context"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

// Store puts a store behind the steps of a process.
func (p *Process) Store(s store.Store) store.Store { return stepped{p, s} }

type stepped struct {
	process *Process
	store   store.Store
}

func (s stepped) Read(ctx context.Context, key string) (r store.Record, found bool, err error) {
	err = s.process.Journal(ctx, func(ctx context.Context) (err error) {
		r, found, err = s.store.Read(ctx, key)
		return err
	})
	return r, found && err == nil, err
}

func (s stepped) ReadOpenService(ctx context.Context, service string) (r store.Record, found bool, err error) {
	err = s.process.Journal(ctx, func(ctx context.Context) (err error) {
		r, found, err = s.store.ReadOpenService(ctx, service)
		return err
	})
	return r, found && err == nil, err
}

func (s stepped) ReadOpen(ctx context.Context) (open []store.Record, err error) {
	err = s.process.Journal(ctx, func(ctx context.Context) (err error) {
		open, err = s.store.ReadOpen(ctx)
		return err
	})
	return open, err
}

func (s stepped) Owners(ctx context.Context, instanceIDs []string) (owners map[string]string, err error) {
	err = s.process.Journal(ctx, func(ctx context.Context) (err error) {
		owners, err = s.store.Owners(ctx, instanceIDs)
		return err
	})
	if len(owners) > 0 {
		s.process.world.Count("listed instances of other keys")
	}
	return owners, err
}

func (s stepped) Insert(ctx context.Context, record store.Record) (done bool, err error) {
	err = s.process.Journal(ctx, func(ctx context.Context) (err error) {
		if done, err = s.store.Insert(ctx, record); done {
			s.process.world.wrote(s.process, record)
		}
		return err
	})
	return done && err == nil, err
}

func (s stepped) Replace(ctx context.Context, version string, record store.Record) (done bool, err error) {
	err = s.process.Journal(ctx, func(ctx context.Context) (err error) {
		if done, err = s.store.Replace(ctx, version, record); done {
			s.process.world.wrote(s.process, record)
		}
		return err
	})
	return done && err == nil, err
}
