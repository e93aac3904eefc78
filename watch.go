package computeunit

import (
	"context"
	"fmt"
	"time"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// Pauses between looks at a listing.
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
)

// watch lists a service's instances, with growing pauses, until look is done. Its error is the last listing's
// where trying again cannot mend that, or the context's together with the last listing's, if that failed.
func (c *Client) watch(ctx context.Context, serviceID string, look func([]Instance) (done bool)) error {
	request := DescribeComputeUnitsRequest{ServiceID: serviceID}
	if err := request.Validate(); err != nil {
		return listingError(request, verdict{cause: err})
	}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		listing, v := c.describe(ctx, request)
		switch {
		case v.outcome == nil && look(listing.Result.Instances):
			return nil
		case v.outcome != nil && v.again == transport.Never && ctx.Err() == nil:
			return listingError(request, v)
		}
		if err := sleep(ctx, pause); err != nil {
			if v.outcome != nil {
				return fmt.Errorf("%w; %w", err, listingError(request, v))
			}
			return err
		}
	}
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
