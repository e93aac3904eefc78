package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAValueIsThatOfItsColumn(t *testing.T) {
	r := Record{Key: "k", OpenService: "s", InstanceID: "i"}
	assert.Equal(t, []string{"k", "s", "i"}, []string{r.Value(Key), r.Value(OpenService), r.Value(InstanceID)})
}
