package store

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Memory is a Store in one process that forgets at its end. Its zero value is empty and ready for use.
type Memory struct {
	mu   sync.Mutex
	rows map[Column]map[string]row // by each of their values
}

type row struct {
	Record
	written time.Time
}

// Find does what Store says.
func (m *Memory) Find(ctx context.Context, column Column, values ...string) (found []Record, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(values) == 0 {
		values = slices.Collect(maps.Keys(m.rows[column]))
	}
	for _, value := range values {
		if r, ok := m.rows[column][value]; ok {
			r.Data, r.Age = bytes.Clone(r.Data), time.Since(r.written)
			found = append(found, r.Record)
		}
	}
	return found, ctx.Err()
}

// Put does what Store says.
func (m *Memory) Put(ctx context.Context, version string, record Record) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.rows[Key][record.Key]
	if ctx.Err() != nil || old.Version != version {
		return false, ctx.Err()
	}
	if m.rows == nil {
		m.rows = map[Column]map[string]row{Key: {}, OpenService: {}, InstanceID: {}}
	}
	for column, rows := range m.rows {
		if owner, taken := rows[record.Value(column)]; taken && owner.Key != record.Key {
			return false, nil
		}
	}
	record.Data = bytes.Clone(record.Data)
	written := row{record, time.Now()}
	for column, rows := range m.rows {
		delete(rows, old.Value(column))
		if value := record.Value(column); value != "" {
			rows[value] = written
		}
	}
	return true, nil
}
