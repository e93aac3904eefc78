package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// Store puts a store behind the steps of a process.
func (p *Process) Store(s store.Store) store.Store { return stepped{p, s} }

type stepped struct {
	process *Process
	store   store.Store
}

func (s stepped) Find(ctx context.Context, column store.Column, values ...string) (found []store.Record, err error) {
	err = s.process.Statement(ctx, func(ctx context.Context) (err error) {
		found, err = s.store.Find(ctx, column, values...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range found {
		if column == store.InstanceID {
			s.process.world.Count("listed instances of other keys")
		}
		found[i].Data = shifted(found[i].Data, -s.process.Ahead)
	}
	if c := s.process.callOf(ctx); column == store.Key && slices.Contains(values, c.key) {
		s.process.world.read(c, found)
	}
	return found, nil
}

func (s stepped) Put(ctx context.Context, version string, record store.Record) (done bool, err error) {
	c := s.process.callOf(ctx)
	record.Data = shifted(record.Data, s.process.Ahead)
	err = s.process.Statement(ctx, func(ctx context.Context) (err error) {
		s.process.world.writing.Lock() // the history has writes in their order
		defer s.process.world.writing.Unlock()
		if done, err = s.store.Put(ctx, version, record); done {
			s.process.world.wrote(c, record)
		}
		return err
	})
	if done && err == nil && record.Key == c.key {
		s.process.world.read(c, []store.Record{record})
	}
	return done && err == nil, err
}

// read notes what a call knows of its key.
func (w *World) read(c *call, found []store.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.firstRead == 0 {
		c.firstRead = w.tick()
	}
	c.seen = once.Purchase{}
	for _, row := range found {
		if row.Key == c.key {
			c.seen, _ = purchaseOf(row)
		}
	}
}

// shifted moves every time in a document, so that a process whose clock is ahead reads and writes what it would.
func shifted(data []byte, by time.Duration) []byte {
	var document any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if by == 0 || decoder.Decode(&document) != nil {
		return data
	}
	moved, err := json.Marshal(shift(document, by))
	if err != nil {
		panic(err)
	}
	return moved
}

func shift(value any, by time.Duration) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = shift(v[name], by)
		}
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return at.Add(by).Format(time.RFC3339Nano)
		}
	}
	return value
}
