// Package store keeps the records of package once: what must outlive a process. Its implementations are Memory and SQL;
// package storetest says what each must do.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Record is one purchase, or what else package once must remember. Key, Version and InstanceID are compared byte for byte.
type Record struct {
	// Key is 1 to 255 bytes of UTF-8 without NUL. Unique.
	Key string
	// Version is a new random value for each write, 1 to 64 bytes.
	Version string
	// OpenService is the service that the record keeps closed to other keys, and empty if it keeps none. Unique if not empty.
	// At most 255 bytes.
	OpenService string
	// InstanceID is the instance that belongs to the record, and empty if none does. Unique if not empty.
	// At most 255 bytes.
	InstanceID string
	// State is for people and for SQL, too; at most 32 bytes.
	State string
	// Changed is when the record was written, by the writer's clock. Nothing is decided by it.
	Changed time.Time
	// Data is JSON: all the rest.
	Data []byte
}

// Store is safe for concurrent use, by many processes if it is a database. Each write is one atomic statement, and durable
// when it is confirmed. Reads are not stale.
//
// The error of a write does not say that the write was not done: whoever gets one reads the key, and finds its own version if
// it was. It can still be on its way then; every later write of the key, with another version, keeps it from being done.
//
// The same write again, with the same version, is done once and reports true as long as nobody wrote over it.
type Store interface {
	// Read returns the record of a key.
	Read(ctx context.Context, key string) (record Record, found bool, err error)
	// ReadOpenService returns the record that keeps a service closed.
	ReadOpenService(ctx context.Context, service string) (record Record, found bool, err error)
	// ReadOpen returns every record with an OpenService, the longest unchanged first.
	ReadOpen(ctx context.Context) ([]Record, error)
	// Owners returns the key of the record that each of the instances belongs to; those of no record are left out.
	Owners(ctx context.Context, instanceIDs []string) (map[string]string, error)
	// Insert adds a record. False: it was not added, because its key, service or instance is taken; or it was, its
	// acknowledgement was lost, and somebody has written over it.
	Insert(ctx context.Context, record Record) (done bool, err error)
	// Replace writes a record over the one of the same key that has the version. False: it was not written, because there
	// is none such, or because its service or instance is another record's; or it was, its acknowledgement was lost, and
	// somebody has written over it.
	Replace(ctx context.Context, version string, record Record) (done bool, err error)
}

// What every store takes. The database's own limits are not enough: MySQL without strict mode cuts a longer value off.
const (
	maxKey      = 255
	maxVersion  = 64
	maxService  = 255
	maxInstance = 255
	maxState    = 32
)

// check returns an error for a record that some database would not keep as it is.
func check(record Record) error {
	if record.Key == "" || record.Version == "" {
		return errors.New("journal: a record needs a key and a version")
	}
	for _, column := range []struct {
		name, value string
		max         int
	}{
		{"key", record.Key, maxKey},
		{"version", record.Version, maxVersion},
		{"open service", record.OpenService, maxService},
		{"instance id", record.InstanceID, maxInstance},
		{"state", record.State, maxState},
	} {
		if len(column.value) > column.max {
			return fmt.Errorf("journal: a record's %s has %d bytes, more than %d", column.name, len(column.value), column.max)
		}
		if !utf8.ValidString(column.value) || strings.ContainsRune(column.value, 0) {
			return fmt.Errorf("journal: a record's %s %q is not UTF-8 without NUL", column.name, column.value)
		}
	}
	if !utf8.Valid(record.Data) || !json.Valid(record.Data) {
		return fmt.Errorf("journal: the data of the record %q is not JSON in UTF-8", record.Key)
	}
	return nil
}
