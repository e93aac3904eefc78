package once

import (
	"context"
	"time"
)

const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// pauses are the growing times between two looks at the journal.
type pauses struct{ now time.Duration }

func newPauses() *pauses { return &pauses{now: firstPause} }

// next waits, and returns the context's error if that ended first.
func (p *pauses) next(ctx context.Context) error {
	wait := p.now
	p.now = min(2*p.now, lastPause)
	return pause(ctx, wait)
}

func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watch is how long one record has not changed, as this process has seen it. It compares no clocks of different
// machines. It decides who does the work, and never what is true.
type watch struct {
	version string
	since   time.Time
}

// mostWatched bounds what a Buyer remembers of journals in which more is open. Forgetting delays a take-over.
const mostWatched = 10_000

// idle reports whether nobody works on an open record: it has not changed for [WithTakeoverAfter], from one call of this
// Buyer to any later one, so that callers with little time each get there too.
func (b *Buyer) idle(r record) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen, found := b.watched[r.Key]
	if !found || seen.version != r.version {
		b.makeRoom()
		seen = watch{version: r.version, since: time.Now()}
		b.watched[r.Key] = seen
	}
	return time.Since(seen.since) >= b.takeover
}

// makeRoom forgets any one if there are too many: all the others get there.
func (b *Buyer) makeRoom() {
	if b.watched == nil {
		b.watched = map[string]watch{}
	}
	for key := range b.watched {
		if len(b.watched) < mostWatched {
			return
		}
		delete(b.watched, key)
	}
}

// watchOnly forgets what is not open any more.
func (b *Buyer) watchOnly(open []record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	watched := make(map[string]watch, len(open))
	for _, r := range open {
		if seen, found := b.watched[r.Key]; found {
			watched[r.Key] = seen
		}
	}
	b.watched = watched
}
