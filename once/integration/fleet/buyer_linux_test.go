package fleet

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
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

// place is where a buyer buys, and where it keeps its journal.
type place struct {
	Endpoint             string
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

// job is a line to a buyer: buy.
type job struct {
	ID      int
	Key     string
	Request computeunit.PurchaseComputeUnitRequest
	Timeout time.Duration // of the caller's context
}

// line is what a buyer says: that an attempt of a job will be sent with a request id, that the service refused one as
// expired, or how a job ended.
type line struct {
	Job            int
	Key, RequestID string `json:",omitempty"`
	Expired        bool   `json:",omitempty"`
	Answer         *answer
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

// runBuyer is the process of a buyer: it does the jobs that it reads, all at the same time, and looks after what is open
// when it starts. At the end of its input it shuts down.
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
	out := &lines{to: os.Stdout}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var j job
		if err := json.Unmarshal(in.Bytes(), &j); err != nil {
			return err
		}
		go func() { out.write(line{Job: j.ID, Answer: j.do(buyer, out)}) }()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = buyer.Shutdown(ctx) // what it could not write, somebody finds
	return in.Err()
}

func (j job) do(buyer *once.Buyer, out *lines) *answer {
	ctx, cancel := context.WithTimeout(context.Background(), j.Timeout)
	defer cancel()
	ctx = computeunit.ContextWithHooks(ctx, computeunit.Hooks{
		BeforeAttempt: func(_ context.Context, a computeunit.AttemptInfo) error {
			if a.Action == "PurchaseComputeUnit" {
				out.write(line{Job: j.ID, Key: j.Key, RequestID: a.RequestID})
			}
			return nil
		},
		AfterAttempt: func(_ context.Context, _ computeunit.AttemptInfo, err error) error {
			if errors.Is(err, computeunit.ErrRequestExpired) {
				out.write(line{Expired: true})
			}
			return nil
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

// lines writes each line in one piece, so that one that is written has left the process, whatever becomes of that.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lines) write(what line) {
	text, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.to, "%s\n", text)
}
