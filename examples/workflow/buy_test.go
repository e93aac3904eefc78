package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/computeunittest"
	"github.com/qianfan-go/computeunit/once"
)

// An engine never asks again for a result that it has recorded as the workflow's.
func TestOnlyWhatStaysSoIsNotPending(t *testing.T) {
	service := computeunittest.NewServer()
	defer service.Close()
	buyer, err := once.New(service.Client(), once.InMemory())
	require.NoError(t, err)
	request := func(serviceID string, replicas int) computeunit.PurchaseComputeUnitRequest {
		return computeunit.PurchaseComputeUnitRequest{ServiceID: serviceID, Billing: computeunit.Prepaid(1), ReplicasCount: replicas}
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	service.NextPurchases(computeunittest.Delay(0), computeunittest.OutOfStock(), computeunittest.LoseRequest())
	for _, c := range []struct {
		what    string
		ctx     context.Context
		key     string
		request computeunit.PurchaseComputeUnitRequest
		outcome string
		pending bool
	}{
		{"bought", t.Context(), "a", request("svco-1", 1), "bought", false},
		{"another request", t.Context(), "a", request("svco-1", 2), "unknown", false},
		{"refused", t.Context(), "b", request("svco-1", 1), "not purchased", false},
		{"lost", t.Context(), "c", request("svco-1", 1), "unknown", true},
		{"blocked by c", t.Context(), "d", request("svco-1", 1), "not purchased", true},
		{"a worker that is stopped", done, "e", request("svco-2", 1), "not purchased", true},
		{"invalid", t.Context(), "f", request("svco-3", 0), "not purchased", false},
		{"refused before, and blocked now", t.Context(), "b", request("svco-1", 1), "not purchased", true},
		{"a listing that is refused", t.Context(), "g", request("svco-4", 1), "not purchased", false},
	} {
		if c.what == "a listing that is refused" {
			service.NextListings(computeunittest.Denied())
		}
		purchase, err := buyer.Buy(c.ctx, c.key, c.request)
		r := resultOf(purchase, err)
		assert.Equal(t, c.outcome, r.Outcome, "%s: %s", c.what, r.Error)
		assert.Equal(t, c.pending, r.Pending, "%s: %s", c.what, r.Error)
	}
}
