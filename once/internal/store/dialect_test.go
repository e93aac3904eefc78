package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

// What the statements do is tested in once/integration, with the databases.
func TestSchemaIsThatOfTheDialect(t *testing.T) {
	for name, statements := range map[string]int{"sqlite": 3, "postgresql": 3, "mysql": 1} {
		schema, err := store.Schema(name)
		require.NoError(t, err)
		assert.Equal(t, statements, strings.Count(schema, ";"), name)
		assert.Contains(t, schema, "computeunit_purchases_open_service")
	}
	_, err := store.Schema("oracle")
	assert.ErrorContains(t, err, `"oracle"`)
}
