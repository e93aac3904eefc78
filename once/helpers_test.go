package once_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// bench is a service and a journal for one test, whose steps the test may direct. Time is faked.
type bench struct {
	*require.Assertions // on the test's own goroutine
	t                   *testing.T
	ctx                 context.Context
	world               *proof.World
	records             *store.Memory
	log                 logged // of every process

	mu       sync.Mutex
	requests []proof.Fate                // of the next purchase requests; then all are served
	direct   func(proof.Kind) proof.Fate // if not nil, asked first; Go means: as usual
	sent     int
	deleted  atomic.Bool   // every row is gone
	clock    time.Duration // of the journal, since what it has was written
}

// inBench runs a test in faked time.
func inBench(t *testing.T, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(&bench{Assertions: require.New(t), t: t, ctx: t.Context(), world: proof.NewWorld(), records: new(store.Memory)})
	})
}

// inBenches runs a test in a bench for each row of a table.
func inBenches[K comparable, V any](t *testing.T, table map[K]V, test func(b *bench, name K, row V)) {
	for name, row := range table {
		t.Run(fmt.Sprint(name), func(t *testing.T) {
			inBench(t, func(b *bench) { test(b, name, row) })
		})
	}
}

// Direct gives a step of a process its fate.
func (b *bench) Direct(_ context.Context, _ *proof.Process, kind proof.Kind) proof.Fate {
	b.mu.Lock()
	direct := b.direct
	b.mu.Unlock()
	fate := proof.Go
	if direct != nil {
		fate = direct(kind)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if kind == proof.Request && fate == proof.Go {
		b.sent++
		if len(b.requests) > 0 {
			fate, b.requests = b.requests[0], b.requests[1:]
		}
	}
	return fate
}

// directs has another one direct each step.
func (b *bench) directs(direct func(proof.Kind) proof.Fate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.direct = direct
}

// always gives each step of a kind the same fate.
func (b *bench) always(kind proof.Kind, fate proof.Fate) {
	b.directs(func(at proof.Kind) proof.Fate {
		if at == kind {
			return fate
		}
		return proof.Go
	})
}

// at runs something at the first step of a kind.
func (b *bench) at(kind proof.Kind, do func()) {
	var done atomic.Bool
	b.directs(func(at proof.Kind) proof.Fate {
		if at == kind && !done.Swap(true) {
			do()
		}
		return proof.Go
	})
}

// journalIsAway fails the journal for a time, from the first step of a kind on.
func (b *bench) journalIsAway(from proof.Kind, d time.Duration) {
	b.at(from, func() { b.world.Away(d, false) })
}

// process starts a process; all of a bench share its journal.
func (b *bench) process(options ...once.Option) *once.Buyer {
	journal := func(p *proof.Process) once.Journal { return once.JournalOf(altered{p.Store(b.records), b}) }
	options = append(options, once.WithLogger(b.log.logger()))
	buyer := proof.NewProcess(b.world, b, journal, options...).Buyer
	b.t.Cleanup(func() { _ = buyer.Shutdown(context.WithoutCancel(b.ctx)) })
	return buyer
}

// altered is a store that something has happened to.
type altered struct {
	store.Store
	*bench
}

// Find finds nothing when everything is deleted.
func (s altered) Find(ctx context.Context, column store.Column, values ...string) ([]store.Record, error) {
	found, err := s.Store.Find(ctx, column, values...)
	if s.deleted.Load() {
		return nil, err
	}
	for i := range found {
		found[i].Age += s.clock
	}
	return found, err
}

// fates are those of the next purchase requests.
func (b *bench) fates(fates ...proof.Fate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = fates
}

// lag is how long orders take to be listed.
func (b *bench) lag(d time.Duration) { b.world.Lag = func() time.Duration { return d } }

// purchase is what the journal has of a key.
func (b *bench) purchase(key string) once.Purchase {
	b.t.Helper()
	p, found, err := b.process().Lookup(b.ctx, key)
	b.NoError(err)
	b.True(found, "the journal has key %q", key)
	return p
}

// alter changes the row of a key by hand, and returns it.
func (b *bench) alter(key string, change func(row *store.Record)) store.Record {
	rows, err := b.records.Find(b.ctx, store.Key, key)
	b.NoError(err)
	b.Len(rows, 1)
	row, version := rows[0], rows[0].Version
	change(&row)
	done, err := b.records.Put(b.ctx, version, row)
	b.NoError(err)
	b.True(done)
	row.Age = 0
	return row
}

// buy has a process of its own buy under a key.
func (b *bench) buy(key string) (once.Purchase, error) { return b.process().Buy(b.ctx, key, prepaid) }

// bought is for a Buy that succeeds.
func (b *bench) bought(key string) once.Purchase {
	b.t.Helper()
	p, err := b.buy(key)
	b.NoError(err)
	return p
}

// blocked is for a Buy that an open purchase is in the way of.
func (b *bench) blocked(key string) (blocked *once.BlockedError) {
	b.t.Helper()
	_, err := b.buy(key)
	b.ErrorAs(err, &blocked)
	return blocked
}

// found and none are what a person says of key a.
func (b *bench) found(f once.Found) (once.Purchase, error) {
	return b.process().ResolveBought(b.ctx, "a", f)
}
func (b *bench) none(options ...once.Option) (once.Purchase, error) {
	return b.process(options...).ResolveNotPurchased(b.ctx, "a")
}

// settle returns what is still open after a process of its own has settled.
func (b *bench) settle(options ...once.Option) []once.Purchase {
	b.t.Helper()
	settled, err := b.process(options...).Settle(b.ctx)
	b.NoError(err)
	return slices.DeleteFunc(settled, func(p once.Purchase) bool { return !p.Open() })
}

// leaveUnknown has a process buy under a key, and not learn what came of it.
func (b *bench) leaveUnknown(key string, fate proof.Fate) {
	b.t.Helper()
	b.fates(fate)
	_, err := b.buy(key)
	b.ErrorIs(err, computeunit.ErrOutcomeUnknown)
}

// crashAt has a process that buys under key a crash at its first step of a kind.
func (b *bench) crashAt(kind proof.Kind) {
	b.always(kind, proof.Crash)
	_, err := b.buy("a")
	b.Error(err)
	b.directs(nil)
}

// buySlowly has a process buy under a key whose answer arrives only after an hour.
func (b *bench) buySlowly(key string) (bought chan once.Purchase) {
	bought = make(chan once.Purchase)
	b.at(proof.Received, func() { time.Sleep(time.Hour) })
	go func() {
		p, err := b.buy(key)
		assert.NoError(b.t, err)
		bought <- p
	}()
	time.Sleep(time.Minute)
	return bought
}

// prepaid and postpaid are requests for the same service.
var (
	prepaid  = model.Prepaid("svco-1")
	postpaid = computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Postpaid(), ReplicasCount: 1}
)

