package fleet

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
)

const (
	attemptTimeout = time.Second
	takeoverAfter  = 1500 * time.Millisecond
	// The service accepts a signature for expiryLeeway after its expiry, and the margin of the fence covers it.
	expiryLeeway = 20 * time.Second
	fenceMargin  = time.Minute
)

// place is where a buyer buys, where it keeps its journal, and to whom it says what it is about to do.
type place struct {
	Endpoint, Observer   string
	Dialect, Driver, DSN string
}

func (p place) pool() (*sql.DB, error) {
	db, err := sql.Open(p.Driver, p.DSN)
	if err == nil {
		db.SetMaxOpenConns(8)
		db.SetMaxIdleConns(8)
	}
	return db, err
}

// buyer is a Buyer at a place.
func (p place) buyer(db *sql.DB) (*once.Buyer, error) {
	journal, err := once.SQL(db, once.Dialect(p.Dialect))
	if err != nil {
		return nil, err
	}
	client, err := computeunit.NewClient(computeunit.StaticCredentials("ak", "sk"), // not a secret: nothing checks it
		computeunit.WithEndpoint(p.Endpoint), computeunit.WithTimeout(attemptTimeout))
	if err != nil {
		return nil, err
	}
	return once.New(client, journal, once.WithTakeoverAfter(takeoverAfter), once.WithFenceMargin(fenceMargin))
}

// job is what a buyer is asked for: to buy.
type job struct {
	ID      int
	Key     string
	Request computeunit.PurchaseComputeUnitRequest
	Timeout time.Duration // of the caller's context
}

// seen is what a buyer says before it goes on: that an attempt of a job will be sent with a request id.
type seen struct {
	Job            int
	Key, RequestID string
}

// outcome is how a Buy ended.
type outcome string

const (
	bought       outcome = "bought"
	notPurchased outcome = "not purchased"
	unknown      outcome = "unknown"
	contradicts  outcome = "neither or both, or unknown and not pending"
)

type answer struct {
	Outcome             outcome
	Pending             bool
	InstanceID, OrderID string
	Error               string
}

// runBuyer is the process of a buyer: it does the jobs that it is asked for, all at the same time, and looks after what is open
// when it starts. When it is told to end it shuts down.
func runBuyer(p place) error {
	db, err := p.pool()
	if err != nil {
		return err
	}
	buyer, err := p.buyer(db)
	if err != nil {
		return err
	}
	go func() { _, _ = buyer.Settle(context.Background()) }()
	fmt.Println(httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var j job
		if json.NewDecoder(r.Body).Decode(&j) == nil {
			_ = json.NewEncoder(w).Encode(j.do(p, buyer))
		}
	})).URL)
	_, _ = os.Stdin.Read(make([]byte, 1))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = buyer.Shutdown(ctx) // what it could not write, somebody finds
	return nil
}

func (j job) do(p place, buyer *once.Buyer) *answer {
	ctx, cancel := context.WithTimeout(context.Background(), j.Timeout)
	defer cancel()
	ctx = computeunit.ContextWithHooks(ctx, computeunit.Hooks{
		BeforeAttempt: func(_ context.Context, a computeunit.AttemptInfo) error {
			if a.Action != "PurchaseComputeUnit" {
				return nil
			}
			return post(p.Observer, seen{Job: j.ID, Key: j.Key, RequestID: a.RequestID}, nil)
		},
	})
	return answerOf(buyer.Buy(ctx, j.Key, j.Request))
}

func answerOf(p once.Purchase, err error) *answer {
	a := &answer{Outcome: bought, Pending: errors.Is(err, once.ErrPending), InstanceID: p.InstanceID, OrderID: p.OrderID}
	if err == nil {
		return a
	}
	a.Error = err.Error()
	switch not, open := errors.Is(err, computeunit.ErrNotPurchased), errors.Is(err, computeunit.ErrOutcomeUnknown); {
	case not == open || open && !a.Pending:
		a.Outcome = contradicts
	case not:
		a.Outcome = notPurchased
	default:
		a.Outcome = unknown
	}
	return a
}
