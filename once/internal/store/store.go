// Package store keeps the records of package once: what must outlive a process. Its implementations are Memory and SQL;
// package storetest says what each must do.
package store

import (
	"context"
	"time"
)

// Record is one purchase, or what else package once must remember. Every text is compared byte for byte.
type Record struct {
	// Key is 1 to 255 bytes. Unique.
	Key string
	// Version is a new random value for each write.
	Version string
	// OpenService is the service that the record keeps closed to other keys, empty if none. Unique if not empty.
	OpenService string
	// InstanceID is the instance that belongs to the record, empty if none does. Unique if not empty.
	InstanceID string
	// State is for people and for SQL, too.
	State string
	// Data is JSON: all the rest.
	Data []byte
	// Age is how long ago the record was written, by the clock of the store: the same for all processes. Less than zero if
	// that clock was put back. Find returns it.
	Age time.Duration
}

// Column is one that records are found by.
type Column string

// The unique columns.
const (
	Key         Column = "purchase_key"
	OpenService Column = "open_service"
	InstanceID  Column = "instance_id"
)

// Value is what the record has in a column, empty if nothing.
func (r Record) Value(c Column) string {
	switch c {
	case OpenService:
		return r.OpenService
	case InstanceID:
		return r.InstanceID
	}
	return r.Key
}

// Store is safe for concurrent use, by many processes if it is a database. Each write is one atomic statement, and durable
// when it is confirmed. Reads are not stale.
type Store interface {
	// Find returns the records that have one of the values; without values those that have any.
	Find(ctx context.Context, column Column, values ...string) ([]Record, error)
	// Put writes a record over the one of the same key that has the version, or adds it if the version is empty. If it was
	// not done, or an error does not say whether it was, whoever called reads what is in its way: another version, or another
	// key with the service or the instance. A write that failed can still be on its way; a later one of the key prevents it.
	Put(ctx context.Context, version string, record Record) (done bool, err error)
}
