package once

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPausesGrowToTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := newPauses()
		for _, want := range []time.Duration{100, 200, 400, 800, 1600, 2000, 2000} {
			started := time.Now()
			require.NoError(t, wait.next(t.Context()))
			assert.Equal(t, want*time.Millisecond, time.Since(started))
		}
	})
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		assert.ErrorIs(t, pause(ctx, time.Hour), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(started))
	})
}

// How long a record stood still before this process saw it is not known.
func TestAWatchCountsFromItsFirstLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen watch
		time.Sleep(time.Hour)
		assert.Zero(t, seen.unchanged("v1"))
		time.Sleep(time.Minute)
		assert.Equal(t, time.Minute, seen.unchanged("v1"))
		assert.Zero(t, seen.unchanged("v2"), "it has changed")
		time.Sleep(time.Second)
		assert.Equal(t, time.Second, seen.unchanged("v2"))
	})
}
