package proof

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qianfan-go/computeunit/internal/proof/model"
	"github.com/qianfan-go/computeunit/once"
)

// Fate is what becomes of one step of a process.
type Fate int

// The fates. Not every step can have each.
const (
	Go         Fate = iota
	Cancel          // the caller's context ends, and the step goes on
	Fail            // not done, and an error
	FailAfter       // done, and an error
	Crash           // not done, and the process ends
	CrashAfter      // done, and the process ends
	Land            // of the journal: an error now, and done later
	Leave           // of the journal: it is away from now on, for longer than a write tries
	Ended           // whoever waits for it has stopped waiting

	// Only for a purchase request, LoseAnswer and Refuse for a listing, too:
	Lose        // it never arrives, and no answer comes
	LoseAnswer  // it is served, and no answer comes
	Late        // it is served later, and no answer comes
	Refuse      // 403
	RefuseRetry // 429 with Retry-After
	OrderOnly   // the answer has no instance id
)

// Kind is what a process is about to do.
type Kind string

// The kinds of steps.
const (
	Journal  Kind = "journal"
	List     Kind = "list"
	Request  Kind = "request"
	Received Kind = "received" // an answer is there
)

// Director decides the fate of each step. Whoever waits with ctx may stop waiting.
type Director interface {
	Direct(ctx context.Context, p *Process, kind Kind) Fate
}

// Process is one process with a Buyer. When it has crashed, nothing that it does has an effect.
type Process struct {
	Buyer    *once.Buyer
	Ahead    time.Duration // its clock, of the service's: seen from it, all that others date is earlier
	world    *World
	director Director
	dead     atomic.Bool
	failed   sync.Map // by key: the last statement that failed
}

var (
	errDead = errors.New("this process has crashed")
	errCut  = errors.New("the connection was cut")
)

// NewProcess starts a process on a journal, whose calls have to go through Process.Store or Process.Statement.
func NewProcess(world *World, director Director, journal func(*Process) once.Journal, options ...once.Option) *Process {
	p := &Process{world: world, director: director}
	client, err := model.NewClient(p)
	if err == nil {
		p.Buyer, err = once.New(client, journal(p), options...)
	}
	if err != nil {
		panic(err)
	}
	return p
}

// call is one call of a Buyer, which the contexts of all that it does name.
type call struct {
	process   *Process
	does      does
	key       string
	over      bool
	ctx       context.Context
	cancel    context.CancelFunc
	ended     atomic.Pointer[time.Time] // when the context did
	firstRead int64                     // when it had read its key
	seen      once.Purchase             // its key, as it read or wrote it last
	failed    any                       // the last statement about its key that had failed in its process when it began

	overlooks *model.Order // what a person overlooks who is about to say that there is none
	listed    bool         // and it was listed before, and nobody's
}

type callName struct{}

// begin returns the context of a call about a key.
func (p *Process) begin(limit time.Duration, key string) (context.Context, *call) {
	c := &call{process: p, key: key}
	c.failed, _ = p.failed.Load(key)
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), callName{}, c), limit)
	c.ctx, c.cancel = ctx, cancel
	context.AfterFunc(ctx, func() {
		now := time.Now()
		c.ended.Store(&now)
	})
	return ctx, c
}

// unsure reports whether a statement about its key failed in its process: that may know more, or less, than the journal.
func (c *call) unsure() bool {
	failed, _ := c.process.failed.Load(c.key)
	return failed != c.failed
}

func (c *call) err() error {
	if c.ctx == nil {
		return nil
	}
	return c.ctx.Err()
}

// callOf returns the call that something is done for: one of its own, if it is for none.
func (p *Process) callOf(ctx context.Context) *call {
	if c, is := ctx.Value(callName{}).(*call); is {
		return c
	}
	return &call{process: p, cancel: func() {}}
}

