package store

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// once/integration compares each shape with its database. What no shape may leave out can be seen without one.
func TestEachShapeHasTheColumnsOfTheJournal(t *testing.T) {
	for name, d := range map[string]dialect{"sqlite": sqlite, "postgresql": postgresql, "mysql": mysql} {
		var found []string
		for _, line := range d.shape {
			if words := strings.Fields(line); words[0] == "column" {
				found = append(found, words[1])
			}
		}
		assert.ElementsMatch(t, strings.Split(columns, ", "), found, name)
	}
}

func TestEachShapeHasTheConstraintsOfTheJournal(t *testing.T) {
	for name, d := range map[string]dialect{"sqlite": sqlite, "postgresql": postgresql, "mysql": mysql} {
		for _, column := range []string{"purchase_key", "open_service", "instance_id"} {
			assert.True(t, slices.ContainsFunc(d.shape, func(line string) bool {
				return strings.HasPrefix(line+" ", "unique "+column+" ")
			}), "%s: %s is unique", name, column)
		}
	}
}

func TestEachDatabaseHasToKeepWhatItConfirmed(t *testing.T) {
	for name, d := range map[string]dialect{"sqlite": sqlite, "postgresql": postgresql, "mysql": mysql} {
		assert.NotEmpty(t, d.durable, name)
		for _, setting := range slices.Concat(d.durable, d.fresh) {
			assert.Regexp(t, `: (set it to|connect to) `, setting.refusal, "%s: it says what to do", name)
		}
	}
}
