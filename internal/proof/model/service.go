// Package model is the service in memory, as its clients rely on it, and the ledger that what is said of purchases is held
// against. Searches, fleets and tests share it.
package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/qianfan-go/computeunit"
)

// Service answers the two actions of a purchase, and keeps every order that it makes. Its exported fields are set before
// it is used; the zero value lists each order at once.
type Service struct {
	Clock  func() time.Time     // its own; nil: this machine's
	Leeway time.Duration        // how long after its expiry a signature is still accepted
	Lag    func() time.Duration // until an order is listed
	NoDate bool                 // responses have no Date header
	Ledger *Ledger              // if not nil, it holds every order
	// Between decides what becomes of a request that a client sends: serve serves it, as often as it is called.
	Between func(r *http.Request, serve func() *http.Response) (*http.Response, error)

	mu       sync.Mutex
	made     int
	requests int
	orders   []*Order
	others   []computeunit.Instance // that nobody here ordered
	glimpses []computeunit.Instance // in the next listing only
}

// Order is one that the service made. Times are of its clock.
type Order struct {
	RequestID  string // of the attempt that asked for it
	OrderID    string
	ServiceID  string
	Instance   computeunit.Instance
	ListedFrom time.Time
}

// NewClient returns a client with a way to the service, of whatever a test needs.
func NewClient(way http.RoundTripper, options ...computeunit.Option) (*computeunit.Client, error) {
	credentials := computeunit.StaticCredentials("ak", "sk") // not a secret: nothing checks it
	return computeunit.NewClient(credentials, append([]computeunit.Option{
		computeunit.WithEndpoint("http://127.0.0.1:1"),
		computeunit.WithHTTPClient(&http.Client{Transport: way}),
	}, options...)...)
}

// RoundTrip is the way to the service without a network.
func (s *Service) RoundTrip(r *http.Request) (*http.Response, error) {
	serve := func() *http.Response { return s.Serve(r, true) }
	if s.Between != nil {
		return s.Between(r, serve)
	}
	return serve(), nil
}

// ServeHTTP is the service on a network.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	response := s.Serve(r, true)
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

// IsPurchase reports whether a request asks for an order.
func IsPurchase(r *http.Request) bool {
	return strings.HasSuffix(r.URL.RawQuery, "PurchaseComputeUnit")
}

// ServiceOf is the service that a request is about.
func ServiceOf(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var asked struct{ ServiceID string }
	_ = json.Unmarshal(body, &asked)
	return asked.ServiceID
}

// Serve answers a request. Without withInstance the answer to a purchase names the order alone.
func (s *Service) Serve(r *http.Request, withInstance bool) *http.Response {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body)) // for who serves it again
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	switch {
	case err != nil:
		return s.Refuse(http.StatusBadRequest, "MalformedBody", err.Error())
	case s.expired(r):
		return s.Refuse(http.StatusBadRequest, "RequestExpired", "expired")
	case IsPurchase(r):
		return s.purchase(r.Header.Get("X-Bce-Request-Id"), body, withInstance)
	default:
		return s.list(body)
	}
}

// expired reads when a request was signed from its signature: bce-auth-v1/{ak}/{timestamp}/{seconds}/...
func (s *Service) expired(r *http.Request) bool {
	parts := strings.Split(r.Header.Get("Authorization"), "/")
	signed, err := time.Parse(time.RFC3339, parts[2])
	seconds, err2 := strconv.Atoi(parts[3])
	if err != nil || err2 != nil {
		panic("a request without a signature")
	}
	life := time.Duration(seconds)*time.Second + s.Leeway
	return s.Now().After(signed.Add(life)) || signed.After(s.Now().Add(life))
}

func (s *Service) purchase(requestID string, body []byte, withInstance bool) *http.Response {
	var asked computeunit.PurchaseComputeUnitRequest
	mustUnmarshal(body, &asked)
	s.made++
	o := &Order{
		RequestID: requestID, OrderID: fmt.Sprintf("order-%d", s.made), ServiceID: asked.ServiceID,
		Instance: Instance(fmt.Sprintf("instance-%d", s.made), asked), ListedFrom: s.Now(),
	}
	if s.Lag != nil {
		o.ListedFrom = s.Now().Add(s.Lag())
	}
	s.orders = append(s.orders, o)
	if s.Ledger != nil {
		s.Ledger.Ordered(o)
	}
	result := map[string]any{"orderId": o.OrderID}
	if withInstance {
		result["instanceId"] = o.Instance.InstanceID
	}
	return s.Response(http.StatusOK, map[string]any{"requestId": "p", "result": result})
}

func (s *Service) list(body []byte) *http.Response {
	var asked computeunit.DescribeComputeUnitsRequest
	mustUnmarshal(body, &asked)
	listed := append(append([]computeunit.Instance{}, s.others...), s.glimpses...)
	s.glimpses = nil
	for _, o := range s.orders {
		if strings.EqualFold(o.ServiceID, asked.ServiceID) && !s.Now().Before(o.ListedFrom) {
			listed = append(listed, o.Instance)
		}
	}
	return s.Response(http.StatusOK, map[string]any{"requestId": "l", "result": map[string]any{"instances": listed}})
}

// Prepaid is a request for one replica of a service.
func Prepaid(serviceID string) computeunit.PurchaseComputeUnitRequest {
	return computeunit.PurchaseComputeUnitRequest{ServiceID: serviceID, Billing: computeunit.Prepaid(1), ReplicasCount: 1}
}

// Instance is one of the timing and size of a request.
func Instance(id string, like computeunit.PurchaseComputeUnitRequest) computeunit.Instance {
	return computeunit.Instance{
		InstanceID: id, PaymentTiming: like.Billing.PaymentTiming, ReplicasCount: like.ReplicasCount,
		Status: computeunit.InstanceRunning,
	}
}

func mustUnmarshal(body []byte, into any) {
	if err := json.Unmarshal(body, into); err != nil {
		panic(err)
	}
}

// Now is the service's clock.
func (s *Service) Now() time.Time {
	if s.Clock == nil {
		return time.Now()
	}
	return s.Clock()
}

// Response is one of the service, with its Date.
func (s *Service) Response(status int, body any) *http.Response {
	text, _ := json.Marshal(body)
	response := &http.Response{
		StatusCode: status,
		Header:     http.Header{"Date": {s.Now().UTC().Format(http.TimeFormat)}, "Content-Type": {"application/json"}},
		Body:       io.NopCloser(bytes.NewReader(text)),
	}
	if s.NoDate {
		response.Header.Del("Date")
	}
	return response
}

// Refuse is a refusing response.
func (s *Service) Refuse(status int, code, message string) *http.Response {
	return s.Response(status, map[string]any{"requestId": "r", "code": code, "message": message})
}

// Orders returns every order that was made, from one on.
func (s *Service) Orders(from int) []*Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.orders[min(from, len(s.orders)):])
}

// Requests is how many were served.
func (s *Service) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// ListAll ends every lag.
func (s *Service) ListAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orders {
		o.ListedFrom = time.Time{}
	}
}

// Add lists an instance that nobody here ordered, in every service: for good, or in the next listing only.
func (s *Service) Add(instance computeunit.Instance, stays bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stays {
		s.others = append(s.others, instance)
	} else {
		s.glimpses = append(s.glimpses, instance)
	}
}

// Release takes what Add has listed out of the listing.
func (s *Service) Release(instanceID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	released := func(i computeunit.Instance) bool { return i.InstanceID == instanceID }
	s.others, s.glimpses = slices.DeleteFunc(s.others, released), slices.DeleteFunc(s.glimpses, released)
}
