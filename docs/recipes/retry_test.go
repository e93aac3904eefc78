// Package recipes_test has the code of docs/recipes.md that needs modules which the library does not have.
package recipes_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/avast/retry-go/v4"
	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
)

var request = computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Prepaid(1), ReplicasCount: 1}

func TestARetrierRepeatsOnlyWhatIsRetryable(t *testing.T) {
	retriers := map[string]func(context.Context, *computeunit.Client, computeunit.PurchaseComputeUnitRequest) (*computeunit.PurchaseComputeUnitResponse, error){
		"cenkalti/backoff": buyWithBackoff, "avast/retry-go": buyWithRetryGo,
	}
	none := computeunittest.Fault{}
	for name, test := range map[string]struct {
		faults   []computeunittest.Fault
		outcome  error
		requests int
	}{
		"throttled, then bought": {[]computeunittest.Fault{computeunittest.Throttled(0), none}, nil, 2},
		"refused":                {[]computeunittest.Fault{computeunittest.Denied(), none}, computeunit.ErrNotPurchased, 1},
		"unknown":                {[]computeunittest.Fault{computeunittest.LoseAnswer(), none}, computeunit.ErrOutcomeUnknown, 1},
	} {
		for retrier, buy := range retriers {
			t.Run(retrier+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := computeunittest.NewServer()
					defer server.Close()
					server.NextPurchases(test.faults...)
					_, err := buy(t.Context(), server.Client(computeunit.WithMaxAttempts(1)), request)
					assert.ErrorIs(t, err, test.outcome)
					assert.Equal(t, test.requests, server.Requests())
				})
			})
		}
	}
}

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
