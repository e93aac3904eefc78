package once

import (
	"context"
	"log/slog"
)

// log writes one record about a purchase: which one, and what is known of it.
func (b *Buyer) log(ctx context.Context, level slog.Level, what string, p Purchase, err error) {
	var attributes []slog.Attr
	for _, known := range []struct{ name, value string }{
		{"key", p.Key}, {"service_id", p.Request.ServiceID}, {"state", string(p.State)}, {"evidence", string(p.Evidence)},
		{"instance_id", p.InstanceID}, {"order_id", p.OrderID}, {"client_request_id", p.RequestID},
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
