package fleet

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qianfan-go/computeunit/internal/proof/model"
)

// runService is the process of the service. It serves clients and, at another address, the test that controls it.
//
// A signature of the client lives five minutes, and that is what the fence is made of. To see it pass without waiting,
// the service's clock jumps ahead: what was signed before is then refused as expired, whoever sends it and however late,
// and the Date of each answer says what time it is. The clients are behind, as a machine with a wrong clock is, until a
// response corrects them.
func runService(seed uint64) {
	var ahead atomic.Int64
	n := &network{random: rand.New(rand.NewPCG(seed, 1)), inside: new(sync.WaitGroup)}
	n.service = &model.Service{
		Clock:  func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Leeway: expiryLeeway, Lag: n.lag,
	}
	control := http.NewServeMux()
	control.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.FormValue("from"))
		_ = json.NewEncoder(w).Encode(n.service.Orders(from))
	})
	control.HandleFunc("/jump", func(_ http.ResponseWriter, r *http.Request) {
		by, _ := time.ParseDuration(r.FormValue("by"))
		ahead.Add(int64(by))
	})
	control.HandleFunc("/drain", func(http.ResponseWriter, *http.Request) { n.drain() })
	control.HandleFunc("/now", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(n.service.Now()) })
	control.HandleFunc("/calm", func(http.ResponseWriter, *http.Request) { n.calm.Store(true) })
	serveUntilTold(httptest.NewServer(n).URL, httptest.NewServer(control).URL)
}

// network is what is between the clients and the service: it loses, holds and mangles at random, until it is calm.
type network struct {
	service *model.Service
	mu      sync.Mutex
	random  *rand.Rand
	inside  *sync.WaitGroup // the requests that came since the last drain
	calm    atomic.Bool
}

func (n *network) upTo(most int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.random.IntN(most)
}

func (n *network) enter() *sync.WaitGroup {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inside.Add(1)
	return n.inside
}

// drain waits until the requests are done that are inside now: they were let in by the clock as it was.
func (n *network) drain() {
	n.mu.Lock()
	inside := n.inside
	n.inside = new(sync.WaitGroup)
	n.mu.Unlock()
	inside.Wait()
}

// lag is until an order is listed: at once, soon, or so late, by a clock that jumps, that a person finds it in the bill first.
func (n *network) lag() time.Duration {
	switch k := n.upTo(20); {
	case n.calm.Load() || k >= 10:
		return 0
	case k == 0:
		return 20*pastTheFence + time.Duration(n.upTo(int(20*pastTheFence)))
	default:
		return time.Duration(n.upTo(int(3 * time.Second)))
	}
}

func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer n.enter().Done()
	model.ServiceOf(r) // the body is here, whatever becomes of the connection
	switch {
	case n.calm.Load():
		n.service.ServeHTTP(w, r)
	case model.IsPurchase(r):
		n.purchase(w, r)
	default:
		n.list(w, r)
	}
}

// cut ends the connection.
func cut() { panic(http.ErrAbortHandler) }

// purchase leaves most of them alone.
func (n *network) purchase(w http.ResponseWriter, r *http.Request) {
	switch k := n.upTo(100); {
	case k < 60:
		n.service.ServeHTTP(w, r)
	case k < 70: // the client's connection ends, or its patience, and the request arrives later
		time.Sleep(time.Duration(n.upTo(int(4 * time.Second))))
		response := n.service.Serve(r, true)
		if k < 65 {
			cut()
		}
		model.Write(w, response)
	case k < 75: // refused, and sent again
		w.Header().Set("Retry-After", "0")
		model.Write(w, n.service.Refuse(http.StatusTooManyRequests, "Throttled", "later"))
	case k < 80:
		cut()
	case k < 85:
		n.service.Serve(r, true)
		cut()
	default:
		odd[n.upTo(len(odd))](n.service, w, r)
	}
}

// odd are responses of gateways and of a service in trouble, before it ordered or after.
var odd = []func(*model.Service, http.ResponseWriter, *http.Request){
	plain(http.StatusInternalServerError, `{"requestId":"x","code":"InternalError","message":"try later"}`, false),
	plain(http.StatusInternalServerError, `{"requestId":"x","code":"InternalError","message":"try later"}`, true),
	plain(http.StatusBadGateway, "<html>bad gateway</html>", true),
	plain(http.StatusServiceUnavailable, "overloaded", false),
	plain(http.StatusGatewayTimeout, "", true),
	plain(http.StatusOK, `{"requestId":"x"}`, true),
	plain(http.StatusOK, `{"requestId":"x","result":{"instanceId":"`, true),
	plain(http.StatusOK, "<html>welcome to this hotel</html>", false),
	plain(http.StatusOK, `{"requestId":"x","code":"AccessDenied","message":"no"}`, false),
	plain(http.StatusForbidden, `{"requestId":"x","code":"AccessDenied","message":"no"}`, false),
	plain(http.StatusBadRequest, `{"requestId":"x","code":"InvalidParameter","message":"余额不足 喆😀"}`, false),
	plain(http.StatusTooManyRequests, "slow down", false),
	plain(http.StatusTemporaryRedirect, "elsewhere", false),
	func(s *model.Service, w http.ResponseWriter, r *http.Request) { model.Write(w, s.Serve(r, false)) }, // the order alone
	func(s *model.Service, w http.ResponseWriter, r *http.Request) { // too slow
		response := s.Serve(r, true)
		time.Sleep(2 * attemptTimeout)
		model.Write(w, response)
	},
}

func plain(status int, body string, ordered bool) func(*model.Service, http.ResponseWriter, *http.Request) {
	return func(s *model.Service, w http.ResponseWriter, r *http.Request) {
		if ordered {
			s.Serve(r, true)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func (n *network) list(w http.ResponseWriter, r *http.Request) {
	switch k := n.upTo(100); {
	case k < 3:
		cut()
	case k < 6:
		model.Write(w, n.service.Refuse(http.StatusInternalServerError, "InternalError", "try later"))
	case k < 8:
		time.Sleep(2 * attemptTimeout)
		fallthrough
	default:
		n.service.ServeHTTP(w, r)
	}
}
