package computeunit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrInstanceGone is what [Client.WaitUntilRunning] ends with where the instance is Deleted or not listed.
var ErrInstanceGone = errors.New("the instance is gone")

// WaitUntilRunning polls an instance of a service, with growing pauses, until it is [InstanceRunning], and
// returns it. progress, if not nil, is called after every look that shows it, with the status and the time since
// the call.
//
// It ends with [ErrInstanceGone] at once where the instance is [InstanceDeleted] or not in the listing, with the
// context's error when that ends (give it a deadline), or with an error of [Client.DescribeComputeUnits] that
// waiting cannot mend. A status that is not documented means: keep waiting. An empty instanceID is
// a [*ValidationError]: the answer to a purchase can have an order id alone; [Client.Reconcile] then finds the instance.
func (c *Client) WaitUntilRunning(ctx context.Context, serviceID, instanceID string, progress func(status InstanceStatus, elapsed time.Duration)) (*Instance, error) {
	if ctx == nil {
		return nil, errors.New("computeunit: the context is nil")
	}
	var v violations
	v.checkText(strings.TrimSpace(instanceID) != "", "instanceId", "must not be blank", instanceID)
	if err := v.err(); err != nil {
		return nil, fmt.Errorf("computeunit: waiting for an instance of service %q: %w", serviceID, err)
	}
	started := time.Now()
	var last Instance
	err := c.watch(ctx, serviceID, func(now []Instance) (done bool) {
		last = find(now, instanceID)
		if progress != nil && last.InstanceID != "" {
			progress(last.Status, time.Since(started))
		}
		return last.InstanceID == "" || last.Status == InstanceDeleted || last.Status == InstanceRunning
	})
	if err == nil && last.Status != InstanceRunning {
		err = ErrInstanceGone
	}
	if err != nil {
		return nil, fmt.Errorf("computeunit: waiting for instance %q of service %q, last status %q: %w",
			instanceID, serviceID, last.Status, err)
	}
	return &last, nil
}

// find returns the zero Instance where there is none.
func find(instances []Instance, id string) Instance {
	for _, i := range instances {
		if i.InstanceID == id {
			return i
		}
	}
	return Instance{}
}
