package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Settle begins with any, but people who look read the oldest first.
func TestTheLongestUnchangedIsFirst(t *testing.T) {
	found := sorted([]Record{{Key: "new", Age: 1}, {Key: "b", Age: 2}, {Key: "future", Age: -1}, {Key: "a", Age: 2}})
	var keys []string
	for _, r := range found {
		keys = append(keys, r.Key)
	}
	assert.Equal(t, []string{"a", "b", "new", "future"}, keys)
}
