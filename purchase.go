package computeunit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/qianfan-go/computeunit/internal/transport"
)

const (
	servicePath    = "/v2/serviceresources"
	purchaseAction = "PurchaseComputeUnit"
)

// PurchaseComputeUnit buys compute unit instances (算力单元实例). It spends real money.
//
// A nil error means that the service said it created the order, and gave an instance or order id. Every other
// return is a [*PurchaseError] that matches exactly one of [ErrNotPurchased] and [ErrOutcomeUnknown].
//
// The request is validated first. Sending is repeated only where it is certain that nothing was bought: no
// connection was made, the service answered 429, or it rejected this machine's clock. It is never repeated after
// the request may have left this machine with no clear answer. A time-out does not tell that nothing was bought.
// Give the context a deadline: waits that the service asks for (Retry-After) are kept whatever their length.
//
// The keys need the policy QianfanFullControlAccessPolicy or QianfanServiceOperateAccessPolicy. The purchase can
// fail for lack of stock (库存不足) or of balance (余额不足); the codes for these are not documented.
//
// Source: "购买算力单元实例", POST /v2/serviceresources?Action=PurchaseComputeUnit.
func (c *Client) PurchaseComputeUnit(ctx context.Context, request PurchaseComputeUnitRequest) (*PurchaseComputeUnitResponse, error) {
	if err := request.Validate(); err != nil {
		return nil, notSent(request, err)
	}
	if ctx == nil {
		return nil, notSent(request, errors.New("the context is nil"))
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, notSent(request, fmt.Errorf("encoding the request: %w", err))
	}
	var last verdict
	attempts, gaveUp := c.transport.Do(ctx, &transport.Call{ // credentials, signature, sending: attempt.go there
		URL:  c.url(servicePath, purchaseAction),
		Body: body,
		Judge: func(a *transport.Attempt) transport.Again {
			last = judge(a)
			c.logAttempt(ctx, request.ServiceID, a, last.requestID)
			return last.again
		},
		Retrying: func(a *transport.Attempt, wait time.Duration) {
			c.logRetry(ctx, request.ServiceID, a, last.cause, wait)
		},
	})
	if last.outcome == nil {
		return &PurchaseComputeUnitResponse{RequestID: last.requestID, Result: last.result}, nil
	}
	failed := &PurchaseError{
		Outcome:   last.outcome,
		ServiceID: request.ServiceID,
		RequestID: last.requestID,
		Attempts:  attempts,
		Err:       withoutVerdict(joinGaveUp(last.cause, gaveUp)),
	}
	if failed.Outcome == ErrOutcomeUnknown {
		c.logUnknown(ctx, failed)
	}
	return nil, failed
}

func notSent(request PurchaseComputeUnitRequest, err error) *PurchaseError {
	return &PurchaseError{Outcome: ErrNotPurchased, ServiceID: request.ServiceID, Err: err}
}

func joinGaveUp(cause, gaveUp error) error {
	if gaveUp == nil {
		return cause
	}
	return fmt.Errorf("%w; %w", cause, gaveUp)
}

// verdict is what one attempt means for the money, and whether to try again.
type verdict struct {
	outcome   error // nil: bought
	again     transport.Again
	cause     error
	requestID string
	result    PurchaseResult
}

// judge is the outcome table, row by row in its order: what happened, the outcome, whether it is sent again.
// What no row names is unknown, and never sent again.
func judge(a *transport.Attempt) verdict {
	answer := readAnswer(a)
	v := verdict{outcome: ErrOutcomeUnknown, again: transport.Never, requestID: answer.requestID(a), result: answer.Result}
	notPurchased := func(again transport.Again) { v.outcome, v.again = ErrNotPurchased, again }
	switch status := a.Status; { // 0 where no answer came
	case a.Reached == transport.Unready: // no credentials, context already done; an invalid request never comes here
		notPurchased(transport.Never)
	case a.Reached == transport.Unconnected && a.Hopeless: // bad certificate, unknown host name syntax
		notPurchased(transport.Never)
	case a.Reached == transport.Unconnected: // no connection, or an idle one was closed before a byte was written on it
		notPurchased(transport.AfterBackoff)
	case status == http.StatusTooManyRequests:
		notPurchased(transport.AfterBackoff)
	case isRefusal(status) && answer.Code == codeRequestExpired: // the clock is off
		notPurchased(transport.WithClockCorrected)
	case isRefusal(status): // 4xx but 408 and 409, whatever the body
		notPurchased(transport.Never)
	case isSuccess(status) && answer.isError() && !answer.hasID() && answer.Code != codeInternalError:
		notPurchased(transport.Never)
	case 300 <= status && status <= 399: // nothing goes to another address
		notPurchased(transport.Never)
	case status == http.StatusRequestTimeout, status == http.StatusConflict, 500 <= status && status <= 599:
		// whatever the body, an order may exist
	case isSuccess(status) && (answer.unreadable != nil || answer.isError() || !answer.hasID()):
		// cut off, too large, not the documented JSON, an error beside an id, or no id
	case isSuccess(status):
		v.outcome = nil // bought
	default:
		// time-out, reset, cancelled: the request may have left
	}
	if v.outcome != nil {
		v.cause = answer.cause(a)
	}
	return v
}

func isRefusal(status int) bool {
	return 400 <= status && status <= 499 && status != http.StatusRequestTimeout && status != http.StatusConflict
}

func isSuccess(status int) bool { return 200 <= status && status <= 299 }
