package once_test

import (
	"context"
	"encoding/json"
	"log/slog"
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
	// slowWrite is how long the journal takes to confirm a write of "sending".
	slowWrite time.Duration
}

// inBench runs a test in faked time.
func inBench(t *testing.T, test func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		world := &proof.World{RetryAfter: time.Second, Lag: func() time.Duration { return 0 }}
		test(t, &bench{t: t, world: world, records: new(store.Memory)})
	})
}

func (b *bench) Direct(process *proof.Process, kind proof.Kind) proof.Fate {
	if b.direct != nil {
		if fate := b.direct(process, kind); fate != proof.Go {
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

// process starts a process; all of a bench share its journal.
func (b *bench) process(options ...once.Option) *once.Buyer {
	journal := func(p *proof.Process) once.Journal { return once.JournalOf(slowStore{p.Store(b.records), b}) }
	return proof.NewProcess(b.world, b, journal, options...).Buyer
}

type slowStore struct {
	store.Store
	*bench
}

func (s slowStore) Replace(ctx context.Context, version string, record store.Record) (bool, error) {
	done, err := s.Store.Replace(ctx, version, record)
	if record.State == string(once.StateSending) {
		time.Sleep(s.slowWrite)
	}
	return done, err
}

// purchase is what the journal has of a key.
func (b *bench) purchase(key string) once.Purchase {
	p, found, err := b.process().Lookup(b.t.Context(), key)
	require.NoError(b.t, err)
	require.True(b.t, found, "the journal has key %q", key)
	return p
}

// leaveUnknown has a process buy under a key, and not learn what came of it.
func (b *bench) leaveUnknown(key string, fate proof.Fate) {
	b.mu.Lock()
	b.requests = []proof.Fate{fate}
	b.mu.Unlock()
	_, err := b.process().Buy(b.t.Context(), key, prepaid)
	require.ErrorIs(b.t, err, computeunit.ErrOutcomeUnknown)
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

// crashAt has a process that buys under key a crash at its first step of a kind.
func (b *bench) crashAt(kind proof.Kind) {
	b.direct = func(_ *proof.Process, at proof.Kind) proof.Fate {
		if at == kind {
			return proof.Crash
		}
		return proof.Go
	}
	b.process().Buy(b.t.Context(), "a", prepaid)
	b.direct = nil
}

// logged is what a Buyer wrote.
type logged struct{ strings.Builder }

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&l.Builder, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func client(t *testing.T, endpoint string) *computeunit.Client {
	c, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), computeunit.WithEndpoint(endpoint))
	require.NoError(t, err)
	return c
}

// byALaterVersion adds to a record what this version does not know.
func (b *bench) byALaterVersion(key string) {
	row, found, err := b.records.Read(b.t.Context(), key)
	require.NoError(b.t, err)
	require.True(b.t, found)
	var data map[string]any
	require.NoError(b.t, json.Unmarshal(row.Data, &data))
	data["later"] = true
	row.Data, err = json.Marshal(data)
	require.NoError(b.t, err)
	version := row.Version
	row.Version = "later"
	done, err := b.records.Replace(b.t.Context(), version, row)
	require.NoError(b.t, err)
	require.True(b.t, done)
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
	b.direct = func(_ *proof.Process, at proof.Kind) proof.Fate {
		if at == kind && !done.Swap(true) {
			do()
		}
		return proof.Go
	}
}

// always gives each step of a kind the same fate.
func always(kind proof.Kind, fate proof.Fate) func(*proof.Process, proof.Kind) proof.Fate {
	return func(_ *proof.Process, at proof.Kind) proof.Fate {
		if at == kind {
			return fate
		}
		return proof.Go
	}
}
