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
	"github.com/qianfan-go/computeunit/internal/simulator"
	"github.com/qianfan-go/computeunit/once"
)

const (
	attemptTimeout = time.Second
	takeoverAfter  = 1500 * time.Millisecond
	// The simulator accepts a signature for expiryLeeway after its expiry, and the margin of the fence covers it.
	expiryLeeway = 20 * time.Second
	fenceMargin  = time.Minute
)

// place is where a buyer buys, and where it keeps its journal.
type place struct {
	Endpoint             string
	Dialect, Driver, DSN string
}

// buyer is a Buyer at a place, with its pool of connections.
func (p place) buyer() (*once.Buyer, *sql.DB, error) {
	db, err := sql.Open(p.Driver, p.DSN)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	journal, err := once.SQL(db, once.Dialect(p.Dialect))
	if err != nil {
		return nil, nil, err
	}
	client, err := computeunit.NewClient(
		computeunit.StaticCredentials(simulator.DefaultAccessKeyID, simulator.DefaultSecretAccessKey),
		computeunit.WithEndpoint(p.Endpoint), computeunit.WithTimeout(attemptTimeout))
	if err != nil {
		return nil, nil, err
	}
	buyer, err := once.New(client, journal, once.WithTakeoverAfter(takeoverAfter), once.WithFenceMargin(fenceMargin))
	return buyer, db, err
}

// job is a line to a buyer: buy.
type job struct {
	ID      int
	Key     string
	Request computeunit.PurchaseComputeUnitRequest
	Timeout time.Duration // of the caller's context
}

// line is what a buyer says: that an attempt of a key will be sent with a request id, that the service refused one as
// expired, or how a job ended.
type line struct {
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
	contradicts  outcome = "neither or both"
)

type answer struct {
	Job                 int
	Outcome             outcome
	InstanceID, OrderID string
	Blocked             bool
	Error               string
}

// runBuyer is the process of a buyer: it does the jobs that it reads, all at the same time, and looks after what is open
// when it starts.
func runBuyer(p place) error {
	buyer, _, err := p.buyer()
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
		go func() { out.write(line{Answer: j.do(buyer, out)}) }()
	}
	return in.Err()
}

func (j job) do(buyer *once.Buyer, out *lines) *answer {
	ctx, cancel := context.WithTimeout(context.Background(), j.Timeout)
	defer cancel()
	ctx = computeunit.ContextWithHooks(ctx, computeunit.Hooks{
		BeforeAttempt: func(_ context.Context, a computeunit.AttemptInfo) error {
			if a.Action == "PurchaseComputeUnit" {
				out.write(line{Key: j.Key, RequestID: a.RequestID})
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
	purchase, err := buyer.Buy(ctx, j.Key, j.Request)
	a := &answer{Job: j.ID, Outcome: outcomeOf(err), InstanceID: purchase.InstanceID, OrderID: purchase.OrderID}
	var blocked *once.BlockedError
	a.Blocked = errors.As(err, &blocked)
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

func outcomeOf(err error) outcome {
	not, open := errors.Is(err, computeunit.ErrNotPurchased), errors.Is(err, computeunit.ErrOutcomeUnknown)
	switch {
	case err == nil:
		return bought
	case not == open:
		return contradicts
	case not:
		return notPurchased
	default:
		return unknown
	}
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
