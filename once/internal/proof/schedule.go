package proof

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qianfan-go/computeunit/once"
)

// Schedule runs one seed: processes buy two keys for one service, settle and resolve, some of them for one call only, and a
// scheduler picks at each step who goes on and what becomes of that step. Half of the seeds have one thing more in their
// world: see beside. The log is only there if it is asked for.
func Schedule(t *testing.T, seed uint64, journal func(*Process) once.Journal, verbose bool) (world *World, log string) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(seed, journal, verbose)
		s.search()
		s.drain()
		world, log = s.world, s.log.String()
	})
	return world, log
}

// maxSteps ends a search; what is under way then goes on without faults.
const maxSteps = 250

// actor is a process of a search, which lives for one call or for more.
type actor struct {
	*Process
	name   string
	short  bool      // it ends after its call
	frozen time.Time // none of its steps goes on before
	slowed bool      // slowDown has had its chance
	calls  []*call   // each on a goroutine of its own
}

// step is one that waits for the scheduler.
type step struct {
	actor *actor
	kind  Kind
	does  does
	fate  chan Fate
}

type scheduler struct {
	random  *rand.Rand
	world   *World
	journal func(*Process) once.Journal
	options []once.Option
	log     strings.Builder
	verbose bool
	mu      sync.Mutex // for what goes on without the scheduler: the end of a time-out
	actors  []*actor
	waiting []*step
	calls   int
	beside  beside
	added   int  // instances from outside
	faults  int  // how many of 100 steps have one
	calm    bool // no more faults
}

var (
	keys    = []string{"key-1", "key-2"}
	clocks  = []time.Duration{0, 0, -3 * time.Minute, -20 * time.Minute, -5 * time.Hour, 5 * time.Hour}
	leeways = []time.Duration{0, 25 * time.Minute}
	waits   = []time.Duration{time.Second, 15 * time.Second, time.Minute, time.Hour}
	passing = []time.Duration{time.Second, 5 * time.Second, 20 * time.Second, time.Minute, 6 * time.Minute, 40 * time.Minute}
	limits  = []time.Duration{5 * time.Second, 25 * time.Second, 5 * time.Minute, 90 * time.Minute}
	freezes = []time.Duration{time.Minute, 10 * time.Minute, time.Hour}
	aways   = []time.Duration{20 * time.Second, 5 * time.Minute}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func newScheduler(seed uint64, journal func(*Process) once.Journal, verbose bool) *scheduler {
	random := rand.New(rand.NewPCG(seed, 14))
	s := &scheduler{random: random, journal: journal, verbose: verbose, world: NewWorld()}
	s.beside = besides[seed%uint64(len(besides))]
	s.faults = pick(random, []int{0, 3, 8, 20})
	s.world.Leeway, s.world.RetryAfter = pick(random, leeways), pick(random, waits)
	s.world.Lag = func() time.Duration { return pick(random, lags[s.beside]) }
	if random.IntN(2) == 0 {
		s.world.Add("older")
	}
	if verbose {
		s.options = []once.Option{once.WithLogger(slog.New(slog.NewTextHandler(s, nil)))}
	}
	return s
}

// Direct has a step of a process wait until the scheduler lets it go on, or whoever waits for it stops waiting: unless the
// whole process stands still.
func (s *scheduler) Direct(ctx context.Context, p *Process, kind Kind) Fate {
	s.mu.Lock()
	if s.calm {
		s.mu.Unlock()
		return Go
	}
	a := s.actors[slices.IndexFunc(s.actors, func(a *actor) bool { return a.Process == p })]
	w := &step{actor: a, kind: kind, does: p.callOf(ctx).does, fate: make(chan Fate, 1)}
	s.waiting = append(s.waiting, w)
	s.mu.Unlock()
	select {
	case fate := <-w.fate:
		return fate
	case <-ctx.Done():
	}
	s.mu.Lock()
	if i := slices.Index(s.waiting, w); i >= 0 && !s.stands(a) {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		w.fate <- Ended
	}
	s.mu.Unlock()
	return <-w.fate
}

func (s *scheduler) stands(a *actor) bool { return !s.calm && time.Now().Before(a.frozen) }

func (s *scheduler) note(format string, args ...any) {
	if s.verbose {
		fmt.Fprintf(s, "%s  %s\n", time.Now().UTC().Format(time.TimeOnly), fmt.Sprintf(format, args...))
	}
}

// Write takes what the Buyers log.
func (s *scheduler) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(text)
}

