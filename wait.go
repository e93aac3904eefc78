package computeunit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// WaitUntilRunning polls an instance of a service, with growing pauses, until it is [InstanceRunning], and returns it. An
// instance that is not listed yet, as directly after a purchase, is waited for.
//
// It ends with [ErrInstanceGone] if the instance is [InstanceDeleted], or was listed and is missing from two listings in a
// row; with the context's error when that ends (give it a deadline), which matches [ErrRetryable], as you may wait again, and says
// so if the instance was never listed; or with an error of [Client.DescribeComputeUnits] that does not match it. A status that is not documented means: keep waiting.
// An empty instanceID is a [*ValidationError]: the response to a purchase can have an order id alone, and a listing then shows
// the new instance.
func (c *Client) WaitUntilRunning(ctx context.Context, serviceID, instanceID string) (*Instance, error) {
	return c.WaitUntilRunningFunc(ctx, serviceID, instanceID, func(InstanceStatus, time.Duration) {})
}

// WaitUntilRunningFunc is [Client.WaitUntilRunning], and calls progress after every listing, with the status (empty: not
// listed) and the time since the call.
func (c *Client) WaitUntilRunningFunc(ctx context.Context, serviceID, instanceID string, progress func(InstanceStatus, time.Duration)) (*Instance, error) {
	w := wait{client: c, serviceID: serviceID, instanceID: instanceID, started: time.Now(), progress: progress}
	err := ReleaseComputeUnitRequest{ServiceID: serviceID, InstanceID: instanceID}.Validate() // the same two ids
	switch {
	case err != nil:
	case ctx == nil || progress == nil:
		err = errors.New("the context or progress is nil")
	default:
		err = w.run(ctx)
	}
	if err == nil {
		return &w.last, nil
	}
	seen := fmt.Sprintf("last status %q", w.last.Status)
	if w.last.InstanceID == "" {
		seen = "never listed"
	}
	return nil, fmt.Errorf("computeunit: waiting for instance %q of service %q, %s: %w", instanceID, serviceID, seen, err)
}

// Pauses between listings.
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
)

type wait struct {
	client                *Client
	serviceID, instanceID string
	started               time.Time
	progress              func(InstanceStatus, time.Duration)

	last    Instance // as it was listed last
	missing int      // in how many listings in a row it is not, after it was in one
}

func (w *wait) run(ctx context.Context) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		done, failed := w.look(ctx)
		if done {
			return failed
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if failed == nil {
				return retryable{ctx.Err()}
			}
			return fmt.Errorf("%w; %w", ctx.Err(), failed)
		}
	}
}

// look lists once. The error of a listing that may succeed later does not end the waiting.
func (w *wait) look(ctx context.Context) (done bool, failed error) {
	listing, err := w.client.DescribeComputeUnits(ctx, DescribeComputeUnitsRequest{ServiceID: w.serviceID})
	if err != nil {
		return !errors.Is(err, ErrRetryable) && ctx.Err() == nil, err
	}
	var now Instance // zero: not listed
	for _, listed := range listing.Result.Instances {
		if listed.InstanceID == w.instanceID {
			now = listed
		}
	}
	w.progress(now.Status, time.Since(w.started))
	switch {
	case now.InstanceID != "":
		w.last, w.missing = now, 0
	case w.last.InstanceID != "":
		w.missing++
	}
	switch {
	case w.last.Status == InstanceDeleted || w.missing == 2:
		return true, ErrInstanceGone
	case w.last.Status == InstanceRunning && w.missing == 0:
		return true, nil
	}
	return false, nil
}
