package once

import (
	"context"
	"log/slog"
)

// log writes one record about a purchase: which one, and what is known of it.
func (b *Buyer) log(ctx context.Context, level slog.Level, what string, r record, err error) {
	var attributes []slog.Attr
	for _, known := range []struct{ name, value string }{
		{"key", r.Key}, {"service_id", r.Request.ServiceID}, {"state", string(r.State)}, {"evidence", string(r.Evidence)},
		{"instance_id", r.InstanceID}, {"order_id", r.OrderID}, {"client_request_id", r.RequestID},
	} {
		if known.value != "" {
			attributes = append(attributes, slog.String(known.name, known.value))
		}
	}
	if err != nil {
		attributes = append(attributes, slog.String("error", err.Error()))
	}
	b.logger.LogAttrs(ctx, level, "once: "+what, attributes...)
}
