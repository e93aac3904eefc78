package once

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestCheckFence(t *testing.T) {
	listed := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	assert.NoError(t, checkFence(listed.Add(5*time.Minute), listed))
	assert.NoError(t, checkFence(listed.Add(10*time.Minute), listed))
	assert.NoError(t, checkFence(listed.Add(-time.Hour), listed), "the service refuses what is signed too early")
	assert.ErrorContains(t, checkFence(listed.Add(10*time.Minute+time.Second), listed), "clock")
	assert.ErrorContains(t, checkFence(listed, time.Time{}), "Date")
	assert.ErrorContains(t, checkFence(time.Time{}, listed), "expires")
}

// A process that was stopped while it wrote "sending" wakes with an old signature.
func TestCheckLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signed := time.Now()
		time.Sleep(4*time.Minute + 50*time.Second)
		assert.NoError(t, checkLeft(signed))
		time.Sleep(time.Second)
		assert.ErrorContains(t, checkLeft(signed), "9s")
	})
}