// step returns what becomes of a step: whether it is done, and the error in place of its result.
func (p *Process) step(ctx context.Context, kind Kind) (fate Fate, done bool, err error) {
	if !p.dead.Load() {
		fate = p.director.Direct(ctx, p, kind)
	}
	if p.dead.Load() { // another step of it has ended it
		return Crash, false, errDead
	}
	switch fate {
	case Fail, Land, Leave:
		return fate, false, errCut
	case FailAfter:
		return fate, true, errCut
	case Ended:
		return fate, false, ctx.Err()
	case Crash, CrashAfter:
		p.dead.Store(true)
		return fate, fate == CrashAfter, errDead
	case Cancel:
		p.callOf(ctx).cancel()
	}
	return fate, true, nil
}

// Statement is one of the journal.
func (p *Process) Statement(ctx context.Context, statement func(context.Context) error) (err error) {
	defer func() {
		if err != nil {
			p.failed.Store(p.callOf(ctx).key, new(int))
		}
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	fate, done, err := p.step(ctx, Journal)
	if away := p.world.reach(ctx); away != nil && !p.dead.Load() {
		return away
	}
	switch {
	case fate == Leave:
		p.world.Away(time.Minute, false)
	case fate == Land || fate == Ended && p.world.even():
		p.world.Postpone(func() { _ = statement(context.WithoutCancel(ctx)) })
	}
	var failed error
	if done {
		failed = statement(context.WithoutCancel(ctx)) // what is sent is done, whoever waits for it
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return failed
	}
}

func (h *History) even() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tick()%2 == 0
}

// RoundTrip is the way to the service, from a machine whose clock may be wrong.
func (p *Process) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", signedAhead(r.Header.Get("Authorization"), p.Ahead))
	response, err := p.roundTrip(r)
	if response != nil {
		if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			response.Header.Set("Date", date.Add(-p.Ahead).Format(http.TimeFormat))
		}
	}
	return response, err
}

// signedAhead is a signature as a machine makes it whose clock is ahead. Nothing checks it but for its time.
func signedAhead(signature string, by time.Duration) string {
	parts := strings.Split(signature, "/")
	signed, err := time.Parse(time.RFC3339, parts[2])
	if err != nil {
		panic(err)
	}
	parts[2] = signed.Add(by).UTC().Format(time.RFC3339)
	return strings.Join(parts, "/")
}

func (p *Process) roundTrip(r *http.Request) (*http.Response, error) {
	if model.IsPurchase(r) {
		return p.purchase(r)
	}
	fate, done, err := p.step(r.Context(), List)
	if !done || err != nil {
		return nil, err
	}
	switch fate {
	case LoseAnswer:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case Refuse:
		return p.world.Refuse(http.StatusForbidden, "AccessDenied", "refused"), nil
	}
	return p.world.serve(r, true), nil
}

func (p *Process) purchase(r *http.Request) (*http.Response, error) {
	requestID := r.Header.Get("X-Bce-Request-Id")
	if !p.dead.Load() {
		p.world.left(p.callOf(r.Context()), requestID)
	}
	fate, done, err := p.step(context.WithoutCancel(r.Context()), Request) // a process that sleeps here notices no time-out
	if !done {
		return nil, err
	}
	var response *http.Response
	switch fate {
	case Lose:
	case Late:
		p.world.Delay(r)
	case Refuse:
		response = p.world.Refuse(http.StatusForbidden, "AccessDenied", "refused")
	case RefuseRetry:
		response = p.world.Refuse(http.StatusTooManyRequests, "Throttled", "refused")
		response.Header.Set("Retry-After", strconv.Itoa(int(p.world.RetryAfter/time.Second)))
	default:
		response = p.world.serve(r, fate != OrderOnly)
	}
	if err != nil {
		return nil, err
	}
	if response == nil || fate == LoseAnswer {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if _, done, err := p.step(context.WithoutCancel(r.Context()), Received); !done || err != nil {
		return nil, err
	}
	p.world.answered(requestID)
	if err := r.Context().Err(); errors.Is(err, context.Canceled) { // after a deadline the answer may have been there in time
		return nil, err
	}
	if p.callOf(r.Context()).err() != nil {
		p.world.Count("answered after the caller had left")
	}
	return response, nil
}
