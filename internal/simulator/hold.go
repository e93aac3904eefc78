package simulator

import (
	"net/http"
	"time"
)

// hold keeps the request back for Fault.Hold and then judges its signature by
// the clock of that moment, as the service does with a request that a network
// delivers late. It waits on, whatever became of the client.
func (s *Simulator) hold(x *exchange, fault Fault) *Refusal {
	if fault.Hold == 0 {
		return nil
	}
	if fault.endsUnanswered() {
		fault.answer(x, nil)
		x.w = nobody{http.Header{}}
	}
	time.Sleep(fault.Hold)
	x.now = s.config.Now()
	x.stampHeader()
	return s.authenticate(x)
}

// endsUnanswered reports whether the client gets nothing: it sees that at once,
// and a request that is held back arrives after it.
func (f Fault) endsUnanswered() bool { return f.Kind == Reset || f.Kind == Close }

// nobody is who reads the answer to a request whose client has gone.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header            { return n.header }
func (n nobody) Write(body []byte) (int, error) { return len(body), nil }
func (n nobody) WriteHeader(int)                {}

// abort does nothing: the connection is broken already.
func (n nobody) abort(error) {}
