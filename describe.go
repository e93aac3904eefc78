package computeunit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qianfan-go/computeunit/internal/transport"
)

const describeAction = "DescribeComputeUnits"

// DescribeComputeUnitsRequest asks what a service has.
//
// Source: Baidu's page on DescribeComputeUnits, request body.
type DescribeComputeUnitsRequest struct {
	// ServiceID is the service to list. Required.
	ServiceID string `json:"serviceId"`
	// PaymentTiming lists only instances paid this way. The zero value lists all that are in use.
	PaymentTiming PaymentTiming `json:"paymentTiming,omitempty"`
}

// Validate checks the documented rules. It returns nil or a [*ValidationError].
func (r DescribeComputeUnitsRequest) Validate() error {
	var v violations
	v.checkServiceID(r.ServiceID)
	switch r.PaymentTiming {
	case "", PaymentTimingPrepaid, PaymentTimingPostpaid:
	default:
		v.checkText(false, "paymentTiming", "must be Prepaid, Postpaid, or not given", string(r.PaymentTiming))
	}
	return v.err()
}

// DescribeComputeUnitsResponse lists what a service had at one moment. Fields that Baidu adds are ignored.
type DescribeComputeUnitsResponse struct {
	// RequestID is what Baidu's support asks for.
	RequestID string `json:"requestId"`
	// Result has the instances.
	Result DescribeResult `json:"result"`

	request DescribeComputeUnitsRequest
	taken   mark
}

// DescribeResult is the list itself. No paging is documented.
type DescribeResult struct {
	// Instances is empty, and not nil, where the service has none.
	Instances []Instance `json:"instances"`
}

// Instance is one compute unit instance.
type Instance struct {
	InstanceID    string         `json:"instanceId"`
	PaymentTiming PaymentTiming  `json:"paymentTiming"`
	ReplicasCount int            `json:"replicasCount"`
	Status        InstanceStatus `json:"status"`
	// StartTime is as the service wrote it: its format is not documented. Empty while Creating.
	StartTime string `json:"startTime"`
}

// InstanceStatus is an open set: a value that is none of the constants is one that Baidu has not documented here.
type InstanceStatus string

// The documented statuses.
const (
	InstanceCreating InstanceStatus = "Creating"
	InstanceRunning  InstanceStatus = "Running"
	InstanceDeleted  InstanceStatus = "Deleted" // expired
)

// DescribeComputeUnits lists the compute unit instances of a service. It buys nothing and changes nothing, so it
// is sent again after network errors, time-outs, 429 and 5xx alike, up to [WithMaxAttempts].
//
// Its error is a [*ValidationError], an [*APIError] or the transport's, wrapped; never a [*PurchaseError].
// The policy QianfanServiceReadAccessPolicy suffices.
//
// Source: Baidu's page on DescribeComputeUnits, POST /v2/serviceresources?Action=DescribeComputeUnits.
func (c *Client) DescribeComputeUnits(ctx context.Context, request DescribeComputeUnitsRequest) (*DescribeComputeUnitsResponse, error) {
	if err := request.Validate(); err != nil {
		return nil, listingError(request, verdict{cause: err})
	}
	listing, v := c.describe(ctx, request)
	if v.outcome != nil {
		return nil, listingError(request, v)
	}
	return listing, nil
}

// describe returns the verdict as well: whether there was use in trying again tells errors that may pass.
func (c *Client) describe(ctx context.Context, request DescribeComputeUnitsRequest) (*DescribeComputeUnitsResponse, verdict) {
	mark := c.buyers.mark()
	var answer describeAnswer
	v := c.send(ctx, &operation{
		url:       c.describeURL,
		action:    describeAction,
		serviceID: request.ServiceID,
		judge: func(a *transport.Attempt) verdict {
			answer = describeAnswer{}
			answer.read(a, &answer)
			return judgeRead(a, &answer.envelope, answer.lack())
		},
	}, request)
	return &DescribeComputeUnitsResponse{
		RequestID: v.requestID,
		Result:    DescribeResult{Instances: append([]Instance{}, answer.Result.Instances.list...)},
		request:   request,
		taken:     mark,
	}, v
}

type describeAnswer struct {
	envelope
	Result struct {
		Instances instanceList `json:"instances"`
	} `json:"result"`
}

var (
	errNoInstances  = errors.New("the answer has no list of instances")
	errNoInstanceID = errors.New("the answer lists an instance without an id")
)

func (d *describeAnswer) lack() error {
	switch listed := d.Result.Instances; {
	case !listed.present:
		return errNoInstances
	case slices.ContainsFunc(listed.list, func(i Instance) bool { return strings.TrimSpace(i.InstanceID) == "" }):
		return errNoInstanceID
	}
	return nil
}

// instanceList tells an empty list from none at all: taking the second for the first would make every instance
// look new afterwards.
type instanceList struct {
	list    []Instance
	present bool
}

func (l *instanceList) UnmarshalJSON(data []byte) error {
	l.present = true
	return json.Unmarshal(data, &l.list)
}

// judgeRead is judge for an action that changes nothing: trying again costs nothing.
func judgeRead(a *transport.Attempt, answer *envelope, lack error) verdict {
	v := judge(a, answer, lack)
	if v.outcome == nil || v.again != transport.Never {
		return v
	}
	cutOff := a.Reached == transport.Answered && a.Err != nil && isSuccess(a.Status) && !errors.Is(a.Err, transport.ErrTooLarge)
	if a.Reached == transport.Sent || cutOff || isServerError(a.Status) || leavesOpen(answer.code) {
		v.again = transport.AfterBackoff
	}
	return v
}

func listingError(request DescribeComputeUnitsRequest, v verdict) error {
	cause := withoutVerdict(v.cause)
	if v.requestID == "" {
		return fmt.Errorf("computeunit: listing the instances of service %q: %w", request.ServiceID, cause)
	}
	return fmt.Errorf("computeunit: listing the instances of service %q: %w (request id %q, attempt %d)",
		request.ServiceID, cause, v.requestID, v.attempts)
}
