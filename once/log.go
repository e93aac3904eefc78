package once

import (
	"context"
	"log/slog"

)

// Attribute names that are not the client's.
const (
	logKeyKey        = "key"
	logKeyState      = "state"
	logKeyEvidence   = "evidence"
	logKeyInstanceID = "instance_id"
	logKeyOrderID    = "order_id"
)

// log writes one record about a purchase: which one, and what is known of it.
func (b *Buyer) log(ctx context.Context, level slog.Level, what string, r record, err error) {
	if !b.logger.Enabled(ctx, level) {
		return
	}
	attributes := []slog.Attr{
		slog.String(logKeyKey, r.Key),
		slog.String("service_id", r.Request.ServiceID),
		slog.String(logKeyState, string(r.State)),
	}
	for _, optional := range []struct{ name, value string }{
		{logKeyEvidence, string(r.Evidence)},
		{logKeyInstanceID, r.InstanceID},
		{logKeyOrderID, r.OrderID},
		{"client_request_id", r.RequestID},
	} {
		if optional.value != "" {
			attributes = append(attributes, slog.String(optional.name, optional.value))
		}
	}
	if err != nil {
		attributes = append(attributes, slog.String("error", err.Error()))
	}
	b.logger.LogAttrs(ctx, level, "once: "+what, attributes...)
}
