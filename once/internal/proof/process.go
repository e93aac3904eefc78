package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/qianfan-go/computeunit"
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

// Director decides the fate of each step.
type Director interface {
	Direct(p *Process, kind Kind) Fate
}

// Process is one process with a Buyer. When it has crashed, nothing that it does has an effect.
type Process struct {
	Buyer    *once.Buyer
	world    *World
	director Director
	caller   context.Context    // of the current call
	cancel   context.CancelFunc // the caller's
	dead     atomic.Bool
	vanishes bool // a crash ends the goroutine: what a dead process would still do with the time would not replay

	answered string // the request id of the current call's last attempt, if an answer came
	unsure   bool   // since then a statement of the journal failed or was slow: a record may not say what was answered

	overlooks *order // what a person overlooks who is about to say that there is none
	listed    bool   // and it was listed before, and nobody's
}

var (
	errDead = errors.New("this process has crashed")
	errCut  = errors.New("the connection was cut")
)

// NewProcess starts a process on a journal, whose calls have to go through Process.Journal.
func NewProcess(world *World, director Director, journal func(*Process) once.Journal, options ...once.Option) *Process {
	p := &Process{world: world, director: director, caller: context.Background(), cancel: func() {}}
	client, err := computeunit.NewClient(
		computeunit.StaticCredentials("ak", "sk"), // not a secret: nothing checks it
		computeunit.WithEndpoint("http://127.0.0.1:1"),
		computeunit.WithHTTPClient(&http.Client{Transport: p}),
	)
	if err == nil {
		p.Buyer, err = once.New(client, journal(p), options...)
	}
	if err != nil {
		panic(err)
	}
	return p
}

// Dead reports whether the process has crashed.
func (p *Process) Dead() bool { return p.dead.Load() }

// begin returns the context of a call about a key.
func (p *Process) begin(ctx context.Context, key string) context.Context {
	ctx, p.cancel = context.WithCancel(ctx)
	p.caller, p.answered, p.unsure = ctx, "", false
	return context.WithValue(ctx, keyName{}, key)
}

type keyName struct{}

func keyOf(ctx context.Context) string {
	key, _ := ctx.Value(keyName{}).(string)
	return key
}

// step returns what becomes of a step: whether it is done, and the error in place of its result.
func (p *Process) step(kind Kind) (fate Fate, done bool, err error) {
	if p.dead.Load() {
		return Crash, false, errDead
	}
	switch fate = p.director.Direct(p, kind); fate {
	case Fail:
		return fate, false, errCut
	case FailAfter:
		return fate, true, errCut
	case Land:
		return fate, false, errCut
	case Crash:
		p.dead.Store(true)
		return fate, false, errDead
	case CrashAfter:
		p.dead.Store(true)
		return fate, true, errDead
	case Cancel:
		p.cancel()
	}
	return fate, true, nil
}

// Journal is one statement of the journal.
func (p *Process) Journal(ctx context.Context, statement func(context.Context) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	began := time.Now()
	fate, done, err := p.step(Journal)
	p.unsure = p.unsure || err != nil || time.Now().After(began)
	if fate == Land {
		p.world.Postpone(func() { _ = statement(context.WithoutCancel(ctx)) })
	}
	var failed error
	if done {
		failed = statement(context.WithoutCancel(ctx)) // what is sent is done, whoever waits for it
	}
	p.vanish()
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return failed
	}
}

// vanish ends the goroutine of a process that has crashed, if the search wants that.
func (p *Process) vanish() {
	if p.dead.Load() && p.vanishes {
		runtime.Goexit()
	}
}

// RoundTrip is the way to the service.
func (p *Process) RoundTrip(r *http.Request) (*http.Response, error) {
	defer p.vanish()
	if strings.HasSuffix(r.URL.RawQuery, "PurchaseComputeUnit") {
		return p.purchase(r)
	}
	fate, done, err := p.step(List)
	if !done || err != nil {
		return nil, err
	}
	switch fate {
	case LoseAnswer:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case Refuse:
		return p.world.refuse(http.StatusForbidden, "AccessDenied"), nil
	}
	return p.world.list(r), nil
}

func (p *Process) purchase(r *http.Request) (*http.Response, error) {
	p.answered = ""
	p.world.left(r.Header.Get("X-Bce-Request-Id"))
	fate, done, err := p.step(Request)
	if !done {
		return nil, err
	}
	var response *http.Response
	switch fate {
	case Lose:
	case Late:
		p.world.Delay(r)
	case Refuse:
		response = p.world.refuse(http.StatusForbidden, "AccessDenied")
	case RefuseRetry:
		response = p.world.refuse(http.StatusTooManyRequests, "Throttled")
		response.Header.Set("Retry-After", seconds(p.world.RetryAfter))
	default:
		response = p.world.purchase(r, fate != OrderOnly)
	}
	if err != nil {
		return nil, err
	}
	if response == nil || fate == LoseAnswer {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if _, done, err := p.step(Received); !done || err != nil {
		return nil, err
	}
	p.heard(r.Header.Get("X-Bce-Request-Id"))
	if err := r.Context().Err(); errors.Is(err, context.Canceled) { // after a deadline the answer may have been there in time
		return nil, err
	}
	return response, nil
}

// heard notes that an attempt was answered.
func (p *Process) heard(requestID string) {
	p.answered, p.unsure = requestID, false
	if p.caller.Err() != nil {
		p.world.Count("answered after the caller had left")
	}
}

func readAllOnce(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }

func decodeBody(r *http.Request, into any) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		panic(err)
	}
}
