package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

// The other cases are in storetest, for each Store.
func TestARecordThatADatabaseWouldCutOffIsRefusedByName(t *testing.T) {
	for name, test := range map[string]struct {
		limit int
		set   func(r *store.Record, value string)
	}{
		"key":          {255, func(r *store.Record, value string) { r.Key = value }},
		"version":      {64, func(r *store.Record, value string) { r.Version = value }},
		"open service": {255, func(r *store.Record, value string) { r.OpenService = value }},
		"instance id":  {255, func(r *store.Record, value string) { r.InstanceID = value }},
		"state":        {32, func(r *store.Record, value string) { r.State = value }},
	} {
		for _, more := range []int{0, 1} {
			r := store.Record{Key: "k", Version: "v", Data: []byte(`{}`)}
			test.set(&r, strings.Repeat("x", test.limit+more))
			done, err := new(store.Memory).Insert(t.Context(), r)
			if more == 0 {
				require.NoError(t, err, name)
				assert.True(t, done, name)
			} else {
				assert.ErrorContains(t, err, "a record's "+name+" has ")
			}
		}
	}
}
