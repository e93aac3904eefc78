package simulator

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	hugeBytes    = 1<<20 + 1
	endlessBytes = 8 << 20

	// Together 16 MiB: net/http gives up when the hints exceed its limit for headers, 10 MiB.
	endlessHints = 1000
	hintBytes    = 16 << 10
)

// performances is how each kind is done. The body is the right answer: for a
// purchase before its order, one whose ids belong to nothing.
var performances = map[Kind]func(f Fault, x *exchange, body []byte){
	None:         func(_ Fault, x *exchange, body []byte) { x.write(http.StatusOK, body) },
	Reset:        resetConnection,
	Close:        closeConnection,
	CutLength:    cutLength,
	CutChunked:   cutChunked,
	ErrorAnswer:  answerError,
	RawAnswer:    answerRaw,
	EmptyAnswer:  answerEmpty,
	HTMLAnswer:   answerHTML,
	WrongTypes:   answerWrongTypes,
	NoResult:     answerNoResult,
	EmptyIDs:     answerEmptyIDs,
	HugeBody:     answerHuge,
	EndlessBody:  answerEndlessly,
	SlowHeaders:  answerSlowly,
	SlowBody:     answerSlowBody,
	Redirect:     answerRedirect,
	EarlyHints:   answerAfterHints,
	EndlessHints: hintEndlessly,
	Gzip:         answerGzip,
	Numbers:      answerNumbers,
	Twice:        answerTwice,
}

func (f Fault) answer(x *exchange, body []byte) {
	if f.Delay > 0 && f.Kind != SlowHeaders && f.Kind != SlowBody && !wait(x.r.Context(), f.Delay) {
		return
	}
	if f.RetryAfter != "" {
		x.w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.DateOff != 0 {
		x.w.Header().Set("Date", x.now.Add(f.DateOff).UTC().Format(http.TimeFormat))
	}
	performances[f.Kind](f, x, body)
}

// refusal is the fault as an error answer. If no code is given it is a
// documented one of the status, or an invented one.
func (f Fault) refusal() *Refusal {
	refusal := &Refusal{Status: f.Status, Code: f.Code, Message: f.Message}
	if refusal.Code == "" {
		refusal.Code = usualCode(f.Status)
	}
	if refusal.Message == "" {
		refusal.Message = "injected fault " + strconv.Quote(f.Name)
	}
	return refusal
}

func usualCode(status int) string {
	switch {
	case status == http.StatusBadRequest:
		return codeInvalidHTTPRequest
	case status == http.StatusForbidden:
		return codeAccessDenied
	case status == http.StatusNotFound:
		return codeInvalidVersion
	case status == http.StatusPreconditionFailed:
		return codePreconditionFailed
	case status == http.StatusTooManyRequests:
		return CodeThrottled
	case status >= http.StatusInternalServerError:
		return codeInternalError
	default:
		return CodeFault
	}
}

func answerError(f Fault, x *exchange, _ []byte) { x.refuse(f.refusal()) }

// orElse is an error body if the fault has a status, else the right answer.
func (f Fault) orElse(x *exchange, body []byte) (int, []byte) {
	if f.Status == 0 {
		return http.StatusOK, body
	}
	return f.Status, x.errorBody(f.refusal())
}

// answerRaw knows the ids of a purchase from its right answer.
func answerRaw(f Fault, x *exchange, body []byte) {
	var right purchaseAnswer
	_ = json.Unmarshal(body, &right) // a listing has no ids to give
	x.write(f.Status, []byte(f.fill(x.requestID, right.Result.InstanceID, right.Result.OrderID)))
}

// fill puts the ids of a request into the body of a RawAnswer.
func (f Fault) fill(requestID, instanceID, orderID string) string {
	return strings.NewReplacer("{requestId}", requestID, "{instanceId}", instanceID, "{orderId}", orderID).Replace(f.Body)
}

func answerGzip(f Fault, x *exchange, body []byte) {
	status, body := f.orElse(x, body)
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	_, _ = packer.Write(body) // a Buffer takes everything
	_ = packer.Close()
	x.w.Header().Set("Content-Encoding", "gzip")
	x.write(status, packed.Bytes())
}

// stateNumbers are the numbers that an older page printed beside the names.
var stateNumbers = map[string]int{StatusCreating: 1, StatusRunning: 2, StatusDeleted: 3}

func answerNumbers(_ Fault, x *exchange, body []byte) {
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		panic(err) // cannot be: it is the right answer
	}
	answer["requestId"] = 7
	instances, _ := answer["result"].(map[string]any)["instances"].([]any)
	for _, listed := range instances {
		instance := listed.(map[string]any)
		if number, known := stateNumbers[instance["status"].(string)]; known {
			instance["status"] = number
		}
		if start, err := time.Parse(time.RFC3339, instance["startTime"].(string)); err == nil {
			instance["startTime"] = start.Unix()
		}
	}
	x.write(http.StatusOK, encode(answer))
}

