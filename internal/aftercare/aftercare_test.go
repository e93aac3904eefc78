package aftercare_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit/internal/aftercare"
)

func TestACallIsMarkedByItsContext(t *testing.T) {
	assert.False(t, aftercare.Of(context.Background()))
	marked, cancel := context.WithCancel(aftercare.Context(context.Background()))
	defer cancel()
	assert.True(t, aftercare.Of(marked))
}
