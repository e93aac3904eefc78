// Package proof holds package once against its promise. It has processes that crash, pause and lose what they send at any
// step, before the service of package model, and a history that records and answers are held against. Two searches use it:
// every crash and cancellation, in pairs (crash.go), and the interleavings that a seed finds (schedule.go). The folder
// testdata/rules has a patch for each rule of docs/once-design.md that switches it off; a search has to find each.
package proof

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/internal/proof/model"
)

// World is the service, the network before it, the journal's database, and what has happened.
type World struct {
	model.Service
	History
	Offset     time.Duration // the service's clock, of the processes'
	RetryAfter time.Duration // what a 429 asks for
	requests   []late        // that are still on their way
	statements []late        // of the journal, that failed and are, too
	away       time.Time
	writing    sync.Mutex // a record and its place in the history
	hangs      bool       // the database does not answer while it is away, instead of refusing
}

// NewWorld is one in which nothing has happened.
func NewWorld() *World {
	ledger := model.NewLedger()
	w := &World{RetryAfter: time.Second, History: newHistory(ledger)}
	w.Service.Ledger = ledger
	w.Clock = func() time.Time { return time.Now().Add(w.Offset) }
	return w
}

// Add lists an instance that no key's order made: one that was there before, or that somebody outside bought.
func (w *World) Add(instanceID string) { w.AddLike(instanceID, request) }

// AddLike lists one of the timing and size of a request.
func (w *World) AddLike(instanceID string, like computeunit.PurchaseComputeUnitRequest) {
	w.Service.Add(model.Instance(instanceID, like), true)
}

// request is every process's.
var request = model.Prepaid("svco-1")

// serve serves a request.
func (w *World) serve(r *http.Request, withInstance bool) *http.Response {
	response := w.Serve(r, withInstance)
	if response.StatusCode == http.StatusBadRequest && model.IsPurchase(r) {
		w.Count("refused by the fence")
	}
	return response
}

// late is what arrives when nobody waits for it any more.
type late struct {
	requestID string
	arrive    func()
}

// Delay keeps a request on its way, with its body: its sender is about to give up.
func (w *World) Delay(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	kept := r.Clone(context.WithoutCancel(r.Context()))
	kept.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, late{r.Header.Get("X-Bce-Request-Id"), func() { w.serve(kept, true) }})
}

// Postpone keeps a statement, which failed for its caller, on its way to the journal.
func (w *World) Postpone(statement func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.statements = append(w.statements, late{"", statement})
}

// Deliver serves the oldest request that is still on its way, if there is one. Its answer reaches nobody.
func (w *World) Deliver() bool { return w.arrives(&w.requests, "served late") }

// Land does the oldest statement that is still on its way to the journal, if there is one.
func (w *World) Land() bool { return w.arrives(&w.statements, "landed late") }

func (w *World) arrives(from *[]late, how string) bool {
	w.mu.Lock()
	if len(*from) == 0 {
		w.mu.Unlock()
		return false
	}
	oldest := (*from)[0]
	*from = (*from)[1:]
	w.mu.Unlock()
	w.Count(how)
	oldest.arrive()
	return true
}

// Delayed reports whether a request is still on its way.
func (w *World) Delayed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.requests) > 0
}

// onItsWay reports whether an attempt can still make an order, or has made one.
func (w *World) onItsWay(requestID string) bool {
	return slices.ContainsFunc(w.requests, func(r late) bool { return r.requestID == requestID }) ||
		slices.ContainsFunc(w.Orders(0), func(o *model.Order) bool { return o.RequestID == requestID })
}

// Away has the database be away for a time, for everybody.
func (w *World) Away(d time.Duration, hangs bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away, w.hangs = time.Now().Add(d), hangs
	w.Count("the journal was away")
}

// reach waits for the database, and fails while it is away.
func (w *World) reach(ctx context.Context) error {
	w.mu.Lock()
	back, hangs := time.Until(w.away), w.hangs
	w.mu.Unlock()
	switch {
	case back <= 0:
		return nil
	case hangs && sleep(ctx, back) == nil:
		return nil
	default:
		return errCut
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return ctx.Err() // also if both came at the same moment, of which select takes any
}
