// Package proof holds package once against its promise. It has a model of the service in memory, processes that crash,
// pause and lose what they send at any step, and a history that answers are held against. Two searches use it: every
// crash and cancellation, in pairs (crash.go), and the interleavings that a seed finds (schedule.go). The folder
// testdata/rules has a patch for each rule of docs/once.md that switches it off; a search has to find each.
package proof

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qianfan-go/computeunit"
	"github.com/qianfan-go/computeunit/once"
)

// World is the service, the network before it, and what has happened. Its exported fields are set before it is used.
type World struct {
	History
	Offset     time.Duration        // the service's clock, less the processes'
	Leeway     time.Duration        // how long after its expiry a signature is still accepted
	RetryAfter time.Duration        // what a 429 asks for
	Lag        func() time.Duration // until an order is listed
	NoDate     bool                 // responses have no Date header
	orders     []*order
	late       []*http.Request
	unlanded   []func() // statements of the journal that failed, and are still on their way
	foreign    []computeunit.Instance
	glimpses   []computeunit.Instance // in the next listing only
	ids        int
}

// order is one that the service made.
type order struct {
	key        string
	requestID  string
	orderID    string
	instance   computeunit.Instance
	serviceID  string
	listedFrom time.Time
	overlooked bool // by a person who was believed
}

// is reports whether a purchase names no other order.
func (o *order) is(p once.Purchase) bool {
	return (p.InstanceID == "" || p.InstanceID == o.instance.InstanceID) && (p.OrderID == "" || p.OrderID == o.orderID)
}

// Now is the service's clock.
func (w *World) Now() time.Time { return time.Now().Add(w.Offset) }

func (w *World) response(status int, body any) *http.Response {
	text, _ := json.Marshal(body)
	recorded := &http.Response{
		StatusCode: status,
		Header:     http.Header{"Date": {w.Now().UTC().Format(http.TimeFormat)}, "Content-Type": {"application/json"}},
		Body:       readAllOnce(text),
	}
	if w.NoDate {
		recorded.Header.Del("Date")
	}
	return recorded
}

func (w *World) refuse(status int, code string) *http.Response {
	return w.response(status, map[string]any{"requestId": "r", "code": code, "message": "refused"})
}

// list answers DescribeComputeUnits.
func (w *World) list(r *http.Request) *http.Response {
	if w.expired(r) {
		return w.refuse(http.StatusBadRequest, "RequestExpired")
	}
	var asked computeunit.DescribeComputeUnitsRequest
	decodeBody(r, &asked)
	w.mu.Lock()
	defer w.mu.Unlock()
	listed := slices.Concat(w.foreign, w.glimpses)
	for range w.glimpses {
		w.count("listed once, and released")
	}
	w.glimpses = nil
	for _, o := range w.orders {
		if strings.EqualFold(o.serviceID, asked.ServiceID) && !time.Now().Before(o.listedFrom) {
			listed = append(listed, o.instance)
		}
	}
	if listed == nil {
		listed = []computeunit.Instance{}
	}
	return w.response(http.StatusOK, map[string]any{"requestId": "l", "result": map[string]any{"instances": listed}})
}

// purchase answers PurchaseComputeUnit, and makes the order.
func (w *World) purchase(r *http.Request, withInstance bool) *http.Response {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.expired(r) {
		w.count("refused by the fence")
		return w.refuse(http.StatusBadRequest, "RequestExpired")
	}
	var asked computeunit.PurchaseComputeUnitRequest
	decodeBody(r, &asked)
	w.ids++
	o := &order{
		key:       keyOf(r.Context()),
		requestID: r.Header.Get("X-Bce-Request-Id"),
		orderID:   fmt.Sprintf("order-%d", w.ids),
		instance: computeunit.Instance{
			InstanceID: fmt.Sprintf("instance-%d", w.ids), PaymentTiming: asked.Billing.PaymentTiming,
			ReplicasCount: asked.ReplicasCount, Status: computeunit.InstanceRunning,
		},
		serviceID:  asked.ServiceID,
		listedFrom: time.Now().Add(w.Lag()),
	}
	w.orders = append(w.orders, o)
	w.ordered(o)
	result := map[string]any{"orderId": o.orderID}
	if withInstance {
		result["instanceId"] = o.instance.InstanceID
	}
	return w.response(http.StatusOK, map[string]any{"requestId": o.requestID, "result": result})
}

