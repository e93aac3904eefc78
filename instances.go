package computeunit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit/internal/strictjson"
	"github.com/qianfan-go/computeunit/internal/transport"
)

const describeAction = "DescribeComputeUnits"

// DescribeComputeUnits lists the compute unit instances of a service. It buys nothing and changes nothing, so it is sent again
// up to [WithMaxAttempts] after whatever is not a certain refusal: network errors, time-outs, 5xx; after a 429 only if it has
// a Retry-After.
//
// Its error is a [*ValidationError], an [*APIError] or the transport's, wrapped; never an [*OutcomeError].
// The policy QianfanServiceReadAccessPolicy suffices.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/9mwbl2jxf
func (c *Client) DescribeComputeUnits(ctx context.Context, request DescribeComputeUnitsRequest) (*DescribeComputeUnitsResponse, error) {
	listing, v := c.list(ctx, request)
	if v.outcome != nil {
		return nil, listingError(request.ServiceID, v)
	}
	return listing, nil
}

// list returns the verdict as well: whether there was use in trying again separates errors that may pass from the rest.
func (c *Client) list(ctx context.Context, request DescribeComputeUnitsRequest) (*DescribeComputeUnitsResponse, verdict) {
	if err := request.Validate(); err != nil {
		return nil, verdict{outcome: ErrNotPurchased, cause: err}
	}
	var answer describeResponse
	var date time.Time
	op := &operation{url: c.describeURL, action: describeAction, serviceID: request.ServiceID, isListing: true}
	op.verdictOf = func(a *transport.Attempt) verdict {
		answer = describeResponse{}
		answer.read(a, &answer)
		date, _ = http.ParseTime(a.Header.Get("Date"))
		return listingVerdict(a, &answer.response, answer.missing())
	}
	v, err := c.send(ctx, op, request)
	if err != nil {
		return nil, failedListing(v, err)
	}
	return &DescribeComputeUnitsResponse{
		RequestID:     v.requestID,
		ServiceID:     request.ServiceID,
		PaymentTiming: request.PaymentTiming,
		Date:          date,
		Result:        DescribeResult{Instances: answer.Result.Instances.list},
	}, v
}

// failedListing is for a request that was refused before it was sent, too.
func failedListing(v verdict, err error) verdict {
	var failed *OutcomeError
	if v.outcome == nil && errors.As(err, &failed) {
		return verdict{outcome: failed.Outcome, cause: failed.Err}
	}
	return v
}

// describeResponse is any response to a listing.
type describeResponse struct {
	response
	Result struct {
		Instances instanceList `json:"instances"`
	} `json:"result"`
}

// instanceList keeps an empty list apart from none at all: taking the second for the first would make every instance look
// new afterwards.
type instanceList struct {
	list      []Instance
	isThere   bool
	ambiguous bool // an instance without an id, or with one that is ambiguous
}

func (l *instanceList) UnmarshalJSON(data []byte) error {
	var listed []struct {
		InstanceID    strictjson.Text  `json:"instanceId"`
		PaymentTiming strictjson.Loose `json:"paymentTiming"`
		ReplicasCount looseInt         `json:"replicasCount"`
		Status        strictjson.Loose `json:"status"`
		StartTime     strictjson.Loose `json:"startTime"`
	}
	if err := json.Unmarshal(data, &listed); err != nil {
		return err
	}
	l.ambiguous = l.ambiguous || l.isThere
	l.isThere = listed != nil
	l.list = make([]Instance, 0, len(listed))
	for _, i := range listed {
		id := i.InstanceID.Value()
		l.ambiguous = l.ambiguous || strings.TrimSpace(id) == "" || i.InstanceID.IsAmbiguous() || !i.InstanceID.IsPrintable()
		l.list = append(l.list, Instance{
			InstanceID:    id,
			PaymentTiming: PaymentTiming(i.PaymentTiming),
			ReplicasCount: int(i.ReplicasCount),
			Status:        readStatus(string(i.Status)),
			StartTime:     string(i.StartTime),
		})
	}
	return nil
}

// looseInt is 0 if it is no integer: it decides nothing about the listing as a whole.
type looseInt int

func (n *looseInt) UnmarshalJSON(data []byte) error {
	var number json.Number
	if json.Unmarshal(data, &number) == nil {
		if whole, err := number.Int64(); err == nil {
			*n = looseInt(whole)
		}
	}
	return nil
}

// readStatus takes the numbers too, which an older page of the documentation prints.
func readStatus(status string) InstanceStatus {
	switch number, _ := strconv.ParseFloat(status, 64); number {
	case 1:
		return InstanceCreating
	case 2:
		return InstanceRunning
	case 3:
		return InstanceDeleted
	}
	return InstanceStatus(status)
}

