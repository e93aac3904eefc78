package simulator

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRequestIDIsUUID(t *testing.T) {
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$`, newRequestID())
	assert.NotEqual(t, newRequestID(), newRequestID())
}
