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

// Run is what a seed came to.
type Run struct {
	Seed       uint64
	Violations []string
	Counters   map[string]int
	Log        string // only if it was asked for
}

// Schedule runs one seed: two processes buy two keys for one service, others settle and resolve, and a scheduler picks at
// each step who goes on and what becomes of that step. Half of the seeds have one thing more in their world: see beside.
func Schedule(t *testing.T, seed uint64, journal func(*Process) once.Journal, verbose bool) (run Run) {
	synctest.Test(t, func(t *testing.T) {
		s := newScheduler(seed, journal, verbose)
		s.search()
		s.drain()
		run = Run{seed, s.world.Violations, s.world.Counters, s.log.String()}
	})
	return run
}

// maxSteps ends a search; what is under way then goes on without faults.
const maxSteps = 250

// actor is one call that a process makes, on a goroutine of its own.
type actor struct {
	name    string
	call    call
	process *Process
	waiting Kind      // the step that it is about to do; empty while it sleeps
	fate    chan Fate // of that step
	frozen  time.Time // it does not go on before
	slowed  bool      // slowDown has had its chance
	ended   bool
}

type scheduler struct {
	seed    uint64
	random  *rand.Rand
	world   *World
	journal func(*Process) once.Journal
	options []once.Option
	log     strings.Builder
	verbose bool
	mu      sync.Mutex // for what goes on without the scheduler: the end of a time-out
	actors  []*actor
	byOwner map[*Process]*actor
	calls   int
	beside  beside
	added   int  // instances from outside
	faults  int  // how many of 100 steps have one
	calm    bool // no more faults
}

var (
	keys    = []string{"key-1", "key-2"}
	offsets = []time.Duration{0, 0, 0, 3 * time.Minute, 20 * time.Minute, 2 * time.Hour}
	leeways = []time.Duration{0, 25 * time.Minute}
	lags    = []time.Duration{0, 0, 10 * time.Second, 2 * time.Minute, 20 * time.Minute, 2 * time.Hour}
	waits   = []time.Duration{time.Second, 15 * time.Second, time.Minute, time.Hour}
	passing = []time.Duration{time.Second, 5 * time.Second, 20 * time.Second, time.Minute, 6 * time.Minute, 40 * time.Minute}
	limits  = []time.Duration{20 * time.Second, 5 * time.Minute, 90 * time.Minute}
	freezes = []time.Duration{time.Minute, 10 * time.Minute, time.Hour}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func newScheduler(seed uint64, journal func(*Process) once.Journal, verbose bool) *scheduler {
	random := rand.New(rand.NewPCG(seed, 14))
	s := &scheduler{seed: seed, random: random, journal: journal, verbose: verbose, byOwner: map[*Process]*actor{}}
	s.beside = besides[seed%uint64(len(besides))]
	s.faults = pick(random, []int{0, 3, 8, 20})
	s.world = &World{
		Offset:     pick(random, offsets),
		Leeway:     pick(random, leeways),
		RetryAfter: pick(random, waits),
	}
	s.world.Lag = func() time.Duration { return pick(random, s.beside.lags()) }
	if random.IntN(2) == 0 {
		s.world.Add("older")
	}
	if verbose {
		s.options = []once.Option{once.WithLogger(slog.New(slog.NewTextHandler(s, nil)))}
	}
	return s
}

// Direct has a step of a process wait until the scheduler lets it go on.
func (s *scheduler) Direct(p *Process, kind Kind) Fate {
	s.mu.Lock()
	a := s.byOwner[p]
	a.waiting = kind
	s.mu.Unlock()
	return <-a.fate
}

func (s *scheduler) note(format string, args ...any) {
	if s.verbose {
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Fprintf(&s.log, "%s  %s\n", time.Now().UTC().Format(time.TimeOnly), fmt.Sprintf(format, args...))
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
		switch n := s.random.IntN(20); {
		case len(s.running()) < s.together() && s.calls < 8:
			s.start()
		case n == 0 && s.calls < 12:
			s.start()
		case n == 1 && s.world.Delayed():
			s.deliver()
		case n == 3 && s.world.Unlanded():
			s.note("a late statement lands")
			s.world.Land()
		case n == 2 && len(ready) > 0:
			s.freeze(pick(s.random, ready), pick(s.random, freezes))
		case len(ready) > 0 && n < 18:
			a := pick(s.random, ready)
			s.goOn(a, s.fate(a.waiting))
		case len(s.running()) > 0 || s.world.Delayed():
			s.pass()
		default:
			return
		}
	}
}

func (s *scheduler) freeze(a *actor, d time.Duration) {
	a.frozen = time.Now().Add(d)
	s.world.Count("pauses")
	s.note("%s pauses at %s until %s", a.name, a.waiting, a.frozen.UTC().Format(time.TimeOnly))
}

func (s *scheduler) deliver() {
	s.note("a late request arrives")
	s.world.Deliver()
}

// pass lets time go by: a little if somebody is ready to go on.
func (s *scheduler) pass() {
	d := min(pick(s.random, passing), s.most())
	s.note("%s pass", d)
	time.Sleep(d)
}

func (s *scheduler) running() []*actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.actors), func(a *actor) bool { return a.ended })
}