var (
	errNoInstances      = errors.New("the response has no list of instances")
	errAmbiguousListing = errors.New("the response lists an instance whose id is missing or ambiguous, or has two lists")
)

func (d *describeResponse) missing() error {
	switch listed := d.Result.Instances; {
	case listed.ambiguous:
		return errAmbiguousListing
	case !listed.isThere:
		return errNoInstances
	}
	return d.otherError(1)
}

func listingError(serviceID string, v verdict) error {
	cause := withoutVerdict(v.cause)
	if v.requestID == "" {
		return fmt.Errorf("computeunit: listing the instances of service %q: %w", serviceID, cause)
	}
	return fmt.Errorf("computeunit: listing the instances of service %q: %w (request id %.100q, attempt %d)",
		serviceID, cause, v.requestID, v.attempts)
}

// WaitUntilRunning polls an instance of a service, with growing pauses, until it is [InstanceRunning], and returns it. An
// instance that is not listed yet, as directly after a purchase, is waited for. progress, if not nil, is called after every
// listing, with the status (empty: not listed) and the time since the call.
//
// It ends with [ErrInstanceGone] if the instance is [InstanceDeleted], or was listed and is missing from two listings in a
// row; with the context's error when that ends (give it a deadline), which says so if the instance was never listed; or with
// an error of [Client.DescribeComputeUnits] that waiting cannot fix. A status that is not documented means: keep waiting. An
// empty instanceID is a [*ValidationError]: the response to a purchase can have an order id alone, and a listing then shows
// the new instance.
func (c *Client) WaitUntilRunning(ctx context.Context, serviceID, instanceID string, progress func(status InstanceStatus, elapsed time.Duration)) (*Instance, error) {
	w := &wait{instanceID: instanceID, progress: progress, started: time.Now()}
	err := w.validate(ctx)
	if err == nil {
		err = c.poll(ctx, serviceID, w.look)
	}
	if err == nil && w.last.Status == InstanceRunning {
		return &w.last, nil
	}
	return nil, w.failure(serviceID, err)
}

// wait is what WaitUntilRunning knows so far.
type wait struct {
	instanceID string
	progress   func(InstanceStatus, time.Duration)
	started    time.Time
	last       Instance // as it was listed last; the zero Instance if it never was
	missing    int      // how many listings in a row it is missing from, after it was listed
}

func (w *wait) validate(ctx context.Context) error {
	if ctx == nil {
		return errors.New("the context is nil")
	}
	var v violations
	v.checkText(strings.TrimSpace(w.instanceID) != "", "instanceId", "must not be blank", w.instanceID)
	return v.err()
}

// look reports whether waiting has ended.
func (w *wait) look(listed []Instance) (done bool) {
	now := find(listed, w.instanceID)
	if w.progress != nil {
		w.progress(now.Status, time.Since(w.started))
	}
	if now.InstanceID == "" {
		if w.last.InstanceID != "" {
			w.missing++
		}
		return w.missing >= 2
	}
	w.last, w.missing = now, 0
	return now.Status == InstanceDeleted || now.Status == InstanceRunning
}

func (w *wait) failure(serviceID string, err error) error {
	if err == nil {
		err = ErrInstanceGone
	}
	seen := fmt.Sprintf("last status %q", w.last.Status)
	if w.last.InstanceID == "" {
		seen = "never listed"
	}
	return fmt.Errorf("computeunit: waiting for instance %q of service %q, %s: %w", w.instanceID, serviceID, seen, err)
}

// find returns the zero Instance if there is none.
func find(instances []Instance, id string) Instance {
	for _, i := range instances {
		if i.InstanceID == id {
			return i
		}
	}
	return Instance{}
}

// Pauses between listings.
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
)

// poll lists a service's instances, with growing pauses, until look is done. Its error is the last listing's if trying again
// cannot fix that, or the context's together with the last listing's, if that failed.
func (c *Client) poll(ctx context.Context, serviceID string, look func([]Instance) (done bool)) error {
	request := DescribeComputeUnitsRequest{ServiceID: serviceID}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		listing, v := c.list(ctx, request)
		switch {
		case v.outcome == nil && look(listing.Result.Instances):
			return nil
		case v.outcome != nil && !v.mayPass() && ctx.Err() == nil:
			return listingError(request.ServiceID, v)
		}
		if err := sleep(ctx, pause); err != nil {
			if v.outcome != nil {
				return fmt.Errorf("%w; %w", err, listingError(request.ServiceID, v))
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
