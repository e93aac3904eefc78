package fleet

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qianfan-go/computeunit/internal/proof/model"
)

// A customer wants one purchase under a key, and asks until that is bought, or was refused so often that it gives up.
type customer struct {
	fleet  *fleet
	random *rand.Rand
	key    string
}

const (
	refusalsAccepted = 4
	patience         = time.Hour
)

var jobID atomic.Int64

func (c *customer) buy() {
	refusals := 0
	for deadline := time.Now().Add(patience); refusals < refusalsAccepted && time.Now().Before(deadline); c.pause() {
		answers := c.ask()
		finished := len(answers) > 0
		for _, a := range answers {
			if a.Outcome == bought {
				if c.random.IntN(5) == 0 {
					c.ask() // again: it is to be the same
				}
				return
			}
			finished = finished && !a.Pending
		}
		if finished {
			refusals++
		}
	}
	if refusals < refusalsAccepted {
		c.fleet.ledger.Violate(model.NotByDesign, "key %s is not finished after %s", c.key, patience)
	}
}

func (c *customer) pause() { time.Sleep(time.Duration(100+c.random.IntN(1500)) * time.Millisecond) }

// ask has one to three members buy at the same time, or a process that lives for this call, and returns their answers.
func (c *customer) ask() (answers []*answer) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 1 + max(0, c.random.IntN(6)-3) {
		m, short := c.fleet.members[c.random.IntN(len(c.fleet.members))], c.random.IntN(25)
		j := job{ID: int(jobID.Add(1)), Key: c.key, Request: c.fleet.requests[c.key], Timeout: c.timeout()}
		all.Go(func() {
			if short == 0 {
				m = &member{place: c.fleet.here}
				c.fleet.must(m.start())
				c.fleet.ledger.Count("processes for one call")
				defer m.end(j.ID%2 == 0)
			}
			began := time.Now()
			if a := m.do(j); a != nil {
				c.fleet.said(j, began, a)
				mu.Lock()
				defer mu.Unlock()
				answers = append(answers, a)
			}
		})
	}
	all.Wait()
	return answers
}

// timeout is how long the caller waits: some do not.
func (c *customer) timeout() time.Duration {
	if c.random.IntN(4) == 0 {
		return time.Duration(c.random.IntN(1500)) * time.Millisecond
	}
	return 15 * time.Second
}
