// Package recipes is the code of docs/recipes.md that needs modules which the library does not have. The tests hold it.
package recipes

import (
	"context"
	"errors"

	"github.com/avast/retry-go/v4"
	"github.com/cenkalti/backoff/v5"

	"github.com/qianfan-go/computeunit"
)

func buyWithBackoff(ctx context.Context, client *computeunit.Client, request computeunit.PurchaseComputeUnitRequest) (*computeunit.PurchaseComputeUnitResponse, error) {
	return backoff.Retry(ctx, func() (*computeunit.PurchaseComputeUnitResponse, error) {
		bought, err := client.PurchaseComputeUnit(ctx, request)
		if err != nil && !errors.Is(err, computeunit.ErrRetryable) {
			return bought, backoff.Permanent(err)
		}
		return bought, err
	})
}

func buyWithRetryGo(ctx context.Context, client *computeunit.Client, request computeunit.PurchaseComputeUnitRequest) (*computeunit.PurchaseComputeUnitResponse, error) {
	return retry.DoWithData(func() (*computeunit.PurchaseComputeUnitResponse, error) {
		return client.PurchaseComputeUnit(ctx, request)
	}, retry.Context(ctx), retry.LastErrorOnly(true), retry.RetryIf(func(err error) bool { return errors.Is(err, computeunit.ErrRetryable) }))
}
