package computeunit

import (
	"context"
	"log/slog"
	"time"

	"github.com/qianfan-go/computeunit/internal/transport"
)

// Attribute names of the records that a client with [WithLogger] writes: at debug one for each attempt, at warn
// one for each retry, at error one for each purchase (or Call) whose outcome is unknown. No record has a secret
// key, a signature or a body in it.
const (
	LogKeyAction    = "action"     // string: the API's, such as PurchaseComputeUnit
	LogKeyServiceID = "service_id" // string: the service bought for
	LogKeyAttempt   = "attempt"    // int: the number of the attempt, from 1
	LogKeyStatus    = "status"     // int: the HTTP status, 0 where no answer came
	LogKeyDuration  = "duration"   // duration: how long the attempt took
	LogKeyRequestID = "request_id" // string: the service's, or the one sent
	LogKeyReason    = "reason"     // string: why there is a retry
	LogKeyWait      = "wait"       // duration: how long until the next attempt
	LogKeyOutcome   = "outcome"    // string: "not purchased" or "outcome unknown"
	LogKeyError     = "error"      // string: the cause
)

func (c *Client) logAttempt(ctx context.Context, op *operation, a *transport.Attempt) {
	if !c.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	c.logger.LogAttrs(ctx, slog.LevelDebug, "computeunit: attempt",
		slog.String(LogKeyAction, op.action),
		slog.String(LogKeyServiceID, op.serviceID),
		slog.Int(LogKeyAttempt, a.Number),
		slog.Int(LogKeyStatus, a.Status),
		slog.Duration(LogKeyDuration, a.Duration),
		slog.String(LogKeyRequestID, op.last.requestID))
}

func (c *Client) logRetry(ctx context.Context, op *operation, a *transport.Attempt, wait time.Duration) {
	c.logger.LogAttrs(ctx, slog.LevelWarn, "computeunit: retry",
		slog.String(LogKeyAction, op.action),
		slog.String(LogKeyServiceID, op.serviceID),
		slog.Int(LogKeyAttempt, a.Number),
		slog.String(LogKeyReason, op.last.cause.Error()),
		slog.Duration(LogKeyWait, wait))
}

func (c *Client) logUnknown(ctx context.Context, err *PurchaseError) {
	c.logger.LogAttrs(ctx, slog.LevelError, "computeunit: outcome unknown",
		slog.String(LogKeyAction, err.Action),
		slog.String(LogKeyServiceID, err.ServiceID),
		slog.String(LogKeyOutcome, err.Outcome.Error()),
		slog.String(LogKeyRequestID, err.RequestID),
		slog.Int(LogKeyAttempt, err.Attempts),
		slog.String(LogKeyError, err.Err.Error()))
}
