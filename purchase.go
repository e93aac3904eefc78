package computeunit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
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
	var answer purchaseAnswer
	purchase := &operation{
		url:       c.purchaseURL,
		action:    purchaseAction,
		serviceID: request.ServiceID,
		judge: func(a *transport.Attempt) verdict {
			answer = purchaseAnswer{}
			answer.read(a)
			return judge(a, &answer.envelope, answer.lack())
		},
	}
	if err := request.Validate(); err != nil {
		return nil, c.failure(ctx, purchase, verdict{outcome: ErrNotPurchased, cause: err})
	}
	v := verdict{outcome: ErrOutcomeUnknown} // what a panic on the way leaves
	begun := c.buyers.begin(request)
	defer func() { c.buyers.end(begun, firstNonBlank(answer.Result.InstanceID.text), v.outcome) }()
	v = c.send(ctx, purchase, request.wire())
	if v.outcome != nil {
		return nil, c.failure(ctx, purchase, v)
	}
	return &PurchaseComputeUnitResponse{RequestID: v.requestID, Result: answer.result()}, nil
}

// purchaseAnswer is any answer to a purchase: a success has the result, an error the fields around it.
type purchaseAnswer struct {
	envelope
	Result struct {
		InstanceID word `json:"instanceId"`
		OrderID    word `json:"orderId"`
	} `json:"result"`
}

var (
	errNoID  = errors.New("the answer has neither an instance id nor an order id")
	errOddID = errors.New("an id is there twice, of another type, or broken text")
)

func (p *purchaseAnswer) read(a *transport.Attempt) {
	p.envelope.read(a, p)
	if p.unreadable == nil && (p.Result.InstanceID.isBroken() || p.Result.OrderID.isBroken()) {
		p.unreadable = errOddID
	}
}

func (p *purchaseAnswer) result() PurchaseResult {
	return PurchaseResult{InstanceID: p.Result.InstanceID.text, OrderID: p.Result.OrderID.text}
}

// lack is nil if the answer has what makes it a success: an id.
func (p *purchaseAnswer) lack() error {
	if firstNonBlank(p.Result.InstanceID.text, p.Result.OrderID.text) == "" {
		return errNoID
	}
	return nil
}

// operation is what is sent, what each attempt at it means, and what the last one came to.
type operation struct {
	url       *url.URL
	action    string
	serviceID string // for errors and logs; empty where the action has none
	judge     func(*transport.Attempt) verdict
	last      verdict
}

// verdict is what an attempt came to, and whether to try again.
type verdict struct {
	outcome   error // nil: it was done. Else ErrNotPurchased or ErrOutcomeUnknown
	again     transport.Again
	cause     error
	requestID string
	attempts  int
}

// send encodes once; the transport then signs, sends and asks for the verdict, attempt by attempt.
func (c *Client) send(ctx context.Context, op *operation, request any) verdict {
	if ctx == nil {
		return verdict{outcome: ErrNotPurchased, cause: errors.New("the context is nil")}
	}
	body, err := json.Marshal(request)
	if err != nil {
		return verdict{outcome: ErrNotPurchased, cause: fmt.Errorf("encoding the request: %w", err)}
	}
	call := transport.Call{URL: op.url, Body: body, Judge: func(a *transport.Attempt) transport.Again {
		op.last = op.judge(a)
		c.logAttempt(ctx, op, a)
		return op.last.again
	}}
	if c.logger.Enabled(ctx, slog.LevelWarn) {
		call.Retrying = func(a *transport.Attempt, wait time.Duration) { c.logRetry(ctx, op, a, wait) }
	}
	var gaveUp error
	op.last.attempts, gaveUp = c.transport.Do(ctx, &call)
	if gaveUp != nil {
		op.last.cause = fmt.Errorf("%w; %w", op.last.cause, gaveUp)
	}
	return op.last
}

// judge is the outcome table, row by row in its order: what happened, the outcome, whether it is sent again.
// What no row names is unknown, and never sent again. lack is nil where the answer shows what makes it a success.
func judge(a *transport.Attempt, answer *envelope, lack error) verdict {
	v := verdict{outcome: ErrOutcomeUnknown, again: transport.Never, requestID: answer.requestID(a)}
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
	case isRefusal(status) && answer.code == codeRequestExpired: // the clock is off
		notPurchased(transport.WithClockCorrected)
	case isRefusal(status): // 4xx but 408 and 409, whatever the body
		notPurchased(transport.Never)
	case isSuccess(status) && answer.isError() && lack != nil && !leavesOpen(answer.code):
		notPurchased(transport.Never)
	case isRedirect(status): // nothing goes to another address
		notPurchased(transport.Never)
	case isDoubtful(status): // 408, 409, 5xx
		// whatever the body, an order may exist
	case isSuccess(status) && (answer.unreadable != nil || answer.isError() || lack != nil):
		// cut off, too large, not the documented JSON, contradictory, an error beside an id, or no id
	case isSuccess(status):
		v.outcome = nil // bought
	default:
		// time-out, reset, cancelled: the request may have left
	}
	if v.outcome != nil {
		v.cause = answer.cause(a, lack)
	}
	return v
}

func isSuccess(status int) bool     { return 200 <= status && status <= 299 }
func isRedirect(status int) bool    { return 300 <= status && status <= 399 }
func isServerError(status int) bool { return 500 <= status && status <= 599 }

func isRefusal(status int) bool {
	return 400 <= status && status <= 499 && !isDoubtful(status)
}

func isDoubtful(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusConflict || isServerError(status)
}

// failure makes the error that the caller gets.
func (c *Client) failure(ctx context.Context, op *operation, v verdict) error {
	failed := &PurchaseError{
		Action:    op.action,
		Outcome:   v.outcome,
		ServiceID: op.serviceID,
		RequestID: v.requestID,
		Attempts:  v.attempts,
		Err:       withoutVerdict(v.cause),
	}
	if failed.Outcome == ErrOutcomeUnknown {
		c.logUnknown(ctx, failed)
	}
	return failed
}