// search picks until there is nothing left to pick, or enough was picked.
func (s *scheduler) search() {
	for range maxSteps {
		synctest.Wait()
		if s.goBeside() {
			continue
		}
		ready := s.ready()
		switch n := s.random.IntN(24); {
		case s.running() < s.together() && s.calls < 8:
			s.start()
		case n == 0 && s.calls < 12:
			s.start()
		case n == 1 && s.deliver():
		case n == 2 && len(ready) > 0:
			s.freeze(pick(s.random, ready).actor, pick(s.random, freezes))
		case n == 3 && s.world.Land():
			s.note("a late statement has landed")
		case n == 4 && s.faults > 3 && len(ready) > 0:
			away, hangs := pick(s.random, aways), s.sometimes(2)
			s.note("the journal is away for %s; it hangs: %t", away, hangs)
			s.world.Away(away, hangs)
		case n == 5:
			s.end()
		case len(ready) > 0 && n < 22:
			w := pick(s.random, ready)
			s.goOn(w, s.fate(w.kind))
		case s.running() > 0 || len(ready) > 0 || s.world.Delayed():
			s.pass()
		default:
			return
		}
	}
}

func (s *scheduler) freeze(a *actor, d time.Duration) {
	s.mu.Lock()
	a.frozen = time.Now().Add(d)
	s.mu.Unlock()
	s.world.Count("pauses")
	s.note("%s stands still for %s", a.name, d)
}

func (s *scheduler) deliver() bool {
	served := s.world.Deliver()
	if served {
		s.note("a late request has arrived")
	}
	return served
}

// pass lets time go by: a little if somebody is ready to go on.
func (s *scheduler) pass() {
	d := min(pick(s.random, passing), s.most())
	s.note("%s pass", d)
	time.Sleep(d)
}

// running is how many calls run in processes that live.
func (s *scheduler) running() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.actors {
		n += a.running()
	}
	return n
}

func (a *actor) running() (n int) {
	for _, c := range a.calls {
		if !c.over && !a.dead.Load() {
			n++
		}
	}
	return n
}

// ready returns the steps that can go on. Those of a process that has crashed end.
func (s *scheduler) ready() (ready []*step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(w *step) bool {
		if w.actor.dead.Load() {
			w.fate <- Crash
		}
		return w.actor.dead.Load()
	})
	for _, w := range s.waiting {
		if !s.stands(w.actor) {
			ready = append(ready, w)
		}
	}
	return ready
}

func (s *scheduler) goOn(w *step, fate Fate) {
	s.note("%s goes on at %s: %d", w.actor.name, w.kind, fate)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting, w); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		w.fate <- fate
	}
}

// fate is what becomes of a step: mostly nothing.
func (s *scheduler) fate(kind Kind) Fate {
	if s.calm {
		return Go
	}
	switch n, many := s.random.IntN(100), s.many(); {
	case kind == Request && n%2 == 0 && many != Go:
		return many
	case kind == Request && n >= 55:
		return pick(s.random, []Fate{Lose, LoseAnswer, LoseAnswer, Late, Late, Refuse, RefuseRetry, RefuseRetry, OrderOnly})
	case n >= s.faults:
		return Go
	}
	fates := []Fate{Crash, CrashAfter, Fail, FailAfter, Cancel}
	if kind == Journal {
		fates = append(fates, Land)
	}
	fate := pick(s.random, fates)
	if fate == Cancel {
		s.world.Count("cancellations")
	}
	return fate
}

// does is what a process is called for.
type does string

const (
	buy     does = "Buy"
	settle  does = "Settle"
	lookup  does = "Lookup"
	resolve does = "Resolve"
	last    does = "Shutdown"
)

// calls has each as often as it is picked.
var calls = []does{buy, buy, buy, buy, buy, buy, settle, settle, resolve, resolve, lookup}

// start has a process begin a call: one that lives, or a new one.
func (s *scheduler) start() {
	key, what := s.startBeside(pick(s.random, keys), pick(s.random, calls))
	a := s.living()
	switch what {
	case buy:
		s.run(a, buy, key, s.buy)
	case settle:
		s.run(a, settle, "", s.settle)
	case lookup:
		s.run(a, lookup, key, s.lookup)
	default:
		person := s.person()
		s.run(a, resolve, key, func(ctx context.Context, c *call) { s.resolve(ctx, c, person) })
	}
}

// living is a process that is called again, or a new one.
func (s *scheduler) living() *actor {
	living := s.alive(func(a *actor) bool { return !a.short && !s.stands(a) })
	if len(living) > 0 && s.sometimes(2) {
		return pick(s.random, living)
	}
	return s.newActor(s.sometimes(2))
}

func (s *scheduler) newActor(short bool) *actor {
	a := &actor{name: fmt.Sprintf("process %d", len(s.actors)+1), short: short}
	a.Process = NewProcess(s.world, s, s.journal, s.options...)
	a.Ahead = pick(s.random, clocks)
	s.mu.Lock()
	s.actors = append(s.actors, a)
	s.mu.Unlock()
	s.note("%s starts, for one call: %t; its clock is ahead by %s", a.name, short, a.Ahead)
	return a
}

// alive returns those of the living processes that a condition holds for.
func (s *scheduler) alive(holds func(*actor) bool) []*actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.actors), func(a *actor) bool { return a.dead.Load() || !holds(a) })
}

