package once

import (
	"context"
	"fmt"
	"slices"

	"github.com/qianfan-go/computeunit"
)

// list returns everything that a service has, whatever its payment timing.
func (b *Buyer) list(ctx context.Context, serviceID string) (*computeunit.DescribeComputeUnitsResponse, error) {
	return b.client.DescribeComputeUnits(ctx, computeunit.DescribeComputeUnitsRequest{ServiceID: serviceID})
}

// listBefore is what rule 2 keeps: an instance that is in it can't be what is bought afterwards.
func (b *Buyer) listBefore(ctx context.Context, r record) (Listing, error) {
	listed, err := b.list(ctx, r.Request.ServiceID)
	if err != nil {
		return Listing{}, err
	}
	before := Listing{ServiceID: listed.ServiceID, PaymentTiming: listed.PaymentTiming, Date: listed.Date.UTC(), InstanceIDs: []string{}}
	for _, instance := range listed.Result.Instances {
		before.InstanceIDs = append(before.InstanceIDs, instance.InstanceID)
	}
	return before, nil
}

// unowned returns the instances of a listing that are new since the purchase's listing before, and no key's.
func (b *Buyer) unowned(ctx context.Context, r record, listed []computeunit.Instance) ([]computeunit.Instance, error) {
	var fresh []computeunit.Instance
	var ids []string
	for _, instance := range listed {
		if !slices.Contains(r.Before.InstanceIDs, instance.InstanceID) && !slices.Contains(ids, instance.InstanceID) {
			fresh, ids = append(fresh, instance), append(ids, instance.InstanceID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	owners, err := b.store.Owners(ctx, ids) // rule 6
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	return slices.DeleteFunc(fresh, func(instance computeunit.Instance) bool {
		_, owned := owners[instance.InstanceID]
		return owned
	}), nil
}

// fitting returns the ids of those that may be what the request bought.
func fitting(instances []computeunit.Instance, request computeunit.PurchaseComputeUnitRequest) []string {
	var ids []string
	for _, instance := range instances {
		if instance.PaymentTiming == request.Billing.PaymentTiming && instance.ReplicasCount == request.ReplicasCount {
			ids = append(ids, instance.InstanceID)
		}
	}
	return ids
}

func idsOf(instances []computeunit.Instance) []string {
	var ids []string
	for _, instance := range instances {
		ids = append(ids, instance.InstanceID)
	}
	return ids
}

// withEarlier adds to the candidates of a listing those of earlier ones that are no key's. One that is not listed any more
// stays a candidate: somebody outside releases or buys, and which one was ours a person has to say.
func (b *Buyer) withEarlier(ctx context.Context, r record, listed []string) ([]string, error) {
	candidates := slices.Clone(r.Candidates)
	for _, id := range listed {
		if !slices.Contains(candidates, id) {
			candidates = append(candidates, id)
		}
	}
	if len(candidates) == len(listed) {
		return candidates, nil
	}
	owners, err := b.store.Owners(ctx, candidates)
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	return slices.DeleteFunc(candidates, func(id string) bool { return owners[id] != "" }), nil
}
