package proof

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
)

// Scenario is what the service and the network do in a run of the crash suite.
type Scenario struct {
	Name string
	// Fates are those of the requests, in order. After them every request is served.
	Fates []Fate
}

// Scenarios are those that the crash suite runs.
func Scenarios() []Scenario {
	return []Scenario{
		{"bought", nil},
		{"bought without an instance id", []Fate{OrderOnly}},
		{"refused, then bought", []Fate{RefuseRetry}},
		{"refused", []Fate{Refuse}},
		{"the request is lost", []Fate{Lose}},
		{"the answer is lost", []Fate{LoseAnswer}},
	}
}

// fault is what happens at one step of one process.
type fault struct {
	at   int
	fate Fate
}

// Faults are what can happen to every step.
func Faults() []Fate { return []Fate{Fail, FailAfter, Crash, CrashAfter, Cancel} }

// script directs one process after the other: each has one fault, and the last has none.
type script struct {
	scenario Scenario
	requests int
	fault    fault
	steps    int
	met      bool
	during   Kind // the step that the fault met
}

func (s *script) next(f fault) {
	s.fault, s.steps, s.met = f, 0, false
}

func (s *script) Direct(_ *Process, kind Kind) Fate {
	s.steps++
	served := Go
	if kind == Request {
		if s.requests++; s.requests <= len(s.scenario.Fates) {
			served = s.scenario.Fates[s.requests-1]
		}
	}
	if s.steps != s.fault.at {
		return served
	}
	s.met, s.during = true, kind
	return s.fault.fate
}

// Crashes runs each scenario with every pair of faults: one process meets the first, another one the second, which is one
// of those given (without any, it meets none), and a third finishes. Each run has a journal of its own, from open.
func Crashes(t *testing.T, second []Fate, open func(t *testing.T) func(*Process) once.Journal) {
	for _, scenario := range Scenarios() {
		t.Run(scenario.Name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			for _, fate := range Faults() {
				for i, met := 1, true; met; i++ {
					if len(second) == 0 {
						runs++
						met, _ = crash(t, scenario, open, fault{i, fate}, fault{})
					}
					for _, then := range second {
						for j, more := 1, true; more && met; j++ {
							runs++
							met, more = crash(t, scenario, open, fault{i, fate}, fault{j, then})
						}
					}
				}
			}
			t.Logf("%d runs", runs)
		})
	}
}

// crash is one run. It reports whether each fault was met: if not, there are no further steps to try.
func crash(t *testing.T, scenario Scenario, open func(t *testing.T) func(*Process) once.Journal, first, second fault) (metFirst, metSecond bool) {
	synctest.Test(t, func(t *testing.T) {
		world := &World{Lag: func() time.Duration { return 0 }, RetryAfter: time.Second}
		world.Add("older")
		director := &script{scenario: scenario}
		journal := open(t)

		director.next(first)
		buyOnce(world, NewProcess(world, director, journal), director)
		metFirst = director.met
		director.next(second)
		buyOnce(world, NewProcess(world, director, journal), director)
		metSecond = director.met
		director.next(fault{})
		director.scenario.Fates = nil
		finish(world, NewProcess(world, director, journal), []string{"key"})

		for _, violation := range world.Violations {
			t.Errorf("%s; %s", fmt.Sprintf("first %+v, second %+v", first, second), violation)
		}
	})
	return metFirst, metSecond
}

func request() computeunit.PurchaseComputeUnitRequest {
	return computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Prepaid(1), ReplicasCount: 1}
}

// buyOnce is a process that starts, settles, and buys. It holds what it said against the history, if it lived to say it.
func buyOnce(world *World, p *Process, director *script) {
	ctx, cancel := context.WithTimeout(p.begin(context.Background(), "key"), 3*time.Minute)
	defer cancel()
	p.Buyer.Settle(ctx)
	before := director.requests
	bought, err := p.Buyer.Buy(ctx, "key", request())
	if p.dead.Load() {
		return
	}
	world.Answered("key", bought, err)
	p.Buyer.Shutdown(context.Background())
	world.kept(p, "key", bought, err)
	// Rule 9: who only cancels leaves nothing open that was answered.
	answered := director.requests > before && director.requests > len(director.scenario.Fates)
	if director.met && director.fault.fate == Cancel && answered && world.stateOf("key") == once.StateSending &&
		(director.during == Request || director.during == Received) {
		world.Violate("cancelled during the attempt, which was answered: %v", err)
	}
}

// finish settles what is open, has a person settle the rest, and buys every key: nothing may stay open.
func finish(world *World, p *Process, keys []string) {
	world.ListAll()
	for range 3 {
		p.Buyer.Settle(p.begin(context.Background(), ""))
		time.Sleep(10 * time.Minute)
	}
	open, err := p.Buyer.Settle(p.begin(context.Background(), ""))
	if err != nil {
		world.Violate("Settle: %v", err)
	}
	open = slices.DeleteFunc(open, func(p once.Purchase) bool { return !p.Open() })
	for _, left := range open {
		if world.orderOf(left.Key) != nil && world.mustSettle(left) {
			world.Violate("key %s is open, and its order is listed: %s, candidates %q", left.Key, brief(left), left.Candidates)
		}
	}
	time.Sleep(time.Hour)
	for _, left := range open {
		resolveTruly(world, p, left.Key)
	}
	for _, key := range keys {
		ctx := p.begin(context.Background(), key)
		bought, err := p.Buyer.Buy(ctx, key, request())
		if errors.Is(err, computeunit.ErrNotPurchased) && refusedByService(err) {
			bought, err = p.Buyer.Buy(ctx, key, request())
		}
		world.Answered(key, bought, err)
		world.kept(p, key, bought, err)
		if err != nil && world.unharmed() {
			world.Violate("key %s can't be bought at the end: %v", key, err)
		}
	}
}

func refusedByService(err error) bool { return errors.Is(err, computeunit.ErrAccessDenied) }

// resolveTruly is a person who knows what the service has.
func resolveTruly(world *World, p *Process, key string) error {
	ctx := p.begin(context.Background(), key)
	if o := world.orderOf(key); o != nil {
		_, err := p.Buyer.ResolveBought(ctx, key, once.Found{InstanceID: o.instance.InstanceID, OrderID: o.orderID, Unlisted: true})
		return err
	}
	return sayNotPurchased(ctx, world, p, key)
}

// sayNotPurchased is a person who says that there is no order.
func sayNotPurchased(ctx context.Context, world *World, p *Process, key string) error {
	before := world.orderOf(key)
	resolved, err := p.Buyer.ResolveNotPurchased(ctx, key)
	if before == nil && world.orderOf(key) != nil {
		world.Count("an order while a person was speaking")
	}
	if err == nil && resolved.State == once.StateNotPurchased && !p.dead.Load() {
		world.Count("resolved not purchased")
		world.NotPurchased(key)
	}
	return err
}