// end ends a process that has no call any more: by Shutdown, or as a function's is ended, also in the middle of an attempt that
// goes on in the background.
func (s *scheduler) end() {
	idle := s.alive(func(a *actor) bool { return a.running() == 0 })
	if len(idle) == 0 {
		return
	}
	a := pick(s.random, idle)
	if !a.short {
		s.run(a, last, "", func(ctx context.Context, c *call) { _ = c.shutDown(ctx) })
		return
	}
	if slices.ContainsFunc(s.ready(), func(w *step) bool { return w.actor == a }) {
		s.world.Count("ended in the background")
	}
	s.note("%s ends", a.name)
	a.dead.Store(true)
}

func (s *scheduler) buy(ctx context.Context, c *call) {
	bought, err := c.process.Buyer.Buy(ctx, c.key, request)
	s.note("Buy %s: %v %s", c.key, err, brief(bought))
	if c.process.dead.Load() {
		return
	}
	s.world.Answered(c, bought, err)
	if ended := c.ended.Load(); ended != nil && time.Since(*ended) > leaves {
		s.world.Violate("key %s: Buy returned %s after the end of its context", c.key, time.Since(*ended))
	}
	if blocked := (*once.BlockedError)(nil); errors.As(err, &blocked) {
		s.world.Count("blocked")
	}
}

// leaves is how long Buy may take to return when its context has ended.
const leaves = time.Second

func (s *scheduler) settle(ctx context.Context, c *call) {
	for range 3 {
		since := s.world.Moment()
		settled, err := c.process.Buyer.Settle(ctx)
		s.note("Settle: %v %+v", err, settled)
		for _, p := range settled {
			s.told(c, p, since)
		}
		if err := sleep(ctx, time.Minute); err != nil {
			return
		}
	}
}

func (s *scheduler) lookup(ctx context.Context, c *call) {
	since := s.world.Moment()
	p, _, err := c.process.Buyer.Lookup(ctx, c.key)
	s.note("Lookup %s: %v %s", c.key, err, brief(p))
	s.told(c, p, since)
}

// told holds what a process says against the ledger, if it lived to say it.
func (s *scheduler) told(c *call, p once.Purchase, since int64) {
	if !c.process.dead.Load() {
		s.world.Told(p, since)
	}
}

func (s *scheduler) resolve(ctx context.Context, c *call, person person) {
	err := person(ctx, s.world, c)
	s.note("Resolve %s: %v", c.key, err)
	for early := (*once.TooEarlyError)(nil); errors.As(err, &early); {
		s.world.Count("too early")
		if sleep(ctx, early.Until.Add(c.process.Ahead).Sub(s.world.Now())+time.Second) != nil {
			return
		}
		err = person(ctx, s.world, c)
		s.note("Resolve %s again: %v", c.key, err)
	}
}

func (s *scheduler) run(a *actor, what does, key string, do func(context.Context, *call)) {
	s.calls++
	limit := pick(s.random, s.limits(what))
	s.note("%s begins %s %s, for %s", a.name, what, key, limit)
	ctx, c := a.begin(limit, key)
	c.does = what
	s.mu.Lock()
	a.calls = append(a.calls, c)
	s.mu.Unlock()
	go func() {
		defer func() {
			c.cancel()
			s.mu.Lock()
			c.over = true
			s.mu.Unlock()
			s.note("%s has ended %s %s", a.name, what, key)
		}()
		do(ctx, c)
	}()
	synctest.Wait()
}

// drain has everybody finish without faults, what is late arrive, every process end, and everything settled and bought.
func (s *scheduler) drain() {
	s.note("no more faults")
	s.mu.Lock()
	s.calm = true
	s.mu.Unlock()
	s.world.Away(0, false)
	s.calmDown()
	for s.world.Deliver() || s.world.Land() {
	}
	s.world.ReleaseOutside()
	for _, a := range s.alive(func(*actor) bool { return true }) {
		s.run(a, last, "", func(ctx context.Context, c *call) {
			if err := c.shutDown(ctx); err != nil {
				s.world.Violate("Shutdown: %v", err)
			}
		})
		s.calmDown()
	}
	s.run(s.newActor(false), last, "", func(_ context.Context, c *call) { finish(s.world, c.process, keys) })
	s.calmDown()
	for _, a := range s.actors {
		a.dead.Store(true)
	}
	s.ready()
	time.Sleep(time.Hour) // what a dead process still waits for ends
}

// shutDown ends a process, which writes all that it knows.
func (c *call) shutDown(ctx context.Context) error {
	err := c.process.Buyer.Shutdown(ctx)
	if err == nil && !c.process.dead.Load() {
		c.process.world.Ended(c.process)
	}
	c.process.dead.Store(true)
	return err
}

// calmDown waits until no call runs. In the calm nobody waits for the scheduler any more.
func (s *scheduler) calmDown() {
	for _, w := range s.ready() {
		s.goOn(w, Go)
	}
	for synctest.Wait(); s.running() > 0; synctest.Wait() {
		time.Sleep(30 * time.Second)
	}
}
