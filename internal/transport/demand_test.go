package transport

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// awaiting tells, once everything has settled, whether await returned, and what.
func awaiting(ctx context.Context, d *demand) (returned func() bool, err *error) {
	done := make(chan struct{})
	err = new(error)
	go func() {
		defer close(done)
		*err = d.await(ctx)
	}()
	return func() bool {
		synctest.Wait()
		select {
		case <-done:
			return true
		default:
			return false
		}
	}, err
}

func TestDialIsHeldBackWhileThereAreAsManyConnectionsAsAttempts(t *testing.T) {
	for name, release := range map[string]func(*demand){
		"until another attempt begins":         (*demand).begin,
		"until a connection is dropped":        (*demand).dropped,
		"until it has waited too long":         func(*demand) { time.Sleep(maxDialDelay) },
		"until more attempts began than ended": func(d *demand) { d.begin(); d.begin(); d.end() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d demand
				d.begin()
				assert.NoError(t, d.await(t.Context()), "the first is needed")
				returned, err := awaiting(t.Context(), &d)
				assert.False(t, returned())
				release(&d)
				assert.True(t, returned())
				assert.NoError(t, *err)
			})
		})
	}
}

func TestDialThatIsHeldBackEndsWithItsAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d demand
		ctx, cancel := context.WithCancel(t.Context())
		returned, err := awaiting(ctx, &d)
		assert.False(t, returned())
		cancel()
		assert.True(t, returned())
		assert.ErrorIs(t, *err, context.Canceled)
		assert.Zero(t, d.connections)
	})
}

// Of all that wait, only as many go on as connections are needed.
func TestOneAttemptMoreMeansOneConnectionMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d demand
		first, _ := awaiting(t.Context(), &d)
		second, _ := awaiting(t.Context(), &d)
		assert.False(t, first() || second())
		d.begin()
		assert.NotEqual(t, first(), second())
	})
}
