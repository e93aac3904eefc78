package computeunit

import (
	"context"
	"errors"
	"fmt"

	"github.com/qianfan-go/computeunit/internal/strictjson"
	"github.com/qianfan-go/computeunit/internal/transport"
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
	var answer purchaseResponse
	purchase := &operation{
		url:       c.purchaseURL,
		action:    purchaseAction,
		serviceID: request.ServiceID,
		verdictOf: func(a *transport.Attempt) verdict {
			answer = purchaseResponse{}
			answer.read(a, &answer)
			return judge(a, &answer.response, answer.missing(), c.refusalCodes)
		},
	}
	if err := request.Validate(); err != nil {
		return nil, c.refuse(ctx, purchase, err)
	}
	v, err := c.send(ctx, purchase, request.wire())
	if err != nil {
		return nil, err
	}
	bought := &PurchaseComputeUnitResponse{RequestID: v.requestID, Result: answer.bought()}
	c.logBought(ctx, request.ServiceID, bought)
	return bought, nil
}

// purchaseResponse is any response to a purchase: a success has the result, an error the fields around it.
type purchaseResponse struct {
	response
	Result struct {
		InstanceID strictjson.Text `json:"instanceId"`
		OrderID    strictjson.Text `json:"orderId"`
	} `json:"result"`
}

// bought leaves out a blank id beside the other one: nobody could look it up.
func (p *purchaseResponse) bought() PurchaseResult {
	return PurchaseResult{InstanceID: firstNonBlank(p.Result.InstanceID.Value()), OrderID: firstNonBlank(p.Result.OrderID.Value())}
}

var errNoID = errors.New("the response has neither an instance id nor an order id")

// missing is nil if the response has what makes it a success: an id, none that is ambiguous, and no error anywhere.
func (p *purchaseResponse) missing() error {
	for i, id := range [...]*strictjson.Text{&p.Result.InstanceID, &p.Result.OrderID} {
		if id.IsAmbiguous() || !id.IsPrintable() {
			name := [...]string{"instance id", "order id"}[i]
			return fmt.Errorf("the %s is ambiguous: given twice with different values, of another type, or with unprintable characters (%q)",
				name, append(id.Values(), id.OtherType))
		}
	}
	if firstNonBlank(p.Result.InstanceID.Value(), p.Result.OrderID.Value()) == "" {
		return errNoID
	}
	return p.otherError(anyLevel)
}
