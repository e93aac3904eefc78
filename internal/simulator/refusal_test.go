package simulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

func TestARefusalIsOneLine(t *testing.T) {
	err := simulator.Verify(vector("Basic x"), "", vectorTime)
	assert.EqualError(t, err, "400 InvalidHTTPAuthHeader: want one header with six parts, the first of them bce-auth-v1")
	assert.ErrorAs(t, err, new(*simulator.Refusal))
}
