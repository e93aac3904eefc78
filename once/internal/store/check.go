package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

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
