package fleet

import (
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/internal/proof/model"
)

// service is the service, behind a network that loses, holds and mangles at random until it is calm.
//
// A signature of the client lives five minutes, and that is what the fence is made of. To see it pass without waiting,
// the service's clock jumps ahead: what was signed before is then refused as expired, whoever sends it and however late,
// and the Date of each answer says what time it is. The clients are behind, as a machine with a wrong clock is, until a
// response corrects them.
type service struct {
	model.Service
	endpoint string
	clock    sync.RWMutex // which does not jump while somebody holds it
	ahead    atomic.Int64
	calm     atomic.Bool
	faults   map[string][]model.Fault // by row of docs/outcomes.md

	mu     sync.Mutex
	random *rand.Rand
}

// rows of docs/outcomes.md, each as often as its faults are to be met.
var rows = []string{"row 4", "row 5", "row 6", "row 7", "row 8", "row 8", "row 9", "row 9", "row 10", "row 10", "row 10"}

func startService(t *testing.T, seed uint64, ledger *model.Ledger) *service {
	s := &service{random: rand.New(rand.NewPCG(seed, 1)), faults: map[string][]model.Fault{}}
	for _, f := range model.Faults("http://127.0.0.1:1/") {
		row, _, _ := strings.Cut(f.Name, ":")
		f.Times = 0 // each request meets a fault of its own
		s.faults[row] = append(s.faults[row], f)
	}
	s.Service = model.Service{
		Clock:  func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) },
		Leeway: expiryLeeway, Lag: s.lag, Ledger: ledger, Between: s.between,
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	s.endpoint = "http://" + listener.Addr().String()
	(&model.Network{Service: &s.Service, Fault: s.fault}).Listen(listener)
	return s
}

func (s *service) upTo(most int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(most)
}

// jump moves the clock past the fence of everything that is signed by now.
func (s *service) jump() {
	s.clock.Lock()
	defer s.clock.Unlock()
	s.ahead.Add(int64(pastTheFence))
	s.Requests() // which waits for a request that was let in before: its order is in the ledger then
	s.Ledger.Count("jumps of the service's clock")
}

// lag is until an order is listed: at once, soon, or so late, by a clock that jumps, that a person finds it in the bill first.
func (s *service) lag() time.Duration {
	switch k := s.upTo(20); {
	case s.calm.Load() || k >= 10:
		return 0
	case k == 0:
		return 20*pastTheFence + time.Duration(s.upTo(int(20*pastTheFence)))
	default:
		return time.Duration(s.upTo(int(3 * time.Second)))
	}
}

// fault leaves most purchases alone.
func (s *service) fault(string) model.Fault {
	switch k := s.upTo(100); {
	case s.calm.Load() || k < 60:
		return model.Fault{}
	case k < 70:
		return s.hold(k < 65)
	default:
		faults := s.faults[rows[s.upTo(len(rows))]]
		return faults[s.upTo(len(faults))]
	}
}

// hold has a request arrive later: its client's connection ends, or its patience.
func (s *service) hold(cut bool) model.Fault {
	long := time.Duration(s.upTo(int(4 * time.Second)))
	return model.Fault{Act: func(x model.Exchange) bool {
		time.Sleep(long)
		answer := x.Answer()
		if cut {
			return false
		}
		_, err := x.Conn.Write(answer)
		return err == nil
	}}
}

// between has listings fail, or come too late.
func (s *service) between(r *http.Request, serve func() *http.Response) (*http.Response, error) {
	if !model.IsPurchase(r) && !s.calm.Load() {
		switch k := s.upTo(100); {
		case k < 6:
			return s.Refuse(http.StatusInternalServerError, "InternalError", "try later"), nil
		case k < 8:
			time.Sleep(2 * attemptTimeout)
		}
	}
	response := serve()
	if model.IsPurchase(r) && response.StatusCode != http.StatusOK {
		s.Ledger.Count("refused by the fence")
	}
	return response, nil
}
