package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestARecordHasAValueInEachColumn(t *testing.T) {
	r := Record{Key: "k", OpenService: "s", InstanceID: "i"}
	for column, want := range map[Column]string{Key: "k", OpenService: "s", InstanceID: "i"} {
		assert.Equal(t, want, r.value(column))
	}
}
