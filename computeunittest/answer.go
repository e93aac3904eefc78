package computeunittest

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// perform does what was asked, unless the fault comes before it, and answers it.
func (x *exchange) perform(fault Fault, result any, do func() *refusal) *refusal {
	if err := fault.Valid(); err != nil {
		return invented(codeInvalidFault, "%v", err)
	}
	if fault.orders() {
		if refusal := do(); refusal != nil {
			return refusal
		}
	}
	x.answer(fault, result)
	return nil
}

// answer sends the right answer, or what the fault has in its place.
func (x *exchange) answer(f Fault, right any) {
	select {
	case <-x.r.Context().Done(): // the client has gone
		return
	case <-time.After(f.delay):
	}
	switch {
	case f.lost:
		panic(http.ErrAbortHandler) // net/http breaks the connection
	case f.status == 0:
		x.write(http.StatusOK, encode(map[string]any{"requestId": x.requestID, "result": right}))
	default:
		if f.retryAfter != "" {
			x.w.Header().Set("Retry-After", f.retryAfter)
		}
		x.write(f.status, f.fill(x.requestID, x.instanceID, x.orderID))
	}
}

// write sends a whole answer. A failure to write means that the client has gone, and nobody is there to answer.
func (x *exchange) write(status int, body string) {
	x.w.WriteHeader(status)
	_, _ = io.WriteString(x.w, body)
}

// encode marshals the bodies above, which cannot fail.
func encode(body any) string {
	encoded, _ := json.Marshal(body)
	return string(encoded)
}
