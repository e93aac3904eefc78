package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 10 * time.Second
)

// backoff is exponential with full jitter: anything from zero to twice as much as before.
func backoff(attempt int) time.Duration {
	most := maxBackoff
	if doublings := attempt - 1; doublings < 5 {
		most = firstBackoff << doublings
	}
	return rand.N(most + 1)
}

// maxRetryAfter keeps a huge number of seconds from overflowing; it is far past every real deadline.
const maxRetryAfter = 365 * 24 * time.Hour

// retryAfter reads the header in both of its forms, seconds and date. A date counts from the response's own Date: only if
// that is missing from now, by this machine. ok is false if there is none to honour.
func retryAfter(header http.Header, now time.Time) (wait time.Duration, ok bool) {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second, true
	}
	due, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(due.Sub(now), 0), maxRetryAfter), true
}

// worthWaiting reports at once that the context would end the wait anyway.
func worthWaiting(ctx context.Context, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("gave up before the next attempt: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return fmt.Errorf("gave up: the next attempt is due in %s, after the context's deadline: %w",
			wait, context.DeadlineExceeded)
	}
	return nil
}

func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("gave up while waiting %s for the next attempt: %w", wait, ctx.Err())
	}
}
