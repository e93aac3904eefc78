package simulator

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// InMemory is a RoundTripper that hands requests to the Simulator without a
// network: under testing/synctest its clock and its waits are the bubble's.
//
// Each request runs in a goroutine of its own, because it may outlive the call
// that sent it. An answer arrives whole or not at all: a fault that cuts or
// slows a body is the error, or the wait, before it.
func InMemory(s *Simulator) http.RoundTripper { return memory{s} }

type memory struct{ simulator *Simulator }

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil {
		return nil, err
	}
	received := r.Clone(r.Context())
	received.Body = io.NopCloser(bytes.NewReader(body))
	if received.Host == "" {
		received.Host = r.URL.Host
	}
	writer := &memoryWriter{answer: httptest.NewRecorder(), ended: make(chan error, 1)}
	go func() {
		m.simulator.ServeHTTP(writer, received)
		writer.abort(nil)
	}()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case err := <-writer.ended:
		if err != nil {
			return nil, err
		}
		response := writer.answer.Result()
		response.Request = r
		return response, nil
	}
}

// memoryWriter keeps the answer until it ends.
type memoryWriter struct {
	answer *httptest.ResponseRecorder
	ended  chan error
	once   sync.Once
}

func (w *memoryWriter) Header() http.Header            { return w.answer.Header() }
func (w *memoryWriter) Write(body []byte) (int, error) { return w.answer.Write(body) }

func (w *memoryWriter) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols {
		return // an informational answer, which a client skips
	}
	w.answer.WriteHeader(status)
}

// abort ends the answer with an error, or whole if that is nil. Only the first counts.
func (w *memoryWriter) abort(err error) {
	w.once.Do(func() { w.ended <- err })
}
