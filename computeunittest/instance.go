package computeunittest

import (
	"cmp"
	"time"

	"github.com/qianfan-go/computeunit"
)

// instance is one in a listing.
type instance struct {
	InstanceID    string                     `json:"instanceId"`
	PaymentTiming computeunit.PaymentTiming  `json:"paymentTiming"`
	ReplicasCount int                        `json:"replicasCount"`
	Status        computeunit.InstanceStatus `json:"status"`
	StartTime     string                     `json:"startTime"` // empty while Creating; its format is invented
}

// describe lists the instances of a service that are in use.
func (s *Server) describe(x *exchange) *refusal {
	var body struct {
		ServiceID     string
		PaymentTiming computeunit.PaymentTiming
	}
	if refusal := x.decode(&body); refusal != nil {
		return refusal
	}
	if isBlank(body.ServiceID) {
		return wrong("serviceId is required")
	}
	switch body.PaymentTiming {
	case "", computeunit.PaymentTimingPrepaid, computeunit.PaymentTimingPostpaid:
	default:
		return wrong("paymentTiming is neither Prepaid nor Postpaid")
	}
	fault := s.listings.next(body.ServiceID, func(attempt int) Fault {
		return s.settings.listingFault(Listing{body.ServiceID, body.PaymentTiming, attempt})
	})
	fault.afterOrder = false // a listing changes nothing
	instances := s.list(body.ServiceID, body.PaymentTiming, x.now)
	return x.perform(fault, map[string]any{"instances": instances}, func() *refusal { return nil })
}

// list is what a service has in use, in order of creation. Instances do not expire by themselves.
func (s *Server) list(serviceID string, timing computeunit.PaymentTiming, now time.Time) []instance {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	found := []instance{}
	for _, p := range s.ledger.orders {
		isListed := p.ServiceID == serviceID && !p.gone && !now.Before(p.CreatedAt.Add(s.settings.listingLag))
		if !isListed || timing != "" && timing != p.PaymentTiming {
			continue
		}
		startsAt, status := p.CreatedAt.Add(s.settings.startDelay), computeunit.InstanceRunning
		if now.Before(startsAt) {
			status = computeunit.InstanceCreating
		}
		listed := instance{p.InstanceID, p.PaymentTiming, p.ReplicasCount, cmp.Or(p.status, status), ""}
		if listed.Status != computeunit.InstanceCreating {
			listed.StartTime = startsAt.UTC().Format(time.RFC3339)
		}
		found = append(found, listed)
	}
	return found
}

// SetStatus gives an instance a status, and reports whether there is such an instance. Which listings show a Deleted
// instance is not documented: here all do, and only Delete takes one away.
func (s *Server) SetStatus(instanceID string, status computeunit.InstanceStatus) bool {
	return s.ledger.change(instanceID, func(p *placed) { p.status = status })
}

// Delete takes an instance out of the listings, and reports whether there was one. Its order stays: it was bought.
func (s *Server) Delete(instanceID string) bool {
	return s.ledger.change(instanceID, func(p *placed) { p.gone = true })
}
