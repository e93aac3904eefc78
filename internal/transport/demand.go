package transport

import (
	"context"
	"sync"
	"time"
)

// maxDialDelay bounds how long a dial is held back for a connection that should be free already.
const maxDialDelay = time.Second

// demand holds a dial back while there are as many connections as attempts under way: one of them is free, or just
// about to be. net/http would dial at once, and a burst would open more connections than it has callers.
type demand struct {
	mu          sync.Mutex
	attempts    int           // under way
	connections int           // open, or being opened
	more        chan struct{} // closed when there are fewer connections than attempts; nil while nobody waits for it
}

func (d *demand) begin()   { d.change(1, 0) }
func (d *demand) end()     { d.change(-1, 0) }
func (d *demand) dropped() { d.change(0, -1) } // once for each await that returned nil

func (d *demand) change(attempts, connections int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempts += attempts
	d.connections += connections
	if d.more != nil && d.connections < d.attempts {
		close(d.more)
		d.more = nil
	}
}

// await counts a connection as soon as one is needed. It fails only if the context ends first.
func (d *demand) await(ctx context.Context) error {
	var late <-chan time.Time
	for more := d.tryOpen(); more != nil; more = d.tryOpen() {
		if late == nil {
			late = time.After(maxDialDelay)
		}
		select {
		case <-more:
		case <-late:
			d.change(0, 1)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// tryOpen counts a connection and returns nil, or what to wait for before trying again.
func (d *demand) tryOpen() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.connections < d.attempts {
		d.connections++
		return nil
	}
	if d.more == nil {
		d.more = make(chan struct{})
	}
	return d.more
}
