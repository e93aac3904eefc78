package fleet

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qianfan-go/computeunit/internal/simulator"
)

// runService is the process of the simulator. It prints where it serves and where it is controlled, and ends with its
// input.
//
// A signature of the client lives five minutes, and that is what the fence is made of. To see it pass without waiting,
// the service's clock jumps ahead: what was signed before is then refused as expired, whoever sends it and however late,
// and the Date of each answer says what time it is. The clients are behind, as a machine with a wrong clock is, until a
// refusal corrects them.
func runService(seed uint64) error {
	clock := &jumpingClock{jumps: []jump{{}}}
	faults := newFaults(seed)
	service := simulator.New(simulator.Config{
		Now: clock.now, ExpiryLeeway: expiryLeeway, Fault: faults.ofPurchase, ReadFault: faults.ofRead,
	})
	inside := &inside{next: service, requests: map[*http.Request]bool{}}
	control := http.NewServeMux()
	control.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.FormValue("from"))
		orders := []order{}
		for _, o := range service.Orders()[from:] {
			orders = append(orders, order{Order: o, Made: clock.real(o.CreatedAt)})
		}
		_ = json.NewEncoder(w).Encode(orders)
	})
	control.HandleFunc("/jump", func(_ http.ResponseWriter, r *http.Request) {
		by, _ := time.ParseDuration(r.FormValue("by"))
		clock.jump(by)
	})
	control.HandleFunc("/drain", func(http.ResponseWriter, *http.Request) { inside.drain() })
	control.HandleFunc("/now", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(clock.now()) })
	control.HandleFunc("/calm", func(http.ResponseWriter, *http.Request) { faults.calm.Store(true) })
	fmt.Printf("%s %s\n", httptest.NewServer(inside).URL, httptest.NewServer(control).URL)
	_, _ = os.Stdin.Read(make([]byte, 1)) // it is told to end
	return nil
}

// inside knows which requests the service works on.
type inside struct {
	next     http.Handler
	mu       sync.Mutex
	requests map[*http.Request]bool
}

func (i *inside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests[r] = true
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.requests, r)
	}()
	i.next.ServeHTTP(w, r)
}

// drain waits until the requests are done that are inside now: they were let in by the clock as it was.
func (i *inside) drain() {
	i.mu.Lock()
	waited := maps.Clone(i.requests)
	i.mu.Unlock()
	for len(waited) > 0 {
		time.Sleep(20 * time.Millisecond)
		i.mu.Lock()
		maps.DeleteFunc(waited, func(r *http.Request, _ bool) bool { return !i.requests[r] })
		i.mu.Unlock()
	}
}

// jumpingClock is ahead of the real one by more after each jump.
type jumpingClock struct {
	mu    sync.RWMutex
	jumps []jump
}

type jump struct {
	at    time.Time     // real
	ahead time.Duration // from then on
}

func (c *jumpingClock) now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return time.Now().Add(c.jumps[len(c.jumps)-1].ahead)
}

func (c *jumpingClock) jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jumps = append(c.jumps, jump{time.Now(), c.jumps[len(c.jumps)-1].ahead + by})
}

// real is when this clock said so, by the real one.
func (c *jumpingClock) real(said time.Time) time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, j := range slices.Backward(c.jumps) {
		if at := said.Add(-j.ahead); !at.Before(j.at) {
			return at
		}
	}
	return said // not reached: the first has always been
}

// faults are what goes wrong at random, until it is calm.
type faults struct {
	mu        sync.Mutex
	random    *rand.Rand
	catalogue []simulator.CatalogueEntry
	calm      atomic.Bool
}

func newFaults(seed uint64) *faults {
	f := &faults{random: rand.New(rand.NewPCG(seed, 1))}
	for _, entry := range simulator.Catalogue("http://127.0.0.1:1/", 2*attemptTimeout) {
		if len(entry.Body) < 1<<20 { // else slow, and nothing for the journal
			f.catalogue = append(f.catalogue, entry)
		}
	}
	return f
}

// ofPurchase leaves most purchases alone; their orders are listed late.
func (f *faults) ofPurchase(simulator.Request) simulator.Fault {
	if f.calm.Load() {
		return simulator.Fault{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := simulator.Fault{}
	switch n := f.random.IntN(100); {
	case n < 60:
	case n < 70: // the client's connection ends, or its patience, and the request arrives later
		fault.Hold = f.upTo(4 * time.Second)
		if n < 65 {
			fault.Kind = simulator.Reset
			fault.When = simulator.AfterOrder
		}
	case n < 75: // refused, and sent again
		fault = simulator.Fault{Status: 429, Header: "Retry-After: 0", Attempts: 1}
	case n < 85:
		fault = simulator.Fault{Kind: simulator.Reset, When: simulator.When(n % 2)}
	default:
		fault = f.catalogue[f.random.IntN(len(f.catalogue))].Fault
	}
	switch f.random.IntN(20) {
	case 0: // so late, by a clock that jumps, that a person finds it in the bill first
		fault.ListedAfter = 20*pastTheFence + f.upTo(20*pastTheFence)
	case 1, 2, 3, 4, 5, 6, 7, 8, 9:
		fault.ListedAfter = f.upTo(3 * time.Second)
	}
	return fault
}

func (f *faults) ofRead(simulator.Request) simulator.Fault {
	if f.calm.Load() {
		return simulator.Fault{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch n := f.random.IntN(100); {
	case n < 3:
		return simulator.Fault{Kind: simulator.Reset}
	case n < 6:
		return simulator.Fault{Status: 500}
	case n < 8:
		return simulator.Fault{Delay: 2 * attemptTimeout}
	default:
		return simulator.Fault{}
	}
}

func (f *faults) upTo(d time.Duration) time.Duration {
	return 1 + time.Duration(f.random.Int64N(int64(d)))
}
