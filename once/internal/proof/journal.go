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

func (s stepped) Find(ctx context.Context, column store.Column, values ...string) (found []store.Record, err error) {
	err = s.process.Journal(ctx, func(ctx context.Context) (err error) {
		found, err = s.store.Find(ctx, column, values...)
		return err
	})
	if column == store.InstanceID && len(found) > 0 {
		s.process.world.Count("listed instances of other keys")
	}
	return found, err
}

func (s stepped) Put(ctx context.Context, version string, record store.Record) (done bool, err error) {
	err = s.process.Journal(ctx, func(ctx context.Context) (err error) {
		if done, err = s.store.Put(ctx, version, record); done {
			s.process.world.wrote(s.process, record)
		}
		return err
	})
	return done && err == nil, err
}
