package proof

import (
	"context"
	"flag"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

var everyPair = flag.Bool("pairs", false, "TestCrashes: every pair of faults, and not only those whose second is a crash")

// scenarios are the fates of the requests, in order. After them every request is served.
var scenarios = map[string][]Fate{
	"bought":                        nil,
	"bought without an instance id": {OrderOnly},
	"refused, then bought":          {RefuseRetry},
	"refused":                       {Refuse},
	"the request is lost":           {Lose},
	"the answer is lost":            {LoseAnswer},
}

// fault is what happens at one step of one process.
type fault struct {
	at   int
	fate Fate
}

// everyFault is what can happen to every step.
var everyFault = []Fate{Fail, FailAfter, Crash, CrashAfter, Cancel, Leave}

// script directs one process after the other: each has one fault or two, and the last has none.
type script struct {
	scenario []Fate
	requests int
	faults   []fault
	steps    int
	met      int // how many of the faults
}

func (s *script) next(faults ...fault) { s.faults, s.steps, s.met = faults, 0, 0 }

// Direct has the journal leave only where there is one.
func (s *script) Direct(_ context.Context, _ *Process, kind Kind) Fate {
	s.steps++
	served := Go
	if kind == Request {
		if s.requests++; s.requests <= len(s.scenario) {
			served = s.scenario[s.requests-1]
		}
	}
	for _, f := range s.faults {
		if s.steps == f.at {
			if s.met++; f.fate != Leave || kind == Journal {
				return f.fate
			}
		}
	}
	return served
}

// Crashes runs each scenario with every pair of faults: one process meets the first, and another one the second, which is one
// of those given, or with -pairs any (without any, it meets none); or the same one, if its caller has left and its attempt goes
// on without it. A third process finishes. Each run has a journal of its own, from open.
func Crashes(t *testing.T, second []Fate, open func(t *testing.T) func(*Process) once.Journal) {
	if *everyPair {
		second = everyFault
	}
	for name, scenario := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			run := func(first, then []fault) (met [2]bool) {
				runs++
				return crash(t, scenario, open, first, then)
			}
			for _, fate := range everyFault {
				for i, met := 1, true; met; i++ {
					met = run([]fault{{i, fate}}, nil)[0]
					for _, then := range second {
						for j, more := 1, met; more; j++ {
							more = run([]fault{{i, fate}}, []fault{{j, then}})[1]
						}
						for j, more := i+1, met && fate == Cancel; more; j++ {
							more = run([]fault{{i, fate}, {j, then}}, nil)[0]
						}
					}
				}
			}
			t.Logf("%d runs", runs)
		})
	}
}

// crash is one run. It reports whether each process met all its faults: if not, there are no further steps to try.
func crash(
	t *testing.T, scenario []Fate, open func(t *testing.T) func(*Process) once.Journal, first, second []fault,
) (met [2]bool) {
	synctest.Test(t, func(t *testing.T) {
		world, director, journal := NewWorld(), &script{scenario: scenario}, open(t)
		world.Add("older")
		for i, faults := range [][]fault{first, second} {
			director.next(faults...)
			buyOnce(NewProcess(world, director, journal), faults)
			met[i] = director.met == len(faults)
		}
		director.next()
		director.scenario = nil
		finish(world, NewProcess(world, director, journal), []string{"key"})
		time.Sleep(time.Hour) // what is left of dead processes ends
		for _, violation := range world.Violations() {
			t.Errorf("first %+v, second %+v; %s", first, second, violation)
		}
	})
	return met
}

// buyOnce is a process that starts, settles, buys and ends. What it said is held against the history, if it lived to say it,
// and so is what it leaves: nothing that Shutdown has to write, if its callers only left (rule 9).
func buyOnce(p *Process, faults []fault) {
	ctx, c := p.begin(3*time.Minute, "key")
	defer c.cancel()
	_, _ = p.Buyer.Settle(ctx)
	bought, err := p.Buyer.Buy(ctx, "key", request)
	if !p.dead.Load() {
		p.world.Answered(c, bought, err)
	}
	time.Sleep(2 * time.Minute) // an attempt goes on
	if p.dead.Load() {
		return
	}
	if !slices.ContainsFunc(faults, func(f fault) bool { return f.fate != Cancel }) {
		p.world.Ended(p)
	}
	ctx, end := p.begin(time.Minute, "")
	defer end.cancel()
	_ = end.shutDown(ctx)
}

// finish settles what is open, has a person settle the rest, and buys every key: nothing may stay open.
func finish(world *World, p *Process, keys []string) {
	world.ListAll()
	var settled []once.Purchase
	for range 4 {
		ctx, c := p.begin(time.Hour, "")
		var err error
		if settled, err = p.Buyer.Settle(ctx); err != nil {
			world.Violate("Settle: %v", err)
		}
		c.cancel()
		time.Sleep(10 * time.Minute)
	}
	for _, left := range settled {
		if left.Open() && world.orderOf(left.Key) != nil && world.mustSettle(left) {
			world.Violate("%s: key %s, %s, candidates %q", model.OpenListed, left.Key, brief(left), left.Candidates)
		}
	}
	time.Sleep(time.Hour)
	for _, left := range settled {
		ctx, c := p.begin(time.Hour, left.Key)
		if left.Open() {
			_ = resolveTruly(ctx, world, c)
		}
		c.cancel()
	}
	for _, key := range keys {
		bought, err := once.Purchase{}, error(nil)
		for range 2 { // after what was refused
			ctx, c := p.begin(time.Hour, key)
			bought, err = p.Buyer.Buy(ctx, key, request)
			world.Answered(c, bought, err)
			c.cancel()
			if err == nil {
				break
			}
		}
		if err != nil && world.unharmed() {
			world.Violate("key %s can't be bought at the end: %v", key, err)
		}
		if world.unharmed() {
			world.Kept(key, model.Record{
				Found: true, Open: bought.Open(), Bought: err == nil, InstanceID: bought.InstanceID, OrderID: bought.OrderID,
			})
		}
	}
}

// resolveTruly is a person who knows what the service has.
func resolveTruly(ctx context.Context, world *World, c *call) error {
	if o := world.orderOf(c.key); o != nil {
		found := once.Found{InstanceID: o.Instance.InstanceID, OrderID: o.OrderID, Unlisted: true}
		_, err := c.process.Buyer.ResolveBought(ctx, c.key, found)
		return err
	}
	return sayNotPurchased(ctx, world, c)
}

// orderOf is the truth about a key, but for what a person was believed to have overlooked.
func (w *World) orderOf(key string) *model.Order {
	for _, o := range w.OrdersOf(key) {
		return o
	}
	return nil
}

// sayNotPurchased is a person who says that there is no order.
func sayNotPurchased(ctx context.Context, world *World, c *call) error {
	before := world.orderOf(c.key)
	resolved, err := c.process.Buyer.ResolveNotPurchased(ctx, c.key)
	if before == nil && world.orderOf(c.key) != nil {
		world.Count("an order while a person was speaking")
	}
	if err == nil && resolved.State == once.StateNotPurchased && !c.process.dead.Load() {
		world.Count("resolved not purchased")
		world.NotPurchased(c.key, 0, world.Moment())
	}
	return err
}
