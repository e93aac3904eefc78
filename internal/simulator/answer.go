package simulator

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// perform does what was asked and answers it, with the fault's part in both. act gets whether it is to be done, and returns
// the result of the right answer.
func (s *Simulator) perform(x *exchange, fault Fault, act func(done bool) (result any, refusal *Refusal)) *Refusal {
	if err := fault.Valid(); err != nil {
		return invented(CodeInvalidFault, "%v", err)
	}
	if refusal := s.hold(x, fault); refusal != nil {
		return refusal
	}
	result, refusal := act(fault.orders())
	if refusal == nil {
		fault.answer(x, encode(map[string]any{"requestId": x.requestID, "result": result}))
	}
	return refusal
}

// hold keeps the request back for Fault.Hold and then judges its signature by the clock of that moment, as the service does
// with a request that a network delivers late. It waits on, whatever became of the client.
func (s *Simulator) hold(x *exchange, fault Fault) *Refusal {
	if fault.Hold == 0 {
		return nil
	}
	if fault.Kind == Reset || fault.Kind == Close {
		fault.answer(x, nil)
		x.gone = true
	}
	time.Sleep(fault.Hold)
	x.now = s.config.Now()
	x.setHeader()
	return s.authenticate(x)
}

// setHeader sets what each answer has. The date is of the simulator's clock: a client corrects its own by it.
func (x *exchange) setHeader() {
	header := x.w.Header()
	header.Set("X-Bce-Request-Id", x.requestID)
	header.Set("Date", x.now.UTC().Format(http.TimeFormat))
	header.Set("Content-Type", "application/json")
}

// answer sends the right answer, or what the fault has in its place.
func (f Fault) answer(x *exchange, right []byte) {
	if x.gone {
		return
	}
	status, body := http.StatusOK, right
	if f.Status != 0 {
		status, body = f.Status, []byte(f.fill(x.requestID, x.instanceID, x.orderID))
	}
	f.setHeader(x)
	if breaks, broken := breaks[f.Kind]; broken {
		breaks(f, x, status, body)
		return
	}
	if !wait(x.r.Context(), f.Delay) {
		return
	}
	if f.Kind == Gzip && strings.Contains(x.r.Header.Get("Accept-Encoding"), "gzip") {
		x.w.Header().Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	x.write(status, body)
}

// fill puts the ids of a request into the body.
func (f Fault) fill(requestID, instanceID, orderID string) string {
	return strings.NewReplacer("{requestId}", requestID, "{instanceId}", instanceID, "{orderId}", orderID).Replace(f.Body)
}

func (f Fault) setHeader(x *exchange) {
	header := x.w.Header()
	if f.DateOff != 0 {
		header.Set("Date", x.now.Add(f.DateOff).UTC().Format(http.TimeFormat))
	}
	for name, values := range f.headers() {
		header[name] = values
		if values[0] == "" {
			header[name] = nil // net/http leaves such a Date out
		}
	}
}

// headers are the lines of Header.
func (f Fault) headers() http.Header {
	headers := http.Header{}
	for line := range strings.Lines(f.Header) {
		name, value, _ := strings.Cut(line, ":")
		headers.Set(name, strings.TrimSpace(value))
	}
	return headers
}

func compress(body []byte) []byte {
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	_, _ = packer.Write(body) // a Buffer takes everything
	_ = packer.Close()
	return packed.Bytes()
}

// wait reports whether the client is still there after the delay.
func wait(ctx context.Context, delay time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(delay):
		return true
	}
}

// write sends a whole answer. A failure to write means that the client has gone, and nobody is there to answer.
func (x *exchange) write(status int, body []byte) {
	if x.gone {
		return
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}

func (x *exchange) refuse(r *Refusal) {
	x.write(r.Status, encode(map[string]string{"requestId": x.requestID, "code": r.Code, "message": r.Message}))
}

// encode marshals the bodies above, which cannot fail.
func encode(body any) []byte {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return encoded
}
