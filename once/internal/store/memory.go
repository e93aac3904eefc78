package store

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Memory is a Store in one process that forgets at its end. Its zero value is empty and ready for use.
type Memory struct {
	mu      sync.Mutex
	records map[string]remembered
	keys    map[Column]map[string]string // who has a value
}

type remembered struct {
	Record
	changed time.Time
}

// Find does what Store says.
func (m *Memory) Find(ctx context.Context, column Column, values ...string) (found []Record, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(values) == 0 {
		values = slices.Collect(maps.Keys(m.keys[column]))
	}
	for _, value := range values {
		if r, ok := m.records[m.keys[column][value]]; ok {
			r.Data, r.Age = bytes.Clone(r.Data), time.Since(r.changed)
			found = append(found, r.Record)
		}
	}
	slices.SortFunc(found, func(a, b Record) int { return cmp.Or(cmp.Compare(b.Age, a.Age), cmp.Compare(a.Key, b.Key)) })
	return found, ctx.Err()
}

// Put does what Store says.
func (m *Memory) Put(ctx context.Context, version string, record Record) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.records[record.Key]
	if ctx.Err() != nil || old.Version != version {
		return false, ctx.Err()
	}
	if m.records == nil {
		m.records, m.keys = map[string]remembered{}, map[Column]map[string]string{Key: {}, OpenService: {}, InstanceID: {}}
	}
	for column, keys := range m.keys {
		if owner, taken := keys[record.value(column)]; taken && owner != record.Key {
			return false, nil
		}
	}
	for column, keys := range m.keys {
		delete(keys, old.value(column))
		if value := record.value(column); value != "" {
			keys[value] = record.Key
		}
	}
	record.Data = bytes.Clone(record.Data)
	m.records[record.Key] = remembered{record, time.Now()}
	return true, nil
}
