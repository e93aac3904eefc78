package once

import (
	"context"
	"strconv"
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
func TestIdleCountsFromTheFirstLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Buyer{takeover: time.Minute}
		r := record{Purchase: Purchase{Key: "k"}, version: "v1"}
		time.Sleep(time.Hour)
		assert.False(t, b.idle(r))
		time.Sleep(time.Minute)
		assert.True(t, b.idle(r))
		r.version = "v2"
		assert.False(t, b.idle(r), "it has changed")
		time.Sleep(time.Minute - time.Nanosecond)
		assert.False(t, b.idle(r))
		time.Sleep(time.Nanosecond)
		assert.True(t, b.idle(r))
	})
}

// A Buyer lives for years.
func TestWhatABuyerWatchesIsBounded(t *testing.T) {
	b := &Buyer{takeover: time.Minute}
	for i := range 3 * mostWatched {
		b.idle(record{Purchase: Purchase{Key: strconv.Itoa(i)}, version: "v"})
		assert.LessOrEqual(t, len(b.watched), mostWatched)
	}
	b.watchOnly([]record{{Purchase: Purchase{Key: strconv.Itoa(3*mostWatched - 1)}}, {Purchase: Purchase{Key: "new"}}})
	assert.Len(t, b.watched, 1)
}

// More can be open than a Buyer remembers: nearly all of it must be found idle all the same.
func TestMoreThanIsWatchedGetsIdleToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Buyer{takeover: time.Minute}
		idle := 0
		for range 2 {
			idle = 0
			for i := range mostWatched + 10 {
				if b.idle(record{Purchase: Purchase{Key: strconv.Itoa(i)}, version: "v"}) {
					idle++
				}
			}
			time.Sleep(time.Minute)
		}
		assert.Greater(t, idle, mostWatched/2)
	})
}
