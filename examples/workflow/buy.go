package main

import (
	"context"
	"errors"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
)

type shop struct{ buyer *once.Buyer }

// result is what the engine records of a step. An error would lose its type in the record.
type result struct {
	Outcome  string // bought, not purchased, unknown
	Pending  bool   // to be asked again
	Purchase once.Purchase
	Error    string
}

// buy is the workflow. Its id is the key: so a step that is repeated after a crash asks for the same purchase.
func (s shop) buy(ctx dbos.Context, request computeunit.PurchaseComputeUnitRequest) (result, error) {
	key, err := dbos.GetWorkflowID(ctx)
	if err != nil {
		return result{}, err
	}
	for {
		r, err := dbos.RunAsStep(ctx, func(ctx context.Context) (result, error) {
			purchase, err := s.buyer.Buy(ctx, key, request)
			return resultOf(purchase, err), nil
		}, dbos.WithStepName("buy"))
		if err != nil || !r.Pending {
			return r, err
		}
		if _, err := dbos.Sleep(ctx, time.Minute); err != nil { // ask again, with the same key
			return r, err
		}
	}
}

func resultOf(purchase once.Purchase, err error) result {
	if err == nil {
		return result{Outcome: "bought", Purchase: purchase}
	}
	r := result{Outcome: "unknown", Pending: errors.Is(err, once.ErrPending), Purchase: purchase, Error: err.Error()}
	if errors.Is(err, computeunit.ErrNotPurchased) {
		r.Outcome = "not purchased"
	}
	return r
}
