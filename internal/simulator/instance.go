package simulator

import "time"

// The documented states of an instance.
const (
	StatusCreating = "Creating"
	StatusRunning  = "Running"
	StatusDeleted  = "Deleted"
)

// change is what a test did to an instance.
type change struct {
	status string
	at     time.Time
	gone   bool
}

// SetStatus gives an instance a status, whatever the clock says, and reports
// whether there is such an instance. Any text will do: status is an open set.
func (s *Simulator) SetStatus(instanceID, status string) bool {
	return s.ledger.alter(instanceID, change{status: status, at: s.config.Now()})
}

// Delete takes an instance out of the listing and reports whether there was
// one. Its order stays in the ledger: it was bought.
func (s *Simulator) Delete(instanceID string) bool {
	return s.ledger.alter(instanceID, change{gone: true})
}

// SetListedAt is when, by Config.Now, listings begin to show an instance. It
// reports whether there is such an instance.
func (s *Simulator) SetListedAt(instanceID string, at time.Time) bool {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	index, known := s.ledger.byInstance[instanceID]
	if known {
		s.ledger.listedAt[index] = at
	}
	return known
}

// listed reports whether a listing at that time shows the instance.
func (l *ledger) listed(index int, now time.Time) bool {
	at, set := l.listedAt[index]
	if !set {
		at = l.orders[index].CreatedAt.Add(l.listedAfter)
	}
	return !now.Before(at) && !l.changes[index].gone
}

func (l *ledger) alter(instanceID string, c change) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	index, known := l.byInstance[instanceID]
	if known {
		l.changes[index] = c
	}
	return known
}

// instances lists what a service has, in order of creation. Which listings show Deleted
// instances is not documented: here all do, and only Delete takes one away.
// Instances do not expire by themselves.
func (l *ledger) instances(serviceID, paymentTiming string, now time.Time) []instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := []instance{}
	for _, index := range l.byService[serviceID] {
		order := &l.orders[index]
		if paymentTiming != "" && paymentTiming != order.PaymentTiming || !l.listed(index, now) {
			continue
		}
		status, start := l.state(index, now)
		found = append(found, instance{
			InstanceID:    order.InstanceID,
			PaymentTiming: order.PaymentTiming,
			ReplicasCount: order.ReplicasCount,
			Status:        status,
			StartTime:     start,
		})
	}
	return found
}

// state is the status and the start time of an instance. The start time is
// empty while Creating; its format is not documented, this one is invented.
func (l *ledger) state(index int, now time.Time) (status, start string) {
	status, started := StatusRunning, l.orders[index].CreatedAt.Add(l.startsAfter)
	if now.Before(started) {
		status = StatusCreating
	}
	if c, changed := l.changes[index]; changed {
		status = c.status
		if c.at.Before(started) {
			started = c.at
		}
	}
	if status == StatusCreating {
		return status, ""
	}
	return status, started.UTC().Format(time.RFC3339)
}
