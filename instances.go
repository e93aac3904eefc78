package computeunit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	describeAction = "DescribeComputeUnits"
	releaseAction  = "ReleaseComputeUnit"
)

// DescribeComputeUnits lists the compute unit instances of a service. It buys nothing and changes nothing, so it is sent again
// up to [WithMaxAttempts] after whatever is not a certain refusal: network errors, time-outs, 5xx; after a 429 only if it has
// a Retry-After. A listing that says that it is not whole is an error: an instance that it leaves out would look released.
//
// Its error is a [*ValidationError], an [*APIError] or the transport's, wrapped; never an [*OutcomeError]. It matches
// [ErrRetryable] if the same call may succeed later. The policy QianfanServiceReadAccessPolicy suffices.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/9mwbl2jxf
func (c *Client) DescribeComputeUnits(ctx context.Context, request DescribeComputeUnitsRequest) (*DescribeComputeUnitsResponse, error) {
	var instances []Instance
	var date time.Time
	listing := &operation{
		path:      servicePath,
		action:    describeAction,
		serviceID: request.ServiceID,
		doing:     fmt.Sprintf("listing the instances of service %q", request.ServiceID),
		read: func(r *response) (missing error) {
			instances, missing = r.instances()
			date, _ = http.ParseTime(r.attempt.Header.Get("Date"))
			return missing
		},
	}
	v, err := c.send(ctx, listing, request, request.Validate())
	if err != nil {
		return nil, err
	}
	return &DescribeComputeUnitsResponse{
		RequestID:     cmp.Or(v.RequestID, v.ClientRequestID),
		ServiceID:     request.ServiceID,
		PaymentTiming: request.PaymentTiming,
		Date:          date,
		Result:        DescribeResult{Instances: instances},
	}, nil
}

// ReleaseComputeUnit releases a postpaid instance (释放后付费实例，停止计费): it ends, and costs nothing more. A nil error means that
// the service said so. It is sent again as a listing is, because no later instance has the same id. What the service answers
// to a second release, or to the release of a prepaid instance, is not documented.
//
// Its error is a [*ValidationError], an [*APIError] or the transport's, wrapped; never an [*OutcomeError]. Once an attempt
// ended without a clear response, the error says that the instance may have been released: see [Client.DescribeComputeUnits].
// It matches [ErrRetryable] if the same call may succeed later. The keys need the policy QianfanFullControlAccessPolicy or
// QianfanServiceOperateAccessPolicy.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/2mo6wlr6u
func (c *Client) ReleaseComputeUnit(ctx context.Context, request ReleaseComputeUnitRequest) error {
	release := &operation{
		path:      servicePath,
		action:    releaseAction,
		serviceID: request.ServiceID,
		read:      (*response).released,
		doing:     fmt.Sprintf("releasing instance %q of service %q", request.InstanceID, request.ServiceID),
		maybe:     "it may have been released: list the service's instances",
	}
	_, err := c.send(ctx, release, request, request.Validate())
	return err
}

// released is nil if the result is true.
func (r *response) released() error {
	if err := r.success(new(bool)); err != nil || r.Result == "true" {
		return err
	}
	return errors.New("the result is not true")
}

// instances reads the list, which is empty, and not nil, if there are none: taking no list at all for that would make every
// instance look new afterwards.
func (r *response) instances() ([]Instance, error) {
	var result struct {
		Instances field `json:"instances"`
		paging
	}
	var around paging
	var listed []listedInstance
	switch err := r.success(&result); {
	case err != nil:
		return nil, err
	case json.Unmarshal([]byte(r.attempt.Redact(string(result.Instances))), &listed) != nil || listed == nil:
		return nil, errors.New("the response has no list of instances")
	}
	if json.Unmarshal(r.body, &around); result.hasMore(len(listed)) || around.hasMore(len(listed)) {
		return nil, errors.New("the listing is not whole: it says that there are more instances")
	}
	instances := make([]Instance, len(listed))
	for n, l := range listed {
		if instances[n] = l.instance(); !l.InstanceID.is(aText) || l.InstanceID.isEmpty() || !printable(instances[n].InstanceID) {
			return nil, errors.New("an instance has no id, or one that is not a text of printable ASCII")
		}
	}
	return instances, nil
}

// paging is not documented for this action. It is read because it can only turn a listing into an error.
type paging struct {
	IsTruncated field `json:"isTruncated"`
	NextMarker  field `json:"nextMarker"`
	TotalCount  field `json:"totalCount"`
}

func (p *paging) hasMore(listed int) bool {
	total, _ := strconv.ParseFloat(strings.Trim(string(p.TotalCount), `"`), 64)
	isWhole := p.IsTruncated.isEmpty() || slices.Contains([]string{"0", "false"}, strings.ToLower(p.IsTruncated.String()))
	return !isWhole || p.NextMarker.isSomething() || total > float64(listed)
}

// listedInstance is an instance as it came. Its id decides; the rest may be of any type.
type listedInstance struct {
	InstanceID    field `json:"instanceId"`
	PaymentTiming field `json:"paymentTiming"`
	ReplicasCount field `json:"replicasCount"`
	Status        field `json:"status"`
	StartTime     field `json:"startTime"`
}

func (l *listedInstance) instance() Instance {
	replicas, _ := strconv.Atoi(l.ReplicasCount.String())
	status := l.Status.String()
	return Instance{
		InstanceID:    l.InstanceID.String(),
		PaymentTiming: PaymentTiming(l.PaymentTiming.String()),
		ReplicasCount: replicas,
		Status:        cmp.Or(olderStatuses[status], InstanceStatus(status)),
		StartTime:     l.StartTime.String(),
	}
}

// olderStatuses are the numbers that an older page of the documentation prints.
var olderStatuses = map[string]InstanceStatus{"1": InstanceCreating, "2": InstanceRunning, "3": InstanceDeleted}
