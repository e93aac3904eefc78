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

func (w *watch) unchanged(version string) time.Duration {
	if w.version != version || w.since.IsZero() {
		w.version, w.since = version, time.Now()
	}
	return time.Since(w.since)
}
