package once_test

import (
	"context"
	"errors"
	"log/slog"
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
	"github.com/qianfan-go/computeunit/once"
	"github.com/qianfan-go/computeunit/once/internal/proof"
	"github.com/qianfan-go/computeunit/once/internal/store"
)

// bench is a service and a journal for one test, whose steps the test may direct. Time is faked.
type bench struct {
	t       *testing.T
	world   *proof.World
	records *store.Memory

	mu       sync.Mutex
	requests []proof.Fate                                             // of the next purchase requests; then all are served
	direct   func(process *proof.Process, kind proof.Kind) proof.Fate // if not nil, asked first; Go means: as usual
	sent     int
	deleted  atomic.Value // a key whose row is gone
}

// inBench runs a test in faked time.
func inBench(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, &bench{t: t, world: proof.NewWorld(), records: new(store.Memory)})
	})
}

// Direct gives a step of a process its fate.
func (b *bench) Direct(_ context.Context, process *proof.Process, kind proof.Kind) proof.Fate {
	if direct := b.director(nil); direct != nil {
		if fate := direct(process, kind); fate != proof.Go {
			return fate
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if kind != proof.Request {
		return proof.Go
	}
	b.sent++
	if len(b.requests) == 0 {
		return proof.Go
	}
	fate := b.requests[0]
	b.requests = b.requests[1:]
	return fate
}

type director = func(*proof.Process, proof.Kind) proof.Fate

// director returns who directs now, after setting another one.
func (b *bench) director(other director) director {
	b.mu.Lock()
	defer b.mu.Unlock()
	if other != nil {
		b.direct = other
	}
	return b.direct
}

// process starts a process; all of a bench share its journal.
func (b *bench) process(options ...once.Option) *once.Buyer {
	journal := func(p *proof.Process) once.Journal { return once.JournalOf(withoutDeleted{p.Store(b.records), b}) }
	buyer := proof.NewProcess(b.world, b, journal, options...).Buyer
	b.t.Cleanup(func() { _ = buyer.Shutdown(context.WithoutCancel(b.t.Context())) })
	return buyer
}

type withoutDeleted struct {
	store.Store
	*bench
}

// Find leaves out what is deleted.
func (s withoutDeleted) Find(ctx context.Context, column store.Column, values ...string) ([]store.Record, error) {
	found, err := s.Store.Find(ctx, column, values...)
	return slices.DeleteFunc(found, func(r store.Record) bool { return r.Key == s.deleted.Load() }), err
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
	p, found, err := b.process().Lookup(b.t.Context(), key)
	require.NoError(b.t, err)
	require.True(b.t, found, "the journal has key %q", key)
	return p
}

// buy has a process of its own buy under a key.
func (b *bench) buy(key string) (once.Purchase, error) {
	return b.process().Buy(b.t.Context(), key, prepaid)
}

// settle returns what is still open after a process of its own has settled.
func (b *bench) settle() (open []once.Purchase) {
	b.t.Helper()
	settled, err := b.process().Settle(b.t.Context())
	require.NoError(b.t, err)
	for _, p := range settled {
		if p.Open() {
			open = append(open, p)
		}
	}
	return open
}

// leaveUnknown has a process buy under a key, and not learn what came of it.
func (b *bench) leaveUnknown(key string, fate proof.Fate) {
	b.t.Helper()
	b.fates(fate)
	_, err := b.buy(key)
	require.ErrorIs(b.t, err, computeunit.ErrOutcomeUnknown)
}

// crashAt has a process that buys under key a crash at its first step of a kind.
func (b *bench) crashAt(kind proof.Kind) {
	b.director(always(kind, proof.Crash))
	_, err := b.buy("a")
	require.Error(b.t, err)
	b.director(always("", proof.Go))
}

// buySlowly has a process buy under a key whose answer arrives only after an hour.
func (b *bench) buySlowly(key string, log *logged) (bought chan once.Purchase) {
	bought = make(chan once.Purchase)
	b.at(proof.Received, func() { time.Sleep(time.Hour) })
	go func() {
		p, err := b.process(once.WithLogger(log.logger())).Buy(b.t.Context(), key, prepaid)
		assert.NoError(b.t, err)
		bought <- p
	}()
	time.Sleep(time.Minute)
	return bought
}

// at runs something at the first step of a kind.
func (b *bench) at(kind proof.Kind, do func()) {
	var done atomic.Bool
	b.director(func(_ *proof.Process, at proof.Kind) proof.Fate {
		if at == kind && !done.Swap(true) {
			do()
		}
		return proof.Go
	})
}

// always gives each step of a kind the same fate.
func always(kind proof.Kind, fate proof.Fate) director {
	return func(_ *proof.Process, at proof.Kind) proof.Fate {
		if at == kind {
			return fate
		}
		return proof.Go
	}
}

// journalIsAway fails the journal for a time, from the first step of a kind on.
func (b *bench) journalIsAway(from proof.Kind, d time.Duration) {
	var since time.Time
	b.director(func(_ *proof.Process, kind proof.Kind) proof.Fate {
		if since.IsZero() && kind == from {
			since = time.Now()
		}
		if kind == proof.Journal && !since.IsZero() && time.Since(since) < d {
			return proof.Fail
		}
		return proof.Go
	})
}

// prepaid and postpaid are requests for the same service.
var (
	prepaid  = computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Prepaid(1), ReplicasCount: 1}
	postpaid = computeunit.PurchaseComputeUnitRequest{ServiceID: "svco-1", Billing: computeunit.Postpaid(), ReplicasCount: 1}
)

func within(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// outcome is what Buy says by its error: exactly one outcome, and whether it is pending.
func outcome(t *testing.T, err error) string {
	t.Helper()
	pending := map[bool]string{true: ", pending"}[errors.Is(err, once.ErrPending)]
	notPurchased, unknown := errors.Is(err, computeunit.ErrNotPurchased), errors.Is(err, computeunit.ErrOutcomeUnknown)
	var known *computeunit.OutcomeError
	switch {
	case err == nil:
		return "bought"
	case !errors.As(err, &known) || notPurchased == unknown || strings.Contains(err.Error(), "\n"):
		assert.Fail(t, "not exactly one outcome, in one line", "%v", err)
	case notPurchased:
		assert.Equal(t, pending != "", errors.Is(err, computeunit.ErrRetryable), "%v", err)
		return "not purchased" + pending
	}
	assert.NotErrorIs(t, err, computeunit.ErrRetryable)
	return "unknown" + pending
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

func client(t *testing.T, endpoint string) *computeunit.Client {
	c, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithEndpoint(endpoint))
	require.NoError(t, err)
	return c
}

// putBack is a store whose clock was put back by an hour.
type putBack struct{ store.Store }

// Find returns records of the future.
func (s putBack) Find(ctx context.Context, column store.Column, values ...string) ([]store.Record, error) {
	found, err := s.Store.Find(ctx, column, values...)
	for i := range found {
		found[i].Age -= time.Hour
	}
	return found, err
}
