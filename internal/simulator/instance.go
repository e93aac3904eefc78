package simulator

import (
	"cmp"
	"time"
)

// The documented states of an instance.
const (
	StatusCreating = "Creating"
	StatusRunning  = "Running"
	StatusDeleted  = "Deleted"
)

// instance is one in a listing.
type instance struct {
	InstanceID    string `json:"instanceId"`
	PaymentTiming string `json:"paymentTiming"`
	ReplicasCount int    `json:"replicasCount"`
	Status        string `json:"status"`
	StartTime     string `json:"startTime"` // empty while Creating; its format is invented
}

// describe lists the instances of a service that are in use.
func (s *Simulator) describe(x *exchange) *Refusal {
	var body struct{ ServiceID, PaymentTiming string }
	refusal := x.decode(&body)
	switch {
	case refusal != nil:
		return refusal
	case isBlank(body.ServiceID):
		return wrong("serviceId is required")
	case body.PaymentTiming != "" && body.PaymentTiming != Prepaid && body.PaymentTiming != Postpaid:
		return wrong("paymentTiming is neither Prepaid nor Postpaid")
	}
	fault := x.action.next(Request{ServiceID: body.ServiceID, PaymentTiming: body.PaymentTiming})
	fault.When = BeforeOrder // a listing changes nothing
	return s.perform(x, fault, func(bool) (any, *Refusal) {
		return map[string]any{"instances": s.ledger.list(body.ServiceID, body.PaymentTiming, x.now)}, nil
	})
}

// list is what a service has in use, in order of creation. Instances do not expire by themselves.
func (l *ledger) list(serviceID, paymentTiming string, now time.Time) []instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []instance{}
	for _, p := range l.services[serviceID] {
		if paymentTiming != "" && paymentTiming != p.PaymentTiming || now.Before(p.listedAt) || p.gone {
			continue
		}
		status := StatusRunning
		if now.Before(p.startsAt) {
			status = StatusCreating
		}
		listed := instance{p.InstanceID, p.PaymentTiming, p.ReplicasCount, cmp.Or(p.status, status), ""}
		if listed.Status != StatusCreating {
			listed.StartTime = p.startsAt.UTC().Format(time.RFC3339)
		}
		found = append(found, listed)
	}
	return found
}

// SetStatus gives an instance a status, whatever the clock says, and reports whether there is such an instance. Any text
// will do: status is an open set.
func (s *Simulator) SetStatus(instanceID, status string) bool {
	return s.change(instanceID, func(p *placed) { p.status = status })
}

// Delete takes an instance out of the listings, and reports whether there was one. Its order stays: it was bought.
func (s *Simulator) Delete(instanceID string) bool {
	return s.change(instanceID, func(p *placed) { p.gone = true })
}

func (s *Simulator) change(instanceID string, change func(*placed)) bool {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	p := s.ledger.find(instanceID)
	if p != nil {
		change(p)
	}
	return p != nil
}