// expired reads when the request was signed from its signature: bce-auth-v1/{ak}/{timestamp}/{seconds}/...
func (w *World) expired(r *http.Request) bool {
	parts := strings.Split(r.Header.Get("Authorization"), "/")
	signed, err := time.Parse(time.RFC3339, parts[2])
	seconds, err2 := strconv.Atoi(parts[3])
	if err != nil || err2 != nil {
		panic("a request without a signature")
	}
	life := time.Duration(seconds) * time.Second
	return w.Now().After(signed.Add(life+w.Leeway)) || signed.After(w.Now().Add(life+w.Leeway))
}

// Delay keeps a request on its way, with its body: its sender is about to give up.
func (w *World) Delay(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	kept := r.Clone(r.Context())
	kept.Body = readAllOnce(body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late = append(w.late, kept)
}

// Delayed reports whether a request is still on its way.
func (w *World) Delayed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.late) > 0
}

// Deliver serves the oldest request that is still on its way. Its answer reaches nobody.
func (w *World) Deliver() {
	w.mu.Lock()
	request := w.late[0]
	w.late = w.late[1:]
	w.count("served late")
	w.mu.Unlock()
	w.purchase(request, true)
}

// Postpone keeps a statement, which failed for its caller, on its way to the journal.
func (w *World) Postpone(statement func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlanded = append(w.unlanded, statement)
}

// Unlanded reports whether a statement is on its way to the journal.
func (w *World) Unlanded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.unlanded) > 0
}

// Land does the oldest statement that is still on its way to the journal.
func (w *World) Land() bool {
	w.mu.Lock()
	if len(w.unlanded) == 0 {
		w.mu.Unlock()
		return false
	}
	statement := w.unlanded[0]
	w.unlanded = w.unlanded[1:]
	w.count("landed late")
	w.mu.Unlock()
	statement()
	return true
}

// ListAll ends every lag.
func (w *World) ListAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.orders {
		o.listedFrom = time.Time{}
	}
}

// Add lists an instance that no key's order made: one that was there before, or that somebody outside bought.
func (w *World) Add(instanceID string) { w.AddLike(instanceID, request()) }

// AddLike lists one of the timing and size of a request.
func (w *World) AddLike(instanceID string, request computeunit.PurchaseComputeUnitRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.foreign = append(w.foreign, foreign(instanceID, request))
}

// AddOutside lists an instance that somebody outside bought while a key may be open. Unless it stays, it is released after
// the next listing.
func (w *World) AddOutside(instanceID string, stays bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.strangers == nil {
		w.strangers = map[string]bool{}
	}
	w.strangers[instanceID] = stays
	if stays {
		w.foreign = append(w.foreign, foreign(instanceID, request()))
	} else {
		w.glimpses = append(w.glimpses, foreign(instanceID, request()))
	}
}

// ReleaseOutside has whoever bought outside release everything.
func (w *World) ReleaseOutside() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.glimpses = nil
	w.foreign = slices.DeleteFunc(w.foreign, func(i computeunit.Instance) bool { return w.strangers[i.InstanceID] })
}

func foreign(instanceID string, request computeunit.PurchaseComputeUnitRequest) computeunit.Instance {
	return computeunit.Instance{
		InstanceID:    instanceID,
		PaymentTiming: request.Billing.PaymentTiming,
		ReplicasCount: request.ReplicasCount,
		Status:        computeunit.InstanceRunning,
	}
}

// Release takes an instance that Add has listed out of the listing.
func (w *World) Release(instanceID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.foreign = slices.DeleteFunc(w.foreign, func(i computeunit.Instance) bool { return i.InstanceID == instanceID })
}

// orderOf is the truth about a key, but for what a person was believed to have overlooked.
func (w *World) orderOf(key string) *order {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.orders {
		if o.key == key && !o.overlooked {
			return o
		}
	}
	return nil
}