func (b *bench) within(limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	b.t.Cleanup(cancel)
	return ctx
}

// says holds an error of Buy against what it is to say: exactly one outcome, and whether it is pending.
func (b *bench) says(want string, err error) {
	b.t.Helper()
	pending, said := errors.Is(err, once.ErrPending), "bought"
	notPurchased, unknown := errors.Is(err, computeunit.ErrNotPurchased), errors.Is(err, computeunit.ErrOutcomeUnknown)
	if err != nil {
		var known *computeunit.OutcomeError
		b.ErrorAs(err, &known)
		b.NotEqual(notPurchased, unknown, "%v", err)
		b.NotContains(err.Error(), "\n")
		b.Equal(pending && notPurchased, errors.Is(err, computeunit.ErrRetryable), "%v", err)
		said = map[bool]string{true: "unknown", false: "not purchased"}[unknown]
	}
	if pending {
		said += ", pending"
	}
	b.Equal(want, said, "%v", err)
}

// is holds the state of a key in the journal.
func (b *bench) is(state once.State, key string) {
	b.t.Helper()
	b.Equal(state, b.purchase(key).State)
}

// logged is what a Buyer wrote.
type logged struct {
	mu sync.Mutex
	strings.Builder
}

// Write takes what several goroutines log.
func (l *logged) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(text)
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// all are the parts of the log that a pattern names.
func (l *logged) all(pattern string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(l.String(), -1) {
		found = append(found, match[1])
	}
	return found
}

func (l *logged) messages() []string {
	return l.all(`msg="?(?:once: )([^"\n]*?)"? (?:key|schema|error)=`)
}
func (l *logged) errors() []string { return l.all(`level=ERROR msg="once: ([^"]*)"`) }
