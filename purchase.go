package computeunit

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
)

const (
	servicePath    = "/v2/serviceresources"
	purchaseAction = "PurchaseComputeUnit"
)

// PurchaseComputeUnit buys compute unit instances (算力单元实例). It spends real money.
//
// A nil error means that the service said it created the order, and gave an instance or order id. Every other return is an
// [*OutcomeError] that matches exactly one of [ErrNotPurchased] and [ErrOutcomeUnknown].
//
// The request is validated first. It is sent again only if it is certain that nothing was bought: no connection was made, the
// service answered 429 with a Retry-After, or it rejected this machine's clock. It is never sent again after it may have left
// this machine without a clear response. A time-out does not mean that nothing was bought. Give the context a deadline: waits
// that the service asks for (Retry-After) are kept whatever their length.
//
// The keys need the policy QianfanFullControlAccessPolicy or QianfanServiceOperateAccessPolicy. The purchase can fail for a
// shortage of stock (库存不足) or of balance (余额不足); the codes for these are not documented.
//
// Source: https://cloud.baidu.com/doc/qianfan-api/s/Fmo6ws0f8
func (c *Client) PurchaseComputeUnit(ctx context.Context, request PurchaseComputeUnitRequest) (*PurchaseComputeUnitResponse, error) {
	var bought PurchaseResult
	purchase := &operation{
		path:      servicePath,
		action:    purchaseAction,
		serviceID: request.ServiceID,
		read:      func(r *response) (missing error) { bought, missing = r.bought(); return missing },
		refusals:  c.refusalCodes,
	}
	v, err := c.send(ctx, purchase, request, request.Validate())
	if err != nil {
		return nil, err
	}
	c.record(ctx, slog.LevelInfo, "bought", v, slog.String("instance_id", bought.InstanceID), slog.String("order_id", bought.OrderID))
	return &PurchaseComputeUnitResponse{RequestID: cmp.Or(v.RequestID, v.ClientRequestID), Result: bought}, nil
}

// bought reads the ids. The error is what is missing for a success.
func (r *response) bought() (bought PurchaseResult, missing error) {
	var ids struct {
		InstanceID field `json:"instanceId"`
		OrderID    field `json:"orderId"`
	}
	if err := r.success(&ids); err != nil {
		return bought, err
	}
	bought = PurchaseResult{InstanceID: ids.InstanceID.String(), OrderID: ids.OrderID.String()}
	switch {
	case !ids.InstanceID.is(aText) || !ids.OrderID.is(aText) || !printable(bought.InstanceID) || !printable(bought.OrderID):
		return PurchaseResult{}, errors.New("the response has an id twice, of another type than a text, or not of printable ASCII")
	case bought == PurchaseResult{}:
		return bought, errors.New("the response has neither an instance id nor an order id")
	}
	return bought, nil
}
