package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
)

// Memory is a Store in one process that forgets at its end. Its zero value is empty and ready for use.
type Memory struct {
	mu        sync.Mutex
	records   map[string]Record
	services  map[string]string // open service to key
	instances map[string]string // instance id to key
}

// Read returns the record of a key.
func (m *Memory) Read(ctx context.Context, key string) (Record, bool, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read(key)
}

// ReadOpenService returns the record that keeps a service closed.
func (m *Memory) ReadOpenService(ctx context.Context, service string) (Record, bool, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read(m.services[service])
}

// ReadOpen returns every record with an open service, the longest unchanged first.
func (m *Memory) ReadOpen(ctx context.Context) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var open []Record
	for _, key := range m.services {
		record, _, _ := m.read(key)
		open = append(open, record)
	}
	slices.SortFunc(open, func(a, b Record) int {
		return cmp.Or(a.Changed.Compare(b.Changed), cmp.Compare(a.Key, b.Key))
	})
	return open, nil
}

// Owners returns the key of the record that each of the instances belongs to.
func (m *Memory) Owners(ctx context.Context, instanceIDs []string) (map[string]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	owners := make(map[string]string)
	for _, id := range instanceIDs {
		if key, owned := m.instances[id]; owned {
			owners[id] = key
		}
	}
	return owners, nil
}

// Insert adds a record unless its key, service or instance is taken.
func (m *Memory) Insert(ctx context.Context, record Record) (bool, error) {
	if err := cmp.Or(ctx.Err(), check(record)); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, taken := m.records[record.Key]; taken || m.taken(record) {
		return taken && old.Version == record.Version, nil
	}
	m.write(record)
	return true, nil
}

// Replace writes a record over the one of the same key that has the version.
func (m *Memory) Replace(ctx context.Context, version string, record Record) (bool, error) {
	if err := cmp.Or(ctx.Err(), check(record)); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old, found := m.records[record.Key]
	if !found || old.Version != version || m.taken(record) {
		return found && old.Version == record.Version, nil
	}
	delete(m.services, old.OpenService)
	delete(m.instances, old.InstanceID)
	m.write(record)
	return true, nil
}

func (m *Memory) read(key string) (Record, bool, error) {
	record, found := m.records[key]
	record.Data = bytes.Clone(record.Data)
	return record, found, nil
}

// taken reports whether the service or the instance of a record is another key's.
func (m *Memory) taken(record Record) bool {
	service, closed := m.services[record.OpenService]
	instance, owned := m.instances[record.InstanceID]
	return closed && service != record.Key || owned && instance != record.Key
}

func (m *Memory) write(record Record) {
	if m.records == nil {
		m.records, m.services, m.instances = map[string]Record{}, map[string]string{}, map[string]string{}
	}
	record.Data = bytes.Clone(record.Data)
	record.Changed = record.Changed.UTC().Round(0)
	m.records[record.Key] = record
	if record.OpenService != "" {
		m.services[record.OpenService] = record.Key
	}
	if record.InstanceID != "" {
		m.instances[record.InstanceID] = record.Key
	}
}
