package simulator

import "sync"

// action is one of the service's, and the faults that its next requests meet.
type action struct {
	answer     func(x *exchange) *Refusal // a request that is well signed and permitted
	configured func(Request) Fault

	mu       sync.Mutex
	injected []Fault
	attempts map[string]int // of valid requests, by service id
}

func newAction(answer func(x *exchange) *Refusal, configured func(Request) Fault) *action {
	if configured == nil {
		configured = func(Request) Fault { return Fault{} }
	}
	return &action{answer: answer, configured: configured, attempts: map[string]int{}}
}

// Inject queues faults for the next valid purchases, one each, whatever their Attempts; a zero Fault lets one pass.
// Config.Fault is not asked meanwhile. It panics on a fault that is not Valid.
func (s *Simulator) Inject(faults ...Fault) { s.actions[actionPurchase].inject(faults) }

// InjectRead is Inject for listings.
func (s *Simulator) InjectRead(faults ...Fault) { s.actions[actionDescribe].inject(faults) }

// InjectRelease is Inject for releases.
func (s *Simulator) InjectRelease(faults ...Fault) { s.actions[actionRelease].inject(faults) }

func (a *action) inject(faults []Fault) {
	for _, fault := range faults {
		if err := fault.Valid(); err != nil {
			panic("simulator: " + err.Error())
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.injected = append(a.injected, faults...)
}

// next is what a request meets: an injected fault, or else what Config has for the attempt.
func (a *action) next(request Request) Fault {
	fault, waits := a.take(&request)
	if waits {
		return fault
	}
	fault = a.configured(request) // without the lock: it may take its time, and inject
	if fault.Attempts > 0 && request.Attempt > fault.Attempts {
		return Fault{}
	}
	return fault
}

func (a *action) take(request *Request) (fault Fault, waits bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attempts[request.ServiceID]++
	request.Attempt = a.attempts[request.ServiceID]
	if len(a.injected) == 0 {
		return Fault{}, false
	}
	fault, a.injected = a.injected[0], a.injected[1:]
	return fault, true
}