func answerEmpty(f Fault, x *exchange, _ []byte) {
	if f.Code != "" {
		x.w.Header().Set("X-Bce-Error-Code", f.Code)
		x.w.Header().Set("X-Bce-Error-Message", f.Message)
	}
	x.w.Header().Del("Content-Type")
	if f.Status == http.StatusSwitchingProtocols {
		x.w.Header().Set("Connection", "close") // else a client waits for more of what it switched to
	}
	x.write(f.Status, nil)
}

func answerHTML(f Fault, x *exchange, _ []byte) {
	x.w.Header().Set("Content-Type", "text/html")
	x.write(f.Status, []byte("<html><head><title>"+http.StatusText(f.Status)+"</title></head></html>\n"))
}

// The next three answer a purchase and a listing with one body: each reads its own fields of it.

func answerWrongTypes(_ Fault, x *exchange, _ []byte) {
	x.writeResult(`{"instanceId":7,"orderId":["8"],"instances":"none"}`)
}

func answerEmptyIDs(_ Fault, x *exchange, _ []byte) {
	x.writeResult(`{"instanceId":"","orderId":"","instances":[{"instanceId":""}]}`)
}

func answerNoResult(_ Fault, x *exchange, _ []byte) {
	x.write(http.StatusOK, fmt.Appendf(nil, `{"requestId":%q}`, x.requestID))
}

func (x *exchange) writeResult(result string) {
	x.write(http.StatusOK, fmt.Appendf(nil, `{"requestId":%q,"result":%s}`, x.requestID, result))
}

// answerHuge pads the answer. Before the order there are no ids in it: a
// client that reads so much must not be lied to.
func answerHuge(f Fault, x *exchange, body []byte) {
	if f.When == BeforeOrder {
		body = fmt.Appendf(nil, `{"requestId":%q}`, x.requestID)
	}
	status, body := f.orElse(x, body)
	head := bytes.TrimSuffix(body, []byte("}"))
	x.write(status, fmt.Appendf(nil, `%s,"padding":"%s"}`, head, bytes.Repeat([]byte("x"), hugeBytes)))
}

func answerEndlessly(_ Fault, x *exchange, _ []byte) {
	x.write(http.StatusOK, fmt.Appendf(nil, `{"requestId":%q,"padding":"`, x.requestID))
	chunk := bytes.Repeat([]byte("x"), 32<<10)
	for sent := 0; sent < endlessBytes; sent += len(chunk) {
		if _, err := x.w.Write(chunk); err != nil {
			return
		}
	}
}

// answerSlowly ends, for a client more patient than Delay, in a success if there
// is an order and in a 500 if there is none.
func answerSlowly(f Fault, x *exchange, body []byte) {
	if !wait(x.r.Context(), f.Delay) {
		return
	}
	if f.When == BeforeOrder {
		x.refuse(refuse(codeInternalError, "injected fault %q", f.Name))
		return
	}
	x.write(http.StatusOK, body)
}

// answerSlowBody sends the rest if there is an order. If there is none it stops,
// and net/http closes the connection because bytes are missing.
func answerSlowBody(f Fault, x *exchange, body []byte) {
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	half := len(body) / 2
	x.write(http.StatusOK, body[:half])
	_ = http.NewResponseController(x.w).Flush() // fails only if there is no connection to be slow on
	if wait(x.r.Context(), f.Delay) && f.When == AfterOrder {
		_, _ = x.w.Write(body[half:])
	}
}

// wait reports whether the client is still there after the delay. A delay of 0
// is as long as the client waits.
func wait(ctx context.Context, delay time.Duration) bool {
	var passed <-chan time.Time
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-passed:
		return true
	}
}

func answerRedirect(f Fault, x *exchange, _ []byte) {
	x.w.Header().Set("Location", f.Location)
	x.write(f.Status, nil)
}

func answerAfterHints(_ Fault, x *exchange, body []byte) {
	x.hint("</hint>; rel=preload")
	x.write(http.StatusOK, body)
}

func hintEndlessly(f Fault, x *exchange, _ []byte) {
	link := "</hint>; rel=preload; title=" + strings.Repeat("x", hintBytes)
	for range endlessHints {
		if x.r.Context().Err() != nil {
			return
		}
		x.hint(link)
	}
	x.refuse(refuse(codeInternalError, "injected fault %q", f.Name))
}

func (x *exchange) hint(link string) {
	x.w.Header().Set("Link", link)
	x.w.WriteHeader(http.StatusEarlyHints)
	x.w.Header().Del("Link")
}