func (s *scheduler) ready() []*actor {
	running := s.running()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(running, func(a *actor) bool {
		return a.waiting == "" || !s.calm && time.Now().Before(a.frozen)
	})
}

func (s *scheduler) goOn(a *actor, fate Fate) {
	s.note("%s goes on at %s: %d", a.name, a.waiting, fate)
	s.mu.Lock()
	a.waiting = ""
	s.mu.Unlock()
	a.fate <- fate
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

// call is what a process is started for.
type call string

const (
	buy     call = "Buy"
	settle  call = "Settle"
	resolve call = "Resolve"
	last    call = "finish"
)

// calls has each as often as it is picked.
var calls = []call{buy, buy, buy, buy, buy, buy, settle, settle, resolve, resolve}

// start has a new process begin a call.
func (s *scheduler) start() {
	s.calls++
	key, call := s.startBeside(pick(s.random, keys), pick(s.random, calls))
	switch call {
	case buy:
		s.run(buy, key, func(ctx context.Context, p *Process) { s.buy(ctx, p, key) })
	case settle:
		s.run(settle, "", s.settle)
	default:
		person := s.person()
		s.run(resolve, key, func(ctx context.Context, p *Process) { s.resolve(ctx, p, key, person) })
	}
}

func (s *scheduler) buy(ctx context.Context, p *Process, key string) {
	bought, err := p.Buyer.Buy(ctx, key, request())
	s.note("Buy %s: %v %+v", key, err, bought)
	if p.dead.Load() {
		return
	}
	s.world.Answered(key, bought, err)
	p.Buyer.Shutdown(context.Background())
	s.world.kept(p, key, bought, err)
	if blocked := (*once.BlockedError)(nil); errors.As(err, &blocked) {
		s.world.Count("blocked")
	}
}

func (s *scheduler) settle(ctx context.Context, p *Process) {
	for range 3 {
		open, err := p.Buyer.Settle(ctx)
		s.note("Settle: %v %+v", err, open)
		if err := sleep(ctx, time.Minute); err != nil {
			return
		}
	}
}

func (s *scheduler) resolve(ctx context.Context, p *Process, key string, person person) {
	err := person(s.world, p, key)
	s.note("Resolve %s: %v", key, err)
	for early := (*once.TooEarlyError)(nil); errors.As(err, &early); {
		s.world.Count("too early")
		if sleep(ctx, early.Until.Sub(s.world.Now())+time.Second) != nil {
			return
		}
		err = person(s.world, p, key)
		s.note("Resolve %s again: %v", key, err)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return ctx.Err() // also if both came at the same moment, of which select takes any
}

func (s *scheduler) run(c call, key string, do func(context.Context, *Process)) {
	p := NewProcess(s.world, s, s.journal, s.options...)
	p.vanishes = true
	a := &actor{name: strings.TrimSpace(fmt.Sprintf("%d %s %s", s.calls, c, key)), call: c, process: p, fate: make(chan Fate)}
	s.mu.Lock()
	s.actors = append(s.actors, a)
	s.byOwner[p] = a
	s.mu.Unlock()
	limit := pick(s.random, s.limits(c))
	s.note("%s begins, for %s", a.name, limit)
	go func() {
		ctx, cancel := context.WithTimeout(p.begin(context.Background(), key), limit)
		defer func() {
			cancel()
			s.mu.Lock()
			a.ended = true
			s.mu.Unlock()
			s.note("%s ended", a.name)
		}()
		do(ctx, p)
	}()
	synctest.Wait()
}

// drain has everybody finish without faults, what is late arrive, and everything settled and bought.
func (s *scheduler) drain() {
	s.calm = true
	s.note("no more faults")
	s.calmDown()
	for s.world.Delayed() {
		s.world.Deliver()
	}
	for s.world.Land() {
	}
	s.world.ReleaseOutside()
	s.calls++
	s.run(last, "", func(_ context.Context, p *Process) { finish(s.world, p, keys) })
	s.calmDown()
}

func (s *scheduler) calmDown() {
	for synctest.Wait(); len(s.running()) > 0; synctest.Wait() {
		if ready := s.ready(); len(ready) > 0 {
			s.goOn(ready[0], Go)
		} else {
			time.Sleep(30 * time.Second)
		}
	}
}
