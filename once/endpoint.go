package once

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/qianfan-go/computeunit/once/internal/store"
)

// endpointKey is the record that keeps the journal's endpoint. No purchase has a key with a control character.
const (
	endpointKey   = "\x01endpoint"
	endpointState = "endpoint"
)

var (
	errEndpoint  = errors.New("the journal is another endpoint's")
	errNoContext = errors.New("the context is nil")
)

// checkEndpoint refuses a journal that was used with another endpoint: its keys say nothing about this one. It is read
// once, and written by the first Buyer of a journal.
func (b *Buyer) checkEndpoint(ctx context.Context) error {
	if ctx == nil {
		return errNoContext
	}
	b.mu.Lock()
	known := b.endpoint
	b.mu.Unlock()
	if known {
		return nil
	}
	kept, err := b.keepEndpoint(ctx)
	if err != nil {
		return fmt.Errorf("the journal's endpoint: %w", err)
	}
	if kept != b.client.Endpoint() {
		return fmt.Errorf("%w: %q, and the client's is %q; use a journal for each", errEndpoint, kept, b.client.Endpoint())
	}
	b.mu.Lock()
	b.endpoint = true
	b.mu.Unlock()
	return nil
}

// keepEndpoint returns the endpoint that the journal has, after writing the client's if it had none.
func (b *Buyer) keepEndpoint(ctx context.Context) (string, error) {
	type endpoint struct {
		Format   int    `json:"format"`
		Endpoint string `json:"endpoint"`
	}
	row, found, err := b.store.Read(ctx, endpointKey)
	if err == nil && !found {
		var data []byte
		if data, err = json.Marshal(endpoint{format, b.client.Endpoint()}); err != nil {
			return "", err
		}
		_, writeErr := b.store.Insert(ctx, store.Record{
			Key: endpointKey, Version: newVersion(), State: endpointState, Changed: time.Now().UTC().Round(0), Data: data,
		})
		if row, found, err = b.store.Read(ctx, endpointKey); err == nil && !found {
			err = join(errors.New("it could not be written"), writeErr)
		}
	}
	if err != nil {
		return "", err
	}
	var kept endpoint
	err = json.Unmarshal(row.Data, &kept)
	return kept.Endpoint, err
}
