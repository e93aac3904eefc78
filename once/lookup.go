package once

import (
	"context"
	"fmt"
)

// Lookup returns what the journal has of a key. It changes nothing and asks the service nothing.
func (b *Buyer) Lookup(ctx context.Context, key string) (p Purchase, found bool, err error) {
	r, found, err := b.lookup(ctx, key)
	if err != nil {
		return Purchase{}, false, fmt.Errorf("once: key %q: %w", key, err)
	}
	if !found {
		return Purchase{}, false, nil
	}
	return r.Purchase, true, nil
}

func (b *Buyer) lookup(ctx context.Context, key string) (record, bool, error) {
	if err := checkKey(key); err != nil {
		return record{}, false, err
	}
	if err := b.checkEndpoint(ctx); err != nil {
		return record{}, false, err
	}
	r, err := b.read(ctx, key)
	return r, err == nil && r.version != "", err
}
