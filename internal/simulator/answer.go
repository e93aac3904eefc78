package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
)

// The documented bodies.
type (
	purchaseAnswer struct {
		RequestID string         `json:"requestId"`
		Result    purchaseResult `json:"result"`
	}
	purchaseResult struct {
		InstanceID string `json:"instanceId"`
		OrderID    string `json:"orderId"`
	}
	describeAnswer struct {
		RequestID string         `json:"requestId"`
		Result    describeResult `json:"result"`
	}
	describeResult struct {
		Instances []instance `json:"instances"`
	}
	instance struct {
		InstanceID    string `json:"instanceId"`
		PaymentTiming string `json:"paymentTiming"`
		ReplicasCount int    `json:"replicasCount"`
		Status        string `json:"status"`
		StartTime     string `json:"startTime"`
	}
	errorAnswer struct {
		RequestID string `json:"requestId"`
		Code      string `json:"code"`
		Message   string `json:"message"`
	}
)

// stampHeader sets what every answer has. The date is of the simulator's
// clock: a client with a wrong clock corrects its own by it.
func (x *exchange) stampHeader() {
	header := x.w.Header()
	header.Set("X-Bce-Request-Id", x.requestID)
	header.Set("Date", x.now.UTC().Format(http.TimeFormat))
	header.Set("Content-Type", "application/json")
}

// write sends a whole answer. A failure to write means that the client has
// gone, and nobody is there to answer.
func (x *exchange) write(status int, body []byte) {
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}

func (x *exchange) refuse(refusal *Refusal) {
	x.write(refusal.Status, x.errorBody(refusal))
}

func (x *exchange) errorBody(refusal *Refusal) []byte {
	return encode(errorAnswer{RequestID: x.requestID, Code: refusal.Code, Message: refusal.Message})
}

// encode marshals the bodies above, which cannot fail.
func encode(body any) []byte {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return encoded
}

// newRequestID makes a random UUID, as in the documented answers.
func newRequestID() string {
	id := randomHex(16)
	return id[:8] + "-" + id[8:12] + "-4" + id[13:16] + "-8" + id[17:20] + "-" + id[20:]
}

func randomHex(bytes int) string {
	random := make([]byte, bytes)
	_, _ = rand.Read(random) // never fails, by its doc
	return hex.EncodeToString(random)
}
