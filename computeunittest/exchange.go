package computeunittest

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit"
)

const (
	resourcePath = "/v2/serviceresources"
	maxBody      = 64 << 10 // of a request; invented

	headerRequestID = "X-Bce-Request-Id"
)

// exchange is one request, and what its answer needs.
type exchange struct {
	w    http.ResponseWriter
	r    *http.Request
	now  time.Time
	key  computeunit.Credentials // that signed it
	body []byte
	// The ids of what is bought or released: of nothing, if no order is made.
	requestID, instanceID, orderID string
}

// serve answers one request. The date is of the server's clock: a client corrects its own by it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	x := &exchange{w: w, r: r, now: s.settings.now(), requestID: newID(), instanceID: newID(), orderID: newID()}
	header := w.Header()
	header.Set(headerRequestID, x.requestID)
	header.Set("Date", x.now.UTC().Format(http.TimeFormat))
	header.Set("Content-Type", "application/json")
	if refusal := s.handle(x); refusal != nil {
		x.write(refusal.status, refusal.body(x.requestID))
	}
}

// newID is random text. No format of ids is documented.
func newID() string { return strings.ToLower(rand.Text()) }

// handle does what the request asks for, or returns why it may not. The path comes before the signature, as it was observed;
// which codes go with another method and another action is invented.
func (s *Server) handle(x *exchange) *refusal {
	var err error
	x.body, err = io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	switch {
	case err != nil:
		return invented(codeInvalidHTTPRequest, "the body cannot be read: %v", err)
	case x.r.URL.Path != resourcePath:
		return refuse(codeResourceNotFound, "no such path: %s", x.r.URL.Path)
	}
	if refusal := s.authenticate(x); refusal != nil {
		return refusal
	}
	if x.r.Method != http.MethodPost {
		return invented(codeInvalidHTTPRequest, "%s is not POST", x.r.Method)
	}
	switch action := x.r.URL.Query().Get("Action"); action {
	case "PurchaseComputeUnit":
		return s.purchase(x)
	case "DescribeComputeUnits":
		return s.describe(x)
	case "ReleaseComputeUnit":
		return s.release(x)
	default:
		return invented(codeInvalidURI, "no such action: %q", action)
	}
}

// decode reads the body. That names may be in any case, and that unknown ones are ignored, is invented.
func (x *exchange) decode(body any) *refusal {
	if !json.Valid(x.body) {
		return refuse(codeMalformedJSON, "the body is not JSON")
	}
	if err := json.Unmarshal(x.body, body); err != nil {
		return refuse(codeInappropriateJSON, "%v", err)
	}
	return nil
}

// wrong is a refusal by a documented rule for the body.
func wrong(rule string) *refusal { return refuse(codeInappropriateJSON, "%s", rule) }

func isBlank(id string) bool { return strings.TrimSpace(id) == "" }
