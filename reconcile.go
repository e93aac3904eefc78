package computeunit

import (
	"context"
	"errors"
	"fmt"
)

// Finding is what [Client.Reconcile] found out.
type Finding string

// The three findings.
const (
	// FoundNone: nothing new has shown up yet. The outcome is still unknown. It is no proof that nothing was
	// bought: when an order is made, and when it is listed, relative to the answer is not documented.
	FoundNone Finding = "none yet"
	// FoundOne: exactly one new instance matches. It is what the purchase left behind, unless another purchase of the
	// same for the same service did: one by somebody who does not use this Client, or an earlier one that
	// Reconcile gave up with FoundNone and whose order turned up after all. The API has nothing that tells
	// two such purchases apart. Keep one buyer a service, and do not buy again after FoundNone alone.
	FoundOne Finding = "one"
	// FoundSeveral: more than one purchase can have left the candidates behind. Another buyer is at work: more
	// than one new instance matches, or this Client itself may have bought the same more than once since the listing.
	FoundSeveral Finding = "several"
)

// Reconciliation is what a purchase of unknown outcome left behind, as far as listings tell.
type Reconciliation struct {
	Finding Finding
	// Candidates are the instances that are new since the listing before the purchase and match its payment
	// timing and replicas: one for FoundOne, at least one for FoundSeveral, none for FoundNone.
	Candidates []Instance
}

// Reconcile finds what a purchase that ended in [ErrOutcomeUnknown] left behind. before is a listing of the same
// service taken before the purchase: by this Client, or read back from where the caller kept its JSON. request is
// the purchase's. Reconcile looks at once and then polls, with growing pauses, until an instance shows up or the
// context ends: give it a context of its own with a deadline, as the purchase's may be what ended it. It never buys.
//
// One candidate is looked at twice before it is the answer, unless the context ends in between: another buyer's may show
// up beside it. Reconcile every purchase of unknown outcome, and through the Client that bought: as long as one is
// not, its order can still turn up, and a later one of the same is answered with FoundSeveral. The same goes for a
// purchase whose answer had an order id alone: Reconcile finds its instance in the same way.
//
// A context that ends after the first listing is no error: what was seen last is the answer. Where a listing fails in a
// way that looking again cannot mend, or none succeeded before the context ended, nothing was found out: the error is
// that of [Client.DescribeComputeUnits], the context's, or both.
func (c *Client) Reconcile(ctx context.Context, before *DescribeComputeUnitsResponse, request PurchaseComputeUnitRequest) (Reconciliation, error) {
	found := Reconciliation{Finding: FoundNone}
	if err := checkReconcile(ctx, before, request); err != nil {
		return found, fmt.Errorf("computeunit: reconcile: %w", err)
	}
	listed, alone := false, ""
	err := c.watch(ctx, request.ServiceID, func(now []Instance) (done bool) {
		found, listed = c.compare(before, now, request), true
		switch found.Finding {
		case FoundOne:
			done = found.Candidates[0].InstanceID == alone
			alone = found.Candidates[0].InstanceID
		case FoundSeveral:
			done = true
		default:
			alone = ""
		}
		return done
	})
	if err != nil && !(listed && ctx.Err() != nil) {
		return Reconciliation{Finding: FoundNone}, err
	}
	c.buyers.reconciled(request, before.taken)
	return found, nil
}

func checkReconcile(ctx context.Context, before *DescribeComputeUnitsResponse, request PurchaseComputeUnitRequest) error {
	switch {
	case ctx == nil:
		return errors.New("the context is nil")
	case ctx.Err() != nil:
		return fmt.Errorf("the context has ended before anything was looked at, give Reconcile one of its own: %w", ctx.Err())
	case before == nil || before.Result.Instances == nil:
		return errors.New("before must be a listing that DescribeComputeUnits returned before the purchase")
	case before.request.ServiceID != "" && before.request.ServiceID != request.ServiceID:
		return fmt.Errorf("the listing is of service %q, the purchase for %q", before.request.ServiceID, request.ServiceID)
	case before.request.PaymentTiming != "" && before.request.PaymentTiming != request.Billing.PaymentTiming:
		return fmt.Errorf("the listing has only %s instances, the purchase is %s", before.request.PaymentTiming, request.Billing.PaymentTiming)
	}
	return nil
}

// compare finds what is new and matches the request.
func (c *Client) compare(before *DescribeComputeUnitsResponse, now []Instance, request PurchaseComputeUnitRequest) Reconciliation {
	known := make(map[string]bool, len(before.Result.Instances))
	for _, i := range before.Result.Instances {
		known[i.InstanceID] = true
	}
	var candidates []Instance
	for _, i := range now {
		matches := i.PaymentTiming == request.Billing.PaymentTiming && i.ReplicasCount == request.ReplicasCount
		if matches && !known[i.InstanceID] && !c.buyers.namedBefore(before.taken, i.InstanceID) {
			candidates = append(candidates, i)
			known[i.InstanceID] = true // listed twice it is still one
		}
	}
	switch {
	case len(candidates) == 0:
		return Reconciliation{Finding: FoundNone}
	case len(candidates) > 1 || c.buyers.several(request, before.taken):
		return Reconciliation{Finding: FoundSeveral, Candidates: candidates}
	default:
		return Reconciliation{Finding: FoundOne, Candidates: candidates}
	}
}
